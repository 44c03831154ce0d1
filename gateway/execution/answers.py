"""The answer cache: whole answers as bytes, each for the askers whose rights it was made with, until it is old or dropped.

An answer is found by what was asked (the document, the operation, the variables) and the rights of who asked, or, faster, by
the very bytes of a request that was answered with it before. Everything is bounded, and the least recently used goes first.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.auth import Caller
from gateway.execution.documents import Operation
from gateway.settings_documents import Answers as Bounds
from resolvers.asker import Asker

Key = tuple[Hashable, ...]
Raw = tuple[Caller, str, str, bytes]
"""Caller, media type, method and the bytes that were sent."""
MAX_RAWS = 64
"""Requests that are remembered for one answer."""
MAX_TAGS = 5_000
"""An answer that rests on more is not kept: dropping it would cost more than making it."""
_OVERHEAD = 1_500
"""Bytes that an entry takes besides its texts, and below, those of a tag besides its own; measured, and rounded up."""
_TAG = 280


def key_of(operation: Operation, variables: dict[str, Any], asker: Asker, media: str) -> Key | None:
    """What an answer is found by; None where these variables cannot be written down."""
    declared = {d.variable.name.value for d in operation.node.variable_definitions or ()}
    try:
        # as they were sent: what is equal only after coercion is kept twice, which is never wrong
        given = orjson.dumps(
            {name: value for name, value in variables.items() if name in declared},
            option=orjson.OPT_SORT_KEYS,
        )
    except (TypeError, ValueError):
        return None
    name = operation.node.name.value if operation.node.name else None
    return (operation.hash, name, given, media, *rights(operation, asker))


def rights(operation: Operation, asker: Asker) -> tuple[Hashable, ...]:
    """What of the asker the answer is kept for."""
    private = operation.hint is None or operation.hint.private
    return (asker.rights, asker.principal if private else None)


@dataclass(slots=True, eq=False, kw_only=True)
class Kept:
    """An answer. `at` and `expires` are on the cache's clock."""

    key: Key
    body: bytes
    etag: bytes
    at: float
    expires: float
    private: bool
    tags: frozenset[str]
    size: int
    raws: dict[Raw, None] = field(default_factory=dict)
    packed: bytes | None = None


@dataclass(slots=True, eq=False)
class Recording:
    """An execution under way, and what was dropped since it began."""

    dropped: set[str] = field(default_factory=set)
    everything: bool = False

    def saw(self, tags: frozenset[str]) -> bool:
        """Whether any of these was dropped."""
        return self.everything or not self.dropped.isdisjoint(tags)


class Answers:
    """Keeps answers. Nothing in it waits, so each method is one step of the event loop."""

    def __init__(self, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._bounds = bounds
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._raws: dict[Raw, Kept] = {}
        self._by_tag: dict[str, set[Kept]] = {}
        self._recordings: set[Recording] = set()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def active(self) -> bool:
        return self._bounds.max_entries > 0

    @property
    def size(self) -> int:
        """Bytes that everything kept takes, estimated."""
        return self._bytes

    def quick(self, raw: Raw) -> Kept | None:
        """The answer to a request of exactly these bytes."""
        kept = self._raws.get(raw)
        return self._alive(kept) if kept is not None else None

    def get(self, key: Key) -> Kept | None:
        """The answer to this question, for these rights."""
        kept = self._kept.get(key)
        return self._alive(kept) if kept is not None else None

    def remember(self, kept: Kept, raw: Raw) -> None:
        """From now on, `quick` finds this answer by these bytes."""
        if self._kept.get(kept.key) is not kept or raw in self._raws:
            return
        if len(kept.raws) >= MAX_RAWS:
            self._forget(kept, next(iter(kept.raws)))
        self._raws[raw] = kept
        kept.raws[raw] = None
        self._grow(kept, len(raw[3]) + 200)

    def pack(self, kept: Kept, packed: bytes) -> None:
        """Keeps the compressed body too."""
        if kept.packed is None:
            kept.packed = packed
            if self._kept.get(kept.key) is kept:
                self._grow(kept, len(packed))

    def begin(self) -> Recording:
        """Call it before anything is read; `end` must follow."""
        recording = Recording()
        self._recordings.add(recording)
        return recording

    def end(self, recording: Recording) -> None:
        self._recordings.discard(recording)

    def keep(
        self,
        key: Key,
        body: bytes,
        *,
        life: float,
        private: bool,
        tags: frozenset[str],
        recording: Recording,
    ) -> Kept | None:
        """Keeps an answer for `life` seconds; None where it may not be."""
        life = min(life, self._bounds.max_age)
        size = len(body) + sum(len(tag) + _TAG for tag in tags) + _OVERHEAD
        too_much = len(tags) > MAX_TAGS or size > self._bounds.max_bytes or not self.active
        if life < 1 or too_much or recording.saw(tags):
            return None
        if (old := self._kept.get(key)) is not None:
            self._remove(old)
        now = self.clock()
        kept = Kept(
            key=key,
            body=body,
            etag=hashlib.blake2b(body, digest_size=16).hexdigest().encode(),
            at=now,
            expires=now + life,
            private=private,
            tags=tags,
            size=0,
        )
        self._kept[key] = kept
        for tag in tags:
            self._by_tag.setdefault(tag, set()).add(kept)
        self._grow(kept, size)
        return kept if self._kept.get(key) is kept else None

    def drop(self, tags: frozenset[str] | None) -> None:
        """Removes what rests on any of these (None: all), and keeps what is being made from them now from being kept."""
        if tags is None:
            for recording in self._recordings:
                recording.everything = True
            for kept in list(self._kept.values()):
                self._remove(kept)
            return
        for recording in self._recordings:
            recording.dropped |= tags
        for tag in tags:
            for kept in list(self._by_tag.get(tag, ())):
                self._remove(kept)

    def _alive(self, kept: Kept) -> Kept | None:
        if kept.expires <= self.clock():
            self._remove(kept)
            return None
        self._kept.move_to_end(kept.key)
        return kept

    def _grow(self, kept: Kept, size: int) -> None:
        kept.size += size
        self._bytes += size
        while self._bytes > self._bounds.max_bytes or len(self._kept) > self._bounds.max_entries:
            self._remove(next(iter(self._kept.values())))

    def _remove(self, kept: Kept) -> None:
        del self._kept[kept.key]
        self._bytes -= kept.size
        for raw in kept.raws:
            del self._raws[raw]
        kept.raws.clear()
        for tag in kept.tags:
            resting = self._by_tag[tag]
            resting.discard(kept)
            if not resting:
                del self._by_tag[tag]

    def _forget(self, kept: Kept, raw: Raw) -> None:
        del self._raws[raw]
        del kept.raws[raw]
        kept.size -= len(raw[3]) + 200
        self._bytes -= len(raw[3]) + 200
