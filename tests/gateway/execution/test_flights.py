"""Coalescing: who shares whose work, and what becomes of it when it fails, is late, or nobody waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.execution.flights import Flights


class Work:
    """Work that waits for the test, and is counted."""

    def __init__(self, end: Callable[[int], Awaitable[int]] | None = None) -> None:
        self.begun = 0
        self.cancelled = 0
        self.gate = asyncio.Event()
        self._end = end

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return await self._end(number) if self._end else number


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_equal_keys_share_and_others_do_not() -> None:
    flights, work = Flights[int](), Work()
    asked = [asyncio.create_task(flights.shared(key, work)) for key in "aab"]
    await turns()
    work.gate.set()
    assert await asyncio.gather(*asked) == [(1, False), (1, True), (2, False)]
    assert len(flights) == 0


async def test_after_a_close_newcomers_begin_anew() -> None:
    flights, work = Flights[int](), Work()
    early = asyncio.create_task(flights.shared("a", work))
    await turns()
    flights.close()
    late = asyncio.create_task(flights.shared("a", work))
    await turns()
    work.gate.set()
    assert (await early, await late) == ((1, False), (2, False))
    assert len(flights) == 0


async def test_work_that_is_late_for_its_first_asker_is_done_anew_for_the_others() -> None:
    async def end(number: int) -> int:
        if number == 1:
            raise TimeoutError
        return number

    flights, work = Flights[int](), Work(end)
    first, second = (asyncio.create_task(flights.shared("a", work)) for _ in range(2))
    await turns()
    work.gate.set()
    with pytest.raises(TimeoutError):
        await first
    assert await second == (2, False)


async def test_a_failure_is_everybodys() -> None:
    async def end(_: int) -> int:
        raise ValueError

    flights, work = Flights[int](), Work(end)
    asked = [asyncio.create_task(flights.shared("a", work)) for _ in range(3)]
    await turns()
    work.gate.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in found] == [ValueError] * 3
    assert work.begun == 1


async def test_the_work_ends_with_the_last_who_waits() -> None:
    flights, work = Flights[int](), Work()
    first, second = (asyncio.create_task(flights.shared("a", work)) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    assert work.cancelled == 0
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert work.cancelled == 1
    work.gate.set()
    assert await flights.shared("a", work) == (2, False)
