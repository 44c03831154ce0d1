"""What the cache counts, for whoever shows figures."""

from __future__ import annotations

from typing import Protocol


class Counts(Protocol):
    """Told of items by source, kind and what became of them.

    `outcome` is one of "hit" (fresh), "stale", "negative" (known not to be there), "coalesced" (somebody else's fetch was
    waited for), "shared" (found in Redis), "miss" (fetched), "error" (a fetch failed), "unreadable" (an entry of another shape,
    version or key), "dropped" (fetched, and not kept because it was dropped meanwhile), "unrenewed" (stale, with too many
    renewals under way).
    """

    def cached(self, source: str, kind: str, outcome: str, items: int) -> None:
        """Adds so many items."""
        ...


class NoCounts:
    """Counts nothing."""

    def cached(self, source: str, kind: str, outcome: str, items: int) -> None:
        return None
