"""Read-through loading: the one way to a source. What one request asks for in one turn of the event loop goes out as one batch.

A loader lives as long as one request, so nothing it holds can reach another asker. What is wanted joins a batch (`want_profile`,
`want_page`), and can be read without waiting once that batch is done (`Batch.outcome`); `find`, `profile` and `page` do both. A
batch that fails is noted once, as a `SourceFailure`, and everybody who waited for it gets nothing instead of an exception.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Hashable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from adapters.base import Call, Found, MatchKey, Owner, Page, Position, Window
from adapters.errors import SourceError, SourceTimeout
from adapters.records import Profile, RecordKind
from resolvers.asker import Asker
from resolvers.errors import FieldPath, SourceFailure
from resolvers.sources import Sources

T = TypeVar("T")
log = logging.getLogger(__name__)
_MOST_PATHS = 10_000
_TURNS = 4
"""Turns of the event loop that a batch stays open: the fields of a list's objects begin later than those of a lone object."""


class Outcome(msgspec.Struct, Generic[T], frozen=True, gc=False, kw_only=True):
    """What came back, or why nothing did."""

    value: T | None = None
    failure: SourceFailure | None = None


class Fetch(msgspec.Struct, kw_only=True):
    """What this request has had from one source so far, for `SourceStatus`."""

    at: datetime | None = None
    failure: SourceFailure | None = None


class Batch:
    """Requests of one shape to one source, that go out together. `at` is when the answer came in."""

    __slots__ = (
        "_waiting", "answer", "at", "done", "expired", "failure", "items", "limit", "parts", "paths", "source",
    )  # fmt: skip

    def __init__(self, source: str) -> None:
        self.source = source
        self.done = self.expired = False
        self._waiting: list[asyncio.Future[None]] = []
        self.items: dict[Hashable, Any] = {}
        self.parts: frozenset[str] = frozenset()
        self.limit = 0
        self.paths: list[FieldPath] = []
        self.answer: Mapping[Any, Any] = {}
        self.failure: SourceFailure | None = None
        self.at: datetime | None = None

    async def finished(self) -> None:
        """Returns when it is done. Each who waits has a future of their own: one that gives up takes nothing from the others."""
        if not self.done:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def finish(self, *, cancelled: bool = False) -> None:
        """Tells everybody who waits."""
        self.done = True
        for waiting in self._waiting:
            if not waiting.done():
                if cancelled:
                    waiting.cancel()
                else:
                    waiting.set_result(None)
        self._waiting.clear()

    def expire(self, task: asyncio.Task[None]) -> None:
        """The time that the request has for it is over."""
        self.expired = True
        task.cancel()

    def joined(self, path: FieldPath | None) -> Batch:
        """Itself; a field that misses its answer, should it fail, is one more."""
        if path is not None and len(self.paths) < _MOST_PATHS:
            self.paths.append(path)
        return self

    def value(self, ident: Hashable) -> Any:
        """What came back for one of the items; None where nothing did. Only when the batch is done."""
        return self.answer.get(ident)

    def outcome(self, ident: Hashable) -> Outcome[Any]:
        """The same, with the reason."""
        return Outcome(value=self.answer.get(ident), failure=self.failure)


Wanted = list[tuple[Batch, str]]
"""Batches that were joined, each with the name of what it brings."""


async def finished(wanted: Iterable[tuple[Batch, Any]]) -> None:
    """Returns when all of these are done."""
    for batch, _ in wanted:
        if not batch.done:
            await batch.finished()


