"""Who decided what: the stewards' events of the log, newest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import func, literal_column, select

from resolvers.identity import log, rows
from resolvers.identity.database import Tx, chunks
from resolvers.identity.derivation import Edge, undone_events
from resolvers.identity.log import Event
from resolvers.identity.tables import LINK_KIND, EventRow, EvidenceRow

MAX_EDGES = 20
"""Edges that are shown of one decision: a split may have written thousands."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A steward's event. `undone_by` is the undo that took it back, where that one still counts.

    `about` is the event whose edges these are: the decision itself, or what an undo takes back (or brings back) in the end.
    `edges` are at most MAX_EDGES of all `pairs`.
    """

    event: Event
    undone_by: int | None
    about: Event
    edges: tuple[Edge, ...]
    pairs: int


def page(tx: Tx, first: int, after: int | None, actor: str | None) -> tuple[list[Decision], bool]:
    """The newest decisions before the event `after`, those of one actor or of all, and whether there are more."""
    by_people = EventRow.kind != literal_column(str(LINK_KIND))  # in the index's own words
    query = select(EventRow.id).where(by_people).order_by(EventRow.id.desc())
    if after is not None:
        query = query.where(EventRow.id < after)
    if actor is not None:
        query = query.where(EventRow.actor == actor)
    ids = list(tx.connection.execute(query.limit(first + 1)).scalars())
    return _decisions(tx, ids[:first]), len(ids) > first


def _decisions(tx: Tx, ids: Sequence[int]) -> list[Decision]:
    about = _what_they_are_about(tx, ids)
    events = log.events(tx, {*ids, *about.values()})
    edges = _edges(tx, set(about.values()))
    undos = log.undos(tx, ids)
    undone = undone_events(undos)
    undone_by = {target: undo for undo, target in undos.items() if undo not in undone}
    return [
        Decision(
            event=events[i], undone_by=undone_by.get(i), about=events[about[i]],
            edges=tuple(edges[about[i]][0]), pairs=edges[about[i]][1],
        )
        for i in ids
    ]  # fmt: skip


def _what_they_are_about(tx: Tx, ids: Sequence[int]) -> dict[int, int]:
    """Each event, and the one at the end of what it takes back."""
    undoes: dict[int, int] = {}
    fresh = set(ids)
    while fresh:
        found = {i: e.undoes for i, e in log.events(tx, fresh).items() if e.undoes is not None}
        undoes |= found
        fresh = set(found.values()) - undoes.keys()
    ends = {}
    for i in ids:
        end = i
        while end in undoes:
            end = undoes[end]
        ends[i] = end
    return ends


def _edges(tx: Tx, events: Collection[int]) -> Mapping[int, tuple[list[Edge], int]]:
    """The first edges of each event, and how many it has."""
    found: dict[int, tuple[list[Edge], int]] = defaultdict(lambda: ([], 0))
    for some in chunks(sorted(events)):
        of_these = tx.among(EvidenceRow.event_id, some)
        counted = select(EvidenceRow.event_id, func.count().label("pairs")).group_by(EvidenceRow.event_id)
        pairs = {row.event_id: row.pairs for row in tx.connection.execute(counted.where(of_these))}
        first = select(*rows.WHOLE_EDGE).where(of_these, EvidenceRow.n < MAX_EDGES)
        shown = tx.connection.execute(first.order_by(EvidenceRow.event_id, EvidenceRow.n)).all()
        names = log.names(tx, {number for row in shown for number in (row.a, row.b)})
        for row in shown:
            edges, _ = found[row.event_id]
            edges.append(rows.edge_of(tx, row, names))
            found[row.event_id] = (edges, pairs[row.event_id])
    return found
