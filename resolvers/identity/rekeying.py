"""Re-keying: what was made with another secret is replaced by what the current one makes, and means the same afterwards.

A token is renamed for all records that carry it at once, in one transaction, with the verdicts that rest on it. So a key has one
token at any time, and what two records share stays what they share: nothing that a steward decided comes back for review.
The log is rewritten here and nowhere else, and only in how it names keys.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import OperationalError

from resolvers.identity import log
from resolvers.identity.database import Database, Raced, among, chunks
from resolvers.identity.derivation import Pair
from resolvers.identity.members import Ref
from resolvers.identity.tables import DiscoveryRow, EvidenceRow, KeyRow, MemberRow
from resolvers.identity.tokens import Token

_PAGE = 500  # rows that one transaction of the end changes


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """How much is still made with another secret: records that carry such keys, discoveries, and verdicts that name a key."""

    records: int
    discoveries: int
    verdicts: int

    @property
    def nothing(self) -> bool:
        return not (self.records or self.discoveries or self.verdicts)


class Rekeying:
    """Every method may be repeated, and may be killed at any point."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def renew(self, renewals: Mapping[Token, Token]) -> None:
        """Renames tokens, old -> new, wherever they are kept. Cheap where none of them is."""
        if await self._database.read(lambda connection: _are_kept(connection, renewals)):
            await self._database.write(lambda connection: _renew(connection, renewals))

    async def settle(
        self, version: int, renewals: Mapping[Token, Token], carried: Mapping[Ref, frozenset[Token]]
    ) -> None:
        """`renew`; then these records, just read, carry these tokens of this version, and none of another one."""
        await self._database.write(lambda connection: _settle(connection, version, renewals, carried))

    async def behind(self, version: int) -> Mapping[str, int]:
        """How many records of each source carry keys of another version."""
        return await self._database.read(lambda connection: _behind(connection, version))

    async def page(self, version: int, source: str, after: str | None, limit: int) -> Sequence[str]:
        """The next records of a source, by id, that carry keys of another version."""
        return await self._database.read(lambda connection: _page(connection, version, source, after, limit))

    async def kept(self, refs: Iterable[Ref]) -> Mapping[Ref, frozenset[Token]]:
        """The tokens that records carry."""
        asked = sorted(set(refs))
        found = await self._database.read(lambda connection: log.tokens_of(connection, asked))
        return {ref: frozenset(tokens) for ref, tokens in found.items()}

    async def left(self, version: int) -> Left:
        """What is still of another version."""
        return await self._database.read(lambda connection: _left(connection, version))

    async def finish(
        self, version: int, retired: Callable[[Token], Token], sealed: Callable[[str], str]
    ) -> bool:
        """Leaves nothing that was made with another secret: keys and discoveries go, verdicts get what `retired` and
        `sealed` make of their tokens and grounds. Changes pages of rows at a time.

        Returns whether their bytes are gone from an SQLite file too; others must leave it alone for that moment.
        """
        while await self._database.write(lambda connection: _forget(connection, version)):
            pass
        last = 0
        while last >= 0:
            start = last
            last = await self._database.write(
                lambda connection, start=start: _retire(connection, start, version, retired, sealed)  # type: ignore[misc]
            )
        return await self._database.read(_compact)


def _foreign(column: Any, version: int) -> ColumnElement[bool]:
    """That a token is of another version, as a range that an index can find."""
    parts = [column < bytes((version,))]
    if version < 255:
        parts.append(column >= bytes((version + 1,)))
    return or_(false(), *parts)


# --- renaming --------------------------------------------------------------------------------------------------------


def _are_kept(connection: Connection, renewals: Mapping[Token, Token]) -> bool:
    return any(
        connection.execute(select(column).where(column.in_(some)).limit(1)).first() is not None
        for some in chunks(sorted(renewals))
        for column in (KeyRow.token, DiscoveryRow.token)
    )


def _renew(connection: Connection, renewals: Mapping[Token, Token]) -> None:
    carriers = _carriers(connection, renewals)
    refs = sorted({ref for carried in carriers.values() for ref in carried})
    _lock(connection, refs)
    if connection.dialect.name == "postgresql" and _carriers(connection, renewals) != carriers:
        raise Raced
    _renew_verdicts(connection, refs, log.tokens_of(connection, refs), renewals)
    _renew_keys(connection, carriers, renewals)
    _renew_discoveries(connection, renewals)


