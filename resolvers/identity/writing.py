"""Appends events to the log and writes what follows from them, several at once where a page of records is taken in.

All functions work inside the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
import uuid_utils
from sqlalchemy import text

from resolvers.identity import changes, lanes, rows
from resolvers.identity.changes import Changes
from resolvers.identity.database import Tx
from resolvers.identity.derivation import (
    Anchor,
    Derived,
    Edge,
    Graph,
    Seen,
    Verdict,
    derive,
    partition,
    without_id,
)
from resolvers.identity.log import KINDS, LINKING, Event, Kind, Part
from resolvers.identity.members import Ref

_FREE = text(
    "SELECT ARRAY(SELECT nextval(pg_get_serial_sequence('event', 'id')) FROM generate_series(1, :events)),"
    " ARRAY(SELECT nextval(pg_get_serial_sequence('member', 'id')) FROM generate_series(1, :records))"
)
_LAST = text("SELECT (SELECT coalesce(max(id), 0) FROM event), (SELECT coalesce(max(id), 0) FROM member)")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event to be written. The edges' own event number is not looked at."""

    kind: Kind
    actor: str
    reason: str | None = None
    undoes: int | None = None
    edges: tuple[Edge, ...] = ()
    records: tuple[Ref, ...] = ()


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """An event, and the derived rows around it, before and after."""

    event: Event
    before: Derived
    after: Derived


class Piece(msgspec.Struct, kw_only=True, eq=False):
    """A part of the log that no other part of the batch depends on, as it stands after the events so far."""

    graph: Graph
    derived: Derived


def append(tx: Tx, part: Part, draft: Draft) -> Written:
    """Writes one event and what follows from it. `part` was loaded with locks and holds all that the draft names."""
    batch = Batch(
        tx, [Piece(graph=part.graph, derived=part.derived)], part, events=1, records=len(draft.records)
    )
    written = batch.append(draft, part.graph.records)
    batch.write(lasting=True)
    return written


class Batch:
    """Events that become one change of the database. What a later one stands on includes what the earlier ones did."""

    def __init__(self, tx: Tx, pieces: Iterable[Piece], part: Part, *, events: int, records: int) -> None:
        """`part`, in pieces, was loaded with locks and holds all that will be named. At most so many events and records."""
        self._tx, self._part = tx, part
        self._at = {ref: piece for piece in pieces for ref in piece.graph.records}
        self._numbers = dict(part.numbers)
        self._room = (events, records)
        self._free: tuple[list[int], list[int]] | None = None
        self._changes = Changes()
        self._members = dict(part.derived.members)
        self._customers = dict(part.derived.customers)
        self._questions = dict(part.derived.questions)

    def piece(self, refs: Iterable[Ref]) -> Piece:
        """All that these records depend on."""
        found = list({id(p): p for ref in refs if (p := self._at.get(ref)) is not None}.values())
        return found[0] if len(found) == 1 else _united(found)

    def append(self, draft: Draft, refs: Iterable[Ref]) -> Written:
        """Adds an event. `refs`: all records that it speaks of."""
        piece = self.piece(refs)
        now = datetime.now(UTC)
        number = self._next()[0].pop(0)
        for ref in draft.records:
            self._numbers[ref] = self._next()[1].pop(0)
        graph = _extended(piece.graph, draft, number)
        parts = partition(graph)
        minted = [Anchor(id=str(uuid_utils.uuid7()), ref=r, event=number) for r in without_id(graph, parts)]
        graph = msgspec.structs.replace(graph, anchors=[*graph.anchors, *minted])
        before, after = piece.derived, derive(graph, parts)
        self._take(before, Piece(graph=graph, derived=after))
        event = Event(
            id=number, kind=draft.kind, actor=draft.actor, reason=draft.reason, at=now, undoes=draft.undoes
        )
        self._log(event, draft.edges)
        return Written(event=event, before=before, after=after)

    def _take(self, before: Derived, piece: Piece) -> None:
        self._at.update(dict.fromkeys(piece.graph.records, piece))
        self._members.update(piece.derived.members)
        self._customers.update(piece.derived.customers)
        for pair in before.questions:
            self._questions.pop(pair, None)
        self._questions.update(piece.derived.questions)

    def _log(self, event: Event, edges: Iterable[Edge]) -> None:
        self._changes.events.append(
            {
                "at": event.at, "id": event.id, "undoes": event.undoes, "kind": KINDS[event.kind],
                "actor": None if event.actor == LINKING else event.actor, "reason": event.reason,
            }
        )  # fmt: skip
        for n, edge in enumerate(edges):
            numbered = msgspec.structs.replace(edge, event=event.id)
            self._changes.edges.append(rows.edge_row(self._tx, numbered, n, self._numbers))

    def carry(self, ref: Ref, tokens: Iterable[bytes], *, instead: bool) -> None:
        """The record carries these keys; `instead` of others that it carried."""
        if instead:
            self._changes.cleared.append({"member_id": self._numbers[ref]})
        self._changes.keys += lanes.rows(self._numbers[ref], tokens)

    def write(self, *, lasting: bool) -> None:
        """Writes all of it. See `changes.apply`. An id that is new may be given to somebody at once, so it always lasts."""
        after = Derived(members=self._members, customers=self._customers, questions=self._questions)
        found = changes.difference(self._tx, self._part.derived, after, self._numbers, self._changes)
        minted = self._customers.keys() - self._part.derived.customers.keys()
        changes.apply(self._tx, found, lasting=lasting or bool(minted))

    def _next(self) -> tuple[list[int], list[int]]:
        """Numbers that nothing has yet, for events and records."""
        if self._free is None:
            events, records = self._room
            taken = self._part.free
            if len(taken[0]) >= events and len(taken[1]) >= records:
                self._free = (list(taken[0]), list(taken[1]))
                return self._free
            if self._tx.postgres:
                row = self._tx.connection.execute(_FREE, {"events": events, "records": records}).one()
                self._free = (list(row[0]), list(row[1]))
            else:  # the only writer, and rows are never removed
                e, m = self._tx.connection.execute(_LAST).one()
                self._free = (list(range(e + 1, e + 1 + events)), list(range(m + 1, m + 1 + records)))
        return self._free


