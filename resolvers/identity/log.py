"""The log in the database: reads the part of it that a change touches.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Float,
    Integer,
    case,
    cast,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from resolvers.identity import rows
from resolvers.identity.database import Raced, Tx, chunks
from resolvers.identity.derivation import (
    Anchor,
    CustomerState,
    Derived,
    Edge,
    Graph,
    MemberState,
    Seen,
    Verdict,
)
from resolvers.identity.members import Ref
from resolvers.identity.tables import (
    CustomerId,
    CustomerRow,
    EventRow,
    EvidenceRow,
    KeyRow,
    MemberRow,
    ReviewRow,
)

LINKING = "linking"
"""The actor of events that nobody decided."""
RECONCILING = "reconcile"
"""The actor of proposals that come from looking at all records at once."""

_SAME: ColumnElement[int] = literal_column(str(rows.VERDICTS[Verdict.SAME]))


class Kind(StrEnum):
    """What an event is."""

    LINK = "link"
    MERGE = "merge"
    SPLIT = "split"
    CONFIRM = "confirm"
    REJECT = "reject"
    UNDO = "undo"
    PROPOSE = "propose"


KINDS = {
    Kind.LINK: 1, Kind.MERGE: 2, Kind.SPLIT: 3, Kind.CONFIRM: 4, Kind.REJECT: 5, Kind.UNDO: 6, Kind.PROPOSE: 7,
}  # fmt: skip
_KIND_OF = {code: kind for kind, code in KINDS.items()}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found out or decided. `undoes` is the event that an undo takes back."""

    id: int
    kind: Kind
    actor: str
    reason: str | None
    at: datetime
    undoes: int | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the log, and the derived rows as they stand for it. `numbers`: of all records that it speaks of."""

    graph: Graph
    derived: Derived
    numbers: Mapping[Ref, int]

    def owner(self, ref: Ref) -> str:
        return self.derived.members[ref].customer_id

    def customer(self, customer_id: str) -> frozenset[Ref]:
        """The records of a current customer."""
        return frozenset(r for r, m in self.derived.members.items() if m.customer_id == customer_id)


def load(tx: Tx, touched: Iterable[Ref], *, lock: bool, whole: bool = False) -> Part:
    """All that the touched records depend on; `whole`: with what each field contributed to the edges.

    With `lock` nobody else changes it before this transaction ends. Raises Raced where it grew while the locks were waited for.
    """
    found = _component(tx, sorted(set(touched)), lock=lock)
    ids = {row.id: tx.ref(row) for row in found}
    members = {ids[row.id]: rows.member_of(row, ids[row.id]) for row in found}
    if not ids:  # nothing is known of records that are new
        nothing = Derived(members={}, customers={}, questions={})
        return Part(graph=Graph(records={}, anchors=(), edges=(), undos={}), derived=nothing, numbers={})
    edge_rows, undone = _edge_rows(tx, list(ids), whole=whole)
    if any(
        row.verdict == rows.VERDICTS[Verdict.SAME] and not {row.a, row.b} <= ids.keys() for row in edge_rows
    ):
        raise Raced  # seen only by the second look: somebody was writing when the first was taken
    anchored, asked = _anchored_and_asked(tx, list(ids))
    known = {**ids, **names(tx, {i for row in (*edge_rows, *asked) for i in (row.a, row.b)} - ids.keys())}
    customers = {row.id: rows.customer_of(row, known) for row in anchored}
    questions = {(q.a, q.b): q for q in (rows.question_of(row, known) for row in asked)}
    edges = [rows.edge_of(tx, row, known) for row in edge_rows]
    derived = Derived(members=members, customers=customers, questions=questions)
    return Part(
        graph=_graph(members, customers, edges, {**undone, **undos(tx, undone)}),
        derived=derived,
        numbers={ref: number for number, ref in known.items()},
    )


def _graph(
    members: Mapping[Ref, MemberState],
    customers: Mapping[str, CustomerState],
    edges: Sequence[Edge],
    undos: Mapping[int, int],
) -> Graph:
    return Graph(
        records={ref: Seen(ref=ref, event=m.event) for ref, m in members.items()},
        anchors=[Anchor(id=c.id, ref=c.ref, event=c.event) for c in customers.values()],
        edges=edges,
        undos=undos,
    )


def _component(tx: Tx, refs: Sequence[Ref], *, lock: bool) -> Sequence[Any]:
    """The members that "same" edges lead to, undone ones too: what was together once may have to come together again."""
    found: dict[int, Any] = {}
    for some in chunks(refs):
        part = select(MemberRow.id).where(tx.named(some)).cte("part", recursive=True)
        other = case((EvidenceRow.a == part.c.id, EvidenceRow.b), else_=EvidenceRow.a)
        touching = or_(EvidenceRow.a == part.c.id, EvidenceRow.b == part.c.id)
        part = part.union(
            select(other).select_from(part.join(EvidenceRow, touching)).where(EvidenceRow.verdict == _SAME)
        )
        query = select(MemberRow).where(MemberRow.id.in_(select(part.c.id))).order_by(MemberRow.id)
        if lock and tx.postgres:  # SQLite's writers are alone from their first statement on
            query = query.with_for_update(of=MemberRow)
        found |= {row.id: row for row in tx.connection.execute(query)}
    return list(found.values())


def _edge_rows(tx: Tx, ids: Sequence[int], *, whole: bool) -> tuple[Sequence[Any], dict[int, int]]:
    """All that was ever said of these records, and which events undo those that said it."""
    edges: dict[tuple[int, int], Any] = {}
    undone: dict[int, int] = {}
    undo = EventRow.__table__.alias("undo")
    columns = rows.WHOLE_EDGE if whole else rows.EDGE_COLUMNS
    for some in chunks(ids):
        query = (
            select(*columns, undo.c.id.label("undone_by"))
            .select_from(EvidenceRow.__table__.outerjoin(undo, undo.c.undoes == EvidenceRow.event_id))
            .where(or_(tx.among(EvidenceRow.a, some), tx.among(EvidenceRow.b, some)))
        )
        for row in tx.connection.execute(query):
            edges[row.event_id, row.n] = row
            if row.undone_by is not None:
                undone[row.undone_by] = row.event_id
    return list(edges.values()), undone


def _anchored_and_asked(tx: Tx, ids: Sequence[int]) -> tuple[Sequence[Any], Sequence[Any]]:
    """The customers that are anchored at these records, and the questions about them."""
    anchored, asked = [], {}
    for some in chunks(ids):
        customers = select(
            CustomerRow.id, CustomerRow.member_id, CustomerRow.event_id, CustomerRow.merged_into,
            cast(null(), Integer).label("a"), cast(null(), Integer).label("b"),
            cast(null(), Float).label("confidence"), cast(null(), Boolean).label("reopened"),
        ).where(tx.among(CustomerRow.member_id, some))  # fmt: skip
        nothing = (
            cast(null(), CustomerId),
            cast(null(), Integer),
            cast(null(), Integer),
            cast(null(), CustomerId),
        )
        questions = select(
            *nothing, ReviewRow.a, ReviewRow.b, ReviewRow.confidence, ReviewRow.reopened
        ).where(or_(tx.among(ReviewRow.a, some), tx.among(ReviewRow.b, some)))
        for row in tx.connection.execute(union_all(customers, questions)):
            if row.id is not None:
                anchored.append(row)
            else:
                asked[row.a, row.b] = row
    return anchored, list(asked.values())


def names(tx: Tx, ids: Collection[int]) -> dict[int, Ref]:
    """The records of these numbers."""
    found: dict[int, Ref] = {}
    for some in chunks(sorted(ids)):
        query = select(MemberRow.id, MemberRow.source, MemberRow.record_id).where(
            tx.among(MemberRow.id, some)
        )
        found |= {row.id: tx.ref(row) for row in tx.connection.execute(query)}
    return found


def undos(tx: Tx, events: Iterable[int]) -> dict[int, int]:
    """The undos of these events, the undos of those, and so on."""
    found: dict[int, int] = {}
    fresh = sorted(set(events))
    while fresh:
        rows_ = [
            row
            for some in chunks(fresh)
            for row in tx.connection.execute(
                select(EventRow.id, EventRow.undoes).where(tx.among(EventRow.undoes, some))
            )
        ]
        fresh = sorted({row.id for row in rows_} - found.keys())
        found |= {row.id: row.undoes for row in rows_}
    return found


def events(tx: Tx, ids: Collection[int]) -> dict[int, Event]:
    """Events by number."""
    found: dict[int, Event] = {}
    for some in chunks(sorted(ids)):
        for row in tx.connection.execute(select(EventRow).where(tx.among(EventRow.id, some))):
            found[row.id] = Event(
                id=row.id, kind=_KIND_OF[row.kind], actor=LINKING if row.actor is None else row.actor,
                reason=row.reason, at=row.at, undoes=row.undoes,
            )  # fmt: skip
    return found


def records_of_event(tx: Tx, event: int) -> set[Ref]:
    """The records that the edges of an event speak of."""
    pairs = tx.connection.execute(select(EvidenceRow.a, EvidenceRow.b).where(EvidenceRow.event_id == event))
    return set(names(tx, {number for pair in pairs for number in pair}).values())


def edges_of(tx: Tx, members: Mapping[Ref, int]) -> list[Edge]:
    """All that was ever said of these records, given with their numbers."""
    ids = {number: ref for ref, number in members.items()}
    found, _ = _edge_rows(tx, sorted(ids), whole=False)
    known = {**ids, **names(tx, {i for row in found for i in (row.a, row.b)} - ids.keys())}
    return [rows.edge_of(tx, row, known) for row in found]


def members(tx: Tx, refs: Iterable[Ref]) -> dict[Ref, Any]:
    """Number and customer of each record that is known."""
    found: dict[Ref, Any] = {}
    for some in chunks(sorted(set(refs))):
        query = select(MemberRow.id, MemberRow.source, MemberRow.record_id, MemberRow.customer_id)
        found |= {tx.ref(row): row for row in tx.connection.execute(query.where(tx.named(some)))}
    return found


def owners(tx: Tx, refs: Iterable[Ref]) -> dict[Ref, str]:
    """The customer of each record that is known."""
    return {ref: row.customer_id for ref, row in members(tx, refs).items()}


def numbers(tx: Tx, refs: Iterable[Ref]) -> dict[Ref, int]:
    """The number of each record that is known."""
    return {ref: row.id for ref, row in members(tx, refs).items()}


def tokens_of(tx: Tx, members: Mapping[Ref, int]) -> dict[Ref, set[bytes]]:
    """The tokens of the keys that these records, given with their numbers, carry now."""
    found: dict[Ref, set[bytes]] = defaultdict(set)
    ids = {number: ref for ref, number in members.items()}
    for some in chunks(sorted(ids)):
        for row in tx.connection.execute(select(KeyRow).where(tx.among(KeyRow.member_id, some))):
            found[ids[row.member_id]].add(row.token)
    return found


def rests_on(a: Ref, b: Ref, tokens: Mapping[Ref, set[bytes]]) -> str:
    """Stands for the keys that both records carry. The tokens are keyed, so that this says nothing of the keys."""
    both = b"".join(sorted(tokens.get(a, set()) & tokens.get(b, set())))
    return hashlib.sha256(both).hexdigest()[:16]
