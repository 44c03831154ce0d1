"""The log in the database: reads the part of it that a change touches, appends events, and writes what follows from them.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
import uuid_utils
from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select, text, update

from resolvers.identity.database import Raced, among, chunks
from resolvers.identity.derivation import (
    PENDING,
    Anchor,
    Contribution,
    CustomerState,
    Derived,
    Edge,
    Graph,
    MemberState,
    Pair,
    Question,
    Seen,
    Verdict,
    derive,
    partition,
    without_id,
)
from resolvers.identity.members import Ref
from resolvers.identity.tables import CustomerRow, EventRow, EvidenceRow, KeyRow, MemberRow, ReviewRow

LINKING = "linking"
"""The actor of events that nobody decided."""

_contributions = msgspec.json.Decoder(tuple[Contribution, ...])


class Kind(StrEnum):
    """What an event is."""

    LINK = "link"
    MERGE = "merge"
    SPLIT = "split"
    CONFIRM = "confirm"
    REJECT = "reject"
    UNDO = "undo"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found out or decided. `undoes` is the event that an undo takes back."""

    id: int
    kind: Kind
    actor: str
    reason: str | None
    at: datetime
    undoes: int | None = None


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """The records that an event saw first, and the ids that it minted, each with its record."""

    records: tuple[Ref, ...] = ()
    minted: tuple[tuple[str, str, str], ...] = ()


_detail = msgspec.json.Decoder(Detail)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the log, and the derived rows as they stand for it."""

    graph: Graph
    derived: Derived

    def owner(self, ref: Ref) -> str:
        return self.derived.members[ref].customer_id

    def customer(self, customer_id: str) -> frozenset[Ref]:
        """The records of a current customer."""
        return frozenset(r for r, m in self.derived.members.items() if m.customer_id == customer_id)


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event to be written. The edges' own event number is not looked at."""

    kind: Kind
    actor: str
    reason: str | None = None
    undoes: int | None = None
    edges: tuple[Edge, ...] = ()
    records: tuple[Ref, ...] = ()


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """An event, and the derived rows before and after it."""

    event: Event
    before: Derived
    after: Derived


# --- reading ---------------------------------------------------------------------------------------------------------


def _either_end(table: Any, refs: Sequence[Ref]) -> ColumnElement[bool]:
    return or_(among(table.a_source, table.a_record_id, refs), among(table.b_source, table.b_record_id, refs))


def load(connection: Connection, touched: Iterable[Ref], *, lock: bool) -> Part:
    """All that the touched records depend on. With `lock` nobody else changes it before this transaction ends.

    Raises Raced where it grew while the locks were waited for.
    """
    start = set(touched)
    found = _component(connection, start)
    if lock and connection.dialect.name == "postgresql":
        _lock(connection, found.records)
        again = _component(connection, start)
        if again.records != found.records:
            raise Raced
        found = again
    return _part(connection, found)


class _Found(msgspec.Struct, kw_only=True):
    records: set[Ref]
    edges: dict[int, Edge]


def _component(connection: Connection, start: set[Ref]) -> _Found:
    """Follows "same" edges, undone ones too: what was together once may have to come together again."""
    found = _Found(records=set(start), edges={})
    frontier = start
    while frontier:
        following: set[Ref] = set()
        for some in chunks(sorted(frontier)):
            for row in connection.execute(select(EvidenceRow).where(_either_end(EvidenceRow, some))):
                edge = found.edges.setdefault(row.id, edge_of(row))
                if edge.verdict is Verdict.SAME:
                    following |= set(edge.pair)
        frontier = following - found.records
        found.records |= frontier
    return found


def _lock(connection: Connection, records: Collection[Ref]) -> None:
    for some in chunks(sorted(records)):
        connection.execute(
            select(MemberRow.source).where(among(MemberRow.source, MemberRow.record_id, some))
            .order_by(MemberRow.source, MemberRow.record_id).with_for_update()
        )  # fmt: skip


