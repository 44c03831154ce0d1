"""Where Splink computes: DuckDB in this process, or Spark. Both read and write Parquet in the run's private folder."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from resolvers.identity.training import conditions
from resolvers.identity.training.errors import not_installed


class Engine(Protocol):
    """One that runs. Its SQL is what DuckDB and Spark have in common."""

    name: str
    dialect: conditions.Dialect
    api: Any
    """Splink's database API on it."""
    draws: int
    """Steps in which Splink draws random pairs for a field, until it has seen enough; it stops after any."""
    margin: float
    """Bits that a pair may lack in its eyes, because it rounds text similarities otherwise than the scorer does."""

    def load(self, name: str, folder: Path) -> None:
        """Names the rows of the Parquet files in a folder."""

    def define(self, name: str, sql: str) -> None:
        """Computes a table once and names it."""

    def drop(self, name: str) -> None:
        """Forgets such a table."""

    def count(self, name: str) -> int:
        """Rows of a table."""

    def write(self, sql: str, folder: Path) -> None:
        """Writes what a query finds as Parquet files, whose names are in the order of the rows."""


class Backend(Protocol):
    """Something that can be started for a run."""

    def open(self, folder: Path) -> AbstractContextManager[Engine]:
        """Starts it; what it spills goes into the folder. Raises TrainingError where something is not installed."""


class DuckDB(msgspec.Struct, frozen=True, kw_only=True):
    """DuckDB in this process. `memory_mb` bounds what it holds; the rest is spilled to the folder. 0 threads: one a core."""

    memory_mb: int = 1500
    threads: int = 0

    @contextlib.contextmanager
    def open(self, folder: Path) -> Iterator[Engine]:
        """Raises TrainingError where Splink or DuckDB is not installed."""
        try:
            import duckdb
            from splink import DuckDBAPI
        except ImportError as error:
            raise not_installed(error.name, "training") from None
        logging.getLogger("splink").setLevel(logging.ERROR)
        options: dict[str, Any] = {
            "memory_limit": f"{self.memory_mb}MB",
            "temp_directory": str(folder / "spilled"),
            "preserve_insertion_order": False,
        }
        if self.threads:
            options["threads"] = self.threads
        connection = duckdb.connect(str(folder / "work.duckdb"), config=options)
        connection.execute("SET enable_progress_bar = false")
        try:
            yield _DuckDBEngine(connection, DuckDBAPI(connection=connection))
        finally:
            connection.close()


class _DuckDBEngine:
    name, dialect, draws, margin = "DuckDB", conditions.DUCKDB, 10, 0.5

    def __init__(self, connection: Any, api: Any) -> None:
        self._connection, self.api = connection, api

    def load(self, name: str, folder: Path) -> None:
        self._connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{_quoted(folder)}/*.parquet')")

    def define(self, name: str, sql: str) -> None:
        self._connection.execute(f"CREATE TABLE {name} AS {sql}")

    def drop(self, name: str) -> None:
        self._connection.execute(f"DROP TABLE {name}")

    def count(self, name: str) -> int:
        (rows,) = self._connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0]
        return int(rows)

    def write(self, sql: str, folder: Path) -> None:
        folder.mkdir()
        self._connection.execute(f"COPY ({sql}) TO '{_quoted(folder)}/part-0.parquet' (FORMAT parquet)")


def _quoted(folder: Path) -> str:
    return str(folder).replace("'", "''")
