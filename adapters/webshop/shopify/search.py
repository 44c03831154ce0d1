"""Shopify's search syntax: keys that can be searched, literals that cannot change a query, terms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from adapters.base import KeyType, MatchKey
from adapters.kit.text import utc

_SHAPES = {
    KeyType.EMAIL: re.compile(r"[^\s@]+@[^\s@]+"),
    KeyType.PHONE: re.compile(r"\+[0-9]{5,15}"),
    KeyType.CUSTOMER_NUMBER: re.compile(r"[0-9]{1,19}"),
    KeyType.ORDER_NUMBER: re.compile(r"\S.*"),
    KeyType.NAME: re.compile(r".*\S.*"),
}
_LONGEST = 320


def possible(key: MatchKey) -> bool:
    """Whether anything in a shop can carry this key; nothing else is sent."""
    return len(key.value) <= _LONGEST and _SHAPES[key.type].fullmatch(key.value) is not None


def quoted(literal: str) -> str:
    """A phrase in double quotes; whatever is in it stays in it."""
    flat = "".join(char if char.isprintable() else " " for char in literal)
    return '"' + flat.replace("\\", "\\\\").replace('"', '\\"') + '"'


def any_of(keys: Iterable[MatchKey]) -> str:
    """Customers that carry any of some e-mail addresses and phone numbers."""
    fields = {KeyType.EMAIL: "email", KeyType.PHONE: "phone"}
    return " OR ".join(f"{fields[key.type]}:{quoted(key.value)}" for key in keys)


def named(numbers: Iterable[str]) -> str:
    """Orders by their names, with and without the "#" that shops put before them."""
    bare = [number.removeprefix("#") for number in numbers]
    return " OR ".join(f"name:{quoted(form)}" for number in bare for form in (number, "#" + number))


def words(text: str) -> str:
    """Customers in whose fields every word of a text is found."""
    return " ".join(quoted(word) for word in text.split())


def until(moment: datetime) -> str:
    """Created at a moment or before it, the moment's whole second included: the vendor keeps seconds."""
    whole = moment.replace(microsecond=0)
    return f"created_at:<='{stamp(whole if whole == moment else whole + timedelta(seconds=1))}'"


def since(moment: datetime) -> str:
    """Updated at a moment or after it."""
    return f"updated_at:>='{stamp(moment)}'"


def stamp(moment: datetime) -> str:
    """A time in the vendor's form, to the second."""
    return (utc(moment) or moment).strftime("%Y-%m-%dT%H:%M:%SZ")
