"""Who else carries the keys that a household or a company shares: related customers, who are not one person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from resolvers.identity import lanes, lookup, rows
from resolvers.identity.database import Tx, chunks
from resolvers.identity.fan_out import FanOut
from resolvers.identity.tables import CustomerRow, DiscoveryRow, KeyRow, MemberRow
from resolvers.identity.tokens import Token, kind_of

MOST = 50
"""Customers that one relation names, and relations that one customer has."""


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """A key that several customers share, and the others that carry it, MOST at most, in order of their ids."""

    fan_out: FanOut
    key_type: str
    customers: tuple[str, ...]


def relations(tx: Tx, ids: Sequence[str]) -> dict[str, list[Relation]]:
    """Of the customers that the ids stand for, by asked id, households first; who has none is missing.

    A key that nobody else carries is no relation.
    """
    current, carried = _carried(tx, ids)
    classes = _shared(tx, sorted({token for tokens in carried.values() for token in tokens}))
    shared = {asked: [t for t in classes if t in tokens][:MOST] for asked, tokens in carried.items()}
    known = lookup.keys(tx, sorted({token for tokens in shared.values() for token in tokens}))
    found: dict[str, list[Relation]] = defaultdict(list)
    for asked, tokens in shared.items():
        for token in tokens:
            others = tuple(i for i in known[token].customers if i != current[asked])[:MOST]
            if others:
                relation = Relation(fan_out=classes[token], key_type=kind_of(token), customers=others)
                found[asked].append(relation)
    return dict(found)


def _carried(tx: Tx, ids: Sequence[str]) -> tuple[Mapping[str, str], Mapping[str, set[Token]]]:
    """What each id stands for now, and the keys of that customer's records."""
    current: dict[str, str] = {}
    carried: dict[str, set[Token]] = defaultdict(set)
    asked = aliased(CustomerRow)
    now = func.coalesce(asked.merged_into, asked.id)
    for some in chunks(sorted({i for i in ids if lookup.is_id(i)})):
        query = (
            select(KeyRow, asked.id.label("asked"), now.label("customer_id"))
            .select_from(asked)
            .join(MemberRow, MemberRow.customer_id == now)
            .join(KeyRow, KeyRow.member_id == MemberRow.id)
            .where(tx.among(asked.id, some))
        )
        for row in tx.connection.execute(query):
            current[row.asked] = row.customer_id
            carried[row.asked].update(lanes.tokens(row))
    return current, carried


def _shared(tx: Tx, tokens: Sequence[Token]) -> dict[Token, FanOut]:
    """Those of these keys that a household or a company shares, households' first."""
    found: dict[Token, FanOut] = {}
    codes = [rows.FAN_OUTS[FanOut.HOUSEHOLD], rows.FAN_OUTS[FanOut.COMPANY]]
    for some in chunks(tokens):
        query = select(DiscoveryRow.token, DiscoveryRow.fan_out).where(tx.among(DiscoveryRow.token, some))
        for row in tx.connection.execute(query.where(DiscoveryRow.fan_out.in_(codes))):
            found[row.token] = rows.FAN_OUT_OF[row.fan_out]
    return dict(sorted(found.items(), key=lambda f: (rows.FAN_OUTS[f[1]], f[0])))
