"""Look-ups in the identity map: customers by id, keys, the records that share a key, and what is around some records.

Each is one statement on PostgreSQL, where a statement is a journey, and bounded however many records carry a key.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnClause,
    Float,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    bindparam,
    column,
    func,
    select,
    text,
)

from resolvers.identity import lanes, log, rows
from resolvers.identity.database import Tx, chunks
from resolvers.identity.derivation import Edge, Graph, Pair, Verdict, standing
from resolvers.identity.fan_out import FanOut
from resolvers.identity.members import Member, Ref, StoredCustomer
from resolvers.identity.queries import Query
from resolvers.identity.tables import (
    STEWARD_LABEL,
    CustomerId,
    MemberRow,
    UtcTime,
)
from resolvers.identity.tokens import Token

MOST_CARRIERS = 100
"""Records of a key that a look-up reads at most: a key of more is nobody's, and which of them are read does not matter."""
_COUNTED_BELOW = 10_000
"""Records; a larger map's number is that of the newest record."""
_TERMS = 100
"""Tokens in one statement on SQLite, which takes 500 selects in a union."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the map knows of a key: whose it is, when all sources were last asked for it (None: never wholly), its class.

    The customers are those of MOST_CARRIERS records at most.
    """

    customers: tuple[str, ...] = ()
    discovered_at: datetime | None = None
    fan_out: FanOut = FanOut.PERSONAL

    @property
    def shared(self) -> bool:
        """Whether it is no key of one person."""
        return self.fan_out is not FanOut.PERSONAL


def together(known: Iterable[KnownKey]) -> KnownKey:
    """What is known of one key that is kept under several names, as while the secret is rotated."""
    several = tuple(known)
    if len(several) == 1:
        return several[0]
    asked = [k.discovered_at for k in several if k.discovered_at is not None]
    return KnownKey(
        customers=tuple(sorted({c for k in several for c in k.customers})),
        discovered_at=max(asked, default=None),
        fan_out=max((k.fan_out for k in several), key=rows.FAN_OUTS.__getitem__),
    )


class Neighbourhood(msgspec.Struct, frozen=True, kw_only=True):
    """The customers around some records, each with all its records, and the pairs that a steward holds to be different
    (`forbidden`) or to be one person (`confirmed`).
    """

    clusters: tuple[tuple[Ref, ...], ...] = ()
    forbidden: frozenset[Pair] = frozenset()
    confirmed: frozenset[Pair] = frozenset()


def is_id(text: str) -> bool:
    """Whether it can be the id of a customer."""
    return _ID.fullmatch(text) is not None


_CUSTOMERS = Query(
    "SELECT c.id, c.merged_into, m.source, m.record_id, m.confidence, e.at FROM customer c"
    " LEFT JOIN member m ON m.customer_id = coalesce(c.merged_into, c.id)"
    " LEFT JOIN event e ON e.id = m.event_id WHERE c.id {ids}",
    (
        column("id", CustomerId), column("merged_into", CustomerId), column("source", SmallInteger),
        column("record_id", String), column("confidence", Float), column("at", UtcTime),
    ),
    many={"ids": CustomerId()},
)  # fmt: skip


def customers(tx: Tx, ids: Iterable[str]) -> dict[str, StoredCustomer]:
    """By asked id; unknown ids are missing."""
    current: dict[str, str] = {}
    members: dict[str, set[Member]] = defaultdict(set)
    for some in chunks(sorted({i for i in ids if is_id(i)})):
        for row in tx.rows(_CUSTOMERS, {"ids": some}):
            current[row.id] = row.merged_into or row.id
            if row.source is not None:
                source, record_id = tx.ref(row)
                member = Member(
                    source=source, record_id=record_id, linked_at=row.at, confidence=row.confidence
                )
                members[current[row.id]].add(member)
    ordered = {i: tuple(sorted(of, key=lambda m: (m.source, m.record_id))) for i, of in members.items()}
    return {
        asked: StoredCustomer(
            id=now, redirected_from=None if now == asked else asked, members=ordered.get(now, ())
        )
        for asked, now in current.items()
    }


# --- keys ------------------------------------------------------------------------------------------------------------

