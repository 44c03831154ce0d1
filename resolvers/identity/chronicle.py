"""What the log can tell: why records are one customer, what happened to it, what was believed on a day, what is in doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, case, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from resolvers.identity import log
from resolvers.identity.database import Database
from resolvers.identity.derivation import (
    Contribution,
    Edge,
    Graph,
    Pair,
    Partition,
    Verdict,
    derive,
    pair_of,
    partition,
    undone_events,
)
from resolvers.identity.log import Event, Part
from resolvers.identity.members import Member, Ref, StoredCustomer
from resolvers.identity.tables import CustomerRow, MemberRow, ReviewRow


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """An edge of the log and the event that wrote it. `rule` is its origin: a rule, a model, or the steward."""

    a: Ref
    b: Ref
    rule: str
    key_type: str | None
    confidence: float
    at: datetime
    verdict: Verdict
    weight: float | None
    contributions: tuple[Contribution, ...]
    actor: str
    reason: str | None
    event: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a customer's history. `undone_by` is the undo that took it back, where that one still counts."""

    event: Event
    undone_by: int | None
    edges: tuple[Edge, ...]


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that alone holds two sides of a customer together; how many records each side has."""

    a: Ref
    b: Ref
    a_side: int
    b_side: int
    evidence: tuple[Evidence, ...]


class Believed(msgspec.Struct, frozen=True, kw_only=True):
    """A customer at some time, and the evidence that held it together then."""

    customer: StoredCustomer
    evidence: tuple[Evidence, ...]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of the review begins: after this pair of this value."""

    value: float
    a: Ref
    b: Ref


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that waits for a decision. `value` orders the list: the records affected, times how close the call is.

    `reopened`: it was decided or kept apart before, and what that rested on has changed.
    """

    a: Ref
    b: Ref
    a_customer: str
    b_customer: str
    confidence: float
    records: int
    value: float
    reopened: bool
    evidence: tuple[Evidence, ...]

    @property
    def place(self) -> Place:
        return Place(self.value, self.a, self.b)


class Chronicle:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def evidence(self, refs: Sequence[Ref]) -> Sequence[Evidence]:
        """The links between any of these records that count today, oldest first."""
        return await self._database.read(lambda connection: _evidence_of(connection, refs))

    async def why(self, a: Ref, b: Ref) -> Sequence[Evidence]:
        """The strongest way from one record to the other, a link for each step; empty when they are two customers."""
        return await self._database.read(lambda connection: _why(connection, a, b))

    async def history(self, customer_id: str) -> Sequence[Entry]:
        """What happened to the customer's records, oldest first; empty for an unknown id."""
        return await self._database.read(lambda connection: _history(connection, customer_id))

    async def bridges(self, customer_id: str) -> Sequence[Bridge]:
        """The pairs without which the customer would fall apart, weakest first."""
        return await self._database.read(lambda connection: _bridges(connection, customer_id))

    async def as_of(self, customer_id: str, at: datetime) -> Believed | None:
        """The customer as it was believed to be then; None when the id did not exist."""
        return await self._database.read(lambda connection: _as_of(connection, customer_id, at))

    async def review(self, first: int, after: Place | None = None) -> tuple[Sequence[Review], bool]:
        """Pairs that wait for a decision, most valuable first, and whether there are more."""
        return await self._database.read(lambda connection: _review(connection, first, after))


def _evidence(connection: Connection, edges: Iterable[Edge]) -> list[Evidence]:
    wanted = sorted(edges, key=lambda e: (e.event, e.pair, e.origin, e.token or b""))
    events = log.events(connection, {e.event for e in wanted})
    return [
        Evidence(
            a=e.a, b=e.b, rule=e.origin, key_type=e.key_type, confidence=e.confidence,
            at=events[e.event].at, verdict=e.verdict, weight=e.weight, contributions=e.contributions,
            actor=events[e.event].actor, reason=events[e.event].reason, event=e.event,
        )
        for e in wanted
    ]  # fmt: skip


