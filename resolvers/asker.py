"""Who asks, what for, and until when: it travels with a request from its first line to its last upstream call."""

from __future__ import annotations

import time

import msgspec

from adapters.base import Call


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """`deadline` is on the clock of `time.monotonic()`, in seconds. A `steward` may decide who is who."""

    principal: str
    deadline: float
    purpose: str | None = None
    correlation_id: str = "-"
    steward: bool = False

    @property
    def rights(self) -> tuple[str | None, bool]:
        """Everything about who asks, except their name, that could change an answer: part of the key of whatever is kept."""
        return (self.purpose, self.steward)

    def call(self, margin: float = 0.2) -> Call:
        """The context of an upstream call. It ends `margin` seconds early, so that there is time left to answer."""
        now = time.monotonic()
        left = max(0.0, self.deadline - now)
        return Call(deadline=now + max(left * 0.5, left - margin), correlation_id=self.correlation_id)