def _part(connection: Connection, found: _Found) -> Part:
    members: dict[Ref, MemberState] = {}
    customers: dict[str, CustomerState] = {}
    questions: dict[Pair, Question] = {}
    for some in chunks(sorted(found.records)):
        rows = connection.execute(select(MemberRow).where(among(MemberRow.source, MemberRow.record_id, some)))
        members |= {m.ref: m for m in map(_member, rows)}
    for some in chunks(sorted(members)):  # nothing else is known of a record that is new
        rows = connection.execute(
            select(CustomerRow).where(among(CustomerRow.source, CustomerRow.record_id, some))
        )
        customers |= {c.id: c for c in map(_customer, rows)}
        rows = connection.execute(select(ReviewRow).where(_either_end(ReviewRow, some)))
        questions |= {(q.a, q.b): q for q in map(_question, rows)}
    undos = _undos(connection, {e.event for e in found.edges.values()})
    derived = Derived(members=members, customers=customers, questions=questions)
    return Part(graph=_graph(derived, list(found.edges.values()), undos), derived=derived)


def _graph(derived: Derived, edges: Sequence[Edge], undos: Mapping[int, int]) -> Graph:
    return Graph(
        records={r: Seen(ref=r, event=m.event, at=m.linked_at) for r, m in derived.members.items()},
        anchors=[
            Anchor(id=c.id, ref=c.ref, event=c.event, at=c.created_at) for c in derived.customers.values()
        ],
        edges=edges,
        undos=undos,
    )


def _undos(connection: Connection, events: set[int]) -> dict[int, int]:
    """The undos of these events, the undos of those, and so on."""
    found: dict[int, int] = {}
    while events:
        rows = [
            row
            for some in chunks(sorted(events))
            for row in connection.execute(
                select(EventRow.id, EventRow.undoes).where(EventRow.undoes.in_(some))
            )
        ]
        events = {row.id for row in rows} - found.keys()
        found |= {row.id: row.undoes for row in rows}
    return found


def events(connection: Connection, ids: Collection[int]) -> dict[int, Event]:
    """Events by number."""
    found: dict[int, Event] = {}
    for some in chunks(sorted(ids)):
        rows = connection.execute(
            select(EventRow.id, EventRow.kind, EventRow.actor, EventRow.reason, EventRow.at, EventRow.undoes)
            .where(EventRow.id.in_(some))
        )  # fmt: skip
        for row in rows:
            found[row.id] = Event(
                id=row.id,
                kind=Kind(row.kind),
                actor=row.actor,
                reason=row.reason,
                at=row.at,
                undoes=row.undoes,
            )
    return found


def edges_of_event(connection: Connection, event: int) -> list[Edge]:
    """What an event said."""
    return [
        edge_of(row) for row in connection.execute(select(EvidenceRow).where(EvidenceRow.event_id == event))
    ]


def edges_of_records(connection: Connection, refs: Iterable[Ref]) -> list[Edge]:
    """All that was ever said of these records."""
    rows = [
        row
        for some in chunks(sorted(set(refs)))
        for row in connection.execute(select(EvidenceRow).where(_either_end(EvidenceRow, some)))
    ]
    return [edge_of(row) for row in rows]


def owners(connection: Connection, refs: Iterable[Ref]) -> dict[Ref, str]:
    """The customer of each record that is known."""
    found: dict[Ref, str] = {}
    for some in chunks(sorted(set(refs))):
        rows = connection.execute(
            select(MemberRow.source, MemberRow.record_id, MemberRow.customer_id)
            .where(among(MemberRow.source, MemberRow.record_id, some))
        )  # fmt: skip
        found |= {(row.source, row.record_id): row.customer_id for row in rows}
    return found


def tokens_of(connection: Connection, refs: Iterable[Ref]) -> dict[Ref, set[bytes]]:
    """The tokens of the keys that the records carry now."""
    found: dict[Ref, set[bytes]] = defaultdict(set)
    for some in chunks(sorted(set(refs))):
        rows = connection.execute(select(KeyRow).where(among(KeyRow.source, KeyRow.record_id, some)))
        for row in rows:
            found[row.source, row.record_id].add(row.token)
    return found


def rests_on(a: Ref, b: Ref, tokens: Mapping[Ref, set[bytes]]) -> str:
    """Stands for the keys that both records carry. The tokens are keyed, so that this says nothing of the keys."""
    both = b"".join(sorted(tokens.get(a, set()) & tokens.get(b, set())))
    return hashlib.sha256(both).hexdigest()[:32]


# --- writing ---------------------------------------------------------------------------------------------------------


