"""What the tests on a real Redis share: the shared layer under a secret of the test's own, and a wire that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from redis.asyncio import Redis

from resolvers.cache import Cache, open_cache
from resolvers.caching.bus import RedisBus
from resolvers.caching.shared import Shared
from tests.resolvers.caching.parts import Bench, Clock


def a_secret() -> str:
    """One that nobody else uses, so that a test's entries are its own."""
    return f"a secret of one test {uuid.uuid4()}"


class Replica(Bench):
    """A source cache on Redis, with what it stands on."""

    def __init__(self, url: str, secret: str, *ids: str, clock: Clock | None = None) -> None:
        self.cache: Cache = open_cache(url)
        clock = clock or Clock(time.time())
        self.shared = Shared(
            self.cache, Redis.from_url(url, socket_connect_timeout=1), secret, longest=100.0, clock=clock
        )
        super().__init__(*ids, shared=self.shared, clock=clock)
        self.shared._counts = self.told
        self.bus = RedisBus(self.shared, self.tags, url)
        self.tags.bus = self.bus

    async def settled(self) -> None:
        await self.sourcing.settled()

    async def listening(self) -> None:
        """Returns when it hears what others drop."""
        self.bus.start()
        async with asyncio.timeout(20):
            await self.bus.listening.wait()

    async def aclose(self) -> None:
        await self.sourcing.aclose()
        await self.bus.aclose()
        await self.shared.client.aclose()
        await self.cache.aclose()


@contextlib.asynccontextmanager
async def replicas(
    url: str, *ids: str, count: int = 2, secret: str | None = None, clock: Clock | None = None
) -> AsyncIterator[list[Replica]]:
    """Several processes' caches, in this one."""
    secret = secret or a_secret()
    made = [Replica(url, secret, *ids, clock=clock) for _ in range(count)]
    try:
        yield made
    finally:
        for replica in made:
            await replica.aclose()


class Wire:
    """A TCP proxy in front of a server. `cut` ends all connections and lets no new one in until `mend`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._path = parts.hostname or "127.0.0.1", parts.port or 6379, parts.path
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.whole = True
        self.url = ""

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self._path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        self.whole = False
        for writer in list(self._open):
            writer.transport.abort()

    def mend(self) -> None:
        self.whole = True

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(self._host, self._port)
        for a, b in ((reader, back), (there, writer)):
            task = asyncio.ensure_future(self._pump(a, b))
            self._tasks.add(task)
            self._open.add(b)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.transport.abort()
        self._open.discard(sink)
