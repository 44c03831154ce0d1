"""What replicas share on a real Redis: entries nobody else can read, drops that reach all, and Redis going away."""

from __future__ import annotations

import asyncio

import pytest

from adapters.base import Owner, Window
from adapters.errors import SourceUnavailable
from adapters.records import RecordKind
from resolvers.caching import forms, sealing
from resolvers.caching.bus import PREFIX
from resolvers.caching.customers import Customers
from resolvers.caching.life import DEFAULTS
from resolvers.identity.members import StoredCustomer
from tests.resolvers.caching.parts import NO_PARTS, call, key, order, profile, turns, until
from tests.resolvers.caching.redis_parts import Replica, Wire, a_secret, replicas

pytestmark = pytest.mark.usefixtures("redis_url")


async def entries(replica: Replica, *idents: tuple[object, ...]) -> list[str]:
    """The keys in Redis of these items."""
    return [PREFIX + replica.shared._name(ident) for ident in idents]


async def test_what_one_has_fetched_another_need_not(redis_url: str) -> None:
    async with replicas(redis_url, "1") as (a, b):
        a.source.records += [order("1", n) for n in range(5)]
        window = Window(limit=3)
        one = await a.sourcing.read("crm", ["1", "none"], NO_PARTS, call())
        found = await a.sourcing.find("crm", [key("1")], call())
        pages = await a.sourcing.page("crm", RecordKind.ORDER, [Owner(ref="1")], window, NO_PARTS, call())
        await a.settled()
        assert await b.sourcing.read("crm", ["1", "none"], NO_PARTS, call()) == one
        assert await b.sourcing.find("crm", [key("1")], call()) == found
        again = await b.sourcing.page("crm", RecordKind.ORDER, [Owner(ref="1")], window, NO_PARTS, call())
        assert again == pages
        assert (a.calls, b.calls) == (3, 0)
        assert b.told.of["shared"] == 4


async def test_nothing_in_redis_can_be_read_without_the_secret(redis_url: str) -> None:
    async with replicas(redis_url, "person-17", count=1) as (a,):
        client = a.shared.client
        known = {k async for k in client.scan_iter(f"{PREFIX}*")}
        await a.names("person-17")
        await a.sourcing.find("crm", [key("person-17")], call())
        await a.settled()
        new = [k async for k in client.scan_iter(f"{PREFIX}*") if k not in known]
        assert len(new) >= 3  # two entries and the generation of their tag
        for name in new:
            held = name + (await client.get(name) or b"")
            assert all(word not in held for word in (b"person-17", b"Ada", b"example.org", b"crm"))
            assert await client.ttl(name) > 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:10],
        lambda raw: b"",
        lambda raw: bytes([sealing.VERSION + 1]) + raw[1:],
        lambda raw: raw[:1] + b"\0" * 8 + raw[9:],  # the shape of another deploy
        lambda raw: raw[:40] + bytes([raw[40] ^ 1]) + raw[41:],
    ],
    ids=["truncated", "head only", "empty", "newer version", "older shape", "flipped bit"],
)
async def test_what_cannot_be_read_is_a_miss_that_is_counted(redis_url: str, damage: object) -> None:
    async with replicas(redis_url, "1") as (a, b):
        await a.names("1")
        await a.settled()
        (name,) = await entries(a, ("crm", "profile", "1"))
        raw = await a.shared.client.get(name)
        await a.shared.client.set(name, damage(raw), ex=60)  # type: ignore[operator]
        assert await b.names("1") == {"1": "Ada"}
        assert (b.calls, b.told.of["unreadable"] >= 1) == (1, True)


async def test_an_entry_of_somebody_else_under_this_name_is_not_opened(redis_url: str) -> None:
    async with replicas(redis_url, "1", "2") as (a, b):
        await a.names("1", "2")
        await a.settled()
        one, two = await entries(a, ("crm", "profile", "1"), ("crm", "profile", "2"))
        await a.shared.client.copy(two, one, replace=True)
        fetched = await b.sourcing.read("crm", ["1"], NO_PARTS, call())
        assert fetched.values == {"1": profile("1")}
        assert b.told.of["unreadable"] >= 1


async def test_an_old_key_reads_nothing(redis_url: str) -> None:
    async with replicas(redis_url, "1", count=1) as (a,), replicas(redis_url, "1", count=1) as (b,):
        await a.names("1")
        await a.settled()
        (theirs,), (ours) = (
            await entries(a, ("crm", "profile", "1")),
            await entries(b, ("crm", "profile", "1")),
        )
        await a.shared.client.copy(theirs, ours[0], replace=True)
        assert await b.names("1") == {"1": "Ada"}
        assert (b.calls, b.told.of["unreadable"] >= 1) == (1, True)


async def test_a_drop_reaches_every_replica(redis_url: str) -> None:
    async with replicas(redis_url, "1", "2", count=3) as (a, b, c):
        for each in (b, c):
            await each.listening()
            await each.names("1", "2")
            await each.settled()
            each.rename("1", "Grace")
        assert await a.tags.drop_records([("crm", "1")])
        await until(
            lambda: not (b.store.get(("crm", "profile", "1")) or c.store.get(("crm", "profile", "1")))
        )
        assert await b.names("1", "2") == await c.names("1", "2") == {"1": "Grace", "2": "Ada"}
        assert b.source.asked("read") + c.source.asked("read") == 3  # 1 and 2 once, then 1 once for both


async def test_what_was_fetched_before_a_drop_elsewhere_is_not_shared_after_it(redis_url: str) -> None:
    async with replicas(redis_url, "1", count=2) as (a, b):
        a.source.gate = asyncio.Event()  # a does not listen: it has not heard of the drop when it writes
        before = a.asking("1")
        await until(lambda: a.source.under_way > 0)
        await b.tags.drop_records([("crm", "1")])
        a.source.gate.set()
        assert await before == {"1": "Ada"}
        await a.settled()
        b.rename("1", "Grace")
        assert await b.names("1") == {"1": "Grace"}


