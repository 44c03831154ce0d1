"""Whose mail is wanted, as IMAP search keys: every text from outside is quoted or sent as a literal."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

import msgspec

_FIELDS = (b"FROM", b"TO", b"CC")
_LINE = 7_000  # bytes of search keys in a command; servers must take 8,192 (RFC 7162 §4)
_LONGEST = 254  # an address that can be delivered to is not longer (RFC 5321)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An owner whose mail is wanted. `addresses` are in their normal form, `spellings` as they may be written."""

    ref: str
    addresses: frozenset[str]
    spellings: tuple[str, ...]


def wanted(ref: str, emails: Iterable[str], own: Collection[str]) -> Wanted | None:
    """None where no address is left. The company's own addresses would bring back the whole mailbox."""
    usable = [email.strip().lower() for email in emails if _usable(email.strip())]
    theirs = [email for email in usable if normal(email) not in own]
    if not theirs:
        return None
    addresses = frozenset(map(normal, theirs))
    return Wanted(ref=ref, addresses=addresses, spellings=tuple(sorted(addresses | set(theirs))))


def normal(address: str) -> str:
    """An address as it is compared: lower case, and its domain in ASCII (RFC 5890)."""
    local, at, domain = address.lower().rpartition("@")
    if not domain.isascii():
        with contextlib.suppress(UnicodeError):  # no domain that mail could come from is compared as it is
            domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}"


def _usable(email: str) -> bool:
    return 3 <= len(email) <= _LONGEST and "@" in email and email.isprintable()


def batches(owners: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Owners whose search keys fit into one command line."""
    batch: list[Wanted] = []
    size = 0
    for owner in owners:
        length = sum(len(term) + 1 for spelling in owner.spellings for term in _terms(spelling))
        if batch and size + length > _LINE:
            yield batch
            batch, size = [], 0
        batch.append(owner)
        size += length
    if batch:
        yield batch


def mail_of(owners: Iterable[Wanted], before: datetime | None) -> list[bytes]:
    """The keys that find all mail from and to the owners, up to the day after `before`.

    IMAP's dates are days of the server's own time zone, which may be a day ahead of UTC.
    """
    spellings = dict.fromkeys(spelling for owner in owners for spelling in owner.spellings)
    keys = _any([_field(name, spelling) for spelling in spellings for name in _FIELDS])
    return keys if before is None else [b"BEFORE", _day(before.date() + timedelta(days=2)), *keys]


def copies_of(message_ids: Sequence[str], since: datetime) -> Iterator[list[bytes]]:
    """The keys, a command at a time, that find messages with these ids from the day before `since` on."""
    first = [b"SINCE", _day(since.date() - timedelta(days=1))]
    terms: list[list[bytes]] = []
    size = 0
    for message_id in message_ids:
        term = [b"HEADER", b"Message-ID", text(message_id)]
        length = sum(map(len, term)) + 6
        if terms and size + length > _LINE:
            yield [*first, *_any(terms)]
            terms, size = [], 0
        terms.append(term)
        size += length
    if terms:
        yield [*first, *_any(terms)]


def text(value: str) -> bytes:
    """A text as IMAP takes it: quoted, or raw where it is not ASCII (then it is sent as a literal)."""
    if not value.isascii():
        return value.encode()
    return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


def charset(keys: Iterable[bytes]) -> bytes:
    """The character set to name in a command with these keys."""
    return b"US-ASCII" if all(key.isascii() for key in keys) else b"UTF-8"


def _terms(spelling: str) -> list[bytes]:
    return [part for name in _FIELDS for part in (b"OR", *_field(name, spelling))]


def _field(name: bytes, spelling: str) -> list[bytes]:
    return [name, text(spelling)]


def _any(terms: Sequence[list[bytes]]) -> list[bytes]:
    """All terms joined by OR, as a flat tree: servers bound how deep keys may nest."""
    if len(terms) == 1:
        return terms[0]
    middle = len(terms) // 2
    return [b"OR", *_any(terms[:middle]), *_any(terms[middle:])]


def _day(day: date) -> bytes:
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04d}".encode()
