"""Shopify's leaky bucket of query points, followed from its answers, so that calls wait here instead."""

from __future__ import annotations

import asyncio
import time

from adapters.errors import SourceRateLimited
from adapters.webshop.shopify.models import Throttle


class Budget:
    """What is left to spend. Before the first answer nothing is known, and everything may go out."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._status: Throttle | None = None
        self._seen = 0.0
        self._reserved = 0.0

    async def reserve(self, operation: str, cost: float, deadline: float) -> None:
        """Returns when `cost` points are there; raises SourceRateLimited where that is after `deadline`."""
        while (delay := self._delay(cost)) > 0:
            if time.monotonic() + delay > deadline:
                raise SourceRateLimited(
                    self._source, operation, "query points are used up", retry_after=delay
                )
            await asyncio.sleep(delay)
        self._reserved += cost

    def release(self, cost: float) -> None:
        """The call that reserved `cost` is over."""
        self._reserved -= cost

    def observe(self, status: Throttle) -> None:
        """What an answer said of the bucket."""
        self._status, self._seen = status, time.monotonic()

    def _delay(self, cost: float) -> float:
        """Seconds until `cost` points are there.

        Points of calls under way count as spent. The vendor may have counted them too: that is the safe side.
        """
        status = self._status
        if status is None or status.restore_rate <= 0:
            return 0.0
        restored = (time.monotonic() - self._seen) * status.restore_rate
        level = min(status.maximum_available, status.currently_available + restored) - self._reserved
        return (min(cost, status.maximum_available - self._reserved) - level) / status.restore_rate
