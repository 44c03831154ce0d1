"""What the identity map says of a customer, remembered in this process and beside the sources' entries in Redis."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from resolvers.caching.asks import Ident
from resolvers.caching.local import OVERHEAD, Entry, Store
from resolvers.caching.tags import Tags, Watch, of_customer
from resolvers.identity.members import StoredCustomer

if TYPE_CHECKING:
    from resolvers.caching.shared import Shared  # needs optional packages

TRUSTED = 3600.0
"""Seconds that a customer is remembered at most, however little changes."""
_KIND = "customer"
_MEMBER_BYTES = 400
"""Estimated bytes of a member."""
_EACH = 4 * OVERHEAD
"""Bytes that one customer may take on average before others have to go."""

Read = Callable[[Sequence[str]], Awaitable[Mapping[str, StoredCustomer]]]


class Customers:
    """Customers by the id that was asked, which may be one that was merged away. By default it remembers nothing."""

    def __init__(
        self,
        *,
        ttl: float = 0.0,
        max_entries: int = 0,
        tags: Tags | None = None,
        shared: Shared | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`ttl` is in seconds; 0 remembers nothing."""
        self.tags = tags or Tags()
        self._ttl, self._shared, self._clock = ttl, shared, clock
        self._store = Store(max_entries=max_entries, max_bytes=max_entries * _EACH, clock=clock)
        self._version: int | None = None
        self._changed_at = math.inf
        self.tags.subscribe(self._dropped)

    async def get(
        self, ids: Sequence[str], read: Read, version: Callable[[], int | None] = lambda: None
    ) -> Mapping[str, StoredCustomer]:
        """The customers with these ids; `read` is asked for those that are not remembered. Unknown ids are missing.

        Where `version` says that nothing at all was written since they were read, customers are remembered for longer.
        """
        if not self._ttl:
            return await read(ids)
        now = self._clock()
        found: dict[str, StoredCustomer] = {}
        missing: list[str] = []
        for i in ids:
            entry = self._store.get(i)
            if entry is None or not self._holds(entry, version, now):
                missing.append(i)
            else:
                found[i] = entry.value
        if missing:
            with self.tags.watching() as watch:
                found.update(await self._missing(missing, read, watch, now))
        return found

    def _holds(self, entry: Entry, version: Callable[[], int | None], now: float) -> bool:
        if now >= entry.until:
            return False
        return now < entry.at + self._ttl or entry.at >= self._unchanged_since(version, now)

    def _unchanged_since(self, version: Callable[[], int | None], now: float) -> float:
        """From when on nothing was written: what was read later is as it was."""
        current = version()
        if current is None:
            return math.inf
        if current != self._version:
            self._version, self._changed_at = current, now
        return self._changed_at

    def close(self) -> None:
        """Forgets everything."""
        self._store.close()

    async def _missing(
        self, ids: Sequence[str], read: Read, watch: Watch, now: float
    ) -> dict[str, StoredCustomer]:
        entries, mark = await self._elsewhere(ids, watch)
        asked = [i for i in ids if i not in entries]
        if asked:
            stored = await read(asked)
            fresh = {i: self._entry(i, customer, now) for i, customer in stored.items()}
            self._keep(fresh, watch)
            if self._shared is not None:
                # replicas may have databases of their own, so there it lives for its usual time
                kept = {
                    _ident(i): msgspec.structs.replace(e, until=now + self._ttl)
                    for i, e in fresh.items()
                    if not watch.saw(e.tags)
                }
                await self._shared.put(kept, _KIND, mark)
            entries.update(fresh)
        return {i: entry.value for i, entry in entries.items()}

    async def _elsewhere(self, ids: Sequence[str], watch: Watch) -> tuple[dict[str, Entry], bytes | None]:
        """What another replica has found out, and the mark that `Shared.put` wants."""
        if self._shared is None:
            return {}, None
        idents = {_ident(i): i for i in ids}
        tags = {ident: (of_customer(i),) for ident, i in idents.items()}
        held, mark = await self._shared.get("", _KIND, idents, tags, _KIND)
        entries = {idents[ident]: entry for ident, entry in held.items()}
        self._keep(entries, watch)
        return entries, mark

    def _entry(self, asked: str, customer: StoredCustomer, now: float) -> Entry:
        return Entry(
            value=customer,
            at=now,
            until=now + max(self._ttl, TRUSTED),
            tags=tuple({of_customer(asked), of_customer(customer.id)}),
            size=OVERHEAD + _MEMBER_BYTES * len(customer.members),
        )

    def _keep(self, entries: Mapping[str, Entry], watch: Watch) -> None:
        for i, entry in entries.items():
            if not watch.saw(entry.tags):
                self._store.put(i, entry)

    def _dropped(self, tags: frozenset[str] | None) -> None:
        if tags is None:
            self._store.clear()
        else:
            self._store.drop(tags)


def _ident(customer_id: str) -> Ident:
    return "", _KIND, customer_id
