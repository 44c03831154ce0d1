"""Tags say what an entry was made of; dropping a tag forgets, here and at the other replicas, everything made of that.

record:SOURCE:ID    a record of a source, and the pages of what it owns
customer:ID         a customer of the identity map, and what was fetched in the customer's name
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

log = logging.getLogger(__name__)

Dropped = Callable[[frozenset[str] | None], None]
"""Told which tags were dropped; None stands for all of them."""


def of_record(source: str, record_id: str) -> str:
    """The tag of a source's record."""
    return f"record:{source}:{record_id}"


def of_customer(customer_id: str) -> str:
    """The tag of a customer."""
    return f"customer:{customer_id}"


def scope(tag: str) -> str:
    """What a tag is one of many of: "record:SOURCE" or "customer"."""
    kind, _, rest = tag.partition(":")
    return kind if kind == "customer" else f"{kind}:{rest.partition(':')[0]}"


class Bus(Protocol):
    """Carries drops to the shared layer and to the other replicas."""

    async def drop(self, tags: frozenset[str]) -> bool:
        """Makes what is shared with these tags unreadable, and tells the others. Whether that could be done now; what could
        not is done as soon as the other side can be reached, and until then nothing shared is read.
        """
        ...


class Watch:
    """What was dropped while something was being fetched: what was fetched before a drop must not be kept after it."""

    __slots__ = ("_everything", "_scopes", "_tags", "noted")

    def __init__(self) -> None:
        self.noted = False
        self._tags: frozenset[str] = frozenset()
        self._scopes: frozenset[str] = frozenset()
        self._everything = False

    def saw(self, tags: Iterable[str]) -> bool:
        """Whether any of these tags was dropped."""
        return self._everything or not self._tags.isdisjoint(tags)

    def saw_any_of(self, scope: str) -> bool:
        """Whether any tag of the scope was dropped: for what cannot say beforehand which records it will be made of."""
        return self._everything or scope in self._scopes

    def note(self, tags: frozenset[str] | None) -> None:
        """These were dropped."""
        self.noted = True
        if tags is None:
            self._everything = True
        else:
            self._tags |= tags
            self._scopes |= frozenset(map(scope, tags))


class Tags:
    """The one place where drops come in. One for the process; the source cache, the identity map's and others listen."""

    def __init__(self, bus: Bus | None = None) -> None:
        self.bus = bus
        self._listeners: list[Dropped] = []
        self._watches: set[Watch] = set()

    def subscribe(self, callback: Dropped) -> None:
        """Calls back at each drop, wherever it was made. It must not wait or raise."""
        self._listeners.append(callback)

    def watch(self) -> Watch:
        """A watch that notes drops until it is given to `unwatch`."""
        watch = Watch()
        self._watches.add(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        """The fetch is over."""
        self._watches.discard(watch)

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """A watch for the time of a block."""
        watch = self.watch()
        try:
            yield watch
        finally:
            self.unwatch(watch)

    async def drop_records(self, refs: Iterable[tuple[str, str]]) -> bool:
        """Forgets everything made of these records, given as (source, id). See `drop`."""
        return await self.drop(of_record(*ref) for ref in refs)

    async def drop_customers(self, ids: Iterable[str]) -> bool:
        """Forgets everything made in the name of these customers. See `drop`."""
        return await self.drop(map(of_customer, ids))

    async def drop(self, tags: Iterable[str]) -> bool:
        """Forgets everything that carries any of the tags, in this process before it returns.

        False where the shared layer could not be reached, which is then told as soon as it can be.
        """
        dropped = frozenset(tags)
        if not dropped:
            return True
        self.heard(dropped)
        if self.bus is None:
            return True
        try:
            return await self.bus.drop(dropped)
        finally:
            self.heard(dropped)  # what was read from the shared layer in between

    def heard(self, tags: frozenset[str] | None) -> None:
        """A drop that is in force; None drops everything that is kept in this process."""
        for watch in self._watches:
            watch.note(tags)
        for callback in self._listeners:
            callback(tags)
