"""How fast a source may be asked: a token bucket of our own, and pauses that the vendor's answers ask for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from adapters.errors import SourceRateLimited


class Pace:
    """Lets calls through at `rate` a second (None: as they come) with bursts of `burst`, and holds all while paused.

    A caller that would have to wait past its deadline gets SourceRateLimited at once instead of a place in the queue.
    """

    def __init__(self, source: str, rate: float | None = None, burst: int | None = None) -> None:
        self._source = source
        self._rate = rate
        self._burst = float(burst if burst is not None else max(1, int(rate or 1)))
        self._tokens = self._burst
        self._filled = time.monotonic()
        self._paused_until = 0.0

    async def wait(self, operation: str, deadline: float) -> None:
        """Returns when the next call may go out."""
        while True:
            now = time.monotonic()
            delay = max(self._paused_until - now, self._take(now))
            if delay <= 0:
                return
            if now + delay > deadline:
                raise SourceRateLimited(self._source, operation, "own limiter", retry_after=round(delay, 3))
            await asyncio.sleep(delay)

    def pause(self, seconds: float) -> None:
        """The vendor asked for `seconds` without calls."""
        self._paused_until = max(self._paused_until, time.monotonic() + min(seconds, 3600.0))

    def _take(self, now: float) -> float:
        """Takes a token and returns 0, or returns the seconds until there is one."""
        if self._rate is None or self._paused_until > now:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens >= 1.0:
            self._tokens -= 1.0
            return 0.0
        return (1.0 - self._tokens) / self._rate


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks to wait (RFC 9110 §10.2.3: seconds or a date), None where there is none."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