def append(connection: Connection, part: Part, draft: Draft) -> Written:
    """Writes the event and what follows from it. `part` was loaded with locks and holds all that the draft names."""
    now = datetime.now(UTC)
    provisional = _extended(part.graph, draft, PENDING, now, ())
    minted = tuple((str(uuid_utils.uuid7()), *ref) for ref in without_id(provisional, partition(provisional)))
    detail = msgspec.json.encode(Detail(records=draft.records, minted=minted)).decode()
    row = {
        "kind": draft.kind.value, "actor": draft.actor, "reason": draft.reason, "at": now,
        "undoes": draft.undoes, "detail": detail,
    }  # fmt: skip
    number = connection.execute(insert(EventRow).values(row).returning(EventRow.id)).scalar_one()
    if draft.edges:
        connection.execute(insert(EvidenceRow), [_row(edge, number) for edge in draft.edges])
    graph = _extended(part.graph, draft, number, now, minted)
    after = derive(graph, partition(graph))
    write(connection, part.derived, after)
    event = Event(
        id=number, kind=draft.kind, actor=draft.actor, reason=draft.reason, at=now, undoes=draft.undoes
    )
    return Written(event=event, before=part.derived, after=after)


def _extended(
    graph: Graph, draft: Draft, event: int, at: datetime, minted: Sequence[tuple[str, str, str]]
) -> Graph:
    fresh = {r: Seen(ref=r, event=event, at=at) for r in draft.records if r not in graph.records}
    return Graph(
        records={**graph.records, **fresh},
        anchors=[*graph.anchors, *(Anchor(id=i, ref=(s, r), event=event, at=at) for i, s, r in minted)],
        edges=[*graph.edges, *(msgspec.structs.replace(e, event=event) for e in draft.edges)],
        undos={**graph.undos, event: draft.undoes} if draft.undoes is not None else graph.undos,
    )


def write(connection: Connection, before: Derived, after: Derived) -> int:
    """Makes the derived rows `after` where they are `before`; returns how many had to be changed."""
    new_customers = [c for i, c in sorted(after.customers.items()) if i not in before.customers]
    if new_customers:
        # redirects are set below, when every row that they may point at is there
        connection.execute(
            insert(CustomerRow), [{**_customer_row(c), "merged_into": None} for c in new_customers]
        )
    changed = len(new_customers)
    for c in after.customers.values():
        old = before.customers.get(c.id)
        if (old is None and c.merged_into is not None) or (old is not None and old != c):
            values = {k: v for k, v in _customer_row(c).items() if k != "id"}
            connection.execute(update(CustomerRow).where(CustomerRow.id == c.id).values(values))
            changed += old is not None
    changed += _write_members(connection, before, after)
    changed += _write_questions(connection, before, after)
    return changed + _remove(connection, before, after)


def _write_members(connection: Connection, before: Derived, after: Derived) -> int:
    fresh = [m for ref, m in sorted(after.members.items()) if ref not in before.members]
    if fresh:
        connection.execute(insert(MemberRow), [_member_row(m) for m in fresh])
    moved = [m for ref, m in sorted(after.members.items()) if before.members.get(ref, m) != m]
    for m in moved:
        connection.execute(
            update(MemberRow)
            .where(MemberRow.source == m.ref[0], MemberRow.record_id == m.ref[1])
            .values(
                customer_id=m.customer_id, confidence=m.confidence, linked_at=m.linked_at, event_id=m.event
            )
        )
    return len(fresh) + len(moved)


def _write_questions(connection: Connection, before: Derived, after: Derived) -> int:
    gone = [q for p, q in sorted(before.questions.items()) if after.questions.get(p) != q]
    for q in gone:
        connection.execute(
            delete(ReviewRow).where(
                ReviewRow.a_source == q.a[0], ReviewRow.a_record_id == q.a[1],
                ReviewRow.b_source == q.b[0], ReviewRow.b_record_id == q.b[1],
            )
        )  # fmt: skip
    fresh = [q for p, q in sorted(after.questions.items()) if before.questions.get(p) != q]
    if fresh:
        connection.execute(insert(ReviewRow), [_question_row(q) for q in fresh])
    return len(gone) + len(fresh)


def _remove(connection: Connection, before: Derived, after: Derived) -> int:
    """Rows that nothing in the log speaks for; only a rebuild can find any."""
    members = sorted(before.members.keys() - after.members.keys())
    for some in chunks(members):
        connection.execute(delete(MemberRow).where(among(MemberRow.source, MemberRow.record_id, some)))
    customers = sorted(before.customers.keys() - after.customers.keys())
    for some in chunks(customers):
        connection.execute(delete(CustomerRow).where(CustomerRow.id.in_(some)))
    return len(members) + len(customers)


# --- everything ------------------------------------------------------------------------------------------------------


