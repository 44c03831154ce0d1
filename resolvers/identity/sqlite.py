"""A SQLite file as the identity map uses it: one thread that writes, so that writers of this process need not wait in others,
some that read, and one that takes what was written from the log into the file, so that no writer has to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url

T = TypeVar("T")

_READERS = 4
_WRITES = 64
"""Transactions between two checkpoints, a few megabytes of log. A checkpoint waits for the disk."""
_BACKSTOP = 10_000
"""Pages in the log (40 MB) at which a writer does it after all."""
_BEGIN, _BEGIN_WRITING = "BEGIN", "BEGIN IMMEDIATE"
"""Writers queue at the start of their transaction: SQLite cannot wait in the middle of one."""


class Threads:
    """Whole transactions, each in one of our threads."""

    def __init__(self, url: str, connect_args: dict[str, Any]) -> None:
        self.engine: Engine = create_engine(
            make_url(url).set(drivername="sqlite"), connect_args=connect_args, pool_size=_READERS + 2
        )
        event.listen(
            self.engine.pool, "connect", _connect
        )  # listening to the engine slows every statement down
        self._writer = ThreadPoolExecutor(1, "identity-write")
        self._readers = ThreadPoolExecutor(_READERS, "identity-read")
        self._keeper = ThreadPoolExecutor(1, "identity-keep")
        self._keeping: Future[None] | None = None
        self._watching: Any = None
        self._writes = 0

    async def read(self, work: Callable[[Connection], T], *, begin: bool) -> T:
        """`begin`: all statements see one state."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work, begin)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    def version(self) -> int:
        """Another number whenever anybody, in whatever process, has committed in between. It reads shared memory, not the disk,
        so it is asked in the caller's own thread.
        """
        if self._watching is None:
            pooled = self.engine.raw_connection()
            self._watching = pooled.driver_connection
            pooled.detach()
        return int(self._watching.execute("PRAGMA data_version").fetchone()[0])

    def _read(self, work: Callable[[Connection], T], begin: bool) -> T:
        with self.engine.connect() as connection:
            if begin:
                connection.exec_driver_sql(_BEGIN)
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(_BEGIN_WRITING)
            done = work(connection)
        self._writes += 1
        if self._writes % _WRITES == 0 and (self._keeping is None or self._keeping.done()):
            self._keeping = self._keeper.submit(self._keep)
        return done

    def _keep(self) -> None:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Waits for what runs."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._keeper.shutdown()
        if self._watching is not None:
            self._watching.close()
        self.engine.dispose()


def listen(engine: Engine) -> None:
    """Sets every connection of the engine up, and begins its transactions as they are meant."""
    event.listen(engine, "connect", _connect)
    event.listen(engine, "begin", _begin)


def _connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "busy_timeout=5000",
        f"wal_autocheckpoint={_BACKSTOP}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("c360_write")
    connection.exec_driver_sql(_BEGIN_WRITING if writes else _BEGIN)
