"""The three questions an adapter answers, in the one form that the cache works with."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import msgspec

from adapters.base import Adapter, Call, Found, MatchKey, OwnedBy, Owner, Page, Position, Window
from adapters.records import Profile, RecordKind
from resolvers.caching.life import FIND
from resolvers.caching.local import OVERHEAD, Entry
from resolvers.caching.tags import of_customer, of_record

Ident = tuple[Hashable, ...]
"""What names an item among all items of all sources."""
_NO_PARTS: frozenset[str] = frozenset()
_encode = msgspec.msgpack.encode
_GROWTH = 5
"""Bytes in memory for each byte of the encoded form."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A question about items of one source. `parts` and `limit` are how much is asked of each."""

    source: str
    kind: str
    parts: frozenset[str] = _NO_PARTS
    limit: int = 0

    def ident(self, item: Any) -> Ident:
        """The item's name; the kind tells what else of the question belongs to it."""
        raise NotImplementedError

    def name(self, item: Any) -> Any:
        """The item's key in the adapter's answer."""
        return item

    def tags(self, item: Any, value: Any) -> tuple[str, ...]:
        """What the value is made of. A value of None gives what can be said before it is known."""
        raise NotImplementedError

    async def fetch(self, adapter: Adapter, items: list[Any], call: Call) -> Mapping[Any, Any]:
        """Asks the adapter."""
        raise NotImplementedError

    def is_negative(self, value: Any) -> bool:
        """Whether it says that nobody is there."""
        return value is None

    def records(self, value: Any) -> tuple[Any, ...]:
        """The records in a value."""
        return () if value is None else (value,)

    def served_by(self, entry: Entry) -> bool:
        """Whether an entry holds as much as is asked."""
        return self.parts <= entry.parts

    def cut(self, value: Any) -> Any:
        """As much of a value as is asked."""
        return value

    def size(self, value: Any) -> int:
        """About how many bytes of memory a value takes: one record is measured, the others are taken to be like it."""
        records = self.records(value)
        return OVERHEAD + (len(_encode(records[0])) * len(records) * _GROWTH if records else 0)


class FindAsk(Ask, frozen=True, kw_only=True, gc=False):
    """Who carries a key?"""

    def ident(self, item: MatchKey) -> Ident:
        return self.source, FIND, item

    def tags(self, item: MatchKey, value: Found | None) -> tuple[str, ...]:
        return tuple(of_record(self.source, p.id) for p in value.profiles) if value is not None else ()

    async def fetch(self, adapter: Adapter, items: list[Any], call: Call) -> Mapping[Any, Any]:
        return await adapter.find(items, call)

    def is_negative(self, value: Found | None) -> bool:
        return value is None or not value.profiles

    def records(self, value: Found | None) -> tuple[Profile, ...]:
        return value.profiles if value is not None else ()


class ReadAsk(Ask, frozen=True, kw_only=True, gc=False):
    """What is in a profile?"""

    def ident(self, item: str) -> Ident:
        return self.source, "profile", item

    def tags(self, item: str, value: Profile | None) -> tuple[str, ...]:
        return (of_record(self.source, item),)

    async def fetch(self, adapter: Adapter, items: list[Any], call: Call) -> Mapping[Any, Any]:
        return await adapter.read(items, self.parts, call)


class PageAsk(Ask, frozen=True, kw_only=True, gc=False):
    """What has happened with an owner?

    Where records are owned by e-mail address, the owner's `ref` is the customer's id and the addresses say whose records:
    both are the item's name, so that another address is another question.
    """

    before: Position | None = None
    by_email: bool = False

    def ident(self, item: Owner) -> Ident:
        emails = tuple(sorted(item.emails)) if self.by_email else ()
        return self.source, self.kind, item.ref, emails, self.before

    def name(self, item: Owner) -> str:
        return item.ref

    def tags(self, item: Owner, value: Page | None) -> tuple[str, ...]:
        return (of_customer(item.ref) if self.by_email else of_record(self.source, item.ref),)

    async def fetch(self, adapter: Adapter, items: list[Any], call: Call) -> Mapping[Any, Any]:
        window = Window(limit=self.limit, before=self.before)
        return await adapter.page(RecordKind(self.kind), items, window, self.parts, call)

    def is_negative(self, value: Page | None) -> bool:
        return value is None  # no orders yet is a page like any other

    def records(self, value: Page | None) -> tuple[Any, ...]:
        return value.records if value is not None else ()

    def served_by(self, entry: Entry) -> bool:
        if not self.parts <= entry.parts:
            return False
        return self.limit <= entry.limit or (entry.value is not None and not entry.value.has_more)

    def cut(self, value: Page | None) -> Page | None:
        if value is None or len(value.records) <= self.limit:
            return value
        return Page(records=value.records[: self.limit], has_more=True)


def page_ask(adapter: Adapter, kind: RecordKind, window: Window, parts: frozenset[str]) -> PageAsk:
    """The question about pages of a kind."""
    support = adapter.manifest.kinds.get(kind)
    return PageAsk(
        source=adapter.name,
        kind=kind.value,
        parts=parts,
        limit=window.limit,
        before=window.before,
        by_email=support is not None and support.owned_by is OwnedBy.EMAIL,
    )


def larger(asks: Iterable[Ask], entries: Iterable[Entry]) -> tuple[frozenset[str], int]:
    """The parts and the limit that serve all of these."""
    held = [(a.parts, a.limit) for a in asks] + [(e.parts, e.limit) for e in entries]
    return frozenset().union(*(parts for parts, _ in held)), max(limit for _, limit in held)
