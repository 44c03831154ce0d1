"""What the log can tell: why records are one customer, what happened to it, what was believed on a day, what is in doubt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, case, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from resolvers.identity import decided, log, lookup
from resolvers.identity.database import Database, Tx
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
from resolvers.identity.relations import Relation, relations
from resolvers.identity.tables import CustomerRow, LabelRow, MemberRow, ReviewRow


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


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which pairs of the review: with a record of this source, and a confidence from `least` to `most`."""

    source: str | None = None
    least: float = 0.0
    most: float = 1.0


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
        return await self._database.read(lambda tx: _evidence_of(tx, refs))

    async def why(self, a: Ref, b: Ref) -> Sequence[Evidence]:
        """The strongest way from one record to the other, a link for each step; empty when they are two customers."""
        return await self._database.read(lambda tx: _why(tx, a, b))

    async def history(self, customer_id: str) -> Sequence[Entry]:
        """What happened to the customer's records, oldest first; empty for an unknown id."""
        return await self._database.read(lambda tx: _history(tx, customer_id))

    async def bridges(self, customer_id: str) -> Sequence[Bridge]:
        """The pairs without which the customer would fall apart, weakest first."""
        return await self._database.read(lambda tx: _bridges(tx, customer_id))

    async def as_of(self, customer_id: str, at: datetime) -> Believed | None:
        """The customer as it was believed to be then; None when the id did not exist."""
        return await self._database.read(lambda tx: _as_of(tx, customer_id, at))

    async def relations(self, customer_id: str) -> Sequence[Relation]:
        """The other customers that carry a key which a household or a company shares with this one; empty for an unknown id."""
        return (await self.relations_of([customer_id])).get(customer_id, [])

    async def relations_of(self, ids: Sequence[str]) -> Mapping[str, Sequence[Relation]]:
        """The relations of several customers by the id that was asked for; who has none is missing."""
        return await self._database.look(lambda tx: relations(tx, ids))

    async def decisions(
        self, first: int, after: int | None = None, actor: str | None = None
    ) -> tuple[Sequence[decided.Decision], bool]:
        """What stewards decided, newest first, those of one actor or of all, and whether there are more."""
        return await self._database.read(lambda tx: decided.page(tx, first, after, actor))

    async def review(
        self, first: int, after: Place | None = None, wanted: Wanted | None = None
    ) -> tuple[Sequence[Review], bool]:
        """Pairs that wait for a decision, most valuable first, and whether there are more."""
        return await self._database.read(lambda tx: _review(tx, first, after, wanted or Wanted()))


def _evidence(tx: Tx, edges: Iterable[Edge]) -> list[Evidence]:
    wanted = sorted(edges, key=lambda e: (e.event, e.pair, e.origin, e.token or b""))
    events = log.events(tx, {e.event for e in wanted})
    return [
        Evidence(
            a=e.a, b=e.b, rule=e.origin, key_type=e.key_type, confidence=e.confidence,
            at=events[e.event].at, verdict=e.verdict, weight=e.weight, contributions=e.contributions,
            actor=events[e.event].actor, reason=events[e.event].reason, event=e.event,
        )
        for e in wanted
    ]  # fmt: skip


def _evidence_of(tx: Tx, refs: Sequence[Ref]) -> list[Evidence]:
    part = log.load(tx, refs, lock=False, whole=True)
    return _evidence(tx, _inside(partition(part.graph), set(refs)))


def _inside(parts: Partition, refs: set[Ref] | frozenset[Ref]) -> list[Edge]:
    return [e for e in parts.standing if e.verdict is Verdict.SAME and e.a in refs and e.b in refs]


def _why(tx: Tx, a: Ref, b: Ref) -> list[Evidence]:
    forest = partition(log.load(tx, [a], lock=False, whole=True).graph).forest
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
    known = {(e.a, e.b, e.event, e.rule): e for e in _evidence(tx, way)}
    return [known[e.a, e.b, e.event, e.origin] for e in way]


def _part_of(tx: Tx, customer_id: str) -> tuple[Part, str] | None:
    """All that a customer depends on, and its current id."""
    if not lookup.is_id(customer_id):
        return None
    query = select(CustomerRow.id, CustomerRow.merged_into, MemberRow.source, MemberRow.record_id)
    query = query.join(MemberRow, MemberRow.id == CustomerRow.member_id).where(CustomerRow.id == customer_id)
    row = tx.connection.execute(query).first()
    if row is None:
        return None
    part = log.load(tx, [tx.ref(row)], lock=False, whole=True)
    return part, row.merged_into or row.id


def _history(tx: Tx, customer_id: str) -> list[Entry]:
    found = _part_of(tx, customer_id)
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
        for number, event in sorted(log.events(tx, ids).items())
    ]  # fmt: skip


def _bridges(tx: Tx, customer_id: str) -> list[Bridge]:
    found = _part_of(tx, customer_id)
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
                    evidence=tuple(_evidence(tx, by_pair[a, b])),
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


