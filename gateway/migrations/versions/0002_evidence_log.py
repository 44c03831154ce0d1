"""The evidence becomes a log that everything else is derived from: events, verdicts, ids anchored at records, reviews."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Ref = tuple[str, str]
EARLIER = "linked before the log"
"""Origin of edges between members whose link the old tables did not keep."""


def upgrade() -> None:
    _make_tables()
    _add_columns()
    _fill()
    op.execute("DELETE FROM evidence WHERE event_id IS NULL")  # between records that are nobody's
    with op.batch_alter_table("evidence") as batch:
        batch.drop_column("at")
        batch.alter_column("event_id", existing_type=sa.Integer, nullable=False)
        batch.alter_column("verdict", existing_type=sa.String(10), nullable=False)
    op.create_index("evidence_event", "evidence", ["event_id"])


def _make_tables() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undoes", sa.Integer, index=True),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "review",
        sa.Column("a_source", sa.String(100), primary_key=True),
        sa.Column("a_record_id", sa.String(255), primary_key=True),
        sa.Column("b_source", sa.String(100), primary_key=True),
        sa.Column("b_record_id", sa.String(255), primary_key=True),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("reopened", sa.Boolean, nullable=False),
    )
    op.create_index("review_b", "review", ["b_source", "b_record_id"])
    op.create_index("match_key_record", "match_key", ["source", "record_id"])


def _add_columns() -> None:
    # plain ADD COLUMN: SQLite would have to make these two anew for more, and other tables refer to them
    op.add_column("customer", sa.Column("source", sa.String(100), nullable=False, server_default=""))
    op.add_column("customer", sa.Column("record_id", sa.String(255), nullable=False, server_default=""))
    op.add_column("customer", sa.Column("event_id", sa.Integer, nullable=False, server_default="0"))
    op.create_index("customer_anchor", "customer", ["source", "record_id"])
    op.add_column("member", sa.Column("event_id", sa.Integer, nullable=False, server_default="0"))
    with op.batch_alter_table("evidence") as batch:
        batch.add_column(sa.Column("event_id", sa.Integer))
        batch.add_column(sa.Column("verdict", sa.String(10)))
        batch.add_column(sa.Column("weight", sa.Float))
        batch.add_column(sa.Column("contributions", sa.Text))
        batch.add_column(sa.Column("rests_on", sa.String(32)))
        batch.alter_column(
            "rule",
            new_column_name="origin",
            existing_type=sa.String(40),
            type_=sa.String(100),
            existing_nullable=False,
        )


def _fill() -> None:
    """Writes the events that would have led to the rows there are. They keep their times."""
    connection = op.get_bind()
    meta = sa.MetaData()
    tables = {
        n: sa.Table(n, meta, autoload_with=connection) for n in ("customer", "member", "evidence", "event")
    }
    customers = {row.id: row for row in connection.execute(sa.select(tables["customer"]))}
    members: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(
        sa.select(tables["member"]).order_by(
            *(tables["member"].c[n] for n in ("linked_at", "source", "record_id"))
        )
    ):
        members[row.customer_id].append(row)
    links = list(connection.execute(sa.select(tables["evidence"]).order_by(tables["evidence"].c.id)))
    owner = {(m.source, m.record_id): c for c, rows in members.items() for m in rows}
    by_customer: dict[str, list[Any]] = defaultdict(list)
    for link in links:
        by_customer[owner.get((link.a_source, link.a_record_id), "")].append(link)
    redirects: dict[str, list[Any]] = defaultdict(list)
    for row in customers.values():
        if row.merged_into:
            redirects[_current(customers, row.id)].append(row)
    for customer_id in sorted(c for c, row in customers.items() if row.merged_into is None):
        if members[customer_id]:
            _fill_customer(
                connection,
                tables,
                customers[customer_id],
                members[customer_id],
                redirects[customer_id],
                by_customer[customer_id],
            )


def _current(customers: Mapping[str, Any], customer_id: str) -> str:
    while customers[customer_id].merged_into:
        customer_id = customers[customer_id].merged_into
    return customer_id


def _fill_customer(
    connection: sa.Connection,
    tables: Mapping[str, sa.Table],
    customer: Any,
    members: list[Any],
    redirects: list[Any],
    links: list[Any],
) -> None:
    anchor = (members[0].source, members[0].record_id)
    events: dict[Any, int] = {}
    times = sorted({m.linked_at for m in members} | {x.at for x in links})
    for at in times:
        seen = [[m.source, m.record_id] for m in members if m.linked_at == at]
        minted = [[customer.id, *anchor]] if at == members[0].linked_at else []
        events[at] = _event(connection, tables, at, seen, minted)
    _anchor(connection, tables, customer.id, anchor, events[members[0].linked_at])
    for row in sorted(redirects, key=lambda r: str(r.id)):
        event = _event(connection, tables, row.created_at, [], [[row.id, *anchor]])
        _anchor(connection, tables, row.id, anchor, event)
        connection.execute(
            tables["customer"]
            .update()
            .where(tables["customer"].c.id == row.id)
            .values(merged_into=customer.id)
        )
    for m in members:
        member = tables["member"]
        connection.execute(
            member.update().where(member.c.source == m.source, member.c.record_id == m.record_id)
            .values(event_id=events[m.linked_at])
        )  # fmt: skip
    for link in links:
        _link(connection, tables["evidence"], link, events[link.at])
    _connect(connection, tables, members, links, events[times[-1]], times[-1])
    _confidence(connection, tables, members, links)


def _event(connection: sa.Connection, tables: Mapping[str, sa.Table], at: Any, seen: Any, minted: Any) -> int:
    detail = json.dumps({"records": seen, "minted": minted}, separators=(",", ":"))
    row = {"kind": "link", "actor": "linking", "at": at, "detail": detail}
    event = tables["event"]
    return int(connection.execute(event.insert().values(row).returning(event.c.id)).scalar_one())


def _anchor(
    connection: sa.Connection, tables: Mapping[str, sa.Table], customer_id: str, ref: Ref, event: int
) -> None:
    customer = tables["customer"]
    connection.execute(
        customer.update().where(customer.c.id == customer_id)
        .values(source=ref[0], record_id=ref[1], event_id=event)
    )  # fmt: skip


def _link(connection: sa.Connection, evidence: sa.Table, link: Any, event: int) -> None:
    a, b = sorted([(link.a_source, link.a_record_id), (link.b_source, link.b_record_id)])
    connection.execute(
        evidence.update().where(evidence.c.id == link.id).values(
            event_id=event, verdict="same",
            a_source=a[0], a_record_id=a[1], b_source=b[0], b_record_id=b[1],
        )
    )  # fmt: skip


def _connect(
    connection: sa.Connection,
    tables: Mapping[str, sa.Table],
    members: list[Any],
    links: list[Any],
    event: int,
    at: Any,
) -> None:
    """Members that no link holds together stay together: an edge says that they were."""
    root = {(m.source, m.record_id): (m.source, m.record_id) for m in members}

    def top(ref: Ref) -> Ref:
        while root[ref] != ref:
            ref = root[ref]
        return ref

    for link in links:
        a, b = (link.a_source, link.a_record_id), (link.b_source, link.b_record_id)
        if a in root and b in root:
            root[top(a)] = top(b)
    first = (members[0].source, members[0].record_id)
    for m in members[1:]:
        ref = (m.source, m.record_id)
        if top(ref) == top(first):
            continue
        root[top(ref)] = top(first)
        a, b = sorted([first, ref])
        connection.execute(
            tables["evidence"].insert().values(
                event_id=event, verdict="same", origin=EARLIER, confidence=m.confidence, at=at,
                a_source=a[0], a_record_id=a[1], b_source=b[0], b_record_id=b[1],
            )
        )  # fmt: skip
        links.append(
            type("Link", (), {"a_source": a[0], "a_record_id": a[1], "b_source": b[0], "b_record_id": b[1],
                              "confidence": m.confidence})
        )  # fmt: skip


def _confidence(
    connection: sa.Connection, tables: Mapping[str, sa.Table], members: list[Any], links: list[Any]
) -> None:
    """As it is derived from now on: that of the strongest link that the record has."""
    best: dict[Ref, float] = {}
    for link in links:
        for ref in ((link.a_source, link.a_record_id), (link.b_source, link.b_record_id)):
            best[ref] = max(best.get(ref, 0.0), link.confidence)
    member = tables["member"]
    for m in members:
        connection.execute(
            member.update().where(member.c.source == m.source, member.c.record_id == m.record_id)
            .values(confidence=best.get((m.source, m.record_id), 1.0))
        )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError(
        "the log holds decisions that the older tables cannot: restore a backup instead"
    )
