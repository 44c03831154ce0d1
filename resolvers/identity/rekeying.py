"""Re-keying: what was made with another secret is replaced by what the current one makes, and means the same afterwards.

When a record's tokens are renamed, so are those of the records that the log compares it with, in the same transaction, and
what their verdicts rest on. So two records of which anything was said name a key alike at any time: what they share stays what
they share, and nothing that a steward decided comes back for review. The log is rewritten here and nowhere else, and only in
how it names keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import OperationalError

from resolvers.identity import lanes, log
from resolvers.identity.database import Database, Raced, Tx, chunks
from resolvers.identity.members import Ref
from resolvers.identity.queries import Query
from resolvers.identity.tables import DiscoveryRow, EvidenceRow, KeyRow, MemberRow
from resolvers.identity.tokens import Token

_PAGE = 500  # records, discoveries or events that one transaction of the end changes

_EVIDENCE = EvidenceRow.__table__.c
_EDGE = ("event_id", "n", "a", "b", "token", "rests_on")
_TOUCHING = Query(
    f"SELECT {', '.join(_EDGE)} FROM evidence WHERE a {{ids}} OR b {{ids}}",  # noqa: S608
    [_EVIDENCE[name] for name in _EDGE],
    many={"ids": Integer()},
)


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

    async def renew(self, renewals: Mapping[Token, Token], refs: Iterable[Ref]) -> None:
        """Renames tokens, old -> new, where these records carry them, and those that they are compared with. Cheap where
        nothing has to be renamed.
        """
        asked = sorted(set(refs))
        behind = bool(renewals) and await self._database.look(lambda tx: _is_behind(tx, renewals, asked))
        if behind:
            await self._database.write(lambda tx: _renew(tx, renewals, _known(tx, asked)))

    async def settle(
        self,
        version: int,
        renewals: Mapping[Token, Token],
        refs: Iterable[Ref],
        retired: Callable[[Token], Token],
    ) -> None:
        """`renew` for records that were just read, so that they carry nothing else of the previous secret: what they do still
        is replaced by what `retired` makes of it. So a record that has changed is seen to have changed when it is judged next.
        """
        asked = sorted(set(refs))
        await self._database.write(lambda tx: _settle(tx, version, renewals, _known(tx, asked), retired))

    async def behind(self, version: int) -> Mapping[str, int]:
        """How many records of each source carry keys of another version."""
        return await self._database.read(lambda tx: _behind(tx, version))

    async def page(self, version: int, source: str, after: str | None, limit: int) -> Sequence[str]:
        """The next records of a source, by id, that carry keys of another version."""
        return await self._database.read(lambda tx: _page(tx, version, source, after, limit))

    async def left(self, version: int) -> Left:
        """What is still of another version."""
        return await self._database.read(lambda tx: _left(tx, version))

    async def finish(
        self, version: int, retired: Callable[[Token], Token], sealed: Callable[[str], str]
    ) -> bool:
        """Leaves nothing that was made with another secret: keys and discoveries go, verdicts get what `retired` and
        `sealed` make of their tokens and grounds. Changes pages of rows at a time.

        Returns whether their bytes are gone from an SQLite file too; others must leave it alone for that moment.
        """
        await self._pages(lambda tx, after: _drop_keys(tx, after, version))
        await self._pages(lambda tx, after: _drop_discoveries(tx, after, version))
        await self._pages(lambda tx, after: _retire(tx, after, version, retired, sealed))
        return await self._database.read(_compact)

    async def _pages(self, work: Callable[[Tx, int], int]) -> None:
        """`work` changes what comes after a number, and returns up to which; -1 when there is no more."""
        after = 0
        while after >= 0:
            start = after
            after = await self._database.write(lambda tx, start=start: work(tx, start))  # type: ignore[misc]


def _foreign(column: Any, version: int) -> ColumnElement[bool]:
    """That a token is of another version, as ranges that an index can find."""
    parts = [column < bytes((version,))]
    if version < 255:
        parts.append(column >= bytes((version + 1,)))
    return or_(*parts)


def _carries_foreign(version: int) -> ColumnElement[bool]:
    """That a row of keys has a token of another version."""
    return or_(*(_foreign(getattr(KeyRow, name), version) for name in lanes.COLUMNS))


# --- renaming --------------------------------------------------------------------------------------------------------


class _Reach(msgspec.Struct, kw_only=True):
    """What a renaming changes: the tokens of the records that it may concern, and all edges of those that it renames."""

    tokens: dict[int, set[Token]] = msgspec.field(default_factory=dict)
    moving: set[int] = msgspec.field(default_factory=set)
    edges: dict[tuple[int, int], Any] = msgspec.field(default_factory=dict)


def _reach(tx: Tx, renewals: Mapping[Token, Token], ids: Collection[int]) -> _Reach:
    """From these records along the log's edges, as long as there are carriers of such tokens."""
    found, fresh = _Reach(), set(ids)
    while fresh:
        carried = log.tokens_of(tx, {number: number for number in fresh})
        found.tokens |= {number: carried.get(number, set()) for number in fresh}
        moving = {number for number, tokens in carried.items() if not renewals.keys().isdisjoint(tokens)}
        found.moving |= moving
        edges = {(row.event_id, row.n): row for row in _touching(tx, moving)}
        found.edges |= edges
        fresh = {number for row in edges.values() for number in (row.a, row.b)} - found.tokens.keys()
    return found


