"""Rows become small enough for millions of records: records and recurring texts are numbers, ids, tokens and hashes bytes.

Every table is made anew from the old one, page by page. New are also: four classes of fan-out, and the sources' cursors.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from resolvers.identity import lanes
from resolvers.identity.tables import STEWARD_LABEL, CustomerId, UtcTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Ref = tuple[str, str]
Tables = Mapping[str, sa.Table]

_OLD = ("member", "event", "evidence", "customer", "review", "match_key", "discovery")
_OLD_INDEXES = {
    "event": ("ix_event_undoes",), "evidence": ("evidence_a", "evidence_b", "evidence_event"),
    "customer": ("customer_anchor", "ix_customer_merged_into"), "member": ("ix_member_customer_id",),
    "review": ("review_b",),
}  # fmt: skip
_PAGE = 1000
_STEWARD = "steward"
_TOKENS = {"email": 1, "phone": 2, "customer_number": 4, "order_number": 5, "ticket_number": 6}
_VERDICTS = {"same": 1, "different": 2, "unsure": 3}
_KINDS = {"link": 1, "merge": 2, "split": 3, "confirm": 4, "reject": 5, "undo": 6}


def upgrade() -> None:
    connection = op.get_bind()
    old = _set_aside(connection)
    new = _make_tables(connection)
    labels = _labels(connection, old, new)
    _events(connection, old, new)
    _members(connection, old, new, labels)
    _customers(connection, old, new)
    _evidence(connection, old, new, labels)
    _reviews(connection, old, new)
    _keys(connection, old, new)
    for name in _OLD:
        op.drop_table(f"old_{name}")


def _set_aside(connection: sa.Connection) -> Tables:
    postgres = connection.dialect.name == "postgresql"
    for name in _OLD:
        for index in _OLD_INDEXES.get(name, ()):
            op.drop_index(index, table_name=name)
        op.rename_table(name, f"old_{name}")
        if postgres:  # what the new tables' own will be called
            op.execute(f"ALTER INDEX IF EXISTS {name}_pkey RENAME TO old_{name}_pkey")
            op.execute(f"ALTER SEQUENCE IF EXISTS {name}_id_seq RENAME TO old_{name}_id_seq")
    meta = sa.MetaData()
    return {name: sa.Table(f"old_{name}", meta, autoload_with=connection) for name in _OLD}


def _make_tables(connection: sa.Connection) -> Tables:
    plain: dict[str, Any] = {"sqlite_with_rowid": False}
    new = {
        "label": op.create_table(
            "label",
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("text", sa.String(200), nullable=False, unique=True),
        ),
        "event": op.create_table(
            "event",
            sa.Column("at", UtcTime, nullable=False),
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("undoes", sa.Integer),
            sa.Column("kind", sa.SmallInteger, nullable=False),
            sa.Column("actor", sa.String(100)),
            sa.Column("reason", sa.String(500)),
        ),
        "member": op.create_table(
            "member",
            sa.Column("confidence", sa.Float, nullable=False),
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("event_id", sa.Integer, nullable=False),
            sa.Column("customer_id", CustomerId, nullable=False),
            sa.Column("source", sa.SmallInteger, nullable=False),
            sa.Column("record_id", sa.String(255), nullable=False),
        ),
        "customer": op.create_table(
            "customer",
            sa.Column("id", CustomerId, primary_key=True),
            sa.Column("member_id", sa.Integer, nullable=False),
            sa.Column("event_id", sa.Integer, nullable=False),
            sa.Column("merged_into", CustomerId),
            **plain,
        ),
        "evidence": op.create_table(
            "evidence",
            sa.Column("confidence", sa.Float, nullable=False),
            sa.Column("weight", sa.Float),
            sa.Column("event_id", sa.Integer, nullable=False, autoincrement=False),
            sa.Column("n", sa.Integer, nullable=False, autoincrement=False),
            sa.Column("a", sa.Integer, nullable=False),
            sa.Column("b", sa.Integer, nullable=False),
            sa.Column("verdict", sa.SmallInteger, nullable=False),
            sa.Column("origin", sa.SmallInteger, nullable=False),
            sa.Column("key_type", sa.SmallInteger),
            sa.Column("rests_on", sa.LargeBinary),
            sa.Column("token", sa.LargeBinary),
            sa.Column("contributions", sa.LargeBinary),
            *_sqlite_key(connection, "event_id", "n"),
            **plain,
        ),
        "review": op.create_table(
            "review",
            sa.Column("a", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("b", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("confidence", sa.Float, nullable=False),
            sa.Column("reopened", sa.Boolean, nullable=False),
            **plain,
        ),
        "match_key": op.create_table(
            "match_key",
            sa.Column("member_id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("n", sa.SmallInteger, primary_key=True, autoincrement=False),
            *(sa.Column(name, sa.LargeBinary) for name in lanes.COLUMNS),
            **plain,
        ),
        "discovery": op.create_table(
            "discovery",
            sa.Column("at", UtcTime),
            sa.Column("fan_out", sa.SmallInteger, nullable=False),
            sa.Column("token", sa.LargeBinary, primary_key=True),
            **plain,
        ),
    }
    op.create_table(
        "sync",
        sa.Column("source", sa.String(100), primary_key=True),
        sa.Column("cursor", sa.Text),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
    )
    _make_indexes(connection)
    return new


def _sqlite_key(connection: sa.Connection, *columns: str) -> list[Any]:
    """SQLite's table is its primary key; PostgreSQL has a plain index instead, which keeps what repeats once."""
    return [sa.PrimaryKeyConstraint(*columns)] if connection.dialect.name == "sqlite" else []


