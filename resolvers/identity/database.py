"""The identity map's database: SQLite or PostgreSQL, and transactions that start again when another writer was first.

A SQLite file is read and written in threads of our own, a whole transaction at a time: handing each statement to the
driver's thread and back costs more than the statement.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Connection, Engine, any_, literal, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from resolvers.identity import labels
from resolvers.identity.labels import Labels
from resolvers.identity.members import Ref
from resolvers.identity.queries import Query
from resolvers.identity.sqlite import Threads, listen

T = TypeVar("T")
U = TypeVar("U")

_TRIES = 12
_CHUNK = 1000  # values in one statement: SQLite takes 32,766, and some statements name each twice
_PAUSE = 0.005  # seconds; doubled with each try, up to half a second
_TRANSIENT = frozenset({"40001", "40P01", "55P03"})  # serialization failure, deadlock, lock not available
_SERVER_SETTINGS = {
    "jit": "off",  # compiling costs more than any statement here
    "plan_cache_mode": "force_generic_plan",  # arrays of any length have one plan, and it is made once a connection
}


class Raced(Exception):
    """Another writer changed what this transaction stands on; it starts again."""


class Tx:
    """An open connection, and what the process knows of the labels."""

    def __init__(self, connection: Connection, known: Labels) -> None:
        self.connection = connection
        self.postgres = connection.dialect.name == "postgresql"
        self._labels = known

    def code(self, label: str) -> int | None:
        """The number of a label; None where no row can name it."""
        return self._labels.code(self.connection, label)

    def text(self, code: int) -> str:
        return self._labels.text(self.connection, code)

    def among(self, column: Any, values: Sequence[Any]) -> ColumnElement[bool]:
        """That the column is one of the values. One statement for all lengths on PostgreSQL: it need not be planned again."""
        if self.postgres:
            return column == any_(literal(list(values), ARRAY(column.type, dimensions=1)))  # type: ignore[no-any-return]
        return column.in_(values)  # type: ignore[no-any-return]

    def rows(
        self, query: Query, values: Mapping[str, Any] = {}, *, refs: Sequence[Ref] = ()
    ) -> Sequence[Any]:
        """The rows of a fixed query. `refs`: the records that its `{refs}` stands for, source by source: SQLite would read
        the whole table for `(a, b) IN (…)`.
        """
        if not refs:
            return self.connection.execute(query.statement(self.postgres, 0), values).all()
        by_source: dict[int, list[str]] = defaultdict(list)
        for source, record in refs:
            if (code := self.code(source)) is not None:
                by_source[code].append(record)
        if not by_source:
            return ()
        named: dict[str, Any] = dict(values)
        for n, (code, records) in enumerate(by_source.items()):
            named[f"source{n}"], named[f"records{n}"] = code, records
        return self.connection.execute(query.statement(self.postgres, len(by_source)), named).all()

    def ref(self, row: Any) -> Ref:
        """The record of a row with `source` and `record_id`."""
        return (self.text(row.source), row.record_id)


class Database:
    """Safe for concurrent use, by several processes too."""

    def __init__(
        self, url: str, *, pool_size: int = 5, connect_args: Mapping[str, Any] | None = None
    ) -> None:
        sqlite = url.startswith("sqlite")
        given = dict(connect_args or {})
        if not sqlite:
            given["server_settings"] = {**_SERVER_SETTINGS, **given.get("server_settings", {})}
        options: dict[str, Any] = {} if sqlite else {"pool_size": pool_size}
        self.engine: AsyncEngine = create_async_engine(url, connect_args=given, **options)
        self._snapshot = self._direct = self.engine.sync_engine
        self._writing = self._direct.execution_options(c360_write=True)
        if not sqlite:
            self._snapshot = self._direct.execution_options(isolation_level="REPEATABLE READ")
            # connections of their own, that never begin a transaction and need no tidying up after use
            options |= {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
            self._direct = create_async_engine(url, connect_args=given, **options).sync_engine
        self._labels = Labels()
        self._threads: Threads | None = None
        if sqlite:
            listen(self.engine.sync_engine)
            if make_url(url).database not in (None, "", ":memory:"):  # another one for each connection
                self._threads = Threads(url, given)

    async def ping(self) -> None:
        """Raises what the database raises when it cannot be reached."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    def version(self) -> int | None:
        """A number that differs after every commit of anybody's; None where that cannot be told without asking a server."""
        return self._threads.version() if self._threads is not None else None

    async def aclose(self) -> None:
        await self.engine.dispose()
        await greenlet_spawn(self._direct.dispose)
        if self._threads is not None:
            await asyncio.to_thread(self._threads.close)

    async def look(self, work: Callable[[Tx], T]) -> T:
        """Runs `work` outside a transaction: each of its statements sees what is committed when it begins."""
        return await self._read(self._direct, work, begin=False)

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Runs `work` on one state of the database."""
        return await self._read(self._snapshot, work, begin=True)

    async def _read(self, engine: Engine, work: Callable[[Tx], T], *, begin: bool) -> T:
        if self._threads is not None:
            return await self._threads.read(self._with_labels(work), begin=begin)

        def run() -> T:
            with engine.connect() as connection:
                return work(Tx(connection, self._labels))

        try:
            return await greenlet_spawn(run)
        except DBAPIError as error:
            # the server closed it while it lay in the pool: cheaper to find out now than to ask before each use
            if not error.connection_invalidated:
                raise
        return await greenlet_spawn(run)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Runs `work` in a transaction of its own, again when another writer got in between."""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(min(0.5, _PAUSE * 2**attempt) * random.random())
            try:
                if self._threads is not None:
                    return await self._threads.write(self._with_labels(work))
                return await self._write(self._with_labels(work))
            except (Raced, IntegrityError, _Lost):
                continue
            except DBAPIError as error:
                if attempt == _TRIES - 1 or not _is_transient(error):
                    raise
        raise RuntimeError("the identity map is too busy: a change could not be written")

    async def write_unless(self, look: Callable[[Tx], tuple[T | None, U]], work: Callable[[Tx, U], T]) -> T:
        """What `look` finds, or where that is nothing, what `work` does with the rest that it was told, in a transaction.

        `look` takes no locks. On PostgreSQL it is in the transaction, which costs less than a connection of its own; on SQLite
        it is not: there, a transaction that may write lets no other one begin.
        """
        if self._threads is None:

            def both(tx: Tx) -> T:
                found, rest = look(tx)
                return work(tx, rest) if found is None else found

            return await self.write(both)
        found, rest = await self.look(look)
        return await self.write(lambda tx: work(tx, rest)) if found is None else found

    async def _write(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._writing.connect() as connection:
                try:
                    transaction = connection.begin()
                    done = work(connection)
                except DBAPIError as error:
                    if error.connection_invalidated:
                        raise _Lost from error
                    raise
                transaction.commit()  # whether it arrived cannot be known where the connection is lost here
                return done

        return await greenlet_spawn(run)

    async def label(self, texts: Iterable[str]) -> None:
        """Makes labels of the texts that are none yet. Before the transaction that uses them."""
        if missing := self._labels.missing(texts):
            await self.write(lambda tx: labels.add(tx.connection, missing))

    def _with_labels(self, work: Callable[[Tx], T]) -> Callable[[Connection], T]:
        return lambda connection: work(Tx(connection, self._labels))


class _Lost(Exception):
    """The connection was lost before anything was committed."""


def chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Parts that fit into one statement."""
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))


def _is_transient(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return isinstance(error, OperationalError) if state is None else state in _TRANSIENT