def _touching(tx: Tx, ids: Collection[int]) -> Iterable[Any]:
    for some in chunks(sorted(ids)):
        yield from tx.rows(_TOUCHING, {"ids": some})


def _known(tx: Tx, refs: Sequence[Ref]) -> list[int]:
    return sorted(log.numbers(tx, refs).values())


def _is_behind(tx: Tx, renewals: Mapping[Token, Token], refs: Sequence[Ref]) -> bool:
    ids = _known(tx, refs)
    carried = log.tokens_of(tx, {number: number for number in ids})
    return any(not renewals.keys().isdisjoint(tokens) for tokens in carried.values()) or bool(
        _discovered(tx, renewals)
    )


def _renew(tx: Tx, renewals: Mapping[Token, Token], ids: Collection[int]) -> None:
    reach = _reach(tx, renewals, ids)
    _lock(tx, reach.tokens)
    if tx.postgres and _reach(tx, renewals, ids) != reach:
        raise Raced
    after = {
        number: {renewals.get(token, token) for token in tokens} for number, tokens in reach.tokens.items()
    }
    _rewrite(tx, _renamed(reach, after, renewals))
    _replace(tx, {number: after[number] for number in reach.moving})
    _renew_discoveries(tx, renewals)


def _lock(tx: Tx, ids: Iterable[int]) -> None:
    """Nobody links these records before this transaction ends, which SQLite sees to by itself."""
    for some in chunks(sorted(ids)) if tx.postgres else ():
        locking = select(MemberRow.id).where(tx.among(MemberRow.id, some)).order_by(MemberRow.id)
        tx.connection.execute(locking.with_for_update())


def _renamed(
    reach: _Reach, after: Mapping[int, set[Token]], renewals: Mapping[Token, Token]
) -> list[dict[str, Any]]:
    """A verdict that rests on what its records share now goes on doing so; one that does not keeps not doing so."""
    changed = []
    for row in reach.edges.values():
        token, ground = row.token and renewals.get(row.token, row.token), row.rests_on
        if ground is not None and ground.hex() == log.rests_on(row.a, row.b, reach.tokens):
            ground = bytes.fromhex(log.rests_on(row.a, row.b, after))
        changed += _change(row, token, ground)
    return changed


def _change(row: Any, token: Token | None, ground: bytes | None) -> list[dict[str, Any]]:
    if (token, ground) == (row.token, row.rests_on):
        return []
    return [{"event": row.event_id, "place": row.n, "new_token": token, "new_ground": ground}]


def _rewrite(tx: Tx, changed: Sequence[dict[str, Any]]) -> None:
    if changed:
        tx.connection.execute(
            update(EvidenceRow.__table__)  # type: ignore[arg-type]
            .where(_EVIDENCE.event_id == bindparam("event"), _EVIDENCE.n == bindparam("place"))
            .values(token=bindparam("new_token"), rests_on=bindparam("new_ground")),
            changed,
        )


def _replace(tx: Tx, tokens: Mapping[int, set[Token]]) -> None:
    """These records carry these tokens, and no others."""
    for some in chunks(sorted(tokens)):
        tx.connection.execute(delete(KeyRow).where(tx.among(KeyRow.member_id, some)))
    rows = [row for number in sorted(tokens) for row in lanes.rows(number, tokens[number])]
    if rows:
        tx.connection.execute(insert(KeyRow), rows)


def _renew_discoveries(tx: Tx, renewals: Mapping[Token, Token]) -> None:
    old = _discovered(tx, renewals)
    there = _discovered(tx, [renewals[token] for token in old])
    for some in chunks([token for token in old if renewals[token] in there]):
        tx.connection.execute(delete(DiscoveryRow).where(tx.among(DiscoveryRow.token, some)))
    moving = [{"old": token, "new": renewals[token]} for token in old if renewals[token] not in there]
    if moving:
        table = DiscoveryRow.__table__
        renaming = (
            update(table).where(table.c.token == bindparam("old")).values(token=bindparam("new"))  # type: ignore[arg-type]
        )
        tx.connection.execute(renaming, moving)


