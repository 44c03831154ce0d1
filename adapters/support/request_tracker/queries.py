"""RT's two query languages, TicketSQL and JSON conditions: queries from keys, and what makes a result count as found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import phonenumbers

from adapters.kit.phones import e164 as as_e164
from adapters.support.request_tracker.models import User

Condition = dict[str, str]

MAX_WORD = 320
"""Characters of a literal; no e-mail address is longer (RFC 5321 §4.5.3.1), and RT's columns are shorter."""

ZONES = timedelta(hours=14)
"""How far RT's reading of a time may lie from UTC. It takes times in a query as local times of the user who asks, whatever
zone is written with them, and tells nobody which zone that is; so bounds are this much too high and the rest is left out here.
"""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_PHONES = ("MobilePhone", "WorkPhone", "HomePhone")


def number(text: str) -> bool:
    """Whether a text is a record's number as RT writes it (a positive 32-bit integer)."""
    return text.isascii() and text.isdecimal() and len(text) <= 10 and text[0] != "0" and int(text) < 2**31


def literal(value: str) -> str:
    """A text in TicketSQL. Quotes and backslashes are escaped, so that nothing in it ends the literal."""
    return "'" + re.sub(r"(['\"\\])", r"\\\1", value) + "'"


def usable(value: str) -> bool:
    """Whether anybody could carry this e-mail address or name."""
    return 0 < len(value) <= MAX_WORD and not _UNSAFE.search(value)


def any_of(field: str, values: Iterable[str]) -> list[Condition]:
    """JSON conditions for a field that has one of the values. Conditions on other fields are ANDed to them by RT."""
    return [{"field": field, "operator": "=", "value": value, "entry_aggregator": "OR"} for value in values]


def all_words(field: str, words: Iterable[str]) -> list[Condition]:
    """JSON conditions for a field that contains every word."""
    return [{"field": field, "operator": "LIKE", "value": word, "entry_aggregator": "AND"} for word in words]


def words(value: str) -> list[str]:
    """The words of a name; they hold no wildcard of LIKE."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", value[:MAX_WORD]))


def has_words(user: User, value: str) -> bool:
    """Whether each word of a name begins a word of the user's, accents and case aside."""
    names, asked = _folded(user.real_name or ""), _folded(value)
    return bool(asked) and all(any(name.startswith(word) for name in names) for word in asked)


def digits(e164: str) -> str:
    """A pattern that finds a number's national digits however they are spaced; empty where it is no number."""
    if not re.fullmatch(r"\+[0-9]{4,17}", e164):
        return ""
    try:
        return "%".join(str(phonenumbers.parse(e164).national_number))
    except phonenumbers.NumberParseException:
        return ""


def has_phone(user: User, e164: str, default_country: str | None) -> bool:
    """Whether one of the user's numbers is this one."""
    return any(as_e164(written, default_country) == e164 for written in phones(user).values())


def phones(user: User) -> dict[str, str]:
    """The user's numbers by what RT calls them."""
    written = {"mobile": user.mobile_phone, "work": user.work_phone, "home": user.home_phone}
    return {label: value.strip() for label, value in written.items() if value and value.strip()}


def tickets_by_phone(patterns: Iterable[str], without: Iterable[str]) -> str:
    """TicketSQL for tickets whose requestor has one of the numbers in any field, and none is one of `without`."""
    found = either(f"Requestor.{field} LIKE {literal(p)}" for p in patterns for field in _PHONES)
    return " AND ".join((found, *(f"Requestor.id != {user}" for user in without)))


def tickets_of(owners: Sequence[str], bound: datetime | None) -> str:
    """TicketSQL for the owners' tickets, created at `bound` or before, or up to `2 * ZONES` later."""
    owned = either(f"Requestor.id = {owner}" for owner in owners)
    return f"{owned} AND Created <= {literal(_at_most(bound))}" if bound else owned


def entries_of(tickets: Sequence[str], bound: datetime | None) -> str:
    """TransactionSQL for what was said on the tickets; `bound` as in `tickets_of`."""
    said = either(f"Type = {literal(kind)}" for kind in ("Create", "Correspond", "Comment"))
    owned = f"ObjectType = 'RT::Ticket' AND {either(f'ObjectId = {ticket}' for ticket in tickets)} AND {said}"
    return f"{owned} AND Created <= {literal(_at_most(bound))}" if bound else owned


def either(conditions: Iterable[str]) -> str:
    """The conditions in parentheses, joined by OR."""
    return f"({' OR '.join(conditions)})"


def order(*columns: str, direction: str) -> list[tuple[str, Any]]:
    """Parameters that sort by several columns."""
    return [pair for column in columns for pair in (("orderby", column), ("order", direction))]


def _at_most(bound: datetime) -> str:
    return (bound.astimezone(UTC) + ZONES).strftime("%Y-%m-%d %H:%M:%S")


def _folded(value: str) -> list[str]:
    bare = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", bare.casefold())
