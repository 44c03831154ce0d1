"""The identity map at rest: what it knows of ids, keys and records, and the links that it remembers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from resolvers.identity import log, lookup, notes, rebuilding, remembering
from resolvers.identity.chronicle import Chronicle, Evidence
from resolvers.identity.database import Database
from resolvers.identity.decisions import Decisions
from resolvers.identity.derivation import Edge, Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.lookup import KnownKey, Neighbourhood
from resolvers.identity.members import Member, Ref, StoredCustomer
from resolvers.identity.notes import SyncState
from resolvers.identity.rekeying import Rekeying
from resolvers.identity.remembering import NewLinks, Outdated, Remembered
from resolvers.identity.tokens import Token

__all__ = [
    "Edge", "Evidence", "IdentityStore", "KnownKey", "Member", "Neighbourhood", "NewLinks", "Outdated", "Remembered",
    "StoredCustomer", "SyncState", "Verdict",
]  # fmt: skip


class IdentityStore:
    """Safe for concurrent use, by several processes too. Open it before use."""

    def __init__(
        self, url: str, *, pool_size: int = 5, connect_args: Mapping[str, Any] | None = None
    ) -> None:
        self._database = Database(url, pool_size=pool_size, connect_args=connect_args)
        self.decisions = Decisions(self._database)
        self.chronicle = Chronicle(self._database)
        self.rekeying = Rekeying(self._database)
        self.rekeying = Rekeying(self._database)

    @property
    def engine(self) -> AsyncEngine:
        return self._database.engine

    async def ping(self) -> None:
        """Raises what the database raises when it cannot be reached."""
        await self._database.ping()

    async def aclose(self) -> None:
        await self._database.aclose()

    def version(self) -> int | None:
        """See `Database.version`."""
        return self._database.version()

    async def customers(self, ids: Sequence[str]) -> Mapping[str, StoredCustomer]:
        """Customers by asked id; unknown ids are missing. An id that was merged answers with what it is now."""
        return await self._database.look(lambda tx: lookup.customers(tx, ids))

    async def keys(self, tokens: Sequence[Token]) -> Mapping[Token, KnownKey]:
        """What is known of each token; every token is in the answer."""
        return await self._database.look(lambda tx: lookup.keys(tx, tokens))

    async def by_records(self, refs: Iterable[Ref]) -> Mapping[Ref, str]:
        """The customer of each record that belongs to one."""
        asked = list(refs)
        return await self._database.look(lambda tx: log.owners(tx, asked))

    async def evidence(self, refs: Sequence[Ref]) -> Sequence[Evidence]:
        """The links between any of these records that count today, oldest first."""
        return await self.chronicle.evidence(refs)

    async def remember(self, new: NewLinks) -> Remembered:
        """Adds to the log what is new in the links, and derives who is who. What is known already changes nothing.

        Raises Outdated, and then wrote nothing.
        """
        return (await self.remember_all([new]))[0]

    async def remember_all(self, news: Sequence[NewLinks]) -> Sequence[Remembered]:
        """`remember` for several people, an event for each, in one transaction. Raises Outdated, and then wrote nothing."""
        if not news:
            return []
        await self._database.label(remembering.labels(news))
        return await self._database.write_unless(
            lambda tx: remembering.known(tx, news), lambda tx, new: remembering.remember(tx, news, new)
        )

    async def propose(self, edges: Sequence[Edge]) -> int:
        """Puts pairs up for review; an edge must say "unsure". Returns how many were not known. Nobody is joined or parted."""
        if not edges:
            return 0
        await self._database.label(remembering.labels([NewLinks(records=(), edges=tuple(edges))]))
        return await self._database.write(lambda tx: remembering.propose(tx, edges))

    async def candidates(self, tokens: Sequence[tuple[Token, int]], most: int) -> Sequence[Ref]:
        """The records that share one of these keys, those of the first keys first, `most` at most.

        The number is how many records may carry the key: one that more carry is crowded, and says nothing.
        """
        return await self._database.look(lambda tx: lookup.candidates(tx, tokens, most))

    async def carried(self, refs: Iterable[Ref]) -> Mapping[Ref, frozenset[Token]]:
        """The tokens that each record carried when it was last seen; records that the map does not know are missing."""
        asked = sorted(set(refs))
        return await self._database.look(lambda tx: lookup.carried(tx, asked))

    async def neighbourhood(self, refs: Iterable[Ref]) -> Neighbourhood:
        """The customers that these records belong to; unknown records have none."""
        asked = sorted(set(refs))
        return await self._database.look(lambda tx: lookup.neighbourhood(tx, asked))

    async def size(self) -> int:
        """How many records the map knows, roughly where there are many."""
        return await self._database.look(lookup.size)

    async def discovered(self, tokens: Mapping[Token, FanOut]) -> None:
        """All sources were asked for these keys now, which lead to so many people."""
        await self._note(tokens, datetime.now(UTC))

    async def learnt(self, tokens: Mapping[Token, FanOut]) -> None:
        """What the carriers of these keys say about them; when the sources were asked last stays as it is."""
        await self._note(tokens, None)

    async def _note(self, tokens: Mapping[Token, FanOut], at: datetime | None) -> None:
        if tokens:
            await self._database.write(lambda tx: notes.note(tx, tokens, at))

    async def lost(self, refs: Iterable[Ref]) -> None:
        """The sources no longer have these records: their keys find nobody any more. Their place in the log stays."""
        gone = sorted(set(refs))
        if gone:
            await self._database.write(lambda tx: notes.lost(tx, gone))

    async def sync_states(self) -> Mapping[str, SyncState]:
        """How far each source that was ever read has been read."""
        return await self._database.look(notes.sync_states)

    async def save_sync_state(self, state: SyncState) -> None:
        """Replaces what was kept for the source."""
        await self._database.write(lambda tx: notes.save_sync_state(tx, state))

    async def rebuild(self) -> int:
        """Derives everything anew from the log alone; returns how many derived rows had to be changed."""
        return await self._database.write(rebuilding.rebuild)

    async def export(self) -> bytes:
        """All that is derived from the log, in a fixed order: a line of JSON for each row."""
        return await self._database.read(rebuilding.export)
