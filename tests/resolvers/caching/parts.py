"""What the tests of the source cache share: a clock that is moved by hand, a source that counts, and a cache on both."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.base import Call, Found, KeyType, MatchKey, SourceKind
from adapters.records import EmailAddress, Money, Order, OrderStatus, Profile
from resolvers.caching.life import Life, Lives
from resolvers.caching.local import Store
from resolvers.caching.shared import Shared
from resolvers.caching.sourcing import Sourcing
from resolvers.caching.tags import Tags
from resolvers.sources import Sources
from tests.resolvers.memory import MemorySource

LIFE = Life(soft=10.0, hard=100.0, negative=5.0)
NO_PARTS: frozenset[str] = frozenset()


class Clock:
    """Seconds since 1970, when a test says so."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Told:
    """Counts in a dictionary."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()

    def cached(self, source: str, kind: str, outcome: str, items: int) -> None:
        self.of[outcome] += items


def call(seconds: float = 30.0, correlation_id: str = "-") -> Call:
    return Call(deadline=time.monotonic() + seconds, correlation_id=correlation_id)


def profile(ident: str, name: str = "Ada") -> Profile:
    emails = (EmailAddress(value=f"{ident}@example.org"),)
    return Profile(source="crm", id=ident, full_name=name, emails=emails)


def key(ident: str) -> MatchKey:
    return MatchKey(KeyType.EMAIL, f"{ident}@example.org")


def order(owner: str, n: int) -> Order:
    when = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)
    money = Money(amount=Decimal("12.50"), currency="EUR")
    return Order(
        source="crm",
        id=f"{owner}-{n}",
        at=when,
        owner=owner,
        number=str(n),
        status=OrderStatus.OPEN,
        total=money,
    )


class Slow(MemorySource):
    """Knows its answer when it is asked, and gives it when its gate opens, or `delay` seconds later."""

    delay = 0.0

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        answer = {p.id: p for p in self._profiles() if p.id in ids}
        await self._called("read", len(ids))
        await asyncio.sleep(self.delay)
        return answer

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        answer = {key: self._found(key) for key in keys}
        await self._called("find", len(keys))
        return answer


class Bench:
    """A source cache with everything that a test wants to move."""

    def __init__(
        self,
        *ids: str,
        life: Life = LIFE,
        shared: Shared | None = None,
        clock: Clock | None = None,
        max_entries: int = 1000,
        max_bytes: int = 10_000_000,
        refreshes: int = 8,
    ) -> None:
        self.clock, self.told, self.tags = clock or Clock(), Told(), Tags()
        self.source = Slow("crm", SourceKind.CRM, [profile(i) for i in ids])
        kinds = ("find", "profile", "order", "message")
        self.store = Store(max_entries=max_entries, max_bytes=max_bytes, clock=self.clock)
        self.sourcing = Sourcing(
            Sources([self.source]),
            Lives(defaults=dict.fromkeys(kinds, life)),
            self.store,
            self.tags,
            shared=shared,
            counts=self.told,
            clock=self.clock,
            refreshes=refreshes,
        )

    @property
    def calls(self) -> int:
        return len(self.source.calls)

    def rename(self, ident: str, name: str) -> None:
        self.source.records = [profile(ident, name) if r.id == ident else r for r in self.source.records]

    async def names(self, *ids: str, max_staleness: float | None = None) -> dict[str, str | None]:
        """The names of these people now."""
        fetched = await self.sourcing.read("crm", ids, NO_PARTS, call(), max_staleness)
        return {i: p.full_name for i, p in fetched.values.items()}

    def asking(self, *ids: str) -> asyncio.Task[dict[str, str | None]]:
        return asyncio.ensure_future(self.names(*ids))


async def turns(n: int = 10) -> None:
    """Lets everything that can go on go on."""
    for _ in range(n):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds; nothing of ours says when another process or a server has got so far."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
