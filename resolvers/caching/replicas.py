"""Fetching as one of several replicas: what another one has fetched is read, what it is fetching is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from resolvers.caching.asks import Ident
from resolvers.caching.counting import Counts, NoCounts
from resolvers.caching.flights import ALWAYS, Flight
from resolvers.caching.life import FIND
from resolvers.caching.local import Entry
from resolvers.caching.tags import scope

if TYPE_CHECKING:
    from resolvers.caching.shared import Shared  # needs optional packages

FIRST_LOOK, MOST_BETWEEN = 0.005, 0.1
"""Seconds between two looks at what another replica is fetching: short at first, then longer."""
LEASE_MORE = 1.0
"""Seconds that a lease outlives the deadline of its call, for writing the answer down."""
LEASE_MOST = 60.0

Called = Callable[[Flight, Mapping[Ident, Any]], Awaitable[Mapping[Ident, Entry]]]
"""Asks the source about some of a flight's items, and keeps the answer in this process."""

Keep = Callable[[Flight, Mapping[Ident, Entry]], None]


class Replicas:
    """The way of a flight through the shared layer."""

    def __init__(self, shared: Shared, keep: Keep, counts: Counts | None = None) -> None:
        """`keep` puts what was found into the layer of this process."""
        self._shared, self._keep, self._counts = shared, keep, counts or NoCounts()

    async def fetched(self, flight: Flight, called: Called) -> Mapping[Ident, Entry]:
        """Entries for all of a flight's items; in the background only for those that nobody else is renewing."""
        asked_for = flight.items if flight.oldest != ALWAYS else ()
        found, flight.mark = await self._look(flight, asked_for)
        if flight.oldest == ALWAYS:
            return await self._called(flight, flight.items, called)
        missing = {ident: item for ident, item in flight.items.items() if ident not in found}
        if missing:
            found.update(await self._leased(flight, missing, called))
        return found

    async def publish(self, flight: Flight, entries: Mapping[Ident, Entry]) -> None:
        """Writes down what this flight has fetched, and ends its leases."""
        own = {ident: entries[ident] for ident in flight.fetched if ident in entries}
        if own:
            await self._shared.put(own, _scope(flight), flight.mark)
        await self.released(flight)

    async def released(self, flight: Flight) -> None:
        """Nobody need wait for this flight any longer."""
        leases, flight.leases = flight.leases, set()
        await self._shared.release(leases)

    async def _leased(
        self, flight: Flight, missing: Mapping[Ident, Any], called: Called
    ) -> dict[Ident, Entry]:
        left = max(0.0, flight.call.deadline - time.monotonic())
        mine, others = await self._shared.lease(missing, min(left + LEASE_MORE, LEASE_MOST))
        flight.leases |= mine
        # whoever had a lease until just now has written the answer before ending it
        found = (await self._look(flight, mine))[0] if mine else {}
        wanted = {ident: missing[ident] for ident in mine if ident not in found}
        if wanted:
            found.update(await self._called(flight, wanted, called))
        if others and not flight.background:
            found.update(await self._waited(flight, {ident: missing[ident] for ident in others}, called))
        return found

    async def _waited(self, flight: Flight, items: Mapping[Ident, Any], called: Called) -> dict[Ident, Entry]:
        """What others are fetching, or half of our time later, or when they give up, fetched by ourselves."""
        found: dict[Ident, Entry] = {}
        now = time.monotonic()
        until, pause = now + max(0.0, flight.call.deadline - now) / 2, FIRST_LOOK
        waiting = set(items)
        while waiting and time.monotonic() < until:
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_BETWEEN)
            leased = await self._shared.leased(waiting)  # first: an answer is written before its lease ends
            found.update((await self._look(flight, waiting))[0])
            waiting = (waiting - found.keys()) & leased
        if found:
            self._counts.cached(flight.ask.source, flight.ask.kind, "coalesced", len(found))
        rest = {ident: item for ident, item in items.items() if ident not in found}
        return {**found, **(await self._called(flight, rest, called) if rest else {})}

    async def _called(
        self, flight: Flight, items: Mapping[Ident, Any], called: Called
    ) -> Mapping[Ident, Entry]:
        flight.fetched |= items.keys()
        return await called(flight, items)

    async def _look(
        self, flight: Flight, idents: Collection[Ident]
    ) -> tuple[dict[Ident, Entry], bytes | None]:
        """Those entries in Redis that are an answer to the flight's question, and the mark of its scope."""
        ask = flight.ask
        tags = {ident: ask.tags(flight.items[ident], None) for ident in idents}
        entries, mark = await self._shared.get(ask.source, ask.kind, idents, tags, _scope(flight))
        found = {i: e for i, e in entries.items() if e.at >= flight.oldest and ask.served_by(e)}
        if found:
            self._keep(flight, found)
            self._counts.cached(ask.source, ask.kind, "shared", len(found))
        return found, mark


def _scope(flight: Flight) -> str:
    """What a drop must be in to concern the flight."""
    if flight.ask.kind == FIND:
        return f"record:{flight.ask.source}"
    item = next(iter(flight.items.values()))
    return scope(flight.ask.tags(item, None)[0])
