"""The pace of calls, on a clock that moves only when somebody sleeps."""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import SourceRateLimited
from adapters.kit.pace import Pace, retry_after

NEVER = float("inf")


class Clock:
    """Virtual seconds: when all tasks sleep, it jumps to the first who wakes."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        event = asyncio.Event()
        heapq.heappush(self._sleepers, (self.now + seconds, self._count, event))
        await event.wait()

    async def run(self, *tasks: asyncio.Task[float]) -> None:
        """Until all tasks are done."""
        while not all(task.done() for task in tasks):
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleepers:
                wakes, _, event = heapq.heappop(self._sleepers)
                self.now = max(self.now, wakes)
                event.set()


def _paced(clock: Clock, **kind: object) -> Pace:
    return Pace("shop", clock=clock, sleep=clock.sleep, **kind)  # type: ignore[arg-type]


async def _go(pace: Pace, clock: Clock, deadline: float = NEVER) -> float:
    await pace.wait("list", deadline)
    return clock.now


async def _times(pace: Pace, clock: Clock, count: int) -> list[float]:
    tasks = [asyncio.ensure_future(_go(pace, clock)) for _ in range(count)]
    await clock.run(*tasks)
    return [task.result() - 1000.0 for task in tasks]


async def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    assert await _times(_paced(clock), clock, 50) == [0.0] * 50


async def test_burst_then_evenly_in_the_order_of_arrival() -> None:
    clock = Clock()
    times = await _times(_paced(clock, rate=2.0, burst=3), clock, 7)
    assert times == pytest.approx([0, 0, 0, 0.5, 1.0, 1.5, 2.0])


async def test_burst_is_a_seconds_worth_where_not_given() -> None:
    clock = Clock()
    assert await _times(_paced(clock, rate=4.0), clock, 5) == pytest.approx([0, 0, 0, 0, 0.25])
    clock = Clock()
    assert await _times(_paced(clock, rate=0.5), clock, 3) == pytest.approx([0, 2.0, 4.0])


async def test_idle_time_earns_no_more_than_the_burst() -> None:
    clock = Clock()
    pace = _paced(clock, rate=1.0, burst=2)
    clock.now += 100.0
    assert await _times(pace, clock, 4) == pytest.approx([100, 100, 101, 102])


async def test_too_late_is_said_at_once_and_takes_no_place() -> None:
    clock = Clock()
    pace = _paced(clock, rate=1.0, burst=1)
    patient = [asyncio.ensure_future(_go(pace, clock)) for _ in range(3)]  # at 0, 1 and 2 seconds
    await asyncio.sleep(0)
    with pytest.raises(SourceRateLimited) as caught:
        await pace.wait("list", clock.now + 2.5)  # the fourth would go at 3
    assert caught.value.retry_after == pytest.approx(3.0)
    later = asyncio.ensure_future(_go(pace, clock, clock.now + 3.5))
    await clock.run(*patient, later)
    assert later.result() == pytest.approx(1003.0)


async def test_who_gives_up_leaves_the_place_to_others() -> None:
    clock = Clock()
    pace = _paced(clock, rate=1.0, burst=1)
    tasks = [asyncio.ensure_future(_go(pace, clock)) for _ in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    tasks[2].cancel()
    await asyncio.gather(tasks[2], return_exceptions=True)
    last = asyncio.ensure_future(_go(pace, clock))
    await clock.run(*tasks[:2], last)
    assert last.result() == pytest.approx(1002.0)


async def test_a_pause_holds_all_and_keeps_their_distances() -> None:
    clock = Clock()
    pace = _paced(clock, rate=1.0, burst=1)
    first = asyncio.ensure_future(_go(pace, clock))
    await clock.run(first)
    waiting = [asyncio.ensure_future(_go(pace, clock)) for _ in range(2)]
    for _ in range(5):
        await asyncio.sleep(0)
    pace.pause(10.0)
    pace.pause(4.0)  # shorter than the one before: changes nothing
    late = asyncio.ensure_future(_go(pace, clock))
    await clock.run(*waiting, late)
    assert [task.result() - 1000.0 for task in [*waiting, late]] == pytest.approx([11.0, 12.0, 13.0])


async def test_a_pause_past_the_deadline_is_said_to_who_waits_already() -> None:
    clock = Clock()
    pace = _paced(clock, rate=1.0, burst=1)
    await pace.wait("list", NEVER)
    waiting = asyncio.ensure_future(_go(pace, clock, clock.now + 5))
    for _ in range(5):
        await asyncio.sleep(0)
    pace.pause(60.0)
    await clock.run(waiting)
    assert isinstance(waiting.exception(), SourceRateLimited)


@given(
    rate=st.none() | st.floats(0.1, 50),
    burst=st.none() | st.integers(1, 20),
    most=st.integers(1, 5),
    span=st.floats(1, 100),
    arrivals=st.lists(st.floats(0, 30), min_size=1, max_size=30),
)
def test_never_more_within_the_span(
    rate: float | None, burst: int | None, most: int, span: float, arrivals: list[float]
) -> None:
    async def run() -> list[float]:
        clock = Clock()
        pace = _paced(clock, rate=rate, burst=burst, within=(most, span))

        async def come(after: float) -> float:
            await clock.sleep(after)
            return await _go(pace, clock)

        tasks = [asyncio.ensure_future(come(after)) for after in arrivals]
        await clock.run(*tasks)
        return sorted(task.result() for task in tasks)

    times = asyncio.run(run())
    assert all(late - early > span - 1e-6 for early, late in zip(times, times[most:], strict=False))


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), (" 1.5 ", 1.5), ("0", 0.0), ("120", 120.0)])
def test_retry_after_in_seconds(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_as_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=90)
    assert 80 < (retry_after({"retry-after": format_datetime(soon, usegmt=True)}) or 0) <= 90
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00"}) == 0.0


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "nan", "inf", "1e9", "0x10", "٣", "9" * 400, "Wed, 99 Foo 2015"]
)
def test_retry_after_without_sense_is_none(value: str) -> None:
    assert retry_after({"retry-after": value}) is None


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ [\d:]+( [A-Z+\-\d]+)?"))
def test_retry_after_never_raises(value: str) -> None:
    seconds = retry_after({"retry-after": value})
    assert seconds is None or seconds >= 0