def _evidence_of(connection: Connection, refs: Sequence[Ref]) -> list[Evidence]:
    part = log.load(connection, refs, lock=False)
    return _evidence(connection, _inside(partition(part.graph), set(refs)))


def _inside(parts: Partition, refs: set[Ref] | frozenset[Ref]) -> list[Edge]:
    return [e for e in parts.standing if e.verdict is Verdict.SAME and e.a in refs and e.b in refs]


def _why(connection: Connection, a: Ref, b: Ref) -> list[Evidence]:
    forest = partition(log.load(connection, [a], lock=False).graph).forest
    steps: dict[Ref, list[Edge]] = defaultdict(list)
    for edge in forest:
        steps[edge.a].append(edge)
        steps[edge.b].append(edge)
    came: dict[Ref, tuple[Ref, Edge] | None] = {a: None}
    frontier = [a]
    while frontier and b not in came:
        here = frontier.pop()
        for edge in steps[here]:
            there = edge.b if edge.a == here else edge.a
            if there not in came:
                came[there] = (here, edge)
                frontier.append(there)
    way: list[Edge] = []
    step = came.get(b)
    while step is not None:
        way.insert(0, step[1])
        step = came[step[0]]
    known = {(e.a, e.b, e.event, e.rule): e for e in _evidence(connection, way)}
    return [known[e.a, e.b, e.event, e.origin] for e in way]


def _part_of(connection: Connection, customer_id: str) -> tuple[Part, str] | None:
    """All that a customer depends on, and its current id."""
    row = connection.execute(select(CustomerRow).where(CustomerRow.id == customer_id)).first()
    if row is None:
        return None
    part = log.load(connection, [(row.source, row.record_id)], lock=False)
    return part, row.merged_into or row.id


def _history(connection: Connection, customer_id: str) -> list[Entry]:
    found = _part_of(connection, customer_id)
    if found is None:
        return []
    part, current = found
    cluster = part.customer(current)
    edges: dict[int, list[Edge]] = defaultdict(list)
    for edge in part.graph.edges:
        if edge.a in cluster or edge.b in cluster:
            edges[edge.event].append(edge)
    ids = set(edges) | {part.graph.records[ref].event for ref in cluster}
    fresh = set(ids)
    while fresh:
        fresh = {undo for undo, target in part.graph.undos.items() if target in fresh} - ids
        ids |= fresh
    undone = undone_events(part.graph.undos)
    undone_by = {target: undo for undo, target in part.graph.undos.items() if undo not in undone}
    return [
        Entry(event=event, undone_by=undone_by.get(number), edges=tuple(sorted(edges[number], key=lambda e: e.pair)))
        for number, event in sorted(log.events(connection, ids).items())
    ]  # fmt: skip


def _bridges(connection: Connection, customer_id: str) -> list[Bridge]:
    found = _part_of(connection, customer_id)
    if found is None:
        return []
    part, current = found
    parts, cluster = partition(part.graph), part.customer(current)
    by_pair: dict[Pair, list[Edge]] = defaultdict(list)
    for edge in _inside(parts, cluster):
        by_pair[edge.pair].append(edge)
    bridges = []
    for a, b in sorted({e.pair for e in parts.forest if e.a in cluster}):  # every bridge is in every forest
        side = _reached(a, [p for p in by_pair if p != (a, b)])
        if b not in side:
            bridges.append(
                Bridge(
                    a=a, b=b, a_side=len(side), b_side=len(cluster) - len(side),
                    evidence=tuple(_evidence(connection, by_pair[a, b])),
                )
            )  # fmt: skip
    return sorted(bridges, key=lambda x: (max(e.confidence for e in x.evidence), x.a, x.b))


def _reached(start: Ref, pairs: Sequence[Pair]) -> set[Ref]:
    neighbours: dict[Ref, set[Ref]] = defaultdict(set)
    for a, b in pairs:
        neighbours[a].add(b)
        neighbours[b].add(a)
    reached, frontier = {start}, [start]
    while frontier:
        fresh = neighbours[frontier.pop()] - reached
        reached |= fresh
        frontier += fresh
    return reached


