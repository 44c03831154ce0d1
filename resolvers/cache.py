"""The shared cache behind our own interface: bounded memory by default, Redis by URL, both through aiocache.

A cache is never the truth: every entry has a finite life, and a cache that fails is a miss that is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from aiocache import SimpleMemoryCache
from aiocache.serializers import NullSerializer

log = logging.getLogger(__name__)


class Cache(Protocol):
    """Bytes by key, each with a life in seconds."""

    async def get(self, keys: list[str]) -> list[bytes | None]:
        """Values in the order asked; None where there is none."""
        ...

    async def set(self, values: dict[str, bytes], ttl: float) -> None:
        """Stores all values for `ttl` seconds."""
        ...

    async def drop(self, keys: list[str]) -> None:
        """Forgets the keys."""
        ...

    async def ping(self) -> None:
        """Raises what the backend raises when it cannot be reached."""
        ...

    async def aclose(self) -> None:
        """Closes connections."""
        ...


class NullCache:
    """Remembers nothing."""

    async def get(self, keys: list[str]) -> list[bytes | None]:
        return [None] * len(keys)

    async def set(self, values: dict[str, bytes], ttl: float) -> None:
        return None

    async def drop(self, keys: list[str]) -> None:
        return None

    async def ping(self) -> None:
        return None

    async def aclose(self) -> None:
        return None


class AioCache:
    """aiocache with what it lacks: a bound on the entries in memory, and failures that are misses."""

    def __init__(
        self, backend: Any, *, max_entries: int | None, close: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """`max_entries` bounds a backend in this process; None where the backend bounds itself."""
        self._backend = backend
        self._close = close or backend.close
        self._max = max_entries
        self._order: dict[str, None] = {}  # oldest first
        self.failures = 0

    async def get(self, keys: list[str]) -> list[bytes | None]:
        try:
            return list(await self._backend.multi_get(keys)) if keys else []
        except Exception as error:
            self._failed("get", error)
            return [None] * len(keys)

    async def set(self, values: dict[str, bytes], ttl: float) -> None:
        if ttl <= 0 or not values:
            return
        try:
            await self._make_room(values)
            await self._backend.multi_set(list(values.items()), ttl=max(1, round(ttl)))
        except Exception as error:
            self._failed("set", error)

    async def drop(self, keys: list[str]) -> None:
        try:
            for key in keys:
                self._order.pop(key, None)
                await self._backend.delete(key)
        except Exception as error:
            self._failed("drop", error)

    async def ping(self) -> None:
        await self._backend.exists("ping")

    async def aclose(self) -> None:
        await self._close()

    async def _make_room(self, values: dict[str, bytes]) -> None:
        if self._max is None:
            return
        for key in values:
            self._order.pop(key, None)
            self._order[key] = None
        while len(self._order) > self._max:
            oldest = next(iter(self._order))
            del self._order[oldest]
            await self._backend.delete(oldest)

    def _failed(self, operation: str, error: Exception) -> None:
        self.failures += 1
        log.warning("cache failed", extra={"operation": operation, "error": type(error).__name__})


def open_cache(url: str, *, max_entries: int = 100_000) -> Cache:
    """`memory://` or `redis://[:password@]host:port/db`. No connection is made yet."""
    parts = urlsplit(url)
    serializer = NullSerializer(encoding=None)  # bytes in, bytes out
    if parts.scheme == "memory":
        return AioCache(SimpleMemoryCache(serializer=serializer, timeout=None), max_entries=max_entries)
    from aiocache import RedisCache  # only where it is used: redis-py is an optional dependency

    backend = RedisCache(
        serializer=serializer,
        endpoint=parts.hostname or "127.0.0.1",
        port=parts.port or 6379,
        db=int(parts.path.strip("/") or 0),
        password=parts.password,
        ssl=parts.scheme == "rediss",
        namespace="c360",
        timeout=1.0,
        create_connection_timeout=1.0,
        pool_max_size=50,
    )
    return AioCache(backend, max_entries=None, close=backend.client.aclose)