def _as_of(tx: Tx, customer_id: str, at: datetime) -> Believed | None:
    found = _part_of(tx, customer_id)
    if found is None:
        return None
    part, _ = found
    graph = part.graph
    ids = {e.event for e in graph.edges} | {s.event for s in graph.records.values()}
    ids |= {a.event for a in graph.anchors} | set(graph.undos)
    # clocks of several writers may differ: what counts is the order of the log, up to the last event of that time
    times = {e.id: e.at for e in log.events(tx, ids).values()}
    last = max((e for e, then in times.items() if then <= at), default=0)
    then = graph.until(last)
    if all(a.id != customer_id for a in then.anchors):
        return None
    return _believed(tx, then, customer_id, times)


def _believed(tx: Tx, graph: Graph, customer_id: str, times: Mapping[int, datetime]) -> Believed:
    parts = partition(graph)
    derived = derive(graph, parts)
    current = derived.customers[customer_id].merged_into or customer_id
    members = tuple(
        Member(source=ref[0], record_id=ref[1], linked_at=times[m.event], confidence=m.confidence)
        for ref, m in sorted(derived.members.items())
        if m.customer_id == current
    )
    customer = StoredCustomer(
        id=current, redirected_from=None if current == customer_id else customer_id, members=members
    )
    refs = {(m.source, m.record_id) for m in members}
    return Believed(customer=customer, evidence=tuple(_evidence(tx, _inside(parts, refs))))


def _review(tx: Tx, first: int, after: Place | None, wanted: Wanted) -> tuple[list[Review], bool]:
    waiting = _waiting()
    pair = tuple_(waiting.c.a_source, waiting.c.a_record, waiting.c.b_source, waiting.c.b_record)
    query = select(waiting).order_by(waiting.c.value.desc(), *pair)
    if wanted.source is not None:
        query = query.where(or_(waiting.c.a_source == wanted.source, waiting.c.b_source == wanted.source))
    if (wanted.least, wanted.most) != (0.0, 1.0):
        query = query.where(waiting.c.confidence.between(wanted.least, wanted.most))
    if after is not None:
        below = and_(waiting.c.value == after.value, pair > tuple_(*after.a, *after.b))
        query = query.where(or_(waiting.c.value < after.value, below))
    found = tx.connection.execute(query.limit(first + 1)).all()
    evidence = _evidence_between(tx, [_pair(row) for row in found[:first]])
    shown = [
        Review(
            a=_pair(row)[0], b=_pair(row)[1], a_customer=row.a_customer, b_customer=row.b_customer,
            confidence=row.confidence, records=row.records, value=row.value, reopened=row.reopened,
            evidence=tuple(evidence.get(_pair(row), ())),
        )
        for row in found[:first]
    ]  # fmt: skip
    return shown, len(found) > first


def _waiting() -> Any:
    """The questions, each with the names of its records and what it is worth."""
    a, b = aliased(MemberRow), aliased(MemberRow)
    a_label, b_label = aliased(LabelRow), aliased(LabelRow)

    def size(member: Any) -> Any:
        counted = aliased(MemberRow)
        counting = select(func.count()).select_from(counted).where(counted.customer_id == member.customer_id)
        return counting.correlate(member).scalar_subquery()

    # an even chance is the closest call there is; a decision whose ground has changed comes before all of them
    closeness = case((ReviewRow.reopened, 1.0), else_=1.0 - func.abs(2.0 * ReviewRow.confidence - 1.0))
    return (
        select(
            a_label.text.label("a_source"), a.record_id.label("a_record"),
            b_label.text.label("b_source"), b.record_id.label("b_record"),
            a.customer_id.label("a_customer"), b.customer_id.label("b_customer"),
            ReviewRow.confidence, ReviewRow.reopened,
            (size(a) + size(b)).label("records"), ((size(a) + size(b)) * closeness).label("value"),
        )
        .join(a, a.id == ReviewRow.a).join(b, b.id == ReviewRow.b)
        .join(a_label, a_label.id == a.source).join(b_label, b_label.id == b.source)
        .subquery()
    )  # fmt: skip


def _pair(row: Any) -> Pair:
    return pair_of((row.a_source, row.a_record), (row.b_source, row.b_record))


def _evidence_between(tx: Tx, pairs: Sequence[Pair]) -> Mapping[Pair, Sequence[Evidence]]:
    """All that counts today about these very pairs."""
    if not pairs:
        return {}
    part = log.load(tx, {ref for pair in pairs for ref in pair}, lock=False, whole=True)
    wanted = set(pairs)
    by_pair: dict[Pair, list[Evidence]] = defaultdict(list)
    for each in _evidence(tx, [e for e in partition(part.graph).standing if e.pair in wanted]):
        by_pair[each.a, each.b].append(each)
    return by_pair
