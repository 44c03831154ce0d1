"""Who else carries the keys that a household or a company shares: related customers, who are not one person."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from resolvers.identity import lookup, rows
from resolvers.identity.database import Tx
from resolvers.identity.fan_out import FanOut
from resolvers.identity.tables import CustomerRow, DiscoveryRow, KeyRow, MemberRow
from resolvers.identity.tokens import kind_of

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
        select(KeyRow.token, DiscoveryRow.fan_out, current.label("customer_id")).distinct()
        .select_from(asked)
        .join(MemberRow, MemberRow.customer_id == current)
        .join(KeyRow, KeyRow.member_id == MemberRow.id)
        .join(DiscoveryRow, DiscoveryRow.token == KeyRow.token)
        .where(asked.id == customer_id)
        .where(DiscoveryRow.fan_out.in_([rows.FAN_OUTS[FanOut.HOUSEHOLD], rows.FAN_OUTS[FanOut.COMPANY]]))
        .order_by(DiscoveryRow.fan_out, KeyRow.token).limit(MOST)
    )  # fmt: skip
    shared = tx.connection.execute(query).all()
    known = lookup.keys(tx, [row.token for row in shared])
    found = []
    for row in shared:
        others = [i for i in known[row.token].customers if i != row.customer_id]
        if others:
            fan_out = rows.FAN_OUT_OF[row.fan_out]
            found.append(
                Relation(fan_out=fan_out, key_type=kind_of(row.token), customers=tuple(others[:MOST]))
            )
    return found
