"""The identity map's database: SQLite or PostgreSQL, and transactions that start again when another writer was first.

A SQLite file is read and written in threads of our own, a whole transaction at a time: handing each statement to the
driver's thread and back costs more than the statement.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    create_engine,
    event,
    false,
    make_url,
    or_,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

T = TypeVar("T")

_TRIES = 12
_CHUNK = 400  # bound parameters a statement, below SQLite's limit
_READERS = 4
_PAUSE = 0.005  # seconds; doubled with each try, up to half a second
_TRANSIENT = frozenset({"40001", "40P01", "55P03"})  # serialization failure, deadlock, lock not available


class Raced(Exception):
    """Another writer changed what this transaction stands on; it starts again."""


class Database:
    """Safe for concurrent use, by several processes too."""

    def __init__(
        self, url: str, *, pool_size: int = 5, connect_args: Mapping[str, Any] | None = None
    ) -> None:
        sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {} if sqlite else {"pool_size": pool_size, "pool_pre_ping": True}
        self.engine: AsyncEngine = create_async_engine(url, connect_args=dict(connect_args or {}), **options)
        self._threads: _Threads | None = None
        if sqlite:
            _listen(self.engine.sync_engine)
            if make_url(url).database not in (
                None,
                "",
                ":memory:",
            ):  # which is another one for each connection
                self._threads = _Threads(url, dict(connect_args or {}))

    async def ping(self) -> None:
        """Raises what the database raises when it cannot be reached."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        await self.engine.dispose()
        if self._threads is not None:
            await asyncio.to_thread(self._threads.close)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on one state of the database."""
        if self._threads is not None:
            return await self._threads.read(work)
        async with self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execution_options(isolation_level="REPEATABLE READ")
            return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in a transaction of its own, again when another writer got in between."""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(min(0.5, _PAUSE * 2**attempt) * random.random())
            try:
                if self._threads is not None:
                    return await self._threads.write(work)
                async with self.engine.execution_options(c360_write=True).begin() as connection:
                    return await connection.run_sync(work)
            except (Raced, IntegrityError):
                continue
            except DBAPIError as error:
                if attempt == _TRIES - 1 or not _is_transient(error):
                    raise
        raise RuntimeError("the identity map is too busy: a change could not be written")


class _Threads:
    """A SQLite file: one thread that writes, so that writers of this process need not wait in others, and some that read."""

    def __init__(self, url: str, connect_args: dict[str, Any]) -> None:
        self._engine: Engine = create_engine(
            make_url(url).set(drivername="sqlite"), connect_args=connect_args, pool_size=_READERS + 1
        )
        _listen(self._engine)
        self._writer = ThreadPoolExecutor(1, "identity-write")
        self._readers = ThreadPoolExecutor(_READERS, "identity-read")

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._engine.execution_options(c360_write=True).begin() as connection:
            return work(connection)

    def close(self) -> None:
        """Waits for what runs."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()


def chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Parts that fit into one statement."""
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))


def among(source: Any, record_id: Any, refs: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    """That the two columns name one of the records. SQLite would read the whole table for `(a, b) IN (…)`."""
    by_source: dict[str, list[str]] = defaultdict(list)
    for name, record in refs:
        by_source[name].append(record)
    parts = [and_(source == name, record_id.in_(records)) for name, records in sorted(by_source.items())]
    return or_(false(), *parts)


def _is_transient(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return isinstance(error, OperationalError) if state is None else state in _TRANSIENT


def _listen(engine: Engine) -> None:
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    """Writers queue at the start of their transaction: SQLite cannot wait in the middle of one."""
    writes = connection.get_execution_options().get("c360_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
