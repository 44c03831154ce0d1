"""Tags say what an answer rests on; dropping a tag forgets everything that rests on it.

record:SOURCE:ID    a record of a source
customer:ID         a customer of the identity map
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Dropped = Callable[[frozenset[str] | None], None]
"""Told which tags were dropped; None stands for all of them."""


def of_record(source: str, record_id: str) -> str:
    """The tag of a source's record."""
    return f"record:{source}:{record_id}"


def of_customer(customer_id: str) -> str:
    """The tag of a customer."""
    return f"customer:{customer_id}"


class Tags:
    """The one place where drops come in; who keeps something listens."""

    def __init__(self) -> None:
        self._listeners: list[Dropped] = []

    def subscribe(self, callback: Dropped) -> None:
        """Calls back at each drop. It must not wait or raise."""
        self._listeners.append(callback)

    async def drop(self, tags: Iterable[str]) -> bool:
        """Forgets everything that rests on any of these, in this process before it returns."""
        dropped = frozenset(tags)
        if dropped:
            self.heard(dropped)
        return True

    def heard(self, tags: frozenset[str] | None) -> None:
        """A drop that is in force; None drops everything that is kept in this process."""
        for callback in self._listeners:
            callback(tags)