def pieces(part: Part) -> list[Piece]:
    """The part taken apart where no "same" edge, undone or not, holds it together."""
    neighbours: dict[Ref, list[Ref]] = defaultdict(list)
    edges: dict[Ref, list[Edge]] = defaultdict(list)
    for edge in part.graph.edges:
        for ref, other in (edge.pair, edge.pair[::-1]):
            edges[ref].append(edge)
            if edge.verdict is Verdict.SAME:
                neighbours[ref].append(other)
    customers = defaultdict(list)
    for customer in part.derived.customers.values():
        customers[customer.ref].append(customer)
    questions = defaultdict(list)
    for question in part.derived.questions.values():
        for ref in (question.a, question.b):
            questions[ref].append(question)
    found, seen = [], set[Ref]()
    for start in part.graph.records:
        if start in seen:
            continue
        reached, frontier = {start}, [start]
        while frontier:
            fresh = set(neighbours[frontier.pop()]) - reached
            reached |= fresh
            frontier += fresh
        seen |= reached
        derived = Derived(
            members={ref: part.derived.members[ref] for ref in reached},
            customers={c.id: c for ref in reached for c in customers[ref]},
            questions={(q.a, q.b): q for ref in reached for q in questions[ref]},
        )
        graph = Graph(
            records={ref: part.graph.records[ref] for ref in reached},
            anchors=[Anchor(id=c.id, ref=c.ref, event=c.event) for c in derived.customers.values()],
            edges=list({id(e): e for ref in reached for e in edges[ref]}.values()),
            undos=part.graph.undos,
        )
        found.append(Piece(graph=graph, derived=derived))
    return found


def _united(found: Sequence[Piece]) -> Piece:
    """One piece of several. What two of them know both, such as a question between them, is there once."""
    graphs = [p.graph for p in found]
    return Piece(
        graph=Graph(
            records={ref: seen for g in graphs for ref, seen in g.records.items()},
            anchors=[a for g in graphs for a in g.anchors],
            edges=list(
                {(e.event, e.pair, e.origin, e.token, e.verdict): e for g in graphs for e in g.edges}.values()
            ),
            undos={undo: target for g in graphs for undo, target in g.undos.items()},
        ),
        derived=Derived(
            members={ref: m for p in found for ref, m in p.derived.members.items()},
            customers={i: c for p in found for i, c in p.derived.customers.items()},
            questions={k: q for p in found for k, q in p.derived.questions.items()},
        ),
    )


def _extended(graph: Graph, draft: Draft, event: int) -> Graph:
    fresh = {ref: Seen(ref=ref, event=event) for ref in draft.records if ref not in graph.records}
    return Graph(
        records={**graph.records, **fresh},
        anchors=graph.anchors,
        edges=[*graph.edges, *(msgspec.structs.replace(e, event=event) for e in draft.edges)],
        undos={**graph.undos, event: draft.undoes} if draft.undoes is not None else graph.undos,
    )
