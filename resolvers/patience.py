"""Asking a source in the background: a deadline for each call, and patience, within bounds, where it asks to slow down."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from adapters.base import Call
from adapters.errors import SourceError, SourceRateLimited, SourceTimeout, SourceUnavailable

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[object]]
Waiting = Callable[[float], None]
"""Told before each wait, with its seconds."""

_SHORTEST, _LONGEST = 1.0, 60.0
log = logging.getLogger(__name__)


class Stopped(Exception):
    """Somebody asked to stop."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """All in seconds: what one call may take, and how long in all to wait for one answer of a source that is asked too fast."""

    call: float = 60.0
    waits: float = 900.0

    def pauses(self) -> list[float]:
        """Waits that double, where the source does not say how long; they add up to `waits` at most."""
        found: list[float] = []
        pause = _SHORTEST
        while sum(found) + pause <= self.waits:
            found.append(pause)
            pause = min(_LONGEST, pause * 2)
        return found


async def ask(
    source: str,
    operation: str,
    work: Callable[[Call], Awaitable[T]],
    *,
    patience: Patience,
    waiting: Waiting,
    correlation_id: str = "-",
    sleep: Sleep = asyncio.sleep,
) -> T:
    """The answer of `work`, asked again after a wait as long as the source asks to slow down. Raises only SourceError."""
    waited, pause = 0.0, _SHORTEST
    while True:
        try:
            return await _once(source, operation, work, patience.call, correlation_id)
        except SourceRateLimited as error:
            pause = max(error.retry_after or pause, _SHORTEST)
            if waited + pause > patience.waits:
                raise
        log.info("source asks to slow down", extra={"source": source, "seconds": round(pause, 1)})
        waiting(pause)
        await sleep(pause)
        waited, pause = waited + pause, min(_LONGEST, pause * 2)


async def unless_stopped(stop: asyncio.Event, work: asyncio.Future[T]) -> T:
    """The result of `work`; where somebody asks to stop first, it is cancelled, and Stopped raised."""
    stopping = asyncio.ensure_future(stop.wait())
    either: set[asyncio.Future[Any]] = {work, stopping}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not work.done():
            work.cancel()
    if not work.done() or work.cancelled():
        raise Stopped
    return work.result()


async def _once(
    source: str, operation: str, work: Callable[[Call], Awaitable[T]], seconds: float, correlation_id: str
) -> T:
    call = Call(deadline=time.monotonic() + seconds, correlation_id=correlation_id)
    try:
        async with asyncio.timeout(seconds):
            return await work(call)
    except TimeoutError:
        raise SourceTimeout(source, operation, f"no answer within {seconds:g} s") from None
    except SourceError:
        raise
    except Exception as error:  # an adapter raised what it must not
        log.exception("an adapter failed", extra={"source": source, "operation": operation})
        raise SourceUnavailable(source, operation, type(error).__name__) from None