def rebuild(connection: Connection) -> int:
    """Derives everything anew from the log alone; returns how many derived rows were wrong."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE event, evidence, customer, member, review IN EXCLUSIVE MODE"))
    graph = _whole_log(connection)
    return write(connection, _all_derived(connection), derive(graph, partition(graph)))


def _whole_log(connection: Connection) -> Graph:
    records: dict[Ref, Seen] = {}
    anchors: list[Anchor] = []
    undos: dict[int, int] = {}
    for row in connection.execute(select(EventRow).order_by(EventRow.id)):
        detail = _detail.decode(row.detail)
        for ref in detail.records:
            records.setdefault(ref, Seen(ref=ref, event=row.id, at=row.at))
        anchors += [Anchor(id=i, ref=(s, r), event=row.id, at=row.at) for i, s, r in detail.minted]
        if row.undoes is not None:
            undos[row.id] = row.undoes
    edges = [edge_of(row) for row in connection.execute(select(EvidenceRow))]
    return Graph(records=records, anchors=anchors, edges=edges, undos=undos)


def _all_derived(connection: Connection) -> Derived:
    return Derived(
        members={m.ref: m for m in map(_member, connection.execute(select(MemberRow)))},
        customers={c.id: c for c in map(_customer, connection.execute(select(CustomerRow)))},
        questions={(q.a, q.b): q for q in map(_question, connection.execute(select(ReviewRow)))},
    )


def export(connection: Connection) -> bytes:
    """All derived rows in a fixed order, a line of JSON each."""
    derived = _all_derived(connection)
    rows: list[Any] = [c for _, c in sorted(derived.customers.items())]
    rows += [m for _, m in sorted(derived.members.items())]
    rows += [q for _, q in sorted(derived.questions.items())]
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


# --- rows ------------------------------------------------------------------------------------------------------------


def edge_of(row: Any) -> Edge:
    """The edge of a row of the evidence."""
    return Edge(
        event=row.event_id,
        a=(row.a_source, row.a_record_id),
        b=(row.b_source, row.b_record_id),
        verdict=Verdict(row.verdict),
        origin=row.origin,
        confidence=row.confidence,
        weight=row.weight,
        contributions=_contributions.decode(row.contributions) if row.contributions else (),
        key_type=row.key_type,
        token=row.token,
        rests_on=row.rests_on,
    )


def _row(edge: Edge, event: int) -> dict[str, Any]:
    contributions = msgspec.json.encode(edge.contributions).decode() if edge.contributions else None
    return {
        "event_id": event, "a_source": edge.a[0], "a_record_id": edge.a[1],
        "b_source": edge.b[0], "b_record_id": edge.b[1], "verdict": edge.verdict.value, "origin": edge.origin,
        "confidence": edge.confidence, "weight": edge.weight, "contributions": contributions,
        "key_type": edge.key_type, "token": edge.token, "rests_on": edge.rests_on,
    }  # fmt: skip


def _member(row: Any) -> MemberState:
    return MemberState(
        ref=(row.source, row.record_id), customer_id=row.customer_id, event=row.event_id,
        linked_at=row.linked_at, confidence=row.confidence,
    )  # fmt: skip


def _member_row(m: MemberState) -> dict[str, Any]:
    return {
        "source": m.ref[0], "record_id": m.ref[1], "customer_id": m.customer_id, "event_id": m.event,
        "linked_at": m.linked_at, "confidence": m.confidence,
    }  # fmt: skip


def _customer(row: Any) -> CustomerState:
    return CustomerState(
        id=row.id, ref=(row.source, row.record_id), event=row.event_id, created_at=row.created_at,
        merged_into=row.merged_into,
    )  # fmt: skip


def _customer_row(c: CustomerState) -> dict[str, Any]:
    return {
        "id": c.id, "source": c.ref[0], "record_id": c.ref[1], "event_id": c.event,
        "created_at": c.created_at, "merged_into": c.merged_into,
    }  # fmt: skip


def _question(row: Any) -> Question:
    return Question(
        a=(row.a_source, row.a_record_id), b=(row.b_source, row.b_record_id),
        confidence=row.confidence, reopened=row.reopened,
    )  # fmt: skip


def _question_row(q: Question) -> dict[str, Any]:
    return {
        "a_source": q.a[0], "a_record_id": q.a[1], "b_source": q.b[0], "b_record_id": q.b[1],
        "confidence": q.confidence, "reopened": q.reopened,
    }  # fmt: skip