def _carriers(connection: Connection, tokens: Iterable[Token]) -> dict[Token, set[Ref]]:
    found: dict[Token, set[Ref]] = defaultdict(set)
    for some in chunks(sorted(tokens)):
        for row in connection.execute(select(KeyRow).where(KeyRow.token.in_(some))):
            found[row.token].add((row.source, row.record_id))
    return found


def _lock(connection: Connection, refs: Sequence[Ref]) -> None:
    """Nobody links these records before this transaction ends, which SQLite sees to by itself."""
    if connection.dialect.name != "postgresql":
        return
    for some in chunks(refs):
        connection.execute(
            select(MemberRow.source).where(among(MemberRow.source, MemberRow.record_id, some))
            .order_by(MemberRow.source, MemberRow.record_id).with_for_update()
        )  # fmt: skip


def _renew_verdicts(
    connection: Connection,
    refs: Sequence[Ref],
    before: Mapping[Ref, set[Token]],
    renewals: Mapping[Token, Token],
) -> None:
    """A verdict that rests on what its records share now goes on doing so; one that does not keeps not doing so."""
    after = {ref: {renewals.get(token, token) for token in tokens} for ref, tokens in before.items()}
    changed: dict[int, dict[str, Any]] = {}
    for some in chunks(refs):
        for row in connection.execute(select(EvidenceRow).where(_touching(some))):
            a, b = _pair(row)
            token, ground = row.token and renewals.get(row.token, row.token), row.rests_on
            if ground is not None and ground == log.rests_on(a, b, before):
                ground = log.rests_on(a, b, after)
            if (token, ground) != (row.token, row.rests_on):
                changed[row.id] = {"number": row.id, "new_token": token, "new_ground": ground}
    _rewrite(connection, list(changed.values()))


def _rewrite(connection: Connection, changed: Sequence[dict[str, Any]]) -> None:
    if changed:
        connection.execute(
            update(EvidenceRow.__table__).where(EvidenceRow.__table__.c.id == bindparam("number"))  # type: ignore[arg-type]
            .values(token=bindparam("new_token"), rests_on=bindparam("new_ground")),
            changed,
        )  # fmt: skip


def _touching(refs: Sequence[Ref]) -> ColumnElement[bool]:
    return or_(
        among(EvidenceRow.a_source, EvidenceRow.a_record_id, refs),
        among(EvidenceRow.b_source, EvidenceRow.b_record_id, refs),
    )


def _pair(row: Any) -> Pair:
    return (row.a_source, row.a_record_id), (row.b_source, row.b_record_id)


def _renew_keys(
    connection: Connection, carriers: Mapping[Token, set[Ref]], renewals: Mapping[Token, Token]
) -> None:
    there = _carriers(connection, [renewals[old] for old in carriers])
    twice = [
        {"the_token": old, "the_source": source, "the_record_id": record_id}
        for old, refs in sorted(carriers.items())
        for source, record_id in sorted(refs & there.get(renewals[old], set()))
    ]
    _delete_keys(connection, twice)
    if carriers:
        table = KeyRow.__table__
        renaming = (
            update(table).where(table.c.token == bindparam("old")).values(token=bindparam("new"))  # type: ignore[arg-type]
        )
        connection.execute(renaming, [{"old": old, "new": renewals[old]} for old in sorted(carriers)])


def _delete_keys(connection: Connection, keys: Sequence[dict[str, Any]]) -> None:
    if keys:
        columns = KeyRow.__table__.c
        one = and_(
            columns.token == bindparam("the_token"),
            columns.source == bindparam("the_source"),
            columns.record_id == bindparam("the_record_id"),
        )
        connection.execute(delete(KeyRow.__table__).where(one), keys)  # type: ignore[arg-type]


def _renew_discoveries(connection: Connection, renewals: Mapping[Token, Token]) -> None:
    old = _discovered(connection, renewals)
    there = _discovered(connection, [renewals[token] for token in old])
    twice = [token for token in old if renewals[token] in there]
    for some in chunks(twice):
        connection.execute(delete(DiscoveryRow).where(DiscoveryRow.token.in_(some)))
    moving = [{"old": token, "new": renewals[token]} for token in old if renewals[token] not in there]
    if moving:
        table = DiscoveryRow.__table__
        renaming = (
            update(table).where(table.c.token == bindparam("old")).values(token=bindparam("new"))  # type: ignore[arg-type]
        )
        connection.execute(renaming, moving)


