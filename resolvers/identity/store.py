"""The identity map at rest: what it knows of ids, keys and records, and the links that it remembers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from resolvers.identity import log
from resolvers.identity.chronicle import Chronicle, Evidence
from resolvers.identity.database import Database, chunks
from resolvers.identity.decisions import Decisions
from resolvers.identity.derivation import (
    MODEL,
    Contribution,
    Edge,
    Verdict,
    pair_of,
)
from resolvers.identity.linking import CONFIDENCE, Link, Ref
from resolvers.identity.log import LINKING, Draft, Kind, Part
from resolvers.identity.members import Member, StoredCustomer
from resolvers.identity.tables import CustomerRow, DiscoveryRow, KeyRow, MemberRow

__all__ = [
    "Evidence", "IdentityStore", "KnownKey", "Member", "NewLinks", "Remembered", "Scored", "StoredCustomer",
]  # fmt: skip


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the map knows of a key: whose it is, and when all sources were last asked for it (None: never wholly)."""

    customers: tuple[str, ...] = ()
    discovered_at: datetime | None = None
    shared: bool = False


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of two records. `confidence` is a probability, `weight` its evidence in bits."""

    a: Ref
    b: Ref
    verdict: Verdict
    model: str
    confidence: float
    weight: float | None = None
    contributions: tuple[Contribution, ...] = ()


class NewLinks(msgspec.Struct, frozen=True, kw_only=True):
    """One person's records as linking found them, ready to be remembered, and pairs that a model scored.

    A scored pair may name a record that is known already and is none of `records`.
    """

    records: tuple[Ref, ...]
    links: tuple[tuple[Link, str | None], ...]  # with the token of the link's key
    tokens: tuple[tuple[str, Ref], ...]
    scored: tuple[Scored, ...] = ()


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

    async def keys(self, tokens: Sequence[str]) -> Mapping[str, KnownKey]:
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
        """Adds to the log what is new in the links, and derives who is who. What is known already changes nothing."""
        known = await self._database.read(lambda connection: _known(connection, new))
        if known is not None:
            return known
        return await self._database.write(lambda connection: _remember(connection, new))

    async def discovered(self, tokens: Mapping[str, bool]) -> None:
        """All sources were asked for these tokens now; the value says whether several people share the key."""
        now = datetime.now(UTC)
        rows = [{"token": t, "at": now, "shared": shared} for t, shared in sorted(tokens.items())]

        def work(connection: Connection) -> None:
            for some in chunks([r["token"] for r in rows]):
                connection.execute(delete(DiscoveryRow).where(DiscoveryRow.token.in_(some)))
            connection.execute(insert(DiscoveryRow), rows)

        if rows:
            await self._database.write(work)

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


def _keys(connection: Connection, tokens: Sequence[str]) -> dict[str, KnownKey]:
    owners: dict[str, set[str]] = defaultdict(set)
    seen: dict[str, Any] = {}
    for some in chunks(tokens):
        rows = connection.execute(
            select(KeyRow.token, MemberRow.customer_id)
            .join(MemberRow, (MemberRow.source == KeyRow.source) & (MemberRow.record_id == KeyRow.record_id))
            .where(KeyRow.token.in_(some))
        )  # fmt: skip
        for token, customer_id in rows:
            owners[token].add(customer_id)
        found = connection.execute(
            select(DiscoveryRow.token, DiscoveryRow.at, DiscoveryRow.shared).where(
                DiscoveryRow.token.in_(some)
            )
        )
        seen |= {row.token: row for row in found}
    return {
        token: KnownKey(
            customers=tuple(sorted(owners[token])),
            discovered_at=seen[token].at if token in seen else None,
            shared=seen[token].shared if token in seen else False,
        )
        for token in tokens
    }


def _named(new: NewLinks) -> list[Ref]:
    """Every record that the links speak of."""
    ends = [ref for link, _ in new.links for ref in (link.a, link.b)]
    ends += [ref for pair in new.scored for ref in (pair.a, pair.b)]
    return sorted({*new.records, *ends})


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
    known = log.tokens_of(connection, named)
    edges = _new_edges(new, part.graph.edges, {**known, **_carried(new)})
    records = tuple(ref for ref in named if ref not in part.graph.records)
    derived = part.derived
    if edges or records:
        draft = Draft(kind=Kind.LINK, actor=LINKING, edges=tuple(edges), records=records)
        derived = log.append(connection, part, draft).after
    _replace_tokens(connection, known, _carried(new))
    return _answer(new, part, derived)


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


def _carried(new: NewLinks) -> dict[Ref, set[str]]:
    """The tokens that each record carries now."""
    carried: dict[Ref, set[str]] = {ref: set() for ref in new.records}
    for token, ref in new.tokens:
        carried.setdefault(ref, set()).add(token)
    return carried


def _new_edges(new: NewLinks, held: Sequence[Edge], carried: Mapping[Ref, set[str]]) -> list[Edge]:
    """The edges that the log does not hold. What was undone is held too: finding it again does not bring it back."""
    links = {(*pair_of(e.a, e.b), e.origin, e.token) for e in held}
    edges: dict[Any, Edge] = {}
    for link, token in new.links:
        edge = _link_edge(link, token, carried)
        identity = (*edge.pair, edge.origin, edge.token)
        if edge.a != edge.b and identity not in links:
            edges.setdefault(identity, edge)
    scores: dict[Any, Edge] = {}
    for known in sorted((e for e in held if e.origin.startswith(MODEL)), key=lambda e: e.event):
        scores[known.pair] = known
    for scored in new.scored:
        edge, old = _scored_edge(scored, carried), scores.get(pair_of(scored.a, scored.b))
        if edge.a != edge.b and (old is None or _says(old) != _says(edge)):
            edges[(*edge.pair, MODEL)] = edge
    return list(edges.values())


def _says(edge: Edge) -> tuple[Any, ...]:
    return (edge.verdict, edge.origin, edge.rests_on)


def _link_edge(link: Link, token: str | None, carried: Mapping[Ref, set[str]]) -> Edge:
    a, b = pair_of(link.a, link.b)
    return Edge(
        event=0, a=a, b=b, verdict=Verdict.SAME, origin=link.rule.value, confidence=CONFIDENCE[link.rule],
        key_type=link.key.type.value if link.key else None, token=token,
        rests_on=log.rests_on(a, b, carried),
    )  # fmt: skip


def _scored_edge(scored: Scored, carried: Mapping[Ref, set[str]]) -> Edge:
    a, b = pair_of(scored.a, scored.b)
    return Edge(
        event=0, a=a, b=b, verdict=scored.verdict, origin=f"{MODEL}{scored.model}",
        confidence=scored.confidence, weight=scored.weight, contributions=scored.contributions,
        rests_on=log.rests_on(a, b, carried),
    )  # fmt: skip


def _replace_tokens(
    connection: Connection, known: Mapping[Ref, set[str]], wanted: Mapping[Ref, set[str]]
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