def _make_indexes(connection: sa.Connection) -> None:
    undone, decided = sa.text("undoes IS NOT NULL"), sa.text(f"origin = {STEWARD_LABEL}")
    full: dict[str, Any] = {
        "postgresql_with": {"fillfactor": 100}
    }  # their keys come in order: nothing is put in between
    op.create_index("event_undoes", "event", ["undoes"], postgresql_where=undone, sqlite_where=undone)
    by_people = sa.text(f"kind <> {_KINDS['link']}")
    op.create_index("event_decided", "event", ["id"], postgresql_where=by_people, sqlite_where=by_people)
    op.create_index("member_record", "member", ["source", "record_id"], unique=True)
    op.create_index("member_customer", "member", ["customer_id"], **full)
    op.create_index("customer_member", "customer", ["member_id"], **full)
    for end in ("a", "b"):
        op.create_index(f"evidence_{end}", "evidence", [end], **full)
        op.create_index(
            f"evidence_steward_{end}", "evidence", [end], postgresql_where=decided, sqlite_where=decided
        )
    op.create_index("review_b", "review", ["b"])
    for lane in lanes.COLUMNS:
        there = sa.text(f"{lane} IS NOT NULL")
        op.create_index(f"match_key_{lane}", "match_key", [lane], postgresql_where=there, sqlite_where=there)
    if connection.dialect.name == "postgresql":
        op.create_index("evidence_event", "evidence", ["event_id"], **full)
        for table in ("event", "member", "customer", "match_key"):
            op.execute(f"ALTER INDEX {table}_pkey SET (fillfactor = 100)")


def _labels(connection: sa.Connection, old: Tables, new: Tables) -> dict[str, int]:
    """That of a steward's edges is the first one."""
    evidence = old["evidence"].c
    found: set[str] = set()
    for column in (old["member"].c.source, evidence.origin, evidence.key_type):
        query = sa.select(column).distinct().where(column.is_not(None))
        found |= set(connection.execute(query).scalars())
    for raw in connection.execute(
        sa.select(evidence.contributions).distinct().where(evidence.contributions.is_not(None))
    ).scalars():
        found |= {_label(c) for c in json.loads(raw)}
    for label in (_STEWARD, *sorted(found - {_STEWARD})):
        connection.execute(new["label"].insert(), {"text": label})
    return {row.text: row.id for row in connection.execute(sa.select(new["label"]))}


