"""The log in the database: reads the part of it that a change touches.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Integer, select

from resolvers.identity import lanes, parts, rows
from resolvers.identity.database import Raced, Tx, chunks
from resolvers.identity.derivation import (
    Anchor,
    Derived,
    Edge,
    Graph,
    Seen,
    Verdict,
)
from resolvers.identity.members import Ref
from resolvers.identity.parts import Free
from resolvers.identity.queries import Query
from resolvers.identity.tables import (
    EventRow,
    EvidenceRow,
    KeyRow,
    MemberRow,
)

K = TypeVar("K")

LINKING = "linking"
"""The actor of events that nobody decided."""
RECONCILING = "reconcile"
"""The actor of proposals that come from looking at all records at once."""

_MEMBER = MemberRow.__table__.c
_NAMES = Query(
    "SELECT id, source, record_id FROM member WHERE id {ids}",
    [_MEMBER[n] for n in ("id", "source", "record_id")],
    many={"ids": Integer()},
)
_MEMBERS = Query(
    "SELECT m.id, m.source, m.record_id, m.customer_id FROM member m WHERE {refs}",
    [_MEMBER[n] for n in ("id", "source", "record_id", "customer_id")],
)
_KEYS = Query(
    "SELECT member_id, t0, t1, t2, t3, t4 FROM match_key WHERE member_id {ids}",
    [KeyRow.__table__.c[n] for n in ("member_id", *lanes.COLUMNS)],
    many={"ids": Integer()},
)
_SAME = rows.VERDICTS[Verdict.SAME]


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
    """A part of the log, and the derived rows as they stand for it.

    `numbers`: of all records that it speaks of. `tokens`: of the keys that the records it was loaded for carry. `free`:
    numbers that nothing has yet, of events and of records.
    """

    graph: Graph
    derived: Derived
    numbers: Mapping[Ref, int]
    tokens: Mapping[Ref, set[bytes]]
    free: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())

    def owner(self, ref: Ref) -> str:
        return self.derived.members[ref].customer_id

    def customer(self, customer_id: str) -> frozenset[Ref]:
        """The records of a current customer."""
        return frozenset(r for r, m in self.derived.members.items() if m.customer_id == customer_id)


def load(tx: Tx, touched: Iterable[Ref], *, lock: bool, whole: bool = False, free: Free = (0, 0)) -> Part:
    """All that the touched records depend on; `whole`: with what each field contributed to the edges; `free`: with the numbers
    of so many events and records to come, where that costs no journey of its own.

    With `lock` nobody else changes it before this transaction ends. Raises Raced where it grew while the locks were waited for.
    """
    asked = sorted(set(touched))
    found = parts.component(tx, asked, lock=lock)
    if not found:  # nothing is known of records that are new
        return _part(Derived(members={}, customers={}, questions={}), (), {}, {}, {})
    ids = {row.id: tx.ref(row) for row in found}
    around = parts.around(
        tx, list(ids), carriers={i for i, ref in ids.items() if ref in set(asked)}, whole=whole, free=free
    )
    if any(r.verdict == _SAME and not {r.a, r.b} <= ids.keys() for r in around.edges):
        raise Raced  # seen only by the second look: somebody was writing when the first was taken
    ends = {i for row in (*around.edges, *around.questions) for i in (row.a, row.b)}
    known = {**ids, **names(tx, ends - ids.keys())}
    tokens: dict[Ref, set[bytes]] = defaultdict(set)
    for row in around.keys:
        tokens[ids[row.a]].update(lanes.tokens(row))
    derived = Derived(
        members={ids[row.id]: rows.member_of(row, ids[row.id]) for row in found},
        customers={row.id: rows.customer_of(row, known[row.a], row.event_id) for row in around.customers},
        questions={(known[row.a], known[row.b]): rows.question_of(row, known) for row in around.questions},
    )
    edges = [rows.edge_of(tx, row, known) for row in around.edges]
    undone = around.undone
    part = _part(derived, edges, {**undone, **undos(tx, undone)}, known, tokens)
    return msgspec.structs.replace(part, free=around.free)


def _part(
    derived: Derived,
    edges: Sequence[Edge],
    undos: Mapping[int, int],
    names: Mapping[int, Ref],
    tokens: Mapping[Ref, set[bytes]],
) -> Part:
    graph = Graph(
        records={ref: Seen(ref=ref, event=m.event) for ref, m in derived.members.items()},
        anchors=[Anchor(id=c.id, ref=c.ref, event=c.event) for c in derived.customers.values()],
        edges=edges,
        undos=undos,
    )
    numbers = {ref: number for number, ref in names.items()}
    return Part(graph=graph, derived=derived, numbers=numbers, tokens=tokens)


def names(tx: Tx, ids: Collection[int]) -> dict[int, Ref]:
    """The records of these numbers."""
    return {row.id: tx.ref(row) for some in chunks(sorted(ids)) for row in tx.rows(_NAMES, {"ids": some})}


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
    found = parts.around(tx, sorted(ids), carriers=(), whole=False, free=(0, 0)).edges
    known = {**ids, **names(tx, {i for row in found for i in (row.a, row.b)} - ids.keys())}
    return [rows.edge_of(tx, row, known) for row in found]


def members(tx: Tx, refs: Iterable[Ref]) -> dict[Ref, Any]:
    """Number and customer of each record that is known."""
    asked = chunks(sorted(set(refs)))
    return {tx.ref(row): row for some in asked for row in tx.rows(_MEMBERS, refs=some)}


def owners(tx: Tx, refs: Iterable[Ref]) -> dict[Ref, str]:
    """The customer of each record that is known."""
    return {ref: row.customer_id for ref, row in members(tx, refs).items()}


def numbers(tx: Tx, refs: Iterable[Ref]) -> dict[Ref, int]:
    """The number of each record that is known."""
    return {ref: row.id for ref, row in members(tx, refs).items()}


def tokens_of(tx: Tx, members: Mapping[K, int]) -> dict[K, set[bytes]]:
    """The tokens of the keys that these records, given with their numbers, carry now."""
    found: dict[K, set[bytes]] = defaultdict(set)
    ids = {number: ref for ref, number in members.items()}
    for some in chunks(sorted(ids)):
        for row in tx.rows(_KEYS, {"ids": some}):
            found[ids[row.member_id]].update(lanes.tokens(row))
    return found


def rests_on(a: K, b: K, tokens: Mapping[K, set[bytes]]) -> str:
    """Stands for the keys that both records carry. The tokens are keyed, so that this says nothing of the keys."""
    both = b"".join(sorted(tokens.get(a, set()) & tokens.get(b, set())))
    return hashlib.sha256(both).hexdigest()[:16]
