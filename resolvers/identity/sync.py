"""Sync: takes in what changed at the sources since the last time, so that the map is current before anybody asks.

A cursor is saved when everything before it has been taken in, and taking in a record twice changes nothing. So a run that is
killed goes on where it was, and two runs at once only do some work twice: whichever saves last, nothing lies before its cursor
that was not taken in. What could not be compared with everything that it may belong to, because another source did not
answer, holds the cursor back, and is read again by the next run.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from adapters.base import Adapter, Changes, Manifest
from adapters.errors import BadPayload, SourceError, SourceRateLimited, SourceRejected
from adapters.records import Profile, RecordKind
from resolvers.asker import Asker
from resolvers.identity.map import IdentityMap
from resolvers.identity.members import Ref
from resolvers.identity.resolution import Settled
from resolvers.identity.store import SyncState
from resolvers.identity.totals import waiting
from resolvers.loading import Loader
from resolvers.patience import Patience, Sleep, Stopped, ask, unless_stopped
from resolvers.sources import Sources

PAGE = 100
"""Records that are taken in at once."""
PAGE_SECONDS = 60.0
"""Seconds that the records which a page is compared with have to come."""
_REMEMBERED = 50
"""Pages for which records that were read are not read again, nor longer than PAGE_SECONDS: memory is bounded, and they are
nearly as they are now."""

log = logging.getLogger(__name__)


class Stage(StrEnum):
    """Where a source is. UNLISTED: it lists no changes, its records come in when somebody asks. MORE: the round was full."""

    READING = "reading"
    WAITING = "waiting"
    DONE = "done"
    MORE = "more"
    STOPPED = "stopped"
    FAILED = "failed"
    UNLISTED = "unlisted"


class Report(msgspec.Struct, kw_only=True):
    """What a run did with a source.

    `records` were read (a source may repeat some), `new` were not in the map, `links` is how often people were joined,
    `review` is by how much the pairs that wait for a steward grew, `deleted` the source has no longer. `again` were not
    compared with everything, and will be read again. `waited` and `pause` (the wait right now) are in seconds. `problem`
    says why the source was not read to its end; `expired`: it refused to go on from the stored cursor.
    """

    source: str
    stage: Stage = Stage.READING
    records: int = 0
    new: int = 0
    links: int = 0
    review: int = 0
    deleted: int = 0
    again: int = 0
    waited: float = 0.0
    pause: float = 0.0
    problem: str | None = None
    expired: bool = False

    @property
    def ok(self) -> bool:
        return self.problem is None and not self.again


Told = Callable[[Report], None]
"""Told after each page, each wait, and at the end of a source. The report goes on changing."""


class Sync:
    """Reads the sources side by side, each a step ahead, and takes in one step at a time: memory holds two steps a source."""

    def __init__(
        self,
        identity: IdentityMap,
        sources: Sources,
        *,
        told: Told = lambda report: None,
        stop: asyncio.Event | None = None,
        patience: Patience | None = None,
        page: int = PAGE,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`stop` ends runs after the page that is at work."""
        self._identity, self._sources, self._told = identity, sources, told
        self.stop = stop or asyncio.Event()
        self._patience, self._page, self._sleep = patience or Patience(), page, sleep
        self._turn = asyncio.Lock()
        self._id = uuid.uuid4().hex
        self._reading = _Reading(sources, self._id)

    async def run(
        self,
        names: Sequence[str],
        *,
        full: bool = False,
        most_steps: int | None = None,
    ) -> list[Report]:
        """Reads these sources to their ends, or `most_steps` of each, independent of each other's failures.

        `full` begins at the beginning.
        """
        states = await self._identity.store.sync_states()
        reports = [Report(source=name) for name in names]
        try:
            await asyncio.gather(
                *(self._source(r, _start(r.source, states, full), most_steps) for r in reports)
            )
        finally:
            await self._reading.aclose()
        return reports

    async def _source(self, report: Report, state: SyncState, most_steps: int | None) -> None:
        adapter = self._sources[report.source]
        try:
            if lists_changes(adapter.manifest):
                report.stage = await _Walk(self, adapter, report, state).to_the_end(most_steps)
            else:
                report.stage = Stage.UNLISTED
        except Stopped:
            report.stage = Stage.STOPPED
        except SourceError as error:
            report.stage, report.problem = Stage.FAILED, f"{error.summary} ({error.detail or error.code})"
        except Exception as error:  # the store's, or a fault of ours: it must not end the other sources' sync
            log.exception("a step could not be taken in", extra={"source": report.source})
            report.stage, report.problem = Stage.FAILED, f"could not be taken in ({type(error).__name__})"
        self._told(report)

    async def read(self, adapter: Adapter, cursor: str | None, report: Report) -> Changes:
        """The step after the cursor."""

        def told(seconds: float) -> None:
            report.waited += seconds
            self._paused(report, seconds)

        step = await ask(
            adapter.name, "changes", lambda call: adapter.changes(RecordKind.PROFILE, cursor, call),
            patience=self._patience, waiting=told, correlation_id=self._id, sleep=self._sleep,
        )  # fmt: skip
        report.stage, report.pause = Stage.READING, 0.0
        if not step.done and step.cursor == cursor:
            raise BadPayload(adapter.name, "changes", "its cursor does not move on")
        return step

    async def take(self, step: Changes, report: Report) -> bool:
        """Takes a step in; whether all of it was compared with everything that it may belong to."""
        source = report.source
        deleted = set(step.deleted)
        profiles = {r.id: r for r in step.records if isinstance(r, Profile) and r.id not in deleted}
        pages = list(profiles.values())
        whole = True
        async with self._turn:
            before = await waiting(self._identity.store.engine)
            for start in range(0, len(pages), self._page):
                if self.stop.is_set():
                    raise Stopped
                whole &= await self._take_page(pages[start : start + self._page], report)
                self._told(report)
            # whatever a gateway keeps of them is older than what was just read
            await self._identity.tags.drop_records((source, i) for i in {*profiles, *deleted})
            if deleted:
                await self._reading.aclose()  # it may have read them when they were there still
                await self._identity.store.lost([(source, i) for i in deleted])
            report.deleted += len(deleted)
            report.review += await waiting(self._identity.store.engine) - before
        return whole

    async def save(self, state: SyncState) -> None:
        """Everything before the state's cursor has been taken in."""
        await self._identity.store.save_sync_state(state)

    async def _take_page(self, profiles: Sequence[Profile], report: Report) -> bool:
        store = self._identity.store
        refs = [(p.source, p.id) for p in profiles]
        known = await store.by_records(refs)
        joins, open_ = await self._learn(profiles, report, iter(self._patience.pauses()))
        new = set(refs) - known.keys()
        report.records += len(profiles)
        report.new += len(new)
        report.again += len(open_)
        report.links += joins
        return not open_

    async def _learn(
        self, profiles: Sequence[Profile], report: Report, pauses: Iterator[float]
    ) -> tuple[int, frozenset[Ref]]:
        """How often people were joined, and which records could not be compared with everything. Where a source is asked
        too fast, it waits and goes on by halves.
        """
        done, hasty = await self._learn_once(profiles)
        pause = next(pauses, None) if hasty and done.open else None
        if pause is None:
            return done.joins, done.open
        report.waited += pause
        self._paused(report, pause)
        await unless_stopped(self.stop, asyncio.ensure_future(self._sleep(pause)))
        report.stage, report.pause = Stage.READING, 0.0
        middle = len(profiles) // 2
        parts = [
            await self._learn(half, report, pauses) for half in (profiles[:middle], profiles[middle:]) if half
        ]
        joins = done.joins + sum(more for more, _ in parts)
        return joins, frozenset().union(*(open_ for _, open_ in parts))

    async def _learn_once(self, profiles: Sequence[Profile]) -> tuple[Settled, bool]:
        """What the map says of them, and whether a source was asked too fast."""
        loader = await self._reading.loader(profiles)
        done = await self._identity.learn(profiles, loader)
        if loader.failures:
            await self._reading.aclose()  # what failed is asked again
        return done, any(f.code == SourceRateLimited.code for f in loader.failures)

    def _paused(self, report: Report, seconds: float) -> None:
        report.stage, report.pause = Stage.WAITING, seconds
        self._told(report)