def _label(contribution: Mapping[str, Any]) -> str:
    return f"{contribution['field']}\x1f{contribution['agreement']}"


def _events(connection: sa.Connection, old: Tables, new: Tables) -> None:
    for rows in _pages(connection, old["event"], "id"):
        _insert(
            connection,
            new["event"],
            [
                {
                    "at": _utc(r.at), "id": r.id, "undoes": r.undoes, "kind": _KINDS[r.kind],
                    "actor": None if r.actor == "linking" else r.actor, "reason": r.reason,
                }
                for r in rows
            ],
        )  # fmt: skip
    _go_on(connection, "event")


def _members(connection: sa.Connection, old: Tables, new: Tables, labels: Mapping[str, int]) -> None:
    number = 0
    for rows in _pages(connection, old["member"], "source", "record_id"):
        found = []
        for r in rows:
            number += 1
            found.append(
                {
                    "id": number, "source": labels[r.source], "record_id": r.record_id, "event_id": r.event_id,
                    "customer_id": r.customer_id, "confidence": r.confidence,
                }
            )  # fmt: skip
        _insert(connection, new["member"], found)
    _go_on(connection, "member")


def _customers(connection: sa.Connection, old: Tables, new: Tables) -> None:
    for rows in _pages(connection, old["customer"], "id"):
        numbers = _numbers(connection, new, {(r.source, r.record_id) for r in rows})
        _insert(
            connection,
            new["customer"],
            [
                {
                    "id": r.id, "member_id": numbers[r.source, r.record_id], "event_id": r.event_id,
                    "merged_into": r.merged_into,
                }
                for r in rows if (r.source, r.record_id) in numbers  # others never had a record
            ],
        )  # fmt: skip


def _evidence(connection: sa.Connection, old: Tables, new: Tables, labels: Mapping[str, int]) -> None:
    place: dict[int, int] = defaultdict(int)
    for rows in _pages(connection, old["evidence"], "id"):
        refs = {ref for r in rows for ref in _ends(r)}
        numbers = _numbers(connection, new, refs)
        carried = _carried(connection, old, refs if any(r.rests_on for r in rows) else set())
        found = []
        for r in rows:
            a, b = _ends(r)
            if a not in numbers or b not in numbers:
                continue  # rebuilding would not have known what to do with it either
            found.append(
                {
                    "event_id": r.event_id, "n": place[r.event_id], "a": numbers[a], "b": numbers[b],
                    "verdict": _VERDICTS[r.verdict], "origin": labels[r.origin], "confidence": r.confidence,
                    "weight": r.weight, "key_type": labels.get(r.key_type), "token": r.token and _token(r.token),
                    "rests_on": r.rests_on and _ground(r.rests_on, carried[a] & carried[b]),
                    "contributions": r.contributions and _packed(json.loads(r.contributions), labels),
                }
            )  # fmt: skip
            place[r.event_id] += 1
        _insert(connection, new["evidence"], found)


def _ends(row: Any) -> tuple[Ref, Ref]:
    return (row.a_source, row.a_record_id), (row.b_source, row.b_record_id)


def _ground(old: str, common: set[str]) -> bytes:
    """What a verdict rests on, said of the new tokens where the old ones still explain it. Else it stays what nothing equals."""
    if hashlib.sha256("\n".join(sorted(common)).encode()).hexdigest()[:32] != old:
        return bytes.fromhex(old)[:8]
    return hashlib.sha256(b"".join(sorted(map(_token, common)))).digest()[:8]


def _packed(contributions: Sequence[Mapping[str, Any]], labels: Mapping[str, int]) -> bytes:
    """Label and weight of each in numbers of seven bits a byte, as `resolvers.identity.labels` reads them."""
    out = bytearray()
    for each in contributions:
        weight = round(each["weight"] * 1000)
        for number in (labels[_label(each)], weight << 1 if weight >= 0 else (-weight << 1) - 1):
            while number > 127:
                out.append(number & 127 | 128)
                number >>= 7
            out.append(number)
    return bytes(out)


