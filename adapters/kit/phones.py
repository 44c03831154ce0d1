"""Phone numbers as people write them and as E.164: to search a vendor's free text, and to check what comes back."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import PhoneNumberFormat


def e164(written: str | None, region: str | None) -> str | None:
    """A written number in E.164; None where it is none, or where its country cannot be told.

    `region` (ISO 3166 alpha-2) reads national forms. A national number that is not valid there is some other country's.
    """
    if not written:
        return None
    written = re.sub(r"^\s*00", "+", written)
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if not written.lstrip().startswith("+") and not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def written_forms(number: str) -> tuple[str, ...]:
    """How an E.164 number is likely to be written, for searches that match exactly."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return (number,)
    national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    international = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    return tuple(dict.fromkeys((number, international, national, re.sub(r"\D", "", national))))


def national_digits(number: str) -> str:
    """Area code and local number of an E.164 number."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return re.sub(r"\D", "", number)