_KEY_COLUMNS = (
    column("n", Integer), column("customer_id", CustomerId), column("at", UtcTime), column("fan_out", SmallInteger),
)  # fmt: skip
_NAMED_COLUMNS = (column("n", Integer), column("source", SmallInteger), column("record_id", String))
_CARRIER_COLUMNS = (column("n", Integer), column("member_id", Integer))
_KEYS = (
    "SELECT t.n, c.customer_id, d.at, d.fan_out"
    " FROM unnest(CAST(:tokens{0} AS bytea[]), CAST(:places{0} AS integer[])) AS t (token, n)"
    " LEFT JOIN discovery d ON d.token = t.token"
    " LEFT JOIN LATERAL (SELECT DISTINCT m.customer_id FROM"
    " (SELECT member_id FROM match_key WHERE t{0} = t.token LIMIT :most) k"
    " JOIN member m ON m.id = k.member_id) c ON true"
)
_KEY = (
    "SELECT {0} AS n, customer_id, NULL AS at, NULL AS fan_out FROM member WHERE id IN"
    " (SELECT member_id FROM match_key WHERE t{1} = :t{0} LIMIT :most)"
    " UNION ALL SELECT {0}, NULL, at, fan_out FROM discovery WHERE token = :t{0}"
)
_CARRIERS = (
    "SELECT t.n, t.most, k.member_id, count(*) OVER (PARTITION BY t.n) AS carriers"
    " FROM unnest(CAST(:tokens{0} AS bytea[]), CAST(:places{0} AS integer[]), CAST(:limits{0} AS integer[]))"
    " AS t (token, n, most)"
    " CROSS JOIN LATERAL (SELECT member_id FROM match_key WHERE t{0} = t.token LIMIT t.most + 1) k"
)
_NAMED = "SELECT c.n, m.source, m.record_id FROM ({0}) c JOIN member m ON m.id = c.member_id WHERE c.carriers <= c.most"
_CARRIER = "SELECT * FROM (SELECT {0} AS n, member_id FROM match_key WHERE t{1} = :t{0} LIMIT :l{0})"


@lru_cache(512)
def _by_lane(term: str, around: str, used: tuple[int, ...], columns: tuple[ColumnClause[Any], ...]) -> Any:
    """One statement for the tokens of these lanes, however many there are of each."""
    params = [
        bindparam(f"{name}{n}", type_=ARRAY(kind, dimensions=1))
        for name, kind in (("tokens", LargeBinary), ("places", Integer), ("limits", Integer))
        for n in used if f":{name}" in term
    ]  # fmt: skip
    return (
        text(around.format(" UNION ALL ".join(term.format(n) for n in used)))
        .bindparams(*params)
        .columns(*columns)
    )


@lru_cache(512)
def _by_token(term: str, used: tuple[int, ...], columns: tuple[ColumnClause[Any], ...]) -> Any:
    """One statement for a token in each of these lanes."""
    return text(" UNION ALL ".join(term.format(n, lane) for n, lane in enumerate(used))).columns(*columns)


def _arrays(
    tokens: Sequence[Token], limits: Sequence[int] = ()
) -> tuple[tuple[int, ...], dict[str, list[Any]]]:
    """The lanes in use, and the parameters that `_by_lane` has for each."""
    found: dict[int, list[int]] = defaultdict(list)
    for n, token in enumerate(tokens):
        found[lanes.lane(token)].append(n)
    values: dict[str, list[Any]] = {}
    for lane, places in found.items():
        values[f"tokens{lane}"] = [tokens[n] for n in places]
        values[f"places{lane}"] = places
        if limits:
            values[f"limits{lane}"] = [limits[n] for n in places]
    return tuple(sorted(found)), values


def keys(tx: Tx, tokens: Iterable[Token]) -> dict[Token, KnownKey]:
    """Every token is in the answer."""
    asked = list(dict.fromkeys(tokens))
    owners: dict[Token, set[str]] = defaultdict(set)
    notes: dict[Token, Any] = {}
    for some in _by(_TERMS, asked):
        if tx.postgres:
            used, values = _arrays(some)
            query = _by_lane(_KEYS, "{0}", used, _KEY_COLUMNS)
        else:
            query = _by_token(_KEY, tuple(map(lanes.lane, some)), _KEY_COLUMNS)
            values = {f"t{n}": token for n, token in enumerate(some)}
        for row in tx.connection.execute(query, {"most": MOST_CARRIERS, **values}):
            if row.customer_id is not None:
                owners[some[row.n]].add(row.customer_id)
            if row.fan_out is not None:
                notes[some[row.n]] = row
    return {
        token: KnownKey(
            customers=tuple(sorted(owners[token])),
            discovered_at=notes[token].at if token in notes else None,
            fan_out=rows.FAN_OUT_OF[notes[token].fan_out] if token in notes else FanOut.PERSONAL,
        )
        for token in asked
    }


def candidates(tx: Tx, tokens: Sequence[tuple[Token, int]], most: int) -> list[Ref]:
    """The records that share one of these keys, unless more than the key's number do; those of the first keys first."""
    found: dict[Ref, None] = {}
    for some in _by(_TERMS, tokens):
        carriers = (_carriers_at_once if tx.postgres else _carriers)(tx, some)
        for n in sorted(carriers):
            found.update(dict.fromkeys(sorted(carriers[n])))
        if len(found) >= most:
            break
    return list(found)[:most]


