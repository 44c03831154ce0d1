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
    Integer,
    LargeBinary,
    SmallInteger,
    TextClause,
    bindparam,
    column,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.orm import aliased

from resolvers.identity import log, rows
from resolvers.identity.database import Tx, chunks
from resolvers.identity.derivation import Edge, Graph, Pair, Verdict, standing
from resolvers.identity.fan_out import FanOut
from resolvers.identity.members import Member, Ref, StoredCustomer
from resolvers.identity.tables import (
    STEWARD_LABEL,
    CustomerId,
    CustomerRow,
    EventRow,
    EvidenceRow,
    KeyRow,
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


def customers(tx: Tx, ids: Iterable[str]) -> dict[str, StoredCustomer]:
    """By asked id; unknown ids are missing."""
    current: dict[str, str] = {}
    members: dict[str, set[Member]] = defaultdict(set)
    now = func.coalesce(CustomerRow.merged_into, CustomerRow.id)
    for some in chunks(sorted({i for i in ids if is_id(i)})):
        query = (
            select(
                CustomerRow.id, CustomerRow.merged_into,
                MemberRow.source, MemberRow.record_id, MemberRow.confidence, EventRow.at,
            )
            .outerjoin(MemberRow, MemberRow.customer_id == now)
            .outerjoin(EventRow, EventRow.id == MemberRow.event_id)
            .where(tx.among(CustomerRow.id, some))
        )  # fmt: skip
        for row in tx.connection.execute(query):
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
_KEYS = (
    text(
        "SELECT t.n - 1 AS n, c.customer_id, d.at, d.fan_out"
        " FROM unnest(CAST(:tokens AS bytea[])) WITH ORDINALITY AS t (token, n)"
        " LEFT JOIN discovery d ON d.token = t.token"
        " LEFT JOIN LATERAL (SELECT DISTINCT m.customer_id FROM"
        " (SELECT member_id FROM match_key WHERE token = t.token LIMIT :most) k"
        " JOIN member m ON m.id = k.member_id) c ON true"
    )
    .bindparams(bindparam("tokens", type_=ARRAY(LargeBinary)))
    .columns(*_KEY_COLUMNS)
)
_KEY = (
    "SELECT {0} AS n, customer_id, NULL AS at, NULL AS fan_out FROM member WHERE id IN"
    " (SELECT member_id FROM match_key WHERE token = :t{0} LIMIT :most)"
    " UNION ALL SELECT {0}, NULL, at, fan_out FROM discovery WHERE token = :t{0}"
)


@lru_cache(_TERMS)
def _keys_union(tokens: int) -> Any:
    return text(" UNION ALL ".join(_KEY.format(n) for n in range(tokens))).columns(*_KEY_COLUMNS)


def keys(tx: Tx, tokens: Sequence[Token]) -> dict[Token, KnownKey]:
    """Every token is in the answer."""
    owners: dict[Token, set[str]] = defaultdict(set)
    asked: dict[Token, Any] = {}
    for some in _by(len(tokens) if tx.postgres else _TERMS, list(dict.fromkeys(tokens))):
        query = _KEYS if tx.postgres else _keys_union(len(some))
        values = {"tokens": some} if tx.postgres else {f"t{n}": token for n, token in enumerate(some)}
        for row in tx.connection.execute(query, {"most": MOST_CARRIERS, **values}):
            if row.customer_id is not None:
                owners[some[row.n]].add(row.customer_id)
            if row.fan_out is not None:
                asked[some[row.n]] = row
    return {
        token: KnownKey(
            customers=tuple(sorted(owners[token])),
            discovered_at=asked[token].at if token in asked else None,
            fan_out=rows.FAN_OUT_OF[asked[token].fan_out] if token in asked else FanOut.PERSONAL,
        )
        for token in tokens
    }


_CANDIDATES = (
    text(
        "SELECT c.n - 1 AS n, m.source, m.record_id FROM ("
        "SELECT t.n, t.most, k.member_id, count(*) OVER (PARTITION BY t.n) AS carriers"
        " FROM unnest(CAST(:tokens AS bytea[]), CAST(:limits AS integer[])) WITH ORDINALITY AS t (token, most, n)"
        " CROSS JOIN LATERAL (SELECT member_id FROM match_key WHERE token = t.token LIMIT t.most + 1) k"
        ") c JOIN member m ON m.id = c.member_id WHERE c.carriers <= c.most"
    )
    .bindparams(bindparam("tokens", type_=ARRAY(LargeBinary)), bindparam("limits", type_=ARRAY(Integer)))
    .columns(column("n", Integer), column("source", SmallInteger), MemberRow.__table__.c.record_id)
)


@lru_cache(_TERMS)
def _carriers_union(tokens: int) -> TextClause:
    term = "SELECT * FROM (SELECT {0} AS n, member_id FROM match_key WHERE token = :t{0} LIMIT :l{0})"
    return text(" UNION ALL ".join(term.format(n) for n in range(tokens)))


def candidates(tx: Tx, tokens: Sequence[tuple[Token, int]], most: int) -> list[Ref]:
    """The records that share one of these keys, unless more than the key's number do; those of the first keys first."""
    carriers = _carriers_at_once(tx, tokens) if tx.postgres else _carriers(tx, tokens)
    found: dict[Ref, None] = {}
    for n in sorted(carriers):
        found.update(dict.fromkeys(sorted(carriers[n])))
    return list(found)[:most]


def _carriers_at_once(tx: Tx, tokens: Sequence[tuple[Token, int]]) -> Mapping[int, Sequence[Ref]]:
    found: dict[int, list[Ref]] = defaultdict(list)
    values = {"tokens": [token for token, _ in tokens], "limits": [limit for _, limit in tokens]}
    for row in tx.connection.execute(_CANDIDATES, values):
        found[row.n].append(tx.ref(row))
    return found


def _carriers(tx: Tx, tokens: Sequence[tuple[Token, int]]) -> Mapping[int, Sequence[Ref]]:
    found: dict[int, list[int]] = defaultdict(list)
    for start in range(0, len(tokens), _TERMS):
        some = tokens[start : start + _TERMS]
        values: dict[str, Any] = {f"t{n}": token for n, (token, _) in enumerate(some)}
        values |= {f"l{n}": limit + 1 for n, (_, limit) in enumerate(some)}
        for n, member in tx.connection.execute(_carriers_union(len(some)), values):
            found[start + n].append(member)
    few = {n: members for n, members in found.items() if len(members) <= tokens[n][1]}
    names = log.names(tx, {member for members in few.values() for member in members})
    return {n: [names[member] for member in members] for n, members in few.items()}


def carried(tx: Tx, refs: Sequence[Ref]) -> dict[Ref, frozenset[Token]]:
    """The tokens of each record; unknown ones are missing."""
    found: dict[Ref, set[Token]] = {}
    for some in chunks(refs):
        query = (
            select(MemberRow.source, MemberRow.record_id, KeyRow.token)
            .outerjoin(KeyRow, KeyRow.member_id == MemberRow.id)
            .where(tx.named(some))
        )
        for row in tx.connection.execute(query):
            tokens = found.setdefault(tx.ref(row), set())
            if row.token is not None:
                tokens.add(row.token)
    return {ref: frozenset(tokens) for ref, tokens in found.items()}


# --- what is around --------------------------------------------------------------------------------------------------


def neighbourhood(tx: Tx, refs: Sequence[Ref]) -> Neighbourhood:
    """The customers that these records belong to, and what keeps records of theirs apart."""
    clusters: dict[str, set[Ref]] = defaultdict(set)
    ids: dict[int, Ref] = {}
    around = aliased(MemberRow)
    for some in chunks(refs):
        query = select(around.id, around.source, around.record_id, around.customer_id).where(
            around.customer_id.in_(select(MemberRow.customer_id).where(tx.named(some)))
        )
        for row in tx.connection.execute(query):
            ids[row.id] = tx.ref(row)
            clusters[row.customer_id].add(ids[row.id])
    decided = _decided(tx, ids)
    return Neighbourhood(
        clusters=tuple(tuple(sorted(clusters[i])) for i in sorted(clusters)),
        forbidden=frozenset(e.pair for e in decided if e.verdict is Verdict.DIFFERENT),
        confirmed=frozenset(e.pair for e in decided if e.verdict is Verdict.SAME),
    )


def _decided(tx: Tx, ids: Mapping[int, Ref]) -> Sequence[Edge]:
    """What stewards say of these records."""
    found: dict[tuple[int, int], Any] = {}
    decided = EvidenceRow.origin == literal_column(str(STEWARD_LABEL))  # in the index's own words
    for some in chunks(sorted(ids)):
        touching = or_(tx.among(EvidenceRow.a, some), tx.among(EvidenceRow.b, some))
        query = select(*rows.EDGE_COLUMNS).where(decided, touching)
        found |= {(row.event_id, row.n): row for row in tx.connection.execute(query)}
    if not found:
        return ()
    names = {**ids, **log.names(tx, {i for row in found.values() for i in (row.a, row.b)} - ids.keys())}
    edges = [rows.edge_of(tx, row, names) for row in found.values()]
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