class Loader:
    """Loads from all sources for one request. Every method may be called freely: equal requests are made once."""

    def __init__(self, sources: Sources, asker: Asker) -> None:
        self._sources = sources
        self._asker = asker
        self._open: dict[tuple[Any, ...], Batch] = {}
        self._profiles: dict[tuple[str, str], Batch] = {}
        self._pages: dict[Hashable, Batch] = {}
        self._finds: dict[tuple[str, MatchKey], Batch] = {}
        self._tasks: dict[asyncio.Task[None], tuple[asyncio.TimerHandle, Batch]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._busy: dict[str, set[Batch]] = {"find": set(), "read": set(), "page": set()}
        self.fetches: dict[str, Fetch] = {}
        self.failures: list[SourceFailure] = []

    async def find(self, source: str, key: MatchKey, path: FieldPath | None = None) -> Outcome[Found]:
        """The profiles that carry a key in one source."""
        known = self._finds.get((source, key))
        batch = known.joined(path) if known is not None else self._batch(("find", source), path)
        if known is None:
            self._finds[source, key] = batch
            batch.items[key] = key
        await finished(((batch, None),))
        return batch.outcome(key)

    async def profile(
        self, source: str, record_id: str, parts: frozenset[str], path: FieldPath | None = None
    ) -> Outcome[Profile]:
        """One profile; an Outcome with neither value nor failure means that the source no longer has it."""
        batch = self.want_profile(source, record_id, parts, path)
        await finished(((batch, None),))
        return batch.outcome(record_id)

    async def page(
        self,
        source: str,
        kind: RecordKind,
        owner: Owner,
        window: Window,
        parts: frozenset[str] = frozenset(),
        path: FieldPath | None = None,
    ) -> Outcome[Page]:
        """A window of one owner's activities; it may hold more than `window.limit` where another field asked for more."""
        batch = self.want_page(source, kind, owner, window, parts, path)
        await finished(((batch, None),))
        return batch.outcome(owner.ref)

    def want_profile(
        self, source: str, record_id: str, parts: frozenset[str], path: FieldPath | None = None
    ) -> Batch:
        """The batch that brings a profile with these parts, under `record_id`."""
        known = self._profiles.get((source, record_id))
        if known is not None and parts <= known.parts:
            return known.joined(path)
        batch = self._profiles[source, record_id] = self._batch(("read", source), path)
        batch.parts |= parts if known is None else parts | known.parts
        batch.items[record_id] = record_id
        return batch

    def want_page(
        self,
        source: str,
        kind: RecordKind,
        owner: Owner,
        window: Window,
        parts: frozenset[str] = frozenset(),
        path: FieldPath | None = None,
    ) -> Batch:
        """The batch that brings a window of an owner's activities, under `owner.ref`."""
        ident = (source, kind, owner.ref, window.before)
        known = self._pages.get(ident)
        if known is not None and window.limit <= known.limit and parts <= known.parts:
            return known.joined(path)
        batch = self._pages[ident] = self._batch(("page", source, kind, window.before), path)
        batch.parts |= parts
        batch.limit = max(batch.limit, window.limit)
        batch.items[owner.ref] = owner
        return batch

    def prime(self, profile: Profile, *, newer: bool = False) -> None:
        """A look-up brought the whole record (without its costly parts): nobody needs to read it again. `newer` than what was
        read before.
        """
        ident = (profile.source, profile.id)
        if newer or ident not in self._profiles:
            batch = self._profiles[ident] = Batch(profile.source)
            batch.answer = {profile.id: profile}
            fetch = self.fetches.get(profile.source)
            batch.at = (fetch and fetch.at) or datetime.now(UTC)
            batch.finish()

    async def settled(self, operation: str) -> None:
        """Returns when no batch of this operation ("find", "read", "page") is open or under way."""
        while busy := self._busy[operation]:
            await next(iter(busy)).finished()

    async def aclose(self) -> None:
        """Cancels what is still under way (the client has gone)."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _batch(self, shape: tuple[Any, ...], path: FieldPath | None) -> Batch:
        batch = self._open.get(shape)
        if batch is None:
            batch = self._open[shape] = Batch(shape[1])
            self._busy[shape[0]].add(batch)
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._send_after(_TURNS, self._loop, shape)
        return batch.joined(path)

    def _send_after(self, turns: int, loop: asyncio.AbstractEventLoop, shape: tuple[Any, ...]) -> None:
        if turns > 1:
            loop.call_soon(self._send_after, turns - 1, loop, shape)
        else:
            loop.call_soon(self._send, loop, shape)

    def _send(self, loop: asyncio.AbstractEventLoop, shape: tuple[Any, ...]) -> None:
        batch = self._open.pop(shape)
        call = self._asker.call()
        task = loop.create_task(self._run(shape, batch, call))
        # not asyncio.timeout: it looks for the running loop and task again and again
        ends = loop.call_later(max(0.0, call.deadline - time.monotonic()), batch.expire, task)
        self._tasks[task] = (ends, batch)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        ends, batch = self._tasks.pop(task)
        ends.cancel()
        if not batch.done:  # it was cancelled before it began
            batch.finish(cancelled=True)

    async def _run(self, shape: tuple[Any, ...], batch: Batch, call: Call) -> None:
        operation, source = shape[0], shape[1]
        cancelled = True
        try:
            batch.answer = await self._guarded(shape, batch, call)
            batch.at = self.fetches.setdefault(source, Fetch()).at = datetime.now(UTC)
            cancelled = False
        except SourceError as error:
            batch.failure = self._note(error, batch.paths)
            cancelled = False
        finally:
            self._busy[operation].discard(batch)
            batch.finish(cancelled=cancelled)

    def _ask(self, shape: tuple[Any, ...], batch: Batch, call: Call) -> Awaitable[Mapping[Any, Any]]:
        adapter, items = self._sources[shape[1]], list(batch.items.values())
        if shape[0] == "find":
            return adapter.find(items, call)
        if shape[0] == "read":
            return adapter.read(items, batch.parts, call)
        before: Position | None = shape[3]
        return adapter.page(shape[2], items, Window(limit=batch.limit, before=before), batch.parts, call)

    async def _guarded(self, shape: tuple[Any, ...], batch: Batch, call: Call) -> Mapping[Any, Any]:
        """Lets only SourceError out, and nothing run past the deadline, whatever an adapter does."""
        operation, source = shape[0], shape[1]
        try:
            return await self._ask(shape, batch, call)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if batch.expired and task is not None and task.uncancel() == 0:
                raise SourceTimeout(source, operation, "the request's deadline") from None
            raise
        except SourceError:
            raise
        except Exception as error:
            log.exception("an adapter failed", extra={"source": source, "operation": operation})
            raise _Broken(source, operation, type(error).__name__) from None

    def _note(self, error: SourceError, paths: list[FieldPath]) -> SourceFailure:
        failure = SourceFailure(
            source=error.source,
            code=error.code,
            message=f"{error.source} {error.summary}",
            paths=paths,  # grows with the fields that come to want it later
        )
        log.warning(
            "source failed",
            extra={
                "source": error.source,
                "operation": error.operation,
                "code": error.code,
                "detail": error.detail,
                "correlation_id": self._asker.correlation_id,
            },
        )
        self.failures.append(failure)
        self.fetches.setdefault(error.source, Fetch()).failure = failure
        return failure


class _Broken(SourceError):
    """An adapter raised what it must not: a fault of ours, so the client hears no more than that."""

    code = "INTERNAL"
    summary = "could not be read"
