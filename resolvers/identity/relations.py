"""Who else carries the keys that a household or a company shares: related customers, who are not one person."""

from __future__ import annotations

from collections.abc import Sequence

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


def relations(tx: Tx, customer_id: str) -> list[Relation]:
    """Of the customer that the id stands for; a key that nobody else carries is no relation."""
    if not lookup.is_id(customer_id):
        return []
    asked = aliased(CustomerRow)
    current = func.coalesce(asked.merged_into, asked.id)
    query = (
        select(KeyRow, current.label("customer_id"))
        .select_from(asked)
        .join(MemberRow, MemberRow.customer_id == current)
        .join(KeyRow, KeyRow.member_id == MemberRow.id)
        .where(asked.id == customer_id)
    )
    carried = tx.connection.execute(query).all()
    shared = _shared(tx, sorted({token for row in carried for token in lanes.tokens(row)}))
    known = lookup.keys(tx, shared)
    found = []
    for token, fan_out in shared.items():
        others = [i for i in known[token].customers if i != carried[0].customer_id]
        if others:
            found.append(Relation(fan_out=fan_out, key_type=kind_of(token), customers=tuple(others[:MOST])))
    return found


def _shared(tx: Tx, tokens: Sequence[Token]) -> dict[Token, FanOut]:
    """The first of these keys that a household or a company shares."""
    found: dict[Token, FanOut] = {}
    codes = [rows.FAN_OUTS[FanOut.HOUSEHOLD], rows.FAN_OUTS[FanOut.COMPANY]]
    for some in chunks(tokens):
        query = select(DiscoveryRow.token, DiscoveryRow.fan_out).where(tx.among(DiscoveryRow.token, some))
        query = query.where(DiscoveryRow.fan_out.in_(codes)).order_by(
            DiscoveryRow.fan_out, DiscoveryRow.token
        )
        for row in tx.connection.execute(query.limit(MOST)):
            found[row.token] = rows.FAN_OUT_OF[row.fan_out]
    return dict(list(found.items())[:MOST])