def _discovered(connection: Connection, tokens: Iterable[Token]) -> set[Token]:
    found: set[Token] = set()
    for some in chunks(sorted(tokens)):
        found |= set(connection.scalars(select(DiscoveryRow.token).where(DiscoveryRow.token.in_(some))))
    return found


def _settle(
    connection: Connection,
    version: int,
    renewals: Mapping[Token, Token],
    carried: Mapping[Ref, frozenset[Token]],
) -> None:
    _renew(connection, renewals)
    refs = sorted(carried)
    _lock(connection, refs)
    known = log.tokens_of(connection, refs)
    for some in chunks(refs):
        here = among(KeyRow.source, KeyRow.record_id, some)
        connection.execute(delete(KeyRow).where(here, _foreign(KeyRow.token, version)))
    fresh = sorted((token, *ref) for ref in refs for token in carried[ref] - known.get(ref, set()))
    if fresh:
        rows = [{"token": t, "source": s, "record_id": r} for t, s, r in fresh]
        connection.execute(insert(KeyRow), rows)


# --- what is left ----------------------------------------------------------------------------------------------------


def _behind(connection: Connection, version: int) -> dict[str, int]:
    records = (
        select(KeyRow.source, KeyRow.record_id).where(_foreign(KeyRow.token, version)).distinct().subquery()
    )
    counted = select(records.c.source, func.count().label("records")).group_by(records.c.source)
    return {row.source: row.records for row in connection.execute(counted.order_by(records.c.source))}


def _page(connection: Connection, version: int, source: str, after: str | None, limit: int) -> list[str]:
    ids = select(KeyRow.record_id).where(KeyRow.source == source, _foreign(KeyRow.token, version))
    if after is not None:
        ids = ids.where(KeyRow.record_id > after)
    return list(connection.scalars(ids.distinct().order_by(KeyRow.record_id).limit(limit)))


def _left(connection: Connection, version: int) -> Left:
    def count(column: Any) -> int:
        rows = select(func.count()).select_from(column.class_).where(_foreign(column, version))
        return int(connection.execute(rows).scalar_one())

    return Left(
        records=sum(_behind(connection, version).values()),
        discoveries=count(DiscoveryRow.token),
        verdicts=count(EvidenceRow.token),
    )


def _forget(connection: Connection, version: int) -> int:
    """Removes a page of keys and discoveries; returns how many."""
    keys = connection.execute(select(KeyRow).where(_foreign(KeyRow.token, version)).limit(_PAGE)).all()
    _lock(connection, sorted({(row.source, row.record_id) for row in keys}))
    _delete_keys(
        connection,
        [{"the_token": k.token, "the_source": k.source, "the_record_id": k.record_id} for k in keys],
    )
    old = select(DiscoveryRow.token).where(_foreign(DiscoveryRow.token, version)).limit(_PAGE)
    discoveries = list(connection.scalars(old))
    for tokens in chunks(discoveries):
        connection.execute(delete(DiscoveryRow).where(DiscoveryRow.token.in_(tokens)))
    return len(keys) + len(discoveries)


def _retire(
    connection: Connection,
    after: int,
    version: int,
    retired: Callable[[Token], Token],
    sealed: Callable[[str], str],
) -> int:
    """Replaces what a page of verdicts has of another version; returns the last one's number, -1 when there is no more."""
    query = select(EvidenceRow).where(EvidenceRow.id > after).order_by(EvidenceRow.id).limit(_PAGE)
    rows = connection.execute(query).all()
    refs = sorted({ref for row in rows for ref in _pair(row)})
    _lock(connection, refs)
    tokens = log.tokens_of(connection, refs)
    changed = []
    for row in rows:
        token, ground = row.token, row.rests_on
        if token is not None and token[0] != version:
            token = retired(token)
        if ground is not None and ground != log.rests_on(*_pair(row), tokens):
            ground = sealed(ground)
        if (token, ground) != (row.token, row.rests_on):
            changed.append({"number": row.id, "new_token": token, "new_ground": ground})
    _rewrite(connection, changed)
    return rows[-1].id if rows else -1


def _compact(connection: Connection) -> bool:
    """Rewrites an SQLite file without what was removed from it, whose bytes it keeps otherwise."""
    if connection.dialect.name != "sqlite":
        return True
    connection.exec_driver_sql("COMMIT")  # it cannot be done inside a transaction
    try:
        connection.exec_driver_sql("VACUUM")
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
    except OperationalError:
        busy = 1
    connection.exec_driver_sql("BEGIN")
    return not busy
