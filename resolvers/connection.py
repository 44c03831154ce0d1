"""Relay connections over several sources at once: newest first, with cursors that stay put while new records arrive.

A cursor is a place in time (when, which kind, source and record), not a number of records to skip. What arrives later lies above
it and moves nothing. A page asks each stream for one window below the cursor, so it reads what it needs and no more.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from adapters.base import LAST_ID, Page, Position
from adapters.records import Activity, Comment, EmailEvent, Message, Order, RecordKind, Ticket
from resolvers.errors import InvalidArgument

DEFAULT_FIRST = 20
MAX_FIRST = 250

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: dict[type[Activity], RecordKind] = {
    Order: RecordKind.ORDER,
    Ticket: RecordKind.TICKET,
    Comment: RecordKind.COMMENT,
    EmailEvent: RecordKind.EMAIL_EVENT,
    Message: RecordKind.MESSAGE,
}


_WORDS: dict[type[Activity], str] = {class_: kind.value for class_, kind in _KINDS.items()}


class Place(msgspec.Struct, frozen=True, gc=False, order=True, array_like=True):
    """Where a record stands in a merged stream; larger is newer. `at` is in microseconds since 1970."""

    at: int
    kind: str
    source: str
    id: str

    def below(self, kind: RecordKind, source: str) -> Position:
        """The same place as one source's stream sees it."""
        mine, theirs = (self.kind, self.source), (kind.value, source)
        record = self.id if mine == theirs else LAST_ID if theirs < mine else ""
        return Position(_EPOCH + timedelta(microseconds=self.at), record)

    def cursor(self) -> str:
        """Opaque to clients."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


class Slice(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One page of a connection. `partial` names sources that should have contributed and could not."""

    records: tuple[Activity, ...] = ()
    has_next: bool = False
    partial: tuple[str, ...] = ()


def kind_of(record: Activity) -> RecordKind:
    return _KINDS[type(record)]


def name_of(record: Activity) -> str:
    """Names the record among all kinds of all sources."""
    return f"{_WORDS[record.__class__]}:{record.source}:{record.id}"


def place_of(record: Activity) -> Place:
    at = (record.at - _EPOCH) // timedelta(microseconds=1)
    return Place(at, _WORDS[record.__class__], record.source, record.id)


def read_cursor(after: str | None, argument: str = "after") -> Place | None:
    """The place of a cursor; raises InvalidArgument where it is none of ours."""
    if after is None:
        return None
    try:
        if len(after) > 1000:
            raise ValueError
        raw = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True)
        place = msgspec.json.decode(raw, type=Place)
        _EPOCH + timedelta(microseconds=place.at)
    except (ValueError, OverflowError, binascii.Error, msgspec.MsgspecError):
        raise InvalidArgument(argument, f"{argument} is not a cursor of this connection") from None
    return place


def page_size(first: int | None, argument: str = "first") -> int:
    """The bound of a page; raises InvalidArgument where it is out of bounds."""
    if first is None:
        return DEFAULT_FIRST
    if not 1 <= first <= MAX_FIRST:
        raise InvalidArgument(argument, f"{argument} must be between 1 and {MAX_FIRST}")
    return first


def merge_pages(pages: Sequence[Page], first: int) -> tuple[tuple[Activity, ...], bool]:
    """The newest `first` records of several streams' windows, and whether there are more. A record in two streams counts once.

    A stream that gave fewer than `first` records and still has more (its source was not read to the end) hides what lies
    below its last one, so nothing below that is shown yet: the next page goes on there.
    """
    if len(pages) == 1:  # in order already, and without doubles
        records, more = pages[0].records, pages[0].has_more
        return records[:first], more or len(records) > first
    found = {place_of(record): record for page in pages for record in page.records}
    unread = [place_of(p.records[-1]) for p in pages if p.has_more and p.records and len(p.records) < first]
    horizon = max(unread, default=None)
    newest = [p for p in sorted(found, reverse=True) if horizon is None or p >= horizon]
    has_next = len(newest) > first or len(newest) < len(found) or any(p.has_more for p in pages)
    return tuple(found[place] for place in newest[:first]), has_next
