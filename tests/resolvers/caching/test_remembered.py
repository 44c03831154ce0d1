"""Customers are remembered for longer where nobody has written anything, and never beyond what somebody wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest_asyncio

from gateway.migrations import upgrade
from resolvers.caching.customers import TRUSTED, Customers
from resolvers.identity.members import StoredCustomer
from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import BY, links, seen

TTL = 30.0


class Clock:
    now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """A gateway's view of a map that another process may write to."""

    def __init__(self, store: IdentityStore, clock: Clock) -> None:
        self.store, self.reads = store, 0
        self.customers = Customers(ttl=TTL, max_entries=100, clock=clock)

    async def ask(self, *ids: str) -> Mapping[str, StoredCustomer]:
        return await self.customers.get(ids, self._read, self.store.version)

    async def _read(self, ids: Sequence[str]) -> Mapping[str, StoredCustomer]:
        self.reads += 1
        return await self.store.customers(ids)


@pytest_asyncio.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[IdentityStore, IdentityStore]]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'map.sqlite'}"
    one, other = IdentityStore(url), IdentityStore(url)
    await upgrade(one.engine)
    yield one, other
    await one.aclose()
    await other.aclose()


async def test_what_nobody_changed_is_not_read_again(stores: tuple[IdentityStore, IdentityStore]) -> None:
    ours, theirs = stores
    x, y = await seen(theirs, 1, 2)
    clock = Clock()
    gateway = Counting(ours, clock)
    await gateway.ask(x, y)
    clock.now += TTL + 1
    await gateway.ask(x, y)
    assert gateway.reads == 2, "from here on it is known when the map last changed"
    for _ in range(5):
        clock.now += TTL + 1
        await gateway.ask(x, y)
    assert gateway.reads == 2
    clock.now += TRUSTED
    await gateway.ask(x, y)
    assert gateway.reads == 3, "nothing is believed for ever"


async def test_what_another_process_wrote_is_seen_as_soon_as_without(
    stores: tuple[IdentityStore, IdentityStore],
) -> None:
    ours, theirs = stores
    x, y = await seen(theirs, 1, 2)
    clock = Clock()
    gateway = Counting(ours, clock)
    for _ in range(4):
        await gateway.ask(x, y)
        clock.now += TTL + 1
    done = await theirs.decisions.merge([x, y], **BY)
    clock.now += TTL + 1
    merged = await gateway.ask(x, y)
    assert {c.id for c in merged.values()} == {x}
    assert done.event is not None
    await theirs.decisions.undo(done.event.id, **BY)
    clock.now += TTL + 1
    apart = await gateway.ask(x, y)
    assert [apart[i].id for i in (x, y)] == [x, y]
    await theirs.remember(links((2, 3)))
    clock.now += TTL + 1
    assert len((await gateway.ask(y))[y].members) == 2


async def test_a_commit_between_two_looks_makes_another_version(
    stores: tuple[IdentityStore, IdentityStore],
) -> None:
    ours, theirs = stores
    before = ours.version()
    assert ours.version() == before
    await seen(theirs, 1)
    after = ours.version()
    assert after != before
    await seen(ours, 2)
    assert ours.version() != after, "its own writes are another connection's"