def _reviews(connection: sa.Connection, old: Tables, new: Tables) -> None:
    for rows in _pages(connection, old["review"], "a_source", "a_record_id", "b_source", "b_record_id"):
        numbers = _numbers(connection, new, {ref for r in rows for ref in _ends(r)})
        _insert(
            connection,
            new["review"],
            [
                {
                    "a": numbers[_ends(r)[0]], "b": numbers[_ends(r)[1]],
                    "confidence": r.confidence, "reopened": r.reopened,
                }
                for r in rows if set(_ends(r)) <= numbers.keys()
            ],
        )  # fmt: skip


def _keys(connection: sa.Connection, old: Tables, new: Tables) -> None:
    for rows in _pages(connection, old["member"], "source", "record_id"):
        refs = {(r.source, r.record_id) for r in rows}
        numbers, carried = _numbers(connection, new, refs), _carried(connection, old, refs)
        found = [
            row for ref in sorted(refs) for row in lanes.rows(numbers[ref], set(map(_token, carried[ref])))
        ]
        _insert(connection, new["match_key"], found)
    for rows in _pages(connection, old["discovery"], "token"):
        asked = [{"token": _token(r.token), "at": _utc(r.at), "fan_out": int(r.shared)} for r in rows]
        _insert(connection, new["discovery"], asked)


def _token(text: str) -> bytes:
    """`1:email:<base64 of 32 bytes>` in today's form: version, kind, the first half of the digest."""
    version, _, rest = text.partition(":")
    kind, _, digest = rest.partition(":")
    try:
        raw = base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4))
        return bytes((int(version), _TOKENS[kind])) + raw[:16]
    except (ValueError, KeyError):  # nothing that a release has written
        return text.encode()


# --- reading and writing ---------------------------------------------------------------------------------------------


def _pages(connection: sa.Connection, table: sa.Table, *key: str) -> Iterator[Sequence[Any]]:
    """The rows of a table in the order of its primary key."""
    columns = [table.c[name] for name in key]
    query = sa.select(table).order_by(*columns).limit(_PAGE)
    rows = connection.execute(query).all()
    while rows:
        yield rows
        last = sa.tuple_(*(sa.literal(getattr(rows[-1], name), table.c[name].type) for name in key))
        rows = connection.execute(query.where(sa.tuple_(*columns) > last)).all()


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _by_source(refs: Iterable[Ref]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for source, record in refs:
        found[source].append(record)
    return found


def _numbers(connection: sa.Connection, new: Tables, refs: Iterable[Ref]) -> dict[Ref, int]:
    """The new numbers of these records."""
    member, label = new["member"].c, new["label"].c
    found: dict[Ref, int] = {}
    for source, records in _by_source(refs).items():
        number = connection.execute(sa.select(label.id).where(label.text == source)).scalar()
        query = sa.select(member.record_id, member.id).where(
            member.source == number, member.record_id.in_(records)
        )
        found |= {(source, row.record_id): row.id for row in connection.execute(query)}
    return found


def _carried(connection: sa.Connection, old: Tables, refs: Iterable[Ref]) -> dict[Ref, set[str]]:
    """The old tokens of these records."""
    key = old["match_key"].c
    found: dict[Ref, set[str]] = defaultdict(set)
    for source, records in _by_source(refs).items():
        query = sa.select(key.record_id, key.token).where(key.source == source, key.record_id.in_(records))
        for row in connection.execute(query):
            found[source, row.record_id].add(row.token)
    return found


def _go_on(connection: sa.Connection, table: str) -> None:
    """The next number is one that no row has."""
    if connection.dialect.name == "postgresql":
        op.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 0) + 1, false) FROM {table}"  # noqa: S608
        )


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def downgrade() -> None:
    raise NotImplementedError(
        "the older tables cannot hold these rows: restore a backup from before the upgrade"
    )
