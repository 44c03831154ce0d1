"""Drops that reach every replica through Redis: the shared entries at once, the layers in the processes by a message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import msgspec

from resolvers.caching.shared import PREFIX, WITHIN, Shared
from resolvers.caching.tags import Tags

MOST_TAGS = 500
"""Tags in one message."""
TRIES, PAUSE = 3, 0.1
"""How often Redis is told of a drop before the one who drops goes on, and seconds between."""
MOST_PENDING = 100_000
"""Tags that are remembered until Redis can be told."""
_LOOK = 1.0
_PING_AFTER, _DEAD_AFTER = 5, 10
_LONGEST_PAUSE = 5.0

log = logging.getLogger(__name__)


class RedisBus:
    """See `Bus`. One that was started also hears what others drop.

    Whenever the connection was interrupted everything in this process is dropped, since messages may have been missed.
    """

    def __init__(self, shared: Shared, tags: Tags, url: str) -> None:
        """`url` is that of Redis: each database has a channel of its own."""
        self._shared, self._tags = shared, tags
        self.channel = f"{PREFIX}drops:{urlsplit(url).path.strip('/') or '0'}"
        self._task: asyncio.Task[None] | None = None
        self.unreadable = 0
        self.listening = asyncio.Event()
        """Set while messages arrive."""

    def start(self) -> None:
        """Begins to listen."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._listen())

    async def aclose(self) -> None:
        """Stops listening. What Redis has not heard of yet is tried once more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._flush()

    async def drop(self, tags: frozenset[str]) -> bool:
        """See `Bus.drop`."""
        waiting = self._shared.pending
        waiting |= tags
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(PAUSE)
            if await self._flush():
                return True
        log.error("a drop did not reach the shared cache", extra={"waiting": len(waiting)})
        if len(waiting) > MOST_PENDING:
            self._forget_some()
        return False

    def _forget_some(self) -> None:
        """Others may then read what should be dropped until its life is over, which is the bound of any cache."""
        waiting = self._shared.pending
        for tag in list(islice(waiting, len(waiting) - MOST_PENDING)):
            waiting.discard(tag)

    async def _flush(self) -> bool:
        waiting = self._shared.pending
        for some in list(_chunks(sorted(waiting))):
            message = self._shared.sealer.seal(msgspec.msgpack.encode(some), self.channel)
            if not await self._shared.drop(frozenset(some), (self.channel, message)):
                return False
            waiting.difference_update(some)
        return True

    async def _listen(self) -> None:
        pause = PAUSE
        while True:
            try:
                async with self._shared.client.pubsub() as subscription:
                    await subscription.subscribe(self.channel)
                    pause = PAUSE
                    await self._hear(subscription)
            except Exception as error:  # whatever the driver raises
                log.warning("the shared cache cannot be heard", extra={"error": type(error).__name__})
            self.listening.clear()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _hear(self, subscription: Any) -> None:
        """Returns when the connection is dead; raises what the driver raises."""
        silent = 0
        while silent < _DEAD_AFTER:
            message = await subscription.get_message(timeout=_LOOK)
            silent = 0 if message else silent + 1
            if message:
                self._received(message)
            elif silent == _PING_AFTER:
                await asyncio.wait_for(subscription.ping(), WITHIN)
            if self._shared.pending:
                await self._flush()

    def _received(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":  # also after the driver has connected again by itself
            self._tags.heard(None)
            self.listening.set()
        elif message["type"] == "message":
            tags = self._opened(message["data"])
            if tags is None:
                self.unreadable += 1  # of a neighbour with another secret or another version
            else:
                self._tags.heard(frozenset(tags))

    def _opened(self, sealed: bytes) -> list[str] | None:
        plain = self._shared.sealer.open(sealed, self.channel)
        try:
            return None if plain is None else msgspec.msgpack.decode(plain, type=list[str])
        except msgspec.MsgspecError:
            return None


def _chunks(tags: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(tags), MOST_TAGS):
        yield tags[start : start + MOST_TAGS]