def _discovered(tx: Tx, tokens: Iterable[Token]) -> list[Token]:
    found: set[Token] = set()
    for some in chunks(sorted(tokens)):
        found |= set(
            tx.connection.scalars(select(DiscoveryRow.token).where(tx.among(DiscoveryRow.token, some)))
        )
    return sorted(found)


def _settle(
    tx: Tx,
    version: int,
    renewals: Mapping[Token, Token],
    ids: Collection[int],
    retired: Callable[[Token], Token],
) -> None:
    _renew(tx, renewals, ids)
    _lock(tx, ids)
    settled = {}
    for number, tokens in log.tokens_of(tx, {number: number for number in ids}).items():
        # what is older still was made with a secret that nobody told us: whether the record carries it cannot be known
        gone = {retired(token) for token in tokens if token[0] == version - 1}
        now = {token for token in tokens if token[0] == version} | gone
        if now != tokens:
            settled[number] = now
    _replace(tx, settled)


# --- what is left ----------------------------------------------------------------------------------------------------


def _behind(tx: Tx, version: int) -> dict[str, int]:
    records = select(KeyRow.member_id).where(_carries_foreign(version)).distinct().subquery()
    counted = (
        select(MemberRow.source, func.count().label("records"))
        .join(records, records.c.member_id == MemberRow.id)
        .group_by(MemberRow.source)
    )
    found = {tx.text(row.source): row.records for row in tx.connection.execute(counted).all()}
    return dict(sorted(found.items()))


def _page(tx: Tx, version: int, source: str, after: str | None, limit: int) -> list[str]:
    carries = select(KeyRow.n).where(KeyRow.member_id == MemberRow.id, _carries_foreign(version)).exists()
    ids = select(MemberRow.record_id).where(MemberRow.source == tx.code(source), carries)
    if after is not None:
        ids = ids.where(MemberRow.record_id > after)
    return list(tx.connection.scalars(ids.order_by(MemberRow.record_id).limit(limit)))


def _left(tx: Tx, version: int) -> Left:
    def count(column: Any) -> int:
        rows = select(func.count()).select_from(column.class_).where(_foreign(column, version))
        return int(tx.connection.execute(rows).scalar_one())

    return Left(
        records=sum(_behind(tx, version).values()),
        discoveries=count(DiscoveryRow.token),
        verdicts=count(EvidenceRow.token),
    )


def _drop_keys(tx: Tx, after: int, version: int) -> int:
    behind = (
        select(KeyRow.member_id).where(KeyRow.member_id > after, _carries_foreign(version)).distinct()
        .order_by(KeyRow.member_id).limit(_PAGE)
    )  # fmt: skip
    ids = list(tx.connection.scalars(behind))
    _lock(tx, ids)
    carried = log.tokens_of(tx, {number: number for number in ids})
    _replace(tx, {number: {t for t in tokens if t[0] == version} for number, tokens in carried.items()})
    return ids[-1] if ids else -1


def _drop_discoveries(tx: Tx, after: int, version: int) -> int:
    old = select(DiscoveryRow.token).where(_foreign(DiscoveryRow.token, version)).limit(_PAGE)
    tokens = list(tx.connection.scalars(old))
    for some in chunks(tokens):
        tx.connection.execute(delete(DiscoveryRow).where(tx.among(DiscoveryRow.token, some)))
    return after + len(tokens) if tokens else -1


def _retire(
    tx: Tx,
    after: int,
    version: int,
    retired: Callable[[Token], Token],
    sealed: Callable[[str], str],
) -> int:
    """Replaces what the verdicts of a page of events have of another version."""
    page = select(*(_EVIDENCE[name] for name in _EDGE)).where(
        _EVIDENCE.event_id > after, _EVIDENCE.event_id <= after + _PAGE
    )
    rows = tx.connection.execute(page).all()
    ids = {number for row in rows for number in (row.a, row.b)}
    _lock(tx, ids)
    tokens = log.tokens_of(tx, {number: number for number in ids})
    changed = []
    for row in rows:
        token, ground = row.token, row.rests_on
        if token is not None and token[0] != version:
            token = retired(token)
        if ground is not None and ground.hex() != log.rests_on(row.a, row.b, tokens):
            ground = bytes.fromhex(sealed(ground.hex()))
        changed += _change(row, token, ground)
    _rewrite(tx, changed)
    last = tx.connection.execute(select(func.max(_EVIDENCE.event_id))).scalar_one()
    return after + _PAGE if last is not None and last > after + _PAGE else -1


def _compact(tx: Tx) -> bool:
    """Rewrites an SQLite file without what was removed from it, whose bytes it keeps otherwise."""
    if tx.postgres:
        return True
    connection = tx.connection
    connection.exec_driver_sql("COMMIT")  # it cannot be done inside a transaction
    try:
        connection.exec_driver_sql("VACUUM")
        busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
    except OperationalError:
        busy = 1
    connection.exec_driver_sql("BEGIN")
    return not busy
