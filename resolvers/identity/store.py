"""The identity map at rest: SQLAlchemy over SQLite or PostgreSQL, one transaction per change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import uuid_utils
from sqlalchemy import Connection, delete, event, insert, select, text, tuple_, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from resolvers.identity.linking import CONFIDENCE, Link, Ref
from resolvers.identity.tables import CustomerRow, DiscoveryRow, EvidenceRow, KeyRow, MemberRow

_TRIES = 6
_CHUNK = 400  # bound parameters a statement, below SQLite's limit


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A source record of a customer."""

    source: str
    record_id: str
    linked_at: datetime
    confidence: float


class StoredCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as the map knows it. `redirected_from` is the older id that was asked for, if it was."""

    id: str
    redirected_from: str | None = None
    members: tuple[Member, ...] = ()


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the map knows of a key: whose it is, and when all sources were last asked for it (None: never wholly)."""

    customers: tuple[str, ...] = ()
    discovered_at: datetime | None = None
    shared: bool = False


class NewLinks(msgspec.Struct, frozen=True, kw_only=True):
    """One person's records as linking found them, ready to be remembered."""

    records: tuple[Ref, ...]
    links: tuple[tuple[Link, str | None], ...]  # with the token of the link's key
    tokens: tuple[tuple[str, Ref], ...]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A remembered link."""

    a: Ref
    b: Ref
    rule: str
    key_type: str | None
    confidence: float
    at: datetime


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The customer that records belong to now, and the ids that were merged into it just now."""

    customer_id: str
    merged: tuple[str, ...] = ()


class _Raced(Exception):
    """Another writer changed what this transaction stands on; it starts again."""


