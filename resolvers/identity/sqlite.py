"""A SQLite file as the identity map uses it: one thread that writes, so that writers of this process need not wait in others,
and some that read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url

T = TypeVar("T")

_READERS = 4


class Threads:
    """Whole transactions, each in one of our threads."""

    def __init__(self, url: str, connect_args: dict[str, Any]) -> None:
        self.engine: Engine = create_engine(
            make_url(url).set(drivername="sqlite"), connect_args=connect_args, pool_size=_READERS + 1
        )
        listen(self.engine)
        self._writing = self.engine.execution_options(c360_write=True)
        self._direct = self.engine.execution_options(c360_direct=True)
        self._writer = ThreadPoolExecutor(1, "identity-write")
        self._readers = ThreadPoolExecutor(_READERS, "identity-read")

    async def read(self, work: Callable[[Connection], T], *, begin: bool) -> T:
        """`begin`: all statements see one state."""
        engine = self.engine if begin else self._direct
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, engine, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, work)

    def _read(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.connect() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._writing.begin() as connection:
            return work(connection)

    def close(self) -> None:
        """Waits for what runs."""
        self._writer.shutdown()
        self._readers.shutdown()
        self.engine.dispose()


def listen(engine: Engine) -> None:
    """Sets every connection of the engine up, and begins its transactions as they are meant."""
    event.listen(engine, "connect", _connect)
    event.listen(engine, "begin", _begin)


def _connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Writers queue at the start of their transaction: SQLite cannot wait in the middle of one."""
    options = connection.get_execution_options()
    if not options.get("c360_direct"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("c360_write") else "BEGIN")