def _carriers_at_once(tx: Tx, tokens: Sequence[tuple[Token, int]]) -> Mapping[int, Sequence[Ref]]:
    found: dict[int, list[Ref]] = defaultdict(list)
    used, values = _arrays([token for token, _ in tokens], [limit for _, limit in tokens])
    for row in tx.connection.execute(_by_lane(_CARRIERS, _NAMED, used, _NAMED_COLUMNS), values):
        found[row.n].append(tx.ref(row))
    return found


def _carriers(tx: Tx, tokens: Sequence[tuple[Token, int]]) -> Mapping[int, Sequence[Ref]]:
    found: dict[int, list[int]] = defaultdict(list)
    values: dict[str, Any] = {f"t{n}": token for n, (token, _) in enumerate(tokens)}
    values |= {f"l{n}": limit + 1 for n, (_, limit) in enumerate(tokens)}
    query = _by_token(_CARRIER, tuple(lanes.lane(token) for token, _ in tokens), _CARRIER_COLUMNS)
    for n, member in tx.connection.execute(query, values):
        found[n].append(member)
    few = {n: members for n, members in found.items() if len(members) <= tokens[n][1]}
    names = log.names(tx, {member for members in few.values() for member in members})
    return {n: [names[member] for member in members] for n, members in few.items()}


def carried(tx: Tx, refs: Sequence[Ref]) -> dict[Ref, frozenset[Token]]:
    """The tokens of each record; unknown ones are missing."""
    numbers = {ref: row.id for ref, row in log.members(tx, refs).items()}
    tokens = log.tokens_of(tx, numbers)
    return {ref: frozenset(tokens.get(ref, ())) for ref in numbers}


# --- what is around --------------------------------------------------------------------------------------------------


_CLUSTERS = Query(
    "SELECT c.id, c.source, c.record_id, c.customer_id,"  # noqa: S608
    f" EXISTS (SELECT 1 FROM evidence e WHERE e.origin = {STEWARD_LABEL} AND e.a = c.id)"
    f" OR EXISTS (SELECT 1 FROM evidence e WHERE e.origin = {STEWARD_LABEL} AND e.b = c.id) AS decided"
    " FROM member c WHERE c.customer_id IN (SELECT m.customer_id FROM member m WHERE {refs})",
    [
        *(MemberRow.__table__.c[n] for n in ("id", "source", "record_id", "customer_id")),
        column("decided", Boolean),
    ],
)
_DECIDED = Query(  # in the words of the partial indexes, as above
    f"SELECT {', '.join(c.name for c in rows.EDGE_COLUMNS)} FROM evidence"  # noqa: S608
    f" WHERE origin = {STEWARD_LABEL} AND (a {{ids}} OR b {{ids}})",
    rows.EDGE_COLUMNS,
    many={"ids": Integer()},
)


def neighbourhood(tx: Tx, refs: Sequence[Ref]) -> Neighbourhood:
    """The customers that these records belong to, and what keeps records of theirs apart."""
    clusters: dict[str, set[Ref]] = defaultdict(set)
    decided: dict[int, Ref] = {}
    for some in chunks(refs):
        for row in tx.rows(_CLUSTERS, refs=some):
            clusters[row.customer_id].add(tx.ref(row))
            if row.decided:
                decided[row.id] = tx.ref(row)
    said = _said(tx, decided) if decided else ()
    return Neighbourhood(
        clusters=tuple(tuple(sorted(clusters[i])) for i in sorted(clusters)),
        forbidden=frozenset(e.pair for e in said if e.verdict is Verdict.DIFFERENT),
        confirmed=frozenset(e.pair for e in said if e.verdict is Verdict.SAME),
    )


def _said(tx: Tx, ids: Mapping[int, Ref]) -> Sequence[Edge]:
    """What stewards say of these records today."""
    found = [row for some in chunks(sorted(ids)) for row in tx.rows(_DECIDED, {"ids": some})]
    names = {**ids, **log.names(tx, {i for row in found for i in (row.a, row.b)} - ids.keys())}
    edges = list(dict.fromkeys(rows.edge_of(tx, row, names) for row in found))
    graph = Graph(records={}, anchors=(), edges=edges, undos=log.undos(tx, {e.event for e in edges}))
    return standing(graph)


def size(tx: Tx) -> int:
    """How many records there are; records are never removed, so the newest one's number says it nearly."""
    newest = tx.connection.execute(select(func.max(MemberRow.id))).scalar_one() or 0
    if newest >= _COUNTED_BELOW:
        return int(newest)
    return tx.connection.execute(select(func.count()).select_from(MemberRow)).scalar_one()


def _by(size: int, items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size or 1))