class IdentityStore:
    """Safe for concurrent use, by several processes too. Open it before use."""

    def __init__(
        self, url: str, *, pool_size: int = 5, connect_args: Mapping[str, Any] | None = None
    ) -> None:
        self._sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {} if self._sqlite else {"pool_size": pool_size, "pool_pre_ping": True}
        self.engine: AsyncEngine = create_async_engine(url, connect_args=dict(connect_args or {}), **options)
        if self._sqlite:
            event.listen(self.engine.sync_engine, "connect", _sqlite_connect)
            event.listen(self.engine.sync_engine, "begin", _sqlite_begin)

    async def ping(self) -> None:
        """Raises what the database raises when it cannot be reached."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        await self.engine.dispose()

    async def customers(self, ids: Sequence[str]) -> Mapping[str, StoredCustomer]:
        """Customers by asked id; unknown ids are missing. An id that was merged answers with what it is now."""
        async with self.engine.connect() as connection:
            current = await self._follow(connection, ids)
            members = await self._members(connection, set(current.values()))
        return {
            asked: StoredCustomer(
                id=now, redirected_from=None if now == asked else asked, members=tuple(members.get(now, ()))
            )
            for asked, now in current.items()
        }

    async def keys(self, tokens: Sequence[str]) -> Mapping[str, KnownKey]:
        """What is known of each token; every token is in the answer."""
        owners: dict[str, set[str]] = defaultdict(set)
        seen: dict[str, Any] = {}
        async with self.engine.connect() as connection:
            for some in _chunks(tokens):
                rows = await connection.execute(
                    select(KeyRow.token, MemberRow.customer_id)
                    .join(MemberRow, (MemberRow.source == KeyRow.source) & (MemberRow.record_id == KeyRow.record_id))
                    .where(KeyRow.token.in_(some))
                )  # fmt: skip
                for token, customer_id in rows:
                    owners[token].add(customer_id)
                found = await connection.execute(
                    select(DiscoveryRow.token, DiscoveryRow.at, DiscoveryRow.shared).where(
                        DiscoveryRow.token.in_(some)
                    )
                )
                seen.update({row.token: row for row in found})
        return {
            token: KnownKey(
                customers=tuple(sorted(owners[token])),
                discovered_at=seen[token].at if token in seen else None,
                shared=seen[token].shared if token in seen else False,
            )
            for token in tokens
        }

    async def by_records(self, refs: Iterable[Ref]) -> Mapping[Ref, str]:
        """The customer of each record that belongs to one."""
        async with self.engine.connect() as connection:
            return await self._owners(connection, list(refs))

    async def evidence(self, refs: Sequence[Ref]) -> Sequence[Evidence]:
        """The remembered links between any of these records, oldest first."""
        found: list[Evidence] = []
        async with self.engine.connect() as connection:
            for some in _chunks(refs):
                rows = await connection.execute(
                    select(EvidenceRow)
                    .where(tuple_(EvidenceRow.a_source, EvidenceRow.a_record_id).in_(some))
                    .order_by(EvidenceRow.id)
                )
                found += [
                    Evidence(
                        a=(row.a_source, row.a_record_id), b=(row.b_source, row.b_record_id),
                        rule=row.rule, key_type=row.key_type, confidence=row.confidence, at=row.at,
                    )
                    for row in rows
                ]  # fmt: skip
        return found

    async def remember(self, new: NewLinks) -> Remembered:
        """Makes the records one customer; customers that turn out to be one are merged into the oldest."""
        for attempt in range(_TRIES):
            try:
                async with self._writing() as connection:
                    return await self._remember(connection, new)
            except (_Raced, IntegrityError):
                continue
            except DBAPIError:
                if attempt == _TRIES - 1:
                    raise
        raise RuntimeError("the identity map is too busy: a link could not be written")

    async def discovered(self, tokens: Mapping[str, bool]) -> None:
        """All sources were asked for these tokens now; the value says whether several people share the key."""
        now = datetime.now(UTC)
        rows = [{"token": t, "at": now, "shared": shared} for t, shared in sorted(tokens.items())]
        if not rows:
            return
        for _ in range(_TRIES):
            try:
                async with self._writing() as connection:
                    for some in _chunks([r["token"] for r in rows]):
                        await connection.execute(delete(DiscoveryRow).where(DiscoveryRow.token.in_(some)))
                    await connection.execute(insert(DiscoveryRow), rows)
                return
            except IntegrityError:
                continue  # another request asked for the same keys at the same time

    async def _remember(self, connection: AsyncConnection, new: NewLinks) -> Remembered:
        now = datetime.now(UTC)
        owners = await self._owners(connection, list(new.records))
        before = set(owners.values())
        customer_id = await self._one_customer(connection, before, now)
        confidence = {ref: max((CONFIDENCE[x.rule] for x, _ in new.links if ref in (x.a, x.b)), default=1.0)
                      for ref in new.records}  # fmt: skip
        added = [
            {
                "source": s,
                "record_id": r,
                "customer_id": customer_id,
                "linked_at": now,
                "confidence": confidence[s, r],
            }
            for s, r in sorted(set(new.records) - set(owners))
        ]
        if added:
            await connection.execute(insert(MemberRow), added)
        await self._add_evidence(connection, new, now)
        await self._replace_tokens(connection, new)
        return Remembered(customer_id=customer_id, merged=tuple(sorted(before - {customer_id})))

    async def _one_customer(self, connection: AsyncConnection, found: set[str], now: datetime) -> str:
        """The customer that all of `found` become: a new one, the one there is, or the oldest with the others merged into it."""
        if not found:
            customer_id = str(uuid_utils.uuid7())
            await connection.execute(insert(CustomerRow), [{"id": customer_id, "created_at": now}])
            return customer_id
        rows = (
            await connection.execute(
                select(CustomerRow.id, CustomerRow.merged_into)
                .where(CustomerRow.id.in_(found))
                .order_by(CustomerRow.id)  # UUIDv7: the oldest first, and one order of locks for all writers
                .with_for_update()
            )
        ).all()
        if any(row.merged_into for row in rows):
            raise _Raced
        oldest, *others = [row.id for row in rows]
        if others:
            for table, column in ((MemberRow, MemberRow.customer_id), (CustomerRow, CustomerRow.merged_into)):
                await connection.execute(update(table).where(column.in_(others)).values({column.key: oldest}))
            await connection.execute(
                update(CustomerRow).where(CustomerRow.id.in_(others)).values(merged_into=oldest)
            )
        return str(oldest)

    async def _add_evidence(self, connection: AsyncConnection, new: NewLinks, now: datetime) -> None:
        if not new.links:
            return
        known = {
            (e.a_source, e.a_record_id, e.b_source, e.b_record_id, e.rule, e.token)
            for some in _chunks(sorted({link.a for link, _ in new.links}))
            for e in await connection.execute(
                select(EvidenceRow).where(tuple_(EvidenceRow.a_source, EvidenceRow.a_record_id).in_(some))
            )
        }
        rows = [
            {
                "a_source": link.a[0], "a_record_id": link.a[1], "b_source": link.b[0], "b_record_id": link.b[1],
                "rule": link.rule.value, "key_type": link.key.type.value if link.key else None, "token": token,
                "confidence": CONFIDENCE[link.rule], "at": now,
            }
            for link, token in new.links
            if (*link.a, *link.b, link.rule.value, token) not in known
        ]  # fmt: skip
        if rows:
            await connection.execute(insert(EvidenceRow), rows)

    async def _replace_tokens(self, connection: AsyncConnection, new: NewLinks) -> None:
        """The records carry these keys now, and no others: an address that was changed at the source finds nobody any more."""
        for some in _chunks(sorted(new.records)):
            await connection.execute(delete(KeyRow).where(tuple_(KeyRow.source, KeyRow.record_id).in_(some)))
        rows = [{"token": t, "source": ref[0], "record_id": ref[1]} for t, ref in sorted(set(new.tokens))]
        if rows:
            await connection.execute(insert(KeyRow), rows)

    async def _follow(self, connection: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
        """Asked id -> current id. Merges always point at a customer that was current, so chains are short but possible."""
        current: dict[str, str] = {}
        heads = {asked: asked for asked in ids}
        while heads:
            rows: dict[str, str | None] = {}
            for some in _chunks(sorted(set(heads.values()))):
                found = await connection.execute(
                    select(CustomerRow.id, CustomerRow.merged_into).where(CustomerRow.id.in_(some))
                )
                rows.update({row.id: row.merged_into for row in found})
            onward: dict[str, str] = {}
            for asked, head in heads.items():
                if head not in rows:
                    continue
                target = rows[head]
                if target is None:
                    current[asked] = head
                else:
                    onward[asked] = target
            heads = onward
        return current

    async def _members(self, connection: AsyncConnection, ids: set[str]) -> dict[str, list[Member]]:
        members: dict[str, list[Member]] = defaultdict(list)
        for some in _chunks(sorted(ids)):
            rows = await connection.execute(
                select(MemberRow)
                .where(MemberRow.customer_id.in_(some))
                .order_by(MemberRow.source, MemberRow.record_id)
            )
            for row in rows:
                members[row.customer_id].append(
                    Member(source=row.source, record_id=row.record_id, linked_at=row.linked_at, confidence=row.confidence)
                )  # fmt: skip
        return members

    async def _owners(self, connection: AsyncConnection, refs: Sequence[Ref]) -> dict[Ref, str]:
        owners: dict[Ref, str] = {}
        for some in _chunks(sorted(set(refs))):
            rows = await connection.execute(
                select(MemberRow.source, MemberRow.record_id, MemberRow.customer_id).where(
                    tuple_(MemberRow.source, MemberRow.record_id).in_(some)
                )
            )
            owners.update({(row.source, row.record_id): row.customer_id for row in rows})
        return owners

    def _writing(self) -> Any:
        return self.engine.execution_options(c360_write=True).begin()


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    """Writers queue at the start of their transaction: SQLite cannot wait in the middle of one."""
    writes = connection.get_execution_options().get("c360_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
