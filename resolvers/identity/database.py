"""The identity map's database: SQLite or PostgreSQL, and transactions that start again when another writer was first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

T = TypeVar("T")

_TRIES = 12
_CHUNK = 400  # bound parameters a statement, below SQLite's limit
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
        if sqlite:
            event.listen(self.engine.sync_engine, "connect", _sqlite_connect)
            event.listen(self.engine.sync_engine, "begin", _sqlite_begin)

    async def ping(self) -> None:
        """Raises what the database raises when it cannot be reached."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        await self.engine.dispose()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` on one state of the database."""
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
                async with self.engine.execution_options(c360_write=True).begin() as connection:
                    return await connection.run_sync(work)
            except (Raced, IntegrityError):
                continue
            except DBAPIError as error:
                if attempt == _TRIES - 1 or not _is_transient(error):
                    raise
        raise RuntimeError("the identity map is too busy: a change could not be written")


def chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Parts that fit into one statement."""
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))


def _is_transient(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return isinstance(error, OperationalError) if state is None else state in _TRANSIENT


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    """Writers queue at the start of their transaction: SQLite cannot wait in the middle of one."""
    writes = connection.get_execution_options().get("c360_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
