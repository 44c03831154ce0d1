"""The layer in the process is bounded by number and by bytes, and nothing stays in it because nobody asks."""

from __future__ import annotations

import gc
import tracemalloc

from resolvers.caching.asks import ReadAsk
from resolvers.caching.local import OVERHEAD, Entry, Store
from tests.resolvers.caching.parts import Clock, profile


def entry(
    value: object = None, *, until: float = 1e12, size: int = OVERHEAD, tags: tuple[str, ...] = ()
) -> Entry:
    return Entry(value=value, at=0.0, until=until, size=size, tags=tags)


async def test_the_one_used_longest_ago_goes_first() -> None:
    store = Store(max_entries=3, max_bytes=10**9)
    for name in "abc":
        store.put(name, entry(name))
    assert store.get("a") is not None
    store.put("d", entry("d"))
    assert [name for name in "abcd" if store.get(name)] == ["a", "c", "d"]
    store.close()


async def test_what_is_larger_than_everything_is_not_kept_and_pushes_nothing_out() -> None:
    store = Store(max_entries=10, max_bytes=10 * OVERHEAD)
    store.put("small", entry())
    store.put("large", entry(size=11 * OVERHEAD))
    assert store.get("large") is None
    assert store.get("small") is not None
    store.close()


async def test_a_hundred_thousand_entries_stay_within_the_memory_that_was_allowed() -> None:
    allowed = 16_000_000
    ask = ReadAsk(source="crm", kind="profile")
    gc.collect()
    tracemalloc.start()
    store = Store(max_entries=10**9, max_bytes=allowed)
    for n in range(100_000):
        value = profile(str(n), f"A name of some length {n}")
        store.put(ask.ident(str(n)), entry(value, size=ask.size(value), tags=ask.tags(str(n), value)))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert store.bytes <= allowed
    assert 1000 < len(store) < 100_000
    assert taken <= allowed  # the estimate is on the safe side
    store.close()


async def test_replacing_and_removing_keeps_the_sums_right() -> None:
    store = Store(max_entries=10, max_bytes=10**9)
    for _ in range(3):
        store.put("a", entry(size=5000, tags=("t", "u")))
    assert (len(store), store.bytes) == (1, 5000)
    store.drop(["t"])
    assert (len(store), store.bytes, store._tagged) == (0, 0, {})
    store.close()


async def test_a_life_that_is_over_is_swept_without_anybody_asking() -> None:
    clock = Clock()
    store = Store(max_entries=10, max_bytes=10**9, clock=clock)
    store.put("short", entry(until=clock.now + 10))
    store.put("long", entry(until=clock.now + 100))
    clock.now += 50
    store.sweep()
    assert store.get("short") is None
    assert store.get("long") is not None
    store.close()
    assert len(store) == 0


async def test_a_drop_takes_what_carries_the_tag_and_nothing_else() -> None:
    store = Store(max_entries=10, max_bytes=10**9)
    store.put("one", entry(tags=("record:crm:1",)))
    store.put("both", entry(tags=("record:crm:1", "record:crm:2")))
    store.put("other", entry(tags=("record:crm:2",)))
    store.drop(["record:crm:1", "record:crm:unknown"])
    assert [n for n in ("one", "both", "other") if store.get(n)] == ["other"]
    store.close()
