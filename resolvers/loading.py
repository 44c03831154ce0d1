"""Read-through loading: the one way to a source. What one request asks for in one turn of the event loop goes out as one batch.

A loader lives as long as one request, so nothing it holds can reach another asker. A batch that fails is noted once, as a
`SourceFailure`, and everybody who waited for it gets nothing instead of an exception.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from adapters.base import Found, MatchKey, Owner, Page, Position, Window
from adapters.errors import SourceError, SourceTimeout
from adapters.records import Profile, RecordKind
from resolvers.asker import Asker
from resolvers.errors import FieldPath, SourceFailure
from resolvers.sources import Sources

T = TypeVar("T")
log = logging.getLogger(__name__)


class Outcome(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What came back, or why nothing did."""

    value: T | None = None
    failure: SourceFailure | None = None


class Fetch(msgspec.Struct, kw_only=True):
    """What this request has had from one source so far, for `SourceStatus`."""

    at: datetime | None = None
    failure: SourceFailure | None = None


class _Batch:
    """Requests of one shape that wait for the end of the turn."""

    def __init__(self) -> None:
        self.waiting: dict[Hashable, asyncio.Future[Outcome[Any]]] = {}
        self.items: dict[Hashable, Any] = {}
        self.parts: frozenset[str] = frozenset()
        self.limit = 0
        self.path: FieldPath | None = None


class Loader:
    """Loads from all sources for one request. Every method may be called freely: equal requests are made once."""

    def __init__(self, sources: Sources, asker: Asker) -> None:
        self._sources = sources
        self._asker = asker
        self._open: dict[tuple[Any, ...], _Batch] = {}
        self._profiles: dict[tuple[str, str], tuple[frozenset[str], asyncio.Future[Outcome[Profile]]]] = {}
        self._pages: dict[Hashable, tuple[int, frozenset[str], asyncio.Future[Outcome[Page]]]] = {}
        self._finds: dict[tuple[str, MatchKey], asyncio.Future[Outcome[Found]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()
        self._quiet = asyncio.Condition()
        self.fetches: dict[str, Fetch] = {}
        self.failures: list[SourceFailure] = []

    async def find(self, source: str, key: MatchKey, path: FieldPath | None = None) -> Outcome[Found]:
        """The profiles that carry a key in one source."""
        known = self._finds.get((source, key))
        if known is None:
            batch = self._batch(("find", source), path)
            known = self._finds[source, key] = self._join(batch, key, key)
        return await known

    async def profile(
        self, source: str, record_id: str, parts: frozenset[str], path: FieldPath | None = None
    ) -> Outcome[Profile]:
        """One profile; an Outcome with neither value nor failure means that the source no longer has it."""
        known = self._profiles.get((source, record_id))
        if known is None or not parts <= known[0]:
            batch = self._batch(("read", source), path)
            batch.parts |= parts
            future: asyncio.Future[Outcome[Profile]] = self._join(batch, record_id, record_id)
            known = self._profiles[source, record_id] = (parts | (known[0] if known else frozenset()), future)
        return await known[1]

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
        ident = (source, kind, owner.ref, window.before)
        known = self._pages.get(ident)
        if known is None or known[0] < window.limit or not parts <= known[1]:
            batch = self._batch(("page", source, kind, window.before), path)
            batch.parts |= parts
            batch.limit = max(batch.limit, window.limit)
            future: asyncio.Future[Outcome[Page]] = self._join(batch, owner.ref, owner)
            known = self._pages[ident] = (window.limit, parts, future)
        return await known[2]

    def prime(self, profile: Profile, *, newer: bool = False) -> None:
        """A look-up brought the whole record (without its costly parts): nobody needs to read it again. `newer` than what was
        read before.
        """
        ident = (profile.source, profile.id)
        if newer or ident not in self._profiles:
            future: asyncio.Future[Outcome[Profile]] = asyncio.get_running_loop().create_future()
            future.set_result(Outcome(value=profile))
            self._profiles[ident] = (frozenset(), future)

    async def settled(self, operation: str) -> None:
        """Returns when no batch of this operation ("find", "read", "page") is open or under way."""
        async with self._quiet:
            await self._quiet.wait_for(lambda: not self._busy[operation])

    async def aclose(self) -> None:
        """Cancels what is still under way (the client has gone)."""
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _batch(self, shape: tuple[Any, ...], path: FieldPath | None) -> _Batch:
        batch = self._open.get(shape)
        if batch is None:
            batch = self._open[shape] = _Batch()
            self._busy[shape[0]] += 1
            # two turns: siblings that first had to wait for one resolved future still catch this batch
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: loop.call_soon(self._send, shape))
        if batch.path is None:
            batch.path = path
        return batch

    @staticmethod
    def _join(batch: _Batch, ident: Hashable, item: Any) -> asyncio.Future[Outcome[Any]]:
        future = batch.waiting.get(ident)
        if future is None:
            future = batch.waiting[ident] = asyncio.get_running_loop().create_future()
            batch.items[ident] = item
        return future

    def _send(self, shape: tuple[Any, ...]) -> None:
        batch = self._open.pop(shape)
        task = asyncio.get_running_loop().create_task(self._run(shape, batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, shape: tuple[Any, ...], batch: _Batch) -> None:
        source = shape[1]
        items = list(batch.items.values())
        failure: SourceFailure | None = None
        answer: Mapping[Any, Any] = {}
        try:
            answer = await self._guarded(source, shape[0], lambda: self._ask(shape, batch, items))
        except SourceError as error:
            failure = self._note(error, batch.path)
        except asyncio.CancelledError:
            for future in batch.waiting.values():
                future.cancel()
            raise
        else:
            self.fetches.setdefault(source, Fetch()).at = datetime.now(UTC)
        for ident, future in batch.waiting.items():
            if not future.done():
                future.set_result(Outcome(value=answer.get(ident), failure=failure))
        await self._done(shape[0])

    async def _done(self, operation: str) -> None:
        self._busy[operation] -= 1
        async with self._quiet:
            self._quiet.notify_all()

    def _ask(self, shape: tuple[Any, ...], batch: _Batch, items: list[Any]) -> Awaitable[Mapping[Any, Any]]:
        adapter, call = self._sources[shape[1]], self._asker.call()
        if shape[0] == "find":
            return adapter.find(items, call)
        if shape[0] == "read":
            return adapter.read(items, batch.parts, call)
        before: Position | None = shape[3]
        return adapter.page(shape[2], items, Window(limit=batch.limit, before=before), batch.parts, call)

    async def _guarded(
        self, source: str, operation: str, ask: Callable[[], Awaitable[Mapping[Any, Any]]]
    ) -> Mapping[Any, Any]:
        """Lets only SourceError out, and nothing run past the deadline, whatever an adapter does."""
        seconds = self._asker.call().deadline - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await ask()
        except TimeoutError:
            raise SourceTimeout(source, operation, "the request's deadline") from None
        except SourceError:
            raise
        except Exception as error:
            log.exception("an adapter failed", extra={"source": source, "operation": operation})
            raise _Broken(source, operation, type(error).__name__) from None

    def _note(self, error: SourceError, path: FieldPath | None) -> SourceFailure:
        failure = SourceFailure(
            source=error.source,
            code=error.code,
            message=f"{error.source} {error.summary}",
            path=tuple(path.as_list()) if path is not None else None,
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
