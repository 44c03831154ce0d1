"""Vendure's filters: which keys can be searched, and what is asked for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import phonenumbers

from adapters.base import KeyType, MatchKey
from adapters.kit.text import utc

Filter = Mapping[str, Any]

_SHAPES = {
    KeyType.EMAIL: re.compile(r"[^\s@]+@[^\s@]+"),
    KeyType.PHONE: re.compile(r"\+[0-9]{5,15}"),
    KeyType.ORDER_NUMBER: re.compile(r"\S+"),
    KeyType.NAME: re.compile(r".*\w.*"),
}
_IDS = {
    "integer": re.compile(r"[1-9][0-9]{0,8}|1[0-9]{9}|20[0-9]{8}"),  # databases refuse more than 2^31-1
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
_LONGEST = 320
_PHONE_DIGITS = 11  # the server takes patterns of at most 100 characters; a digit needs 8
_MILLISECOND = timedelta(milliseconds=1)


def possible(key: MatchKey, id_type: str) -> bool:
    """Whether anything in a shop can carry this key; nothing else is sent."""
    if key.type is KeyType.CUSTOMER_NUMBER:
        return is_id(key.value, id_type)
    value = key.value
    return len(value) <= _LONGEST and value.isprintable() and bool(_SHAPES[key.type].fullmatch(value))


def is_id(value: str, id_type: str) -> bool:
    """Whether this can be an id; databases refuse to compare ids with words of another form."""
    return _IDS[id_type].fullmatch(value) is not None


def by_contact(keys: Sequence[MatchKey]) -> Filter:
    """Customers with any of some e-mail addresses (the server keeps them in lower case) or phone numbers."""
    emails = [key.value for key in keys if key.type is KeyType.EMAIL]
    patterns = [_phone_pattern(key.value) for key in keys if key.type is KeyType.PHONE]
    either: list[Filter] = [{"emailAddress": {"in": emails}}] if emails else []
    return {"_or": either + [{"phoneNumber": {"regex": pattern}} for pattern in patterns]}


def by_name(text: str) -> Filter:
    """Customers in whose first or last name every word is found."""
    return {
        "_and": [
            {"_or": [{"firstName": {"contains": word}}, {"lastName": {"contains": word}}]}
            for word in words(text)
        ]
    }


def words(text: str) -> list[str]:
    """The words of a name, without what is a wildcard or an escape in the server's database."""
    return re.findall(r"[^\s%_\\]+", text)


def by_code(numbers: Sequence[str]) -> Filter:
    """Placed orders by their codes, as they are written and in capitals."""
    return {"code": {"in": list(dict.fromkeys(f for n in numbers for f in (n, n.upper())))}, **PLACED}


def until(moment: datetime) -> Filter:
    """Placed at a moment or before it; the server keeps milliseconds."""
    return {"orderPlacedAt": {"before": stamp(moment + _MILLISECOND), "isNull": False}}


def stamp(moment: datetime) -> str:
    """A time in the vendor's form, to the millisecond."""
    return (utc(moment) or moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


PLACED: Filter = {"orderPlacedAt": {"isNull": False}}
"""What tells an order from a cart."""


def _phone_pattern(number: str) -> str:
    """The number's last digits with anything but digits between them, since people write them in many ways."""
    try:
        national = phonenumbers.national_significant_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        national = number.lstrip("+")
    return "[^0-9]*".join(national[-_PHONE_DIGITS:])
