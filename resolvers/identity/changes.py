"""What a transaction writes: rows for the log and the derived rows that changed, in one statement where the database can.

PostgreSQL gets everything in a single statement of fixed text, whose arrays are the columns of the rows; SQLite, which runs in
this process, a statement for each table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import ARRAY, Table, TextClause, bindparam, insert, text
from sqlalchemy.dialects import postgresql

from resolvers.identity import rows
from resolvers.identity.database import Tx, chunks
from resolvers.identity.derivation import Derived
from resolvers.identity.members import Ref
from resolvers.identity.tables import (
    Base,
    CustomerRow,
    EventRow,
    EvidenceRow,
    KeyRow,
    MemberRow,
    ReviewRow,
)

Row = dict[str, Any]


class Changes(msgspec.Struct, kw_only=True):
    """Rows by what happens to them. `moved` have id, customer_id and confidence, `redirected` id and merged_into,
    `answered` a and b; all keys of the members in `cleared` go before `keys` are added.
    """

    events: list[Row] = []
    members: list[Row] = []
    customers: list[Row] = []
    edges: list[Row] = []
    moved: list[Row] = []
    redirected: list[Row] = []
    answered: list[Row] = []
    asked: list[Row] = []
    cleared: list[Row] = []
    keys: list[Row] = []

    @property
    def derived(self) -> int:
        """How many derived rows there were are no longer what they were."""
        return sum(map(len, (self.moved, self.redirected, self.answered, self.asked)))


def difference(
    tx: Tx, before: Derived, after: Derived, numbers: Mapping[Ref, int], written: Changes | None = None
) -> Changes:
    """What makes the derived rows `after` where they are `before`, added to `written`."""
    found = written or Changes()
    for ref, m in sorted(after.members.items()):
        if ref not in before.members:
            found.members.append(rows.member_row(tx, m, numbers[ref]))
        elif before.members[ref] != m:
            found.moved.append({"id": numbers[ref], "customer_id": m.customer_id, "confidence": m.confidence})
    for i, c in sorted(after.customers.items()):
        if i not in before.customers:
            found.customers.append(rows.customer_row(c, numbers))
        elif before.customers[i] != c:
            found.redirected.append({"id": i, "merged_into": c.merged_into})
    for pair, q in sorted(before.questions.items()):
        if pair not in after.questions:
            found.answered.append({"a": numbers[q.a], "b": numbers[q.b]})
    for pair, q in sorted(after.questions.items()):
        if before.questions.get(pair) != q:
            found.asked.append(rows.question_row(q, numbers))
    return found


def apply(tx: Tx, changes: Changes, *, lasting: bool = True) -> None:
    """Writes them. Where they need not be `lasting`, PostgreSQL confirms them before they are on its disk: should the server
    or the power fail in the next moment, they may be gone, wholly, and nothing that was confirmed to be lasting later.
    """
    wanted = {name: found for name in Changes.__struct_fields__ if (found := getattr(changes, name))}
    if not wanted:
        return
    if tx.postgres:
        if (
            "cleared" in wanted
        ):  # the parts of one statement run in no order, and keys may take the place of others
            _in_one(tx, {"cleared": wanted.pop("cleared")}, lasting)
        _in_one(tx, wanted, lasting)
        return
    for name, found in wanted.items():
        for some in chunks(found):
            tx.connection.execute(_SINGLE[name], list(some))


_TABLES: dict[str, type[Base]] = {
    "events": EventRow, "members": MemberRow, "customers": CustomerRow, "edges": EvidenceRow, "asked": ReviewRow,
    "keys": KeyRow, "moved": MemberRow, "redirected": CustomerRow, "answered": ReviewRow, "cleared": KeyRow,
}  # fmt: skip


def _table(name: str) -> Table:
    found = _TABLES[name].__table__
    assert isinstance(found, Table)
    return found


def _typed(statement: str, table: type[Base], *columns: str) -> TextClause:
    types = table.__table__.columns
    return text(statement).bindparams(*(bindparam(c, type_=types[c].type) for c in columns))


_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

_SINGLE: dict[str, Any] = {
    **{name: insert(_TABLES[name]) for name in ("events", "members", "customers", "edges", "keys")},
    "asked": insert(ReviewRow).prefix_with("OR REPLACE"),
    "moved": _typed(
        "UPDATE member SET customer_id = :customer_id, confidence = :confidence WHERE id = :id",
        MemberRow, "customer_id", "confidence", "id",
    ),
    "redirected": _typed(
        "UPDATE customer SET merged_into = :merged_into WHERE id = :id", CustomerRow, "merged_into", "id"
    ),
    "answered": text("DELETE FROM review WHERE a = :a AND b = :b"),
    "cleared": text("DELETE FROM match_key WHERE member_id = :member_id"),
}  # fmt: skip


def _in_one(tx: Tx, wanted: Mapping[str, list[Row]], lasting: bool) -> None:
    if not wanted:
        return
    shape = tuple((name, tuple(found[0])) for name, found in wanted.items())
    values = {
        f"{name}_{column}": [row[column] for row in found]
        for name, found in wanted.items()
        for column in found[0]
    }
    tx.connection.execute(_statement(shape, lasting), values)


@lru_cache(256)
def _statement(shape: tuple[tuple[str, tuple[str, ...]], ...], lasting: bool) -> TextClause:
    """One statement for these tables and columns."""
    parts, params = [], []
    for name, columns in shape:
        table = _table(name)
        arrays = []
        for column in columns:
            kind = table.c[column].type
            params.append(bindparam(f"{name}_{column}", type_=ARRAY(kind, dimensions=1)))
            arrays.append(f"CAST(:{name}_{column} AS {kind.compile(_DIALECT)}[])")
        given = f"unnest({', '.join(arrays)}) AS u ({', '.join(columns)})"
        parts.append(f"{name} AS ({_part(name, table.name, columns, given)})")
    end = "1" if lasting else "set_config('synchronous_commit', 'off', true)"  # for this transaction
    return text(f"WITH {', '.join(parts)} SELECT {end}").bindparams(*params)


def _part(name: str, table: str, columns: Sequence[str], given: str) -> str:
    """All names are the tables' own; values come as parameters."""
    match name:
        case "moved" | "redirected":
            sets = ", ".join(f"{c} = u.{c}" for c in columns if c != "id")
            return f"UPDATE {table} t SET {sets} FROM {given} WHERE t.id = u.id"  # noqa: S608
        case "answered" | "cleared":
            same = " AND ".join(f"t.{c} = u.{c}" for c in columns)
            return f"DELETE FROM {table} t USING {given} WHERE {same}"  # noqa: S608
    insertion = f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM {given}"  # noqa: S608
    if name == "asked":
        insertion += (
            " ON CONFLICT (a, b) DO UPDATE SET confidence = excluded.confidence, reopened = excluded.reopened"
        )
    return insertion