class _Reading:
    """Reads what pages are compared with; what some pages have read or brought, the next ones need not read again."""

    def __init__(self, sources: Sources, ident: str) -> None:
        self._sources, self._id = sources, ident
        self._loader: Loader | None = None
        self._pages, self._until = 0, 0.0

    async def loader(self, page: Sequence[Profile]) -> Loader:
        """One that knows these records as they are now, and has PAGE_SECONDS left."""
        now = time.monotonic()
        if self._loader is None or self._pages >= _REMEMBERED or now > self._until:
            await self.aclose()
            self._pages, self._until = 0, now + PAGE_SECONDS
            deadline = self._until + PAGE_SECONDS
            self._loader = Loader(
                self._sources, Asker(principal="sync", deadline=deadline, correlation_id=self._id)
            )
        self._pages += 1
        for profile in page:
            self._loader.prime(profile, newer=True)
        return self._loader

    async def aclose(self) -> None:
        """Forgets what was read."""
        loader, self._loader = self._loader, None
        if loader is not None:
            await loader.aclose()


class _Walk:
    """One source's way from a cursor to what is the end now."""

    def __init__(self, sync: Sync, adapter: Adapter, report: Report, state: SyncState) -> None:
        self._sync, self._adapter, self._report, self._state = sync, adapter, report, state

    async def to_the_end(self, most_steps: int | None) -> Stage:
        """Returns how it ended. Raises Stopped, SourceError, and what taking in raises."""
        steps = 0
        reading = self._ahead(self._state.cursor)
        try:
            while True:
                step = await unless_stopped(self._sync.stop, reading)
                steps += 1
                last = step.done or steps == most_steps
                if not last:
                    reading = self._ahead(step.cursor)
                await self._took(step)
                if last:
                    return Stage.DONE if step.done else Stage.MORE
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _took(self, step: Changes) -> None:
        whole = await self._sync.take(step, self._report)
        if not whole or self._report.again:
            return  # the cursor stays before the first page that has to be read again
        self._state = msgspec.structs.replace(
            self._state,
            cursor=step.cursor,
            records=self._state.records + len(step.records),
            complete=self._state.complete or step.done,
            at=datetime.now(UTC),
        )
        await self._sync.save(self._state)

    def _ahead(self, cursor: str | None) -> asyncio.Task[Changes]:
        return asyncio.ensure_future(self._read(cursor))

    async def _read(self, cursor: str | None) -> Changes:
        try:
            return await self._sync.read(self._adapter, cursor, self._report)
        except SourceRejected:
            self._report.expired = cursor is not None
            raise


def lists_changes(manifest: Manifest) -> bool:
    """Whether a source of this kind lists changed profiles; mailboxes, for one, have no profiles."""
    support = manifest.kinds.get(RecordKind.PROFILE)
    return support is not None and support.changes


def _start(source: str, states: Mapping[str, SyncState], full: bool) -> SyncState:
    known = states.get(source)
    if known is None:
        return SyncState(source=source, cursor=None, records=0, complete=False, at=datetime.now(UTC))
    return msgspec.structs.replace(known, cursor=None, records=0) if full else known
