"""The source cache itself: answers from what is kept, fetches what is not, and lets everybody who asks the same wait together."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from adapters.base import Call, Found, MatchKey, Owner, Page, Window
from adapters.errors import SourceError, SourceTimeout
from adapters.records import Profile, RecordKind
from resolvers.caching.asks import Ask, FindAsk, Ident, ReadAsk, larger, page_ask
from resolvers.caching.counting import Counts, NoCounts
from resolvers.caching.fetched import Fetched
from resolvers.caching.flights import ALWAYS, Flight, copied
from resolvers.caching.life import FIND, Life, Lives
from resolvers.caching.local import Entry, Store
from resolvers.caching.replicas import Replicas
from resolvers.caching.tags import Tags, scope
from resolvers.sources import Sources

if TYPE_CHECKING:
    from resolvers.caching.shared import Shared  # needs optional packages

log = logging.getLogger(__name__)

REFRESHES = 32
"""Renewals in the background at once; beyond it what is stale stays so for a little longer."""
REFRESH_SECONDS = 10.0
"""The deadline of one of them."""
RETRY_AFTER = 5.0
"""Seconds after a renewal that failed until the next one is tried, or more where the source asks for more, up to RETRY_MOST."""
RETRY_MOST = 60.0


class Sourcing:
    """The one way to all sources, for all requests of a process.

    Records are fetched with the gateway's own credentials and are the same for every asker, so entries are shared between
    askers; whatever depends on the asker is applied after. It raises what adapters raise. `max_staleness`, in seconds, narrows
    what may be answered from what is kept: 0 asks the source now.
    """

    def __init__(
        self,
        sources: Sources,
        lives: Lives,
        store: Store,
        tags: Tags,
        *,
        shared: Shared | None = None,
        counts: Counts | None = None,
        clock: Callable[[], float] = time.time,
        refreshes: int = REFRESHES,
    ) -> None:
        self._sources, self._lives, self._store, self._tags = sources, lives, store, tags
        self._counts, self._clock = counts or NoCounts(), clock
        self._replicas = Replicas(shared, self._keep, self._counts) if shared is not None else None
        self._refreshes = refreshes
        self._refreshing: set[Flight] = set()
        self._flying: dict[Ident, Flight] = {}
        self._tasks: dict[asyncio.Task[None], Flight] = {}
        tags.subscribe(self._dropped)

    async def find(
        self, source: str, keys: Sequence[MatchKey], call: Call, max_staleness: float | None = None
    ) -> Fetched[MatchKey, Found]:
        """See `Adapter.find`."""
        return await self._get(FindAsk(source=source, kind=FIND), keys, call, max_staleness)

    async def read(
        self,
        source: str,
        ids: Sequence[str],
        parts: frozenset[str],
        call: Call,
        max_staleness: float | None = None,
    ) -> Fetched[str, Profile]:
        """See `Adapter.read`."""
        return await self._get(ReadAsk(source=source, kind="profile", parts=parts), ids, call, max_staleness)

    async def page(
        self,
        source: str,
        kind: RecordKind,
        owners: Sequence[Owner],
        window: Window,
        parts: frozenset[str],
        call: Call,
        max_staleness: float | None = None,
    ) -> Fetched[str, Page]:
        """See `Adapter.page`."""
        ask = page_ask(self._sources[source], kind, window, parts)
        return await self._get(ask, owners, call, max_staleness)

    def fresh_life(self, source: str, kind: str) -> float:
        """Seconds for which an answer of this kind is fresh."""
        return self._lives.of(source, kind).soft

    async def settled(self) -> None:
        """Returns when nothing is being fetched, written or renewed."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def aclose(self) -> None:
        """Ends what is under way, and forgets everything."""
        for task, flight in list(self._tasks.items()):
            if not flight.over:  # one that is over is writing its answer down, which is bounded
                task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._store.close()

    async def _get(
        self, ask: Ask, items: Iterable[Any], call: Call, max_staleness: float | None
    ) -> Fetched[Any, Any]:
        life = self._lives.of(ask.source, ask.kind)
        now = self._clock()
        if not life.hard:
            return await self._uncached(ask, items, call, now)
        oldest = _oldest(now, life, max_staleness)
        get, ident_of = self._store.get, ask.ident
        held: dict[Ident, tuple[Any, Entry]] = {}
        missing: dict[Ident, Any] = {}
        spare: dict[Ident, tuple[Any, Entry]] = {}
        for item in items:
            ident = ident_of(item)
            entry = get(ident)
            if entry is None or now >= entry.until or not ask.served_by(entry):
                missing[ident] = item
            elif entry.at >= oldest:
                held[ident] = (item, entry)
            elif max_staleness is not None and entry.at < now - max_staleness:
                missing[ident] = item
            elif entry.retry_at > now:
                held[ident] = (item, entry)  # the source has just failed
            else:
                missing[ident] = item
                spare[ident] = (item, entry)
        hits = len(held)
        if missing:
            try:
                fetched = await self._missing(ask, missing, call, oldest)
            except SourceError as error:
                if len(spare) < len(missing):
                    raise
                self._failed(spare, error)
                held, hits = held | spare, hits + len(spare)
            else:
                held.update((i, (item, fetched[i])) for i, item in missing.items())
        return self._answer(ask, held, hits, now, life)

    def _failed(self, spare: Mapping[Ident, tuple[Any, Entry]], error: SourceError) -> None:
        """What is kept is served instead, with the reason, and the source is left in peace for a while."""
        wait = min(max(RETRY_AFTER, error.retry_after or 0.0), RETRY_MOST)
        for _, entry in spare.values():
            entry.failure, entry.retry_at = copied(error), self._clock() + wait

    def _answer(
        self, ask: Ask, held: Mapping[Ident, tuple[Any, Entry]], hits: int, now: float, life: Life
    ) -> Fetched[Any, Any]:
        values: dict[Any, Any] = {}
        fresh_since, oldest = now - life.soft, math.inf
        stale: dict[Ident, tuple[Any, Entry]] = {}
        failure: SourceError | None = None
        negative = 0
        for ident, pair in held.items():
            item, entry = pair
            if entry.at < oldest:
                oldest = entry.at
            if entry.at < fresh_since:
                stale[ident] = pair
                failure = failure or entry.failure
            negative += entry.negative
            if entry.value is not None:
                values[ask.name(item)] = ask.cut(entry.value)
        if hits:
            self._count_hits(ask, hits, len(stale), negative)
        if stale:
            self._renew(ask, stale, now)
        at = datetime.fromtimestamp(oldest if held else now, UTC)
        return Fetched(values=values, at=at, stale=bool(stale), failure=copied(failure) if failure else None)

    def _count_hits(self, ask: Ask, hits: int, stale: int, negative: int) -> None:
        """Of what was answered, only what was kept is a hit; a batch that was half fetched is counted as nearly as need be."""
        stale, negative = min(stale, hits), min(negative, hits - min(stale, hits))
        counted = self._counts.cached
        if stale:
            counted(ask.source, ask.kind, "stale", stale)
        if negative:
            counted(ask.source, ask.kind, "negative", negative)
        if hits > stale + negative:
            counted(ask.source, ask.kind, "hit", hits - stale - negative)

    async def _uncached(self, ask: Ask, items: Iterable[Any], call: Call, now: float) -> Fetched[Any, Any]:
        values = await ask.fetch(self._sources[ask.source], list(items), call)
        return Fetched(values=values, at=datetime.fromtimestamp(now, UTC))

    async def _missing(
        self, ask: Ask, missing: Mapping[Ident, Any], call: Call, oldest: float
    ) -> Mapping[Ident, Entry]:
        """Fetches, in one call, what is not being fetched already, and waits for all."""
        flights: dict[Flight, list[Ident]] = {}
        own: dict[Ident, Any] = {}
        for ident, item in missing.items():
            flight = self._flying.get(ident)
            if flight is not None and flight.serves(ask, oldest):
                flights.setdefault(flight, []).append(ident)
            else:
                own[ident] = item
        if not flights:
            return await self._alone(ask, own, call, oldest)
        self._counts.cached(ask.source, ask.kind, "coalesced", len(missing) - len(own))
        if own:
            flights[self._start(ask, own, call, oldest)] = list(own)
        places = {flight: flight.join() for flight in flights}
        entries: dict[Ident, Entry] = {}
        late: dict[Ident, Any] = {}
        try:
            for flight, idents in flights.items():
                try:
                    fetched = await flight.wait(places[flight], call)
                    entries.update((ident, fetched[ident]) for ident in idents)
                except SourceTimeout:
                    if flight.call is call or time.monotonic() >= call.deadline:
                        raise
                    late.update((ident, missing[ident]) for ident in idents)  # it had less time than we have
        finally:
            for flight, place in places.items():
                self._leave(flight, place)
        if late:
            entries.update(await self._alone(ask, late, call, oldest))
        return entries

    async def _alone(
        self, ask: Ask, items: Mapping[Ident, Any], call: Call, oldest: float
    ) -> Mapping[Ident, Entry]:
        flight = self._start(ask, items, call, oldest)
        place = flight.join()
        try:
            return await flight.wait(place, call)
        finally:
            self._leave(flight, place)

    def _leave(self, flight: Flight, place: asyncio.Future[bool]) -> None:
        if flight.leave(place):
            self._unlist(flight)

    def _start(
        self, ask: Ask, items: Mapping[Ident, Any], call: Call, oldest: float, *, background: bool = False
    ) -> Flight:
        flight = Flight(
            ask, items, call, self._tags.watch(), at=self._clock(), oldest=oldest, background=background
        )
        for ident in items:
            self._flying[ident] = flight
        # what is renewed for everybody runs in nobody's context
        context = contextvars.Context() if background else None
        task = flight.task = asyncio.get_running_loop().create_task(self._fly(flight), context=context)
        self._tasks[task] = flight
        task.add_done_callback(self._ended)
        return flight

    async def _fly(self, flight: Flight) -> None:
        entries: Mapping[Ident, Entry] = {}
        error: BaseException | None = None
        try:
            entries = await self._fetched(flight)
        except Exception as raised:  # whatever it is, it is the waiters' to handle
            error = raised.with_traceback(None)
            self._counts.cached(flight.ask.source, flight.ask.kind, "error", len(flight.items))
        except asyncio.CancelledError:
            if self._replicas is not None:
                await self._replicas.released(flight)
            raise
        self._unlist(flight)
        flight.land(entries, error)
        if self._replicas is not None:  # after those who waited have gone on
            await self._replicas.publish(flight, self._kept(flight, entries))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Also of one that was cancelled before it began."""
        flight = self._tasks.pop(task)
        self._unlist(flight)
        self._tags.unwatch(flight.watch)
        for place in flight.waiters:
            place.cancel()  # the process ends: nobody else cancels what somebody waits for
        flight.over = True

    async def _fetched(self, flight: Flight) -> Mapping[Ident, Entry]:
        if self._replicas is None:
            return await self._called(flight, flight.items)
        return await self._replicas.fetched(flight, self._called)

    async def _called(self, flight: Flight, items: Mapping[Ident, Any]) -> Mapping[Ident, Entry]:
        """Asks the adapter about all of these at once, and keeps what it says."""
        ask = flight.ask
        at = self._clock()
        values = await ask.fetch(self._sources[ask.source], list(items.values()), flight.call)
        self._counts.cached(ask.source, ask.kind, "miss", len(items))
        life = self._lives.of(ask.source, ask.kind)
        entries: dict[Ident, Entry] = {}
        for ident, item in items.items():
            value = values.get(ask.name(item))
            negative = ask.is_negative(value)
            entries[ident] = Entry(
                value=value,
                at=at,
                until=at + (min(life.negative, life.soft) if negative else life.hard),
                tags=ask.tags(item, value),
                parts=ask.parts,
                limit=ask.limit,
                size=ask.size(value),
                negative=negative,
            )
        self._keep(flight, entries)
        return entries

    def _keep(self, flight: Flight, entries: Mapping[Ident, Entry]) -> None:
        """Puts what was fetched into the layer of this process, without what was dropped in the meantime."""
        kept = self._kept(flight, entries)
        for ident, entry in kept.items():
            held = self._store.get(ident)
            if held is None or held.at <= entry.at:  # a slow fetch may end after one that began later
                self._store.put(ident, entry)
        if len(kept) < len(entries):
            self._counts.cached(flight.ask.source, flight.ask.kind, "dropped", len(entries) - len(kept))

    def _kept(self, flight: Flight, entries: Mapping[Ident, Entry]) -> Mapping[Ident, Entry]:
        watch = flight.watch
        if not watch.noted:
            return entries
        if flight.ask.kind == FIND and watch.saw_any_of(_records_of(flight.ask.source)):
            return {}  # which records it was made of could not be said when they were dropped
        return {ident: entry for ident, entry in entries.items() if not watch.saw(entry.tags)}

    def _unlist(self, flight: Flight) -> None:
        """Nobody can join it any more."""
        for ident in flight.items:
            if self._flying.get(ident) is flight:
                del self._flying[ident]

    def _dropped(self, tags: frozenset[str] | None) -> None:
        if tags is None:
            self._store.clear()
            self._flying.clear()
            return
        self._store.drop(tags)
        scopes = set(map(scope, tags))
        for ident, flight in list(self._flying.items()):
            if flight.ask.kind == FIND:
                gone = _records_of(flight.ask.source) in scopes
            else:
                gone = not tags.isdisjoint(flight.ask.tags(flight.items[ident], None))
            if gone:
                del self._flying[ident]

    def _renew(self, ask: Ask, stale: Mapping[Ident, tuple[Any, Entry]], now: float) -> None:
        """Fetches what is stale anew, in one call, while it is being served."""
        due = {i: pair for i, pair in stale.items() if i not in self._flying and pair[1].retry_at <= now}
        if not due:
            return
        if len(self._refreshing) >= self._refreshes:
            self._counts.cached(ask.source, ask.kind, "unrenewed", len(due))
            return
        parts, limit = larger([ask], [entry for _, entry in due.values()])
        call = Call(deadline=time.monotonic() + REFRESH_SECONDS, correlation_id="cache")
        flight = self._start(
            msgspec.structs.replace(ask, parts=parts, limit=limit),
            {ident: item for ident, (item, _) in due.items()},
            call,
            now - self._lives.of(ask.source, ask.kind).soft,
            background=True,
        )
        self._refreshing.add(flight)
        assert flight.task is not None
        timer = asyncio.get_running_loop().call_later(REFRESH_SECONDS, flight.task.cancel)

        def ended(task: asyncio.Task[None]) -> None:
            timer.cancel()
            self._refreshing.discard(flight)
            if task.cancelled() or flight.error is not None:
                self._not_renewed(flight)

        flight.task.add_done_callback(ended)

    def _not_renewed(self, flight: Flight) -> None:
        """What could not be renewed is served on, with the reason, and left in peace for a while."""
        error = flight.error
        if not isinstance(error, SourceError):
            if error is not None:  # an adapter raised what it must not
                log.error(
                    "a renewal failed", extra={"source": flight.ask.source, "error": type(error).__name__}
                )
            error = SourceTimeout(flight.ask.source, flight.ask.kind, "a renewal in the background")
        wait = min(max(RETRY_AFTER, error.retry_after or 0.0), RETRY_MOST)
        for ident in flight.items:
            entry = self._store.get(ident)
            if entry is not None and entry.at < flight.at:
                entry.failure, entry.retry_at = error, self._clock() + wait


def _oldest(now: float, life: Life, max_staleness: float | None) -> float:
    """When what may be answered must have been asked for, at the earliest."""
    if max_staleness is None:
        return now - life.served
    return now - min(max_staleness, life.served) if max_staleness > 0 else ALWAYS


def _records_of(source: str) -> str:
    return f"record:{source}"