async def test_an_evicted_generation_brings_nothing_back(redis_url: str) -> None:
    async with replicas(redis_url, "1", count=2) as (a, b):
        await a.names("1")
        await a.settled()
        await a.shared.client.delete(PREFIX + a.shared._generation("record:crm:1"))
        b.rename("1", "Grace")
        assert await b.names("1") == {"1": "Grace"}


async def test_stale_is_renewed_by_one_replica(redis_url: str) -> None:
    async with replicas(redis_url, "1") as (a, b):
        b.clock.now = a.clock.now
        await a.names("1")
        await a.settled()
        await b.names("1")
        for each in (a, b):
            each.clock.now += 11
            each.rename("1", "Grace")
        assert (await a.sourcing.read("crm", ["1"], NO_PARTS, call())).stale
        await a.settled()
        assert (await b.sourcing.read("crm", ["1"], NO_PARTS, call())).stale
        await b.settled()
        assert await b.names("1") == {"1": "Grace"}
        assert (a.calls, b.calls) == (2, 0)


async def test_max_staleness_zero_asks_the_source_and_replaces_what_is_shared(redis_url: str) -> None:
    async with replicas(redis_url, "1") as (a, b):
        await a.names("1")
        await a.settled()
        b.rename("1", "Grace")
        assert await b.names("1", max_staleness=0) == {"1": "Grace"}
        await b.settled()
        a.store.clear()
        assert await a.names("1") == {"1": "Grace"}
        assert (a.calls, b.calls) == (1, 1)


async def test_a_failure_of_the_one_that_holds_the_lease_is_not_the_others(redis_url: str) -> None:
    async with replicas(redis_url, "1") as (a, b):
        a.source.gate, a.source.fail = asyncio.Event(), SourceUnavailable("crm", "read")
        first = a.asking("1")
        await until(lambda: a.source.under_way > 0)
        second = b.asking("1")
        await turns()
        a.source.gate.set()
        with pytest.raises(SourceUnavailable):
            await first
        assert await second == {"1": "Ada"}


async def test_a_holder_that_was_killed_keeps_nobody_waiting_past_half_of_their_time(redis_url: str) -> None:
    async with replicas(redis_url, "1") as (a, b):
        mine, _ = await a.shared.lease([("crm", "profile", "1")], 60.0)
        assert mine
        fetched = await b.sourcing.read("crm", ["1"], NO_PARTS, call(1.0))
        assert fetched.values == {"1": profile("1")}
        await a.shared.release(mine)


async def test_redis_cut_in_the_middle_costs_the_cache_and_no_answer(redis_url: str) -> None:
    async with Wire(redis_url) as wire, replicas(wire.url, "1", "2", count=1) as (a,):
        await a.listening()
        await a.names("1")
        await a.settled()
        a.source.gate = asyncio.Event()
        asked = a.asking("2")
        await until(lambda: a.source.under_way > 0)
        wire.cut()
        a.source.gate.set()
        assert await asked == {"2": "Ada"}
        await a.settled()
        assert a.shared.failures > 0
        assert not await a.tags.drop_records([("crm", "1")])  # Redis has not heard of it yet
        assert a.shared.resting
        a.rename("1", "Grace")
        assert await a.names("1") == {"1": "Grace"}
        wire.mend()
        await until(lambda: not (a.shared.pending or not a.bus.listening.is_set()))
        a.store.clear()
        await until(lambda: not (a.shared.resting))
        assert await a.names("1") == {"1": "Grace"}  # the older entry in Redis was dropped before it was read


async def test_whoever_was_not_listening_for_a_while_forgets_everything(redis_url: str) -> None:
    async with Wire(redis_url) as wire, replicas(wire.url, "1", count=1) as (a,):
        await a.listening()
        await a.names("1")
        wire.cut()
        await until(lambda: not (a.bus.listening.is_set()))
        assert await a.names("1") == {"1": "Ada"}
        assert a.calls == 1
        wire.mend()
        async with asyncio.timeout(30):
            await a.bus.listening.wait()
        assert len(a.store) == 0


async def test_without_any_redis_everything_is_answered(redis_url: str) -> None:
    async with replicas("redis://127.0.0.1:1/0", "1", count=1) as (a,):
        assert await a.names("1") == await a.names("1") == {"1": "Ada"}
        await a.settled()
        assert a.calls == 1


async def test_customers_are_shared_and_dropped_like_records(redis_url: str) -> None:
    secret, reads = a_secret(), []

    async def read(ids: object) -> dict[str, StoredCustomer]:
        reads.append(ids)
        return {"old": StoredCustomer(id="new", redirected_from="old")}

    async with replicas(redis_url, count=2, secret=secret) as (a, b):
        one, two = (
            Customers(ttl=30, max_entries=10, tags=r.tags, shared=r.shared, clock=r.clock) for r in (a, b)
        )
        assert await one.get(["old", "none"], read) == await two.get(["old"], read)
        assert len(reads) == 1
        await one.get(["old"], read)
        assert len(reads) == 1
        await b.listening()
        await a.tags.drop_customers(["new"])  # also what was asked by an id that leads there
        await one.get(["old"], read)
        assert len(reads) == 2
        one.close()
        two.close()


def test_the_fingerprint_is_that_of_every_kind_that_is_cached() -> None:
    assert set(forms._TYPES) == {*DEFAULTS, forms.CUSTOMER}
    assert forms.fingerprint() == forms.fingerprint()
