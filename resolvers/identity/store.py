"""The identity map at rest: what it knows of ids, keys and records, and the links that it remembers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from resolvers.identity import log
from resolvers.identity.chronicle import Chronicle, Evidence
from resolvers.identity.database import Database, among, chunks
from resolvers.identity.decisions import Decisions
from resolvers.identity.derivation import Edge, Pair, Verdict, family, pair_of, standing
from resolvers.identity.fan_out import FanOut
from resolvers.identity.log import LINKING, Draft, Kind, Part
from resolvers.identity.members import Member, Ref, StoredCustomer
from resolvers.identity.rekeying import Rekeying
from resolvers.identity.tables import CustomerRow, DiscoveryRow, KeyRow, MemberRow, SyncRow
from resolvers.identity.tokens import Token

__all__ = [
    "Edge", "Evidence", "IdentityStore", "KnownKey", "Member", "Neighbourhood", "NewLinks", "Outdated", "Remembered",
    "StoredCustomer", "SyncState", "Verdict",
]  # fmt: skip


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the map knows of a key: whose it is, when all sources were last asked for it (None: never wholly), its class."""

    customers: tuple[str, ...] = ()
    discovered_at: datetime | None = None
    fan_out: FanOut = FanOut.PERSONAL

    @property
    def shared(self) -> bool:
        """Whether it is no key of one person."""
        return self.fan_out is not FanOut.PERSONAL


class NewLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Records as they are now, with all keys that they carry, and what was found out about pairs of them.

    An edge may name a record that is known already and is none of `records`; its `event` is not looked at. `considered`
    are all records that were compared before anything was joined: where a customer has grown by others in the meantime,
    nothing is written (see `Outdated`). None: whatever there is may be joined.
    """

    records: tuple[Ref, ...]
    edges: tuple[Edge, ...] = ()
    tokens: tuple[tuple[Token, Ref], ...] = ()
    considered: frozenset[Ref] | None = None


class Outdated(Exception):
    """A customer that the new links reach has records that were not considered. Look again, then decide."""


class Neighbourhood(msgspec.Struct, frozen=True, kw_only=True):
    """The customers around some records, each with all its records, and the pairs that a steward holds to be different."""

    clusters: tuple[tuple[Ref, ...], ...] = ()
    forbidden: frozenset[Pair] = frozenset()


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a source has been read: `cursor` goes on after it (None: from the beginning), `records` were read so far,
    `complete`: everything was, once.
    """

    source: str
    cursor: str | None
    records: int
    complete: bool
    at: datetime


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The customer of the first record, that of each record, and the ids that were merged into others just now.

    Records that a steward holds to be different people stay different customers, whatever links them. `touched` are all
    ids whose answers may have changed.
    """

    customer_id: str
    customers: Mapping[Ref, str]
    merged: tuple[str, ...] = ()
    touched: frozenset[str] = frozenset()


class IdentityStore:
    """Safe for concurrent use, by several processes too. Open it before use."""

    def __init__(
        self, url: str, *, pool_size: int = 5, connect_args: Mapping[str, Any] | None = None
    ) -> None:
        self._database = Database(url, pool_size=pool_size, connect_args=connect_args)
        self.decisions = Decisions(self._database)
        self.chronicle = Chronicle(self._database)
        self.rekeying = Rekeying(self._database)

    @property
    def engine(self) -> AsyncEngine:
        return self._database.engine

    async def ping(self) -> None:
        """Raises what the database raises when it cannot be reached."""
        await self._database.ping()

    async def aclose(self) -> None:
        await self._database.aclose()

    async def customers(self, ids: Sequence[str]) -> Mapping[str, StoredCustomer]:
        """Customers by asked id; unknown ids are missing. An id that was merged answers with what it is now."""
        return await self._database.read(lambda connection: _customers(connection, ids))

    async def keys(self, tokens: Sequence[Token]) -> Mapping[Token, KnownKey]:
        """What is known of each token; every token is in the answer."""
        return await self._database.read(lambda connection: _keys(connection, tokens))

    async def by_records(self, refs: Iterable[Ref]) -> Mapping[Ref, str]:
        """The customer of each record that belongs to one."""
        asked = list(refs)
        return await self._database.read(lambda connection: log.owners(connection, asked))

    async def evidence(self, refs: Sequence[Ref]) -> Sequence[Evidence]:
        """The links between any of these records that count today, oldest first."""
        return await self.chronicle.evidence(refs)

    async def remember(self, new: NewLinks) -> Remembered:
        """Adds to the log what is new in the links, and derives who is who. What is known already changes nothing.

        Raises Outdated, and then wrote nothing.
        """
        known = await self._database.read(lambda connection: _known(connection, new))
        if known is not None:
            return known
        return await self._database.write(lambda connection: _remember(connection, new))

    async def remember_all(self, news: Sequence[NewLinks]) -> Sequence[Remembered]:
        """`remember` for several people, an event for each, in one transaction. Raises Outdated, and then wrote nothing."""
        return [await self.remember(new) for new in news]

    async def candidates(self, tokens: Sequence[tuple[Token, int]], most: int) -> Sequence[Ref]:
        """The records that share one of these keys, those of the first keys first, `most` at most.

        The number is how many records may carry the key: one that more carry is crowded, and says nothing.
        """
        return await self._database.read(lambda connection: _candidates(connection, tokens, most))

    async def neighbourhood(self, refs: Iterable[Ref]) -> Neighbourhood:
        """The customers that these records belong to; unknown records have none."""
        asked = sorted(set(refs))
        return await self._database.read(lambda connection: _neighbourhood(connection, asked))

    async def size(self) -> int:
        """How many records the map knows, roughly where there are many."""
        return await self._database.read(_size)

    async def discovered(self, tokens: Mapping[Token, FanOut]) -> None:
        """All sources were asked for these keys now, which lead to so many people."""
        await self._note(tokens, datetime.now(UTC))

    async def learnt(self, tokens: Mapping[Token, FanOut]) -> None:
        """What the carriers of these keys say about them; when the sources were asked last stays as it is."""
        await self._note(tokens, None)

    async def _note(self, tokens: Mapping[Token, FanOut], at: datetime | None) -> None:
        if tokens:
            await self._database.write(lambda connection: _note(connection, tokens, at))

    async def lost(self, refs: Iterable[Ref]) -> None:
        """The sources no longer have these records: their keys find nobody any more. Their place in the log stays."""
        gone = sorted(set(refs))
        if gone:
            await self._database.write(lambda connection: _lost(connection, gone))

    async def sync_states(self) -> Mapping[str, SyncState]:
        """How far each source that was ever read has been read."""
        return await self._database.read(_sync_states)

    async def save_sync_state(self, state: SyncState) -> None:
        """Replaces what was kept for the source."""
        await self._database.write(lambda connection: _save_sync_state(connection, state))

    async def rebuild(self) -> int:
        """Derives everything anew from the log alone; returns how many derived rows had to be changed."""
        return await self._database.write(log.rebuild)

    async def export(self) -> bytes:
        """All that is derived from the log, in a fixed order: a line of JSON for each row."""
        return await self._database.read(log.export)


def _customers(connection: Connection, ids: Sequence[str]) -> dict[str, StoredCustomer]:
    current: dict[str, str] = {}
    for some in chunks(sorted(set(ids))):
        rows = connection.execute(
            select(CustomerRow.id, CustomerRow.merged_into).where(CustomerRow.id.in_(some))
        )
        current |= {row.id: row.merged_into or row.id for row in rows}
    members: dict[str, list[Member]] = defaultdict(list)
    for some in chunks(sorted(set(current.values()))):
        rows = connection.execute(
            select(MemberRow).where(MemberRow.customer_id.in_(some))
            .order_by(MemberRow.source, MemberRow.record_id)
        )  # fmt: skip
        for row in rows:
            members[row.customer_id].append(
                Member(source=row.source, record_id=row.record_id, linked_at=row.linked_at, confidence=row.confidence)
            )  # fmt: skip
    return {
        asked: StoredCustomer(
            id=now, redirected_from=None if now == asked else asked, members=tuple(members.get(now, ()))
        )
        for asked, now in current.items()
    }


def _keys(connection: Connection, tokens: Sequence[Token]) -> dict[Token, KnownKey]:
    owners: dict[Token, set[str]] = defaultdict(set)
    seen: dict[Token, Any] = {}
    for some in chunks(tokens):
        rows = connection.execute(
            select(KeyRow.token, MemberRow.customer_id)
            .join(MemberRow, (MemberRow.source == KeyRow.source) & (MemberRow.record_id == KeyRow.record_id))
            .where(KeyRow.token.in_(some))
        )  # fmt: skip
        for token, customer_id in rows:
            owners[token].add(customer_id)
        found = connection.execute(
            select(DiscoveryRow.token, DiscoveryRow.at, DiscoveryRow.fan_out).where(
                DiscoveryRow.token.in_(some)
            )
        )
        seen |= {row.token: row for row in found}
    return {
        token: KnownKey(
            customers=tuple(sorted(owners[token])),
            discovered_at=seen[token].at if token in seen else None,
            fan_out=FanOut(seen[token].fan_out) if token in seen else FanOut.PERSONAL,
        )
        for token in tokens
    }


def _candidates(connection: Connection, tokens: Sequence[tuple[Token, int]], most: int) -> list[Ref]:
    found: dict[Ref, None] = {}
    for token, limit in tokens:
        if len(found) >= most:
            break
        rows = connection.execute(
            select(KeyRow.source, KeyRow.record_id).where(KeyRow.token == token)
            .order_by(KeyRow.source, KeyRow.record_id).limit(limit + 1)
        ).all()  # fmt: skip
        if len(rows) <= limit:
            found.update(((row.source, row.record_id), None) for row in rows)
    return list(found)[:most]


def _neighbourhood(connection: Connection, refs: Sequence[Ref]) -> Neighbourhood:
    part = log.load(connection, refs, lock=False)
    clusters: dict[str, list[Ref]] = defaultdict(list)
    for ref, member in sorted(part.derived.members.items()):
        clusters[member.customer_id].append(ref)
    touched = {part.owner(ref) for ref in refs if ref in part.derived.members}
    apart = [e for e in standing(part.graph) if e.by_steward and e.verdict is Verdict.DIFFERENT]
    return Neighbourhood(
        clusters=tuple(tuple(clusters[i]) for i in sorted(touched)),
        forbidden=frozenset(e.pair for e in apart),
    )


def _size(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(MemberRow)).scalar_one()


def _note(connection: Connection, tokens: Mapping[Token, FanOut], at: datetime | None) -> None:
    asked: dict[Token, datetime | None] = dict.fromkeys(tokens, at)
    for some in chunks(sorted(tokens)):
        if at is None:
            rows = connection.execute(select(DiscoveryRow).where(DiscoveryRow.token.in_(some)))
            asked |= {row.token: row.at for row in rows}
        connection.execute(delete(DiscoveryRow).where(DiscoveryRow.token.in_(some)))
    rows_ = [{"token": t, "at": asked[t], "fan_out": f.value} for t, f in sorted(tokens.items())]
    connection.execute(insert(DiscoveryRow), rows_)


def _lost(connection: Connection, refs: Sequence[Ref]) -> None:
    for some in chunks(refs):
        connection.execute(delete(KeyRow).where(among(KeyRow.source, KeyRow.record_id, some)))


def _sync_states(connection: Connection) -> dict[str, SyncState]:
    rows = connection.execute(select(SyncRow).order_by(SyncRow.source))
    return {
        row.source: SyncState(
            source=row.source, cursor=row.cursor, records=row.records, complete=row.complete, at=row.at
        )
        for row in rows
    }


def _save_sync_state(connection: Connection, state: SyncState) -> None:
    connection.execute(delete(SyncRow).where(SyncRow.source == state.source))
    connection.execute(insert(SyncRow).values(msgspec.structs.asdict(state)))


def _named(new: NewLinks) -> list[Ref]:
    """Every record that the links speak of."""
    return sorted({*new.records, *(ref for edge in new.edges for ref in edge.pair)})


def _known(connection: Connection, new: NewLinks) -> Remembered | None:
    """The answer where there is nothing to write: the everyday case needs no lock."""
    named = _named(new)
    owners = log.owners(connection, named)
    if len(owners) < len(named):
        return None
    carried = log.tokens_of(connection, named)
    if any(carried.get(ref, set()) != tokens for ref, tokens in _carried(new).items()):
        return None
    if _new_edges(new, log.edges_of_records(connection, named), carried):
        return None
    customers = {ref: owners[ref] for ref in sorted(new.records)}
    return Remembered(
        customer_id=customers[new.records[0]], customers=customers, touched=frozenset(owners.values())
    )


def _remember(connection: Connection, new: NewLinks) -> Remembered:
    named = _named(new)
    part = log.load(connection, named, lock=True)
    _check_considered(new, part)
    known = log.tokens_of(connection, named)
    edges = _new_edges(new, part.graph.edges, {**known, **_carried(new)})
    records = tuple(ref for ref in named if ref not in part.graph.records)
    derived = part.derived
    if edges or records:
        draft = Draft(kind=Kind.LINK, actor=LINKING, edges=tuple(edges), records=records)
        derived = log.append(connection, part, draft).after
    _replace_tokens(connection, known, _carried(new))
    return _answer(new, part, derived)


def _check_considered(new: NewLinks, part: Part) -> None:
    """A join was judged against everybody it brings together, or it is not made."""
    if new.considered is None:
        return
    ends = {ref for e in new.edges if e.verdict is Verdict.SAME for ref in e.pair}
    joined = {part.owner(ref) for ref in ends if ref in part.derived.members}
    if any(m.customer_id in joined and ref not in new.considered for ref, m in part.derived.members.items()):
        raise Outdated


def _answer(new: NewLinks, part: Part, after: Any) -> Remembered:
    customers = {ref: after.members[ref].customer_id for ref in sorted(new.records)}
    before = {part.owner(ref) for ref in new.records if ref in part.derived.members}
    current = {m.customer_id for m in after.members.values()}
    return Remembered(
        customer_id=customers[new.records[0]],
        customers=customers,
        merged=tuple(sorted(before - current)),
        touched=frozenset(after.customers),
    )


def _carried(new: NewLinks) -> dict[Ref, set[Token]]:
    """The tokens that each record carries now."""
    carried: dict[Ref, set[Token]] = {ref: set() for ref in new.records}
    for token, ref in new.tokens:
        carried.setdefault(ref, set()).add(token)
    return carried


def _new_edges(new: NewLinks, held: Sequence[Edge], carried: Mapping[Ref, set[Token]]) -> list[Edge]:
    """The edges that the log does not hold. What was undone is held too: finding it again does not bring it back.

    That two records are different is worth an edge only where the log says something else.
    """
    rules = {(*e.pair, *family(e)) for e in held}
    scores: dict[Pair, Edge] = {}
    for old in sorted((e for e in held if e.is_scored), key=lambda e: e.event):
        scores[old.pair] = old
    edges: dict[Any, Edge] = {}
    for found in new.edges:
        a, b = pair_of(found.a, found.b)
        edge = msgspec.structs.replace(found, a=a, b=b, rests_on=log.rests_on(a, b, carried))
        fresh = (
            _is_fresh(edge, scores.get(edge.pair))
            if edge.is_scored
            else (*edge.pair, *family(edge)) not in rules
        )
        if a != b and fresh:
            edges[(*edge.pair, *family(edge))] = edge
    return list(edges.values())


def _is_fresh(edge: Edge, old: Edge | None) -> bool:
    if old is None:
        return edge.verdict is not Verdict.DIFFERENT
    return (old.verdict, old.origin, old.rests_on) != (edge.verdict, edge.origin, edge.rests_on)


def _replace_tokens(
    connection: Connection, known: Mapping[Ref, set[Token]], wanted: Mapping[Ref, set[Token]]
) -> None:
    """The records carry these keys now, and no others: an address that was changed at the source finds nobody any more."""
    gone = sorted((t, *ref) for ref, tokens in wanted.items() for t in known.get(ref, set()) - tokens)
    for token, source, record_id in gone:
        connection.execute(
            delete(KeyRow).where(
                KeyRow.token == token, KeyRow.source == source, KeyRow.record_id == record_id
            )
        )
    fresh = sorted((t, *ref) for ref, tokens in wanted.items() for t in tokens - known.get(ref, set()))
    if fresh:
        rows = [{"token": t, "source": s, "record_id": r} for t, s, r in fresh]
        connection.execute(insert(KeyRow), rows)