def _as_of(connection: Connection, customer_id: str, at: datetime) -> Believed | None:
    found = _part_of(connection, customer_id)
    if found is None:
        return None
    part, _ = found
    graph = part.graph
    ids = {e.event for e in graph.edges} | {s.event for s in graph.records.values()}
    ids |= {a.event for a in graph.anchors} | set(graph.undos)
    # clocks of several writers may differ: what counts is the order of the log, up to the last event of that time
    last = max((e.id for e in log.events(connection, ids).values() if e.at <= at), default=0)
    then = graph.until(last)
    if all(a.id != customer_id for a in then.anchors):
        return None
    return _believed(connection, then, customer_id)


def _believed(connection: Connection, graph: Graph, customer_id: str) -> Believed:
    parts = partition(graph)
    derived = derive(graph, parts)
    current = derived.customers[customer_id].merged_into or customer_id
    members = tuple(
        Member(source=ref[0], record_id=ref[1], linked_at=m.linked_at, confidence=m.confidence)
        for ref, m in sorted(derived.members.items())
        if m.customer_id == current
    )
    customer = StoredCustomer(
        id=current, redirected_from=None if current == customer_id else customer_id, members=members
    )
    refs = {(m.source, m.record_id) for m in members}
    return Believed(customer=customer, evidence=tuple(_evidence(connection, _inside(parts, refs))))


def _review(connection: Connection, first: int, after: Place | None) -> tuple[list[Review], bool]:
    a, b = aliased(MemberRow), aliased(MemberRow)

    def size(member: Any) -> Any:
        counted = aliased(MemberRow)
        counting = select(func.count()).select_from(counted).where(counted.customer_id == member.customer_id)
        return counting.correlate(member).scalar_subquery()

    records = (size(a) + size(b)).label("records")
    # an even chance is the closest call there is; a decision whose ground has changed comes before all of them
    closeness = case((ReviewRow.reopened, 1.0), else_=1.0 - func.abs(2.0 * ReviewRow.confidence - 1.0))
    rows = (
        select(
            ReviewRow,
            a.customer_id.label("a_customer"),
            b.customer_id.label("b_customer"),
            records,
            ((size(a) + size(b)) * closeness).label("value"),
        )
        .join(a, (a.source == ReviewRow.a_source) & (a.record_id == ReviewRow.a_record_id))
        .join(b, (b.source == ReviewRow.b_source) & (b.record_id == ReviewRow.b_record_id))
        .subquery()
    )
    pair = tuple_(rows.c.a_source, rows.c.a_record_id, rows.c.b_source, rows.c.b_record_id)
    query = select(rows).order_by(
        rows.c.value.desc(), rows.c.a_source, rows.c.a_record_id, rows.c.b_source, rows.c.b_record_id
    )
    if after is not None:
        below = and_(rows.c.value == after.value, pair > tuple_(*after.a, *after.b))
        query = query.where(or_(rows.c.value < after.value, below))
    found = connection.execute(query.limit(first + 1)).all()
    evidence = _evidence_between(connection, [_pair(row) for row in found[:first]])
    shown = [
        Review(
            a=_pair(row)[0], b=_pair(row)[1], a_customer=row.a_customer, b_customer=row.b_customer,
            confidence=row.confidence, records=row.records, value=row.value, reopened=row.reopened,
            evidence=tuple(evidence.get(_pair(row), ())),
        )
        for row in found[:first]
    ]  # fmt: skip
    return shown, len(found) > first


def _pair(row: Any) -> Pair:
    return pair_of((row.a_source, row.a_record_id), (row.b_source, row.b_record_id))


def _evidence_between(connection: Connection, pairs: Sequence[Pair]) -> Mapping[Pair, Sequence[Evidence]]:
    """All that counts today about these very pairs."""
    if not pairs:
        return {}
    part = log.load(connection, {ref for pair in pairs for ref in pair}, lock=False)
    wanted = set(pairs)
    by_pair: dict[Pair, list[Evidence]] = defaultdict(list)
    for each in _evidence(connection, [e for e in partition(part.graph).standing if e.pair in wanted]):
        by_pair[each.a, each.b].append(each)
    return by_pair
