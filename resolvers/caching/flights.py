"""A fetch that several requests may wait for. It belongs to the cache: it ends early only when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, TypeVar

from adapters.base import Call
from adapters.errors import SourceError, SourceTimeout
from resolvers.caching.asks import Ask, Ident
from resolvers.caching.local import Entry
from resolvers.caching.tags import Watch

E = TypeVar("E", bound=BaseException)

ALWAYS = float("inf")
"""As `Flight.oldest`: nothing that is kept is good enough."""


class Flight:
    """A question about some items that is being asked. `at` is when it began, in seconds since 1970; entries older than `oldest`
    are no answer to it. One in the `background` renews what is stale, whether anybody waits or not. Of what replicas share,
    `fetched` are the items that it has asked the source for itself, `leases` those that others wait for, `mark` is from before.
    """

    __slots__ = (
        "ask", "at", "background", "call", "entries", "error", "fetched", "items", "leases", "mark", "oldest", "over", "task",
        "waiters", "watch",
    )  # fmt: skip

    def __init__(
        self, ask: Ask, items: Mapping[Ident, Any], call: Call, watch: Watch, *, at: float, oldest: float, background: bool
    ) -> None:  # fmt: skip
        self.ask, self.items, self.call, self.watch = ask, items, call, watch
        self.at, self.oldest, self.background = at, oldest, background
        self.waiters: set[asyncio.Future[bool]] = set()
        self.entries: Mapping[Ident, Entry] = {}
        self.error: BaseException | None = None
        self.over = False
        self.fetched: set[Ident] = set()
        self.leases: set[Ident] = set()
        self.mark: bytes | None = None
        self.task: asyncio.Task[None] | None = None

    def serves(self, ask: Ask, oldest: float) -> bool:
        """Whether its answer will do for this question too."""
        return ask.parts <= self.ask.parts and ask.limit <= self.ask.limit and self.at >= oldest

    def join(self) -> asyncio.Future[bool]:
        """A place in the queue; it is given up with `leave`."""
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self.over:
            place.set_result(True)
        else:
            self.waiters.add(place)
        return place

    def leave(self, place: asyncio.Future[bool]) -> bool:
        """Gives a place up. True when the flight ends with it."""
        self.waiters.discard(place)
        if self.waiters or self.background or self.over or self.task is None:
            return False
        self.task.cancel()
        return True

    def land(self, entries: Mapping[Ident, Entry], error: BaseException | None) -> None:
        """It is over: everybody who waits goes on."""
        self.entries, self.error, self.over = entries, error, True
        for place in self.waiters:
            if not place.done():
                place.set_result(True)
        self.waiters.clear()

    async def wait(self, place: asyncio.Future[bool], call: Call) -> Mapping[Ident, Entry]:
        """What came back, at the latest at this call's deadline (which the fetch itself keeps for its own call). Raises what the
        fetch raised, as a copy of its own.
        """
        if call is self.call:
            await place
        elif not place.done():
            left = max(0.0, call.deadline - time.monotonic())
            timer = asyncio.get_running_loop().call_later(left, _too_late, place)
            try:
                await place
            finally:
                timer.cancel()
        if not place.result():
            raise SourceTimeout(self.ask.source, self.ask.kind, "the request's deadline")
        if self.error is not None:
            raise copied(self.error)
        return self.entries


def _too_late(place: asyncio.Future[bool]) -> None:
    if not place.done():
        place.set_result(False)


def copied(error: E) -> E:
    """An equal source error: one that is raised at several places would collect all their stacks."""
    if not isinstance(error, SourceError):
        return error
    twin = type(error).__new__(type(error), *error.args)
    twin.__dict__.update(error.__dict__)
    return twin
