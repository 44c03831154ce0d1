"""The statements that read a part of the log: one for the records that belong to it, and one for all that is known of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Boolean, Float, Integer, LargeBinary, SmallInteger, column

from resolvers.identity import lanes
from resolvers.identity.database import Tx, chunks
from resolvers.identity.members import Ref
from resolvers.identity.queries import Query
from resolvers.identity.tables import CustomerId, MemberRow

Free = tuple[int, int]
"""How many numbers are wanted, for events and for records."""

_MEMBER = MemberRow.__table__.c
_COMPONENT = Query(
    "WITH RECURSIVE part (id) AS (SELECT m.id FROM member m WHERE {refs} UNION"
    " SELECT CASE WHEN e.a = part.id THEN e.b ELSE e.a END FROM part JOIN evidence e ON e.a = part.id OR e.b = part.id"
    " WHERE e.verdict = 1)"
    " SELECT m.id, m.source, m.record_id, m.event_id, m.customer_id, m.confidence"
    " FROM member m WHERE m.id IN (SELECT id FROM part) ORDER BY m.id{lock}",
    [_MEMBER[n] for n in ("id", "source", "record_id", "event_id", "customer_id", "confidence")],
    postgres={"lock": " FOR UPDATE OF m"},  # SQLite's writers are alone from their first statement on
)
_LOOK = Query(_COMPONENT.sql, _COMPONENT.columns, postgres={"lock": ""})

_CUSTOMER, _QUESTION, _KEYS, _EDGE, _EVENT, _RECORD = range(1, 7)
_COLUMNS = {
    "what": (Integer, "INTEGER"), "id": (CustomerId, "uuid"), "merged_into": (CustomerId, "uuid"), "a": (Integer, "INTEGER"),
    "b": (Integer, "INTEGER"), "event_id": (Integer, "INTEGER"), "n": (Integer, "INTEGER"),
    "verdict": (SmallInteger, "SMALLINT"), "origin": (SmallInteger, "SMALLINT"), "key_type": (SmallInteger, "SMALLINT"),
    "undone_by": (Integer, "INTEGER"), "confidence": (Float, "FLOAT"), "weight": (Float, "FLOAT"),
    "reopened": (Boolean, "BOOLEAN"), "rests_on": (LargeBinary, "bytea"), "token": (LargeBinary, "bytea"),
    "contributions": (LargeBinary, "bytea"), **dict.fromkeys(lanes.COLUMNS, (LargeBinary, "bytea")),
}  # fmt: skip
"""Of the one result that holds rows of every kind, with their types; a row has what its kind has."""


def _rows(what: int, source: str, *same: str, **given: str) -> str:
    given |= {name: name for name in same} | {"what": str(what)}
    found = (f"{given.get(name, f'CAST(NULL AS {kind})')} AS {name}" for name, (_, kind) in _COLUMNS.items())
    return f"SELECT {', '.join(found)} FROM {source}"  # noqa: S608


def _around(*, whole: bool) -> Query:
    edge = "event_id n a b verdict origin key_type confidence weight rests_on token".split()
    edge += ["contributions"] if whole else []
    sql = " UNION ALL ".join(
        (
            _rows(_CUSTOMER, "customer WHERE member_id {ids}", "id", "merged_into", "event_id", a="member_id"),
            _rows(_QUESTION, "review WHERE a {ids} OR b {ids}", "a", "b", "confidence", "reopened"),
            _rows(_KEYS, "match_key WHERE member_id {carriers}", *lanes.COLUMNS, a="member_id"),
            _rows(
                _EDGE, "evidence e LEFT JOIN event undo ON undo.undoes = e.event_id WHERE e.a {ids} OR e.b {ids}",
                undone_by="undo.id", **{name: f"e.{name}" for name in edge},
            ),
        )
    )  # fmt: skip
    numbers = " UNION ALL ".join(
        _rows(
            what,
            f"generate_series(1, :{table}s)",
            n=f"CAST(nextval(pg_get_serial_sequence('{table}', 'id')) AS integer)",
        )
        for what, table in ((_EVENT, "event"), (_RECORD, "member"))
    )
    return Query(
        sql + "{numbers}",
        [column(name, kind) for name, (kind, _) in _COLUMNS.items()],
        many={"ids": Integer(), "carriers": Integer()},
        postgres={"numbers": f" UNION ALL {numbers}"},
    )


_AROUND, _WHOLE = _around(whole=False), _around(whole=True)


class Around(msgspec.Struct, kw_only=True):
    """Rows about some records, by what they are. `undone`: which events undo the edges' events."""

    customers: list[Any]
    questions: list[Any]
    keys: list[Any]
    edges: list[Any]
    undone: dict[int, int]
    free: tuple[tuple[int, ...], tuple[int, ...]]


def component(tx: Tx, refs: Sequence[Ref], *, lock: bool) -> Sequence[Any]:
    """The members that "same" edges lead to, undone ones too: what was together once may have to come together again."""
    query = _COMPONENT if lock else _LOOK
    return list({row.id: row for some in chunks(refs) for row in tx.rows(query, refs=some)}.values())


def around(tx: Tx, ids: Sequence[int], *, carriers: Collection[int], whole: bool, free: Free) -> Around:
    """All that was ever said of these records, the customers that are anchored at them, the questions about them, the keys of
    some of them, and on PostgreSQL the numbers that are wanted.
    """
    found: dict[Any, Any] = {}
    for some in chunks(ids):
        values = {
            "ids": some,
            "carriers": [i for i in some if i in carriers],
            "events": free[0],
            "members": free[1],
        }
        free = (0, 0)
        for row in tx.rows(_WHOLE if whole else _AROUND, values):
            # an edge or a question between records of two chunks is found by both
            twice = row.what in (_EDGE, _QUESTION)
            found[(row.what, row.a, row.b, row.event_id, row.n, row.undone_by) if twice else len(found)] = row
    kinds: dict[int, list[Any]] = {what: [] for what in range(_CUSTOMER, _RECORD + 1)}
    for row in found.values():
        kinds[row.what].append(row)
    return Around(
        customers=kinds[_CUSTOMER],
        questions=kinds[_QUESTION],
        keys=kinds[_KEYS],
        edges=list({(row.event_id, row.n): row for row in kinds[_EDGE]}.values()),
        undone={row.undone_by: row.event_id for row in kinds[_EDGE] if row.undone_by is not None},
        free=(tuple(row.n for row in kinds[_EVENT]), tuple(row.n for row in kinds[_RECORD])),
    )
