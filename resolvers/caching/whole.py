"""All parts of the cache of one process, opened and closed together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from resolvers.cache import Cache, NullCache
from resolvers.caching.counting import Counts
from resolvers.caching.customers import Customers
from resolvers.caching.life import Lives
from resolvers.caching.local import Store
from resolvers.caching.sourcing import Sourcing
from resolvers.caching.tags import Bus, Tags
from resolvers.sources import Sources

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from resolvers.caching.shared import Shared


class RunningBus(Bus, Protocol):
    """A bus that listens too."""

    def start(self) -> None:
        """Begins to listen."""
        ...

    async def aclose(self) -> None:
        """Stops."""
        ...


class Caching:
    """`sourcing` is the way to the sources, `customers` what is remembered of the map, `tags` where both hear of drops."""

    def __init__(
        self,
        sources: Sources,
        *,
        lives: Lives | None = None,
        customer_ttl: float = 0.0,
        max_entries: int = 10_000,
        max_bytes: int = 32_000_000,
        cache: Cache | None = None,
        shared: Shared | None = None,
        bus: RunningBus | None = None,
        tags: Tags | None = None,
        counts: Counts | None = None,
    ) -> None:
        """Without `lives` nothing is kept. `cache` is what `shared` stands on; both and the bus are closed here."""
        self.cache, self._shared, self._bus = cache or NullCache(), shared, bus
        self.tags = tags or Tags()
        self.tags.bus = bus
        self.store = Store(max_entries=max_entries, max_bytes=max_bytes)
        self.customers = Customers(ttl=customer_ttl, max_entries=max_entries, tags=self.tags, shared=shared)
        self.sourcing = Sourcing(
            sources, lives or Lives(defaults={}), self.store, self.tags, shared=shared, counts=counts
        )

    def start(self) -> None:
        """Begins to hear what other replicas drop."""
        if self._bus is not None:
            self._bus.start()

    async def aclose(self) -> None:
        """Ends what is under way, forgets what is in this process, and closes connections."""
        await self.sourcing.aclose()
        self.customers.close()
        if self._bus is not None:
            await self._bus.aclose()
        if self._shared is not None:
            await self._shared.client.aclose()
        await self.cache.aclose()


def open_caching(
    sources: Sources,
    cache: Cache,
    url: str,
    secret: SecretStr,
    *,
    lives: Lives,
    customer_ttl: float,
    max_entries: int,
    max_bytes: int,
    counts: Counts | None = None,
) -> Caching:
    """The parts on this cache; with what replicas share where the URL is that of Redis. No connection is made yet.

    Raises ModuleNotFoundError where the optional packages for Redis are missing.
    """
    tags = Tags()
    shared, bus = None, None
    if not url.startswith("memory:"):
        from resolvers.caching.bus import RedisBus
        from resolvers.caching.shared import Shared

        longest = max(lives.longest, customer_ttl)
        shared = Shared(cache, _client(url), secret.get_secret_value(), longest=longest, counts=counts)
        bus = RedisBus(shared, tags, url)
    return Caching(
        sources,
        lives=lives,
        customer_ttl=customer_ttl,
        max_entries=max_entries,
        max_bytes=max_bytes,
        cache=cache,
        shared=shared,
        bus=bus,
        tags=tags,
        counts=counts,
    )


def _client(url: str) -> Redis:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # one retry: a connection that was closed while it lay idle is only noticed when it is used
    client: Redis = Redis.from_url(
        url, socket_connect_timeout=1.0, max_connections=50, retry=Retry(NoBackoff(), 1)
    )
    return client
