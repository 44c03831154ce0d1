"""The layer in this process: objects as they are, bounded by their number and their estimated bytes, each with an end."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec

from adapters.errors import SourceError

OVERHEAD = 1100
"""Estimated bytes of an entry beside its value: its key, its tag, its places in the tables."""
SWEEP = 30.0
"""Seconds between two looks for entries whose life is over."""

_NO_PARTS: frozenset[str] = frozenset()


class Entry(msgspec.Struct, kw_only=True, gc=False):
    """What a source answered about one item. `at` and `until` are seconds since 1970: when the fetch began, and the end of its
    life. `negative`: it says that nobody is there. `failure` is why it could not be renewed, `retry_at` when that may be tried
    again.
    """

    value: Any
    at: float
    until: float
    tags: tuple[str, ...] = ()
    parts: frozenset[str] = _NO_PARTS
    limit: int = 0
    size: int = OVERHEAD
    negative: bool = False
    failure: SourceError | None = None
    retry_at: float = 0.0


class Store:
    """Entries by key, the one that was used longest ago first to go."""

    def __init__(self, *, max_entries: int, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._tagged: dict[str, set[Hashable]] = {}
        self._max_entries, self._max_bytes, self._clock = max_entries, max_bytes, clock
        self._timer: asyncio.TimerHandle | None = None
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Entry | None:
        """The entry, whatever its age; the caller judges it."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Hashable, entry: Entry) -> None:
        """Keeps an entry, and lets go of others where there are too many. One that is too large by itself is not kept."""
        self.remove(key)
        if entry.size > self._max_bytes:
            return
        self._entries[key] = entry
        self.bytes += entry.size
        for tag in entry.tags:
            self._tagged.setdefault(tag, set()).add(key)
        while self.bytes > self._max_bytes or len(self._entries) > self._max_entries:
            self.remove(next(iter(self._entries)))
        if self._timer is None:
            self._sweep_later()

    def remove(self, key: Hashable) -> None:
        """Forgets one entry, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.bytes -= entry.size
        for tag in entry.tags:
            keys = self._tagged[tag]
            keys.discard(key)
            if not keys:
                del self._tagged[tag]

    def drop(self, tags: Iterable[str]) -> None:
        """Forgets the entries that carry any of the tags."""
        for tag in tags:
            for key in list(self._tagged.get(tag, ())):
                self.remove(key)

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._tagged.clear()
        self.bytes = 0

    def sweep(self) -> None:
        """Forgets the entries whose life is over, so that nothing stays because nobody asks for it."""
        now = self._clock()
        for key in [key for key, entry in self._entries.items() if entry.until <= now]:
            self.remove(key)

    def close(self) -> None:
        """Forgets everything, and stops looking."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep_later(self) -> None:
        try:
            self._timer = asyncio.get_running_loop().call_later(SWEEP, self._sweep)
        except RuntimeError:  # no loop runs: nothing is kept for long then
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        self.sweep()
        if self._entries:
            self._sweep_later()
