"""All of the identity map at once: derived anew from the log, and told in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import select, text

from resolvers.identity import changes, rows
from resolvers.identity.database import Tx
from resolvers.identity.derivation import Anchor, Derived, Graph, Seen, derive, partition
from resolvers.identity.members import Ref
from resolvers.identity.tables import CustomerRow, EventRow, EvidenceRow, MemberRow, ReviewRow


def rebuild(tx: Tx) -> int:
    """Derives everything anew from the log alone; returns how many derived rows were wrong."""
    if tx.postgres:
        tx.connection.execute(text("LOCK TABLE event, evidence, customer, member, review IN EXCLUSIVE MODE"))
    names = _names(tx)
    before = _derived(tx, names)
    graph = _log(tx, before, names)
    numbers = {ref: number for number, ref in names.items()}
    found = changes.difference(tx, before, derive(graph, partition(graph)), numbers)
    changes.apply(tx, found)
    return found.derived


def export(tx: Tx) -> bytes:
    """All derived rows in a fixed order, a line of JSON each."""
    derived = _derived(tx, _names(tx))
    lines: list[Any] = [c for _, c in sorted(derived.customers.items())]
    lines += [m for _, m in sorted(derived.members.items())]
    lines += [q for _, q in sorted(derived.questions.items())]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _names(tx: Tx) -> dict[int, Ref]:
    found = tx.connection.execute(select(MemberRow.id, MemberRow.source, MemberRow.record_id))
    return {row.id: tx.ref(row) for row in found}


def _derived(tx: Tx, names: Mapping[int, Ref]) -> Derived:
    members = [rows.member_of(row, names[row.id]) for row in tx.connection.execute(select(MemberRow))]
    customers = [
        rows.customer_of(row, names[row.member_id], row.event_id)
        for row in tx.connection.execute(select(CustomerRow))
    ]
    questions = [rows.question_of(row, names) for row in tx.connection.execute(select(ReviewRow))]
    return Derived(
        members={m.ref: m for m in members},
        customers={c.id: c for c in customers},
        questions={(q.a, q.b): q for q in questions},
    )


def _log(tx: Tx, rows_there: Derived, names: Mapping[int, Ref]) -> Graph:
    """Of the derived rows only what belongs to the log: which records and ids there are, and since which event."""
    query = select(EventRow.id, EventRow.undoes).where(EventRow.undoes.is_not(None))
    edges = tx.connection.execute(select(*rows.EDGE_COLUMNS).select_from(EvidenceRow.__table__))
    return Graph(
        records={ref: Seen(ref=ref, event=m.event) for ref, m in rows_there.members.items()},
        anchors=[Anchor(id=c.id, ref=c.ref, event=c.event) for c in rows_there.customers.values()],
        edges=[rows.edge_of(tx, row, names) for row in edges],
        undos={row.id: row.undoes for row in tx.connection.execute(query)},
    )
