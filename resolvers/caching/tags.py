"""Tags: what a kept answer rests on, and the one place where everything that rests on a record or a customer is dropped.

A tag is `record:SOURCE:ID` or `customer:ID`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable


def record(source: str, record_id: str) -> str:
    """The tag of a source's record."""
    return f"record:{source}:{record_id}"


def customer(customer_id: str) -> str:
    """The tag of a customer."""
    return f"customer:{customer_id}"


class Tags:
    """Tells everybody who keeps something which tags are dropped."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[frozenset[str]], None]] = []

    def drop(self, tags: Iterable[str]) -> None:
        """What rests on any of these must not be given out any more."""
        dropped = frozenset(tags)
        if dropped:
            for callback in self._callbacks:
                callback(dropped)

    def subscribe(self, callback: Callable[[frozenset[str]], None]) -> None:
        """`callback` is called at each drop, in the caller's turn of the event loop; it must be quick and not raise."""
        self._callbacks.append(callback)
