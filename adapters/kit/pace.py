"""How fast a source may be asked: an even pace of our own, and pauses that the vendor's answers ask for."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from adapters.errors import SourceRateLimited

_LONGEST_PAUSE = 3600.0
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class _Turn:
    """When a call goes out, or went."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at


class Pace:
    """Lets calls through at `rate` a second (None: as they come) with bursts of `burst`, and holds all while paused.

    Calls go out in the order in which they came. A caller that would have to wait past its deadline gets
    SourceRateLimited at once instead of a place in the queue. `burst` is a second's worth where it is not given.
    `within` = (calls, seconds) lets no more calls than that through in any such span, whatever the burst.
    """

    def __init__(
        self,
        source: str,
        rate: float | None = None,
        burst: int | None = None,
        *,
        within: tuple[int, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._source = source
        self._interval = 1.0 / rate if rate else 0.0
        self._lead = self._interval * (max(1, burst if burst is not None else int(rate or 1)) - 1)
        self._most, self._span = within or (0, 0.0)
        self._clock, self._sleep = clock, sleep
        # the generic cell rate algorithm (ITU-T I.371): when the next call is due if all came evenly; it may come `_lead` early
        self._due = clock()
        self._paused_until = self._due
        self._waiting: set[_Turn] = set()
        self._past: deque[_Turn] = (
            deque()
        )  # turns of the last span, the waiting ones too; only kept where `within` is given

    async def wait(self, operation: str, deadline: float) -> None:
        """Returns when the next call may go out. `deadline` is on the clock of `time.monotonic()`."""
        now = self._clock()
        due = max(self._due, now)
        at = max(due - self._lead, self._paused_until, now)
        if self._most:
            at = max(at, self._free_within(now))
        if at > deadline:
            raise self._too_late(operation, at - now)
        self._due = due + self._interval
        if at > now or self._most:
            await self._take_turn(_Turn(at), operation, deadline)

    async def _take_turn(self, turn: _Turn, operation: str, deadline: float) -> None:
        """Waits for a turn that `pause` may put off."""
        self._waiting.add(turn)
        if self._most:
            self._past.append(turn)
        try:
            while (delay := turn.at - self._clock()) > 0:
                if turn.at > deadline:
                    raise self._too_late(operation, delay)
                await self._sleep(delay)
        except BaseException:
            # the place in the queue is somebody else's now
            self._due -= self._interval
            if self._most:
                self._past.remove(turn)
            raise
        finally:
            self._waiting.discard(turn)

    def _free_within(self, now: float) -> float:
        """When one more call is within (calls, seconds)."""
        while self._past and self._past[0].at <= now - self._span:
            self._past.popleft()
        return self._past[-self._most].at + self._span if len(self._past) >= self._most else now

    def pause(self, seconds: float) -> None:
        """The vendor asked for `seconds` without calls. Those who wait keep their order and their distances."""
        now = self._clock()
        until = now + min(seconds, _LONGEST_PAUSE)
        longer_by = until - max(self._paused_until, now)
        if longer_by <= 0:
            return
        self._paused_until = until
        self._due = max(self._due, now) + longer_by
        for turn in self._waiting:
            if turn.at > now:
                turn.at += longer_by

    def _too_late(self, operation: str, delay: float) -> SourceRateLimited:
        return SourceRateLimited(self._source, operation, "own limiter", retry_after=round(delay, 3))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks to wait (RFC 9110 §10.2.3: seconds or a date), None where there is none.

    Fractions of seconds, which some vendors send, are understood too; what makes no sense counts as absent.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0.0, (at - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
