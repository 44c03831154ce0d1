"""The cache behaves the same in memory and on Redis, is bounded, and fails as a miss."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from resolvers.cache import AioCache, Cache, NullCache, open_cache


@pytest_asyncio.fixture(params=["memory", "redis"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    opened = open_cache(url, max_entries=100)
    yield opened
    await opened.aclose()


@pytest.fixture
def key() -> str:
    return f"test:{uuid.uuid4()}"


async def test_bytes_come_back_as_they_went_in(cache: Cache, key: str) -> None:
    await cache.ping()
    await cache.set({key: b"\x00\xff one", f"{key}b": b""}, ttl=60)
    assert await cache.get([key, f"{key}none", f"{key}b"]) == [b"\x00\xff one", None, b""]
    await cache.drop([key, f"{key}none"])
    assert await cache.get([key]) == [None]
    await cache.drop([f"{key}b"])


async def test_nothing_lives_for_ever(cache: Cache, key: str) -> None:
    await cache.set({key: b"x"}, ttl=0)
    assert await cache.get([key]) == [None]


async def test_no_keys_is_no_question(cache: Cache) -> None:
    assert await cache.get([]) == []
    await cache.set({}, ttl=1)
    await cache.drop([])


async def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    cache = open_cache("memory://", max_entries=3)
    for n in range(10):
        await cache.set({f"k{n}": b"x"}, ttl=60)
    held = await cache.get([f"k{n}" for n in range(10)])
    assert [n for n, value in enumerate(held) if value] == [7, 8, 9]
    await cache.aclose()


async def test_a_dead_redis_is_a_miss_that_is_counted() -> None:
    cache = open_cache("redis://127.0.0.1:1/0")
    await cache.set({"k": b"x"}, ttl=60)
    assert await cache.get(["k"]) == [None]
    await cache.drop(["k"])
    assert isinstance(cache, AioCache)
    assert cache.failures == 3
    with pytest.raises(Exception):  # noqa: B017 (whatever the driver raises)
        await cache.ping()
    await cache.aclose()


async def test_the_null_cache_remembers_nothing() -> None:
    cache = NullCache()
    await cache.set({"k": b"x"}, ttl=60)
    assert await cache.get(["k"]) == [None]
