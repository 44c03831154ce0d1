"""Zendesk's search language: queries from look-up keys, and what a result must have to count as found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import phonenumbers

from adapters.base import KeyType, MatchKey
from adapters.kit.phones import e164
from adapters.support.zendesk.models import User

MAX_QUERY = 4000
"""Characters of one query, so that the encoded URL stays within what servers commonly take (8 kB)."""


MAX_WORD = 320
"""Characters of a literal; no e-mail address is longer (RFC 5321 §4.5.3.1)."""

_UNSAFE = re.compile(r'["\\\s\x00-\x1f\x7f\ud800-\udfff]+')
"""What must not stand in a literal: the language knows no escape, and URLs no half of a surrogate pair."""


def phrase(value: str) -> str:
    """A literal in double quotes; empty where nothing could carry the value."""
    if len(value) > MAX_WORD or value != value.strip() or _UNSAFE.search(value.replace(" ", "")):
        return ""
    return f'"{value}"'


def words(value: str) -> list[str]:
    """The words of a name, without anything that the language could take for an operator."""
    found = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", value[:MAX_WORD]))
    return [word.lower() for word in found if not _UNSAFE.search(word)]


def folded(value: str) -> list[str]:
    """Words without accents and case, for comparing."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", bare.casefold())


def phone_forms(e164: str, default_country: str | None) -> list[str]:
    """The writings of a number that are searched: international ones, and those in the default country."""
    if not re.fullmatch(r"\+[0-9]{4,17}", e164):
        return []
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return []
    style = phonenumbers.PhoneNumberFormat
    forms = [e164, phonenumbers.format_number(number, style.INTERNATIONAL), "00" + e164.lstrip("+")]
    if default_country and number.country_code == phonenumbers.country_code_for_region(default_country):
        national = phonenumbers.format_number(number, style.NATIONAL)
        forms += [national, re.sub(r"\D", "", national)]
    return list(dict.fromkeys(forms))


def terms(key: MatchKey, default_country: str | None) -> str:
    """The part of a user search that finds one e-mail address or phone number; empty where nobody can have it."""
    if key.type is KeyType.EMAIL:
        literal = phrase(key.value)
        return f"email:{literal}" if literal and "@" in literal else ""
    return " ".join(f"phone:{phrase(form)}" for form in phone_forms(key.value, default_country))


def carries(user: User, key: MatchKey, default_country: str | None) -> bool:
    """Whether a user that a search brought really has the key."""
    if key.type is KeyType.EMAIL:
        return bool(user.email) and (user.email or "").strip().lower() == key.value
    if key.type is KeyType.PHONE:
        return e164(user.phone, default_country) == key.value
    names = folded(user.name or "")
    asked = folded(key.value)
    return bool(asked) and all(any(name.startswith(word) for name in names) for word in asked)


def batches(keys: Sequence[MatchKey], default_country: str | None, size: int) -> Iterator[list[MatchKey]]:
    """Keys of one type in pieces that fit into a query."""
    piece: list[MatchKey] = []
    length = 0
    for key in keys:
        cost = len(terms(key, default_country)) + 1
        if cost == 1:
            continue
        if piece and (len(piece) == size or length + cost > MAX_QUERY):
            yield piece
            piece, length = [], 0
        piece.append(key)
        length += cost
    if piece:
        yield piece


def tickets_of(owners: Iterable[str], bound: datetime | None) -> str:
    """Tickets whose requester is one of `owners`, created at `bound` (whole seconds) or before."""
    requesters = " ".join(f"requester:{owner}" for owner in owners)
    return f"{requesters} created<={stamp(bound)}" if bound else requesters


def stamp(at: datetime) -> str:
    """A time as the search reads it, in whole seconds of UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
