"""Looks for people in bytes: their e-mail addresses, phone numbers and names, in every form in which they might lie about.

Left out, because they turn up by chance: texts below five characters (a name such as Ida), text of hexadecimal digits alone
below ten, numbers of one digit (0000000), and what is in a store that holds nobody (a family called Index).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from adapters.records import Profile
from sandbox.world import World, phone_e164

SHORTEST = 5
_CODED = 6  # bytes of a coded form
_HEX = frozenset("0123456789abcdef")


class Values:
    """What must not be found: names, and the contacts in their normalised forms."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.emails: set[str] = set()
        self.phones: set[str] = set()

    def name(self, *parts: str | None) -> None:
        self.names |= {p.strip() for p in (*parts, " ".join(p for p in parts if p)) if p and p.strip()}

    def email(self, address: str | None) -> None:
        if address:
            self.emails.add(address.strip())

    def phone(self, number: str | None, country: str | None) -> None:
        if number:
            self.phones |= {number, *filter(None, [phone_e164(number, country or "DE")])}


def of_world(world: World) -> Values:
    """The people as they really are."""
    found = Values()
    for person in world.persons.values():
        for name in (person.given, person.family):
            found.name(name.latin)
            found.name(name.native)
        found.name(person.given.latin, person.family.latin)
        for address in (person.email, person.old_email, person.family_email):
            found.email(address)
        for phone in (person.mobile, person.landline):
            if phone:
                found.phones |= {phone.e164, phone.national, *(phone.written(n) for n in range(8))}
    return found


def add_profiles(found: Values, profiles: Iterable[Profile]) -> None:
    """The people as the sources write them."""
    for p in profiles:
        found.name(p.given_name, p.family_name)
        found.name(p.full_name)
        for address in p.emails:
            found.email(address.value)
        for number in p.phones:
            found.phone(number.value, p.country)


def needles(values: Values) -> dict[bytes, str]:
    """Every form of every value -> what it is. Upper and lower case of plain forms are one (see `Haystack`)."""
    found: dict[bytes, str] = {}
    for kind, texts in (("name", values.names), ("e-mail", values.emails), ("phone", values.phones)):
        for text in texts:
            digits = "".join(c for c in text if c.isdigit())
            if kind == "phone" and len(set(digits)) < 2:
                continue
            normalised = {text.lower(), digits} if kind == "phone" else {text.lower()}
            for form in {text, text.lower(), text.upper(), text.title()} | normalised:
                found.update({n: f"{kind}, {how}" for how, n in _written(form) if _is_telling(n, how)})
            if kind != "name":
                for form in normalised | {text}:
                    found.update({n: f"{kind}, {how}" for how, n in _hashed(form)})
    return found


def _is_telling(needle: bytes, how: str) -> bool:
    if how != "plain":
        return len(needle) >= _CODED
    text = needle.decode()
    return len(text) >= (10 if set(text.lower()) <= _HEX else SHORTEST)


def _written(text: str) -> Iterator[tuple[str, bytes]]:
    raw = text.encode()
    yield "plain", raw
    if len(text) < SHORTEST:
        return
    yield "UTF-16", text.encode("utf-16-le")
    yield "percent", quote(text, safe="").encode()
    yield "form", quote_plus(text).encode()
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "hex", raw.hex().encode()
    for shift in range(3):
        yield "base64", _base64(raw, shift)


def _base64(raw: bytes, shift: int) -> bytes:
    """The characters that stand for `raw` wherever it begins in what was encoded."""
    whole = base64.b64encode(b"\0" * shift + raw)
    return whole[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]


def _hashed(text: str) -> Iterator[tuple[str, bytes]]:
    for name in ("sha256", "sha1", "md5"):
        digest = hashlib.new(name, text.encode()).digest()
        yield name, digest
        yield f"{name} hex", digest.hex().encode()
        yield f"{name} base64", base64.b64encode(digest).rstrip(b"=")
        yield f"{name} base64", base64.urlsafe_b64encode(digest).rstrip(b"=")


class Index:
    """Needles by their first bytes, so that a search is one walk through the hay."""

    def __init__(self, wanted: dict[bytes, str]) -> None:
        self._exact: dict[bytes, list[bytes]] = defaultdict(list)
        self._folded: dict[bytes, list[bytes]] = defaultdict(list)
        self._what = dict(wanted)
        for needle, what in wanted.items():
            if "base64" in what or what.endswith(("sha256", "sha1", "md5")):
                self._exact[needle[:SHORTEST]].append(needle)
            else:
                self._folded[needle.lower()[:SHORTEST]].append(needle.lower())
                self._what.setdefault(needle.lower(), what)

    def found(self, hay: bytes) -> dict[bytes, str]:
        """The needles that are in the hay, whatever the case of what is text."""
        return _hits(hay, self._exact, self._what) | _hits(hay.lower(), self._folded, self._what)


def _hits(hay: bytes, by_start: dict[bytes, list[bytes]], what: dict[bytes, str]) -> dict[bytes, str]:
    return {
        needle: what[needle]
        for at in range(len(hay) - SHORTEST + 1)
        if (start := hay[at : at + SHORTEST]) in by_start
        for needle in by_start[start]
        if hay.startswith(needle, at)
    }
