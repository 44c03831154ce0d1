"""Coalescing: equal questions of equal rights that are asked while the first is still being answered share its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class Flights(Generic[T]):
    """Work under way by its key. It belongs to nobody: it goes on while anyone waits, whoever began it."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def shared(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, bool]:
        """The result, and whether somebody else's work gave it. Work that runs late for who began it is done anew for others."""
        flight = self._flights.get(key)
        if flight is None:
            return await self._wait(key, self._begin(key, work)), False
        try:
            return await self._wait(key, flight), True
        except TimeoutError:
            return await work(), False

    def close(self) -> None:
        """Nobody else joins what is under way: something that it may rest on has changed."""
        self._flights.clear()

    def _begin(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> _Flight[T]:
        flight = _Flight(asyncio.get_running_loop().create_task(work()))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda task: self._landed(key, flight))
        return flight

    async def _wait(self, key: Hashable, flight: _Flight[T]) -> T:
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._leave(key, flight)
                flight.task.cancel()
                await asyncio.wait([flight.task])

    def _landed(self, key: Hashable, flight: _Flight[T]) -> None:
        self._leave(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # whoever waited has it; where nobody did, nobody misses it

    def _leave(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
