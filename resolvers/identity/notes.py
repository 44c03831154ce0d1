"""What the map notes beside the log: when keys were asked for and their classes, lost records, how far sources were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, insert, select

from resolvers.identity import log, rows
from resolvers.identity.database import Tx, chunks
from resolvers.identity.fan_out import FanOut
from resolvers.identity.members import Ref
from resolvers.identity.tables import DiscoveryRow, KeyRow, SyncRow
from resolvers.identity.tokens import Token


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """How far a source has been read: `cursor` goes on after it (None: from the beginning), `records` were read so far,
    `complete`: everything was, once.
    """

    source: str
    cursor: str | None
    records: int
    complete: bool
    at: datetime


def note(tx: Tx, tokens: Mapping[Token, FanOut], at: datetime | None) -> None:
    """Classes of keys; without a time, when they were asked for stays as it is."""
    asked: dict[Token, datetime | None] = dict.fromkeys(tokens, at)
    for some in chunks(sorted(tokens)):
        if at is None:
            query = select(DiscoveryRow.token, DiscoveryRow.at).where(tx.among(DiscoveryRow.token, some))
            asked |= {row.token: row.at for row in tx.connection.execute(query)}
        tx.connection.execute(delete(DiscoveryRow).where(tx.among(DiscoveryRow.token, some)))
    found = [{"token": t, "at": asked[t], "fan_out": rows.FAN_OUTS[f]} for t, f in sorted(tokens.items())]
    tx.connection.execute(insert(DiscoveryRow), found)


def lost(tx: Tx, refs: Sequence[Ref]) -> None:
    """Nobody is found by these records' keys any more."""
    for some in chunks(sorted(log.numbers(tx, refs).values())):
        tx.connection.execute(delete(KeyRow).where(tx.among(KeyRow.member_id, some)))


def sync_states(tx: Tx) -> dict[str, SyncState]:
    found = tx.connection.execute(select(SyncRow).order_by(SyncRow.source))
    return {
        row.source: SyncState(
            source=row.source, cursor=row.cursor, records=row.records, complete=row.complete, at=row.at
        )
        for row in found
    }


def save_sync_state(tx: Tx, state: SyncState) -> None:
    tx.connection.execute(delete(SyncRow).where(SyncRow.source == state.source))
    tx.connection.execute(insert(SyncRow).values(msgspec.structs.asdict(state)))
