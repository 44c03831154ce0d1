"""The backends by the names that the command line knows."""

from __future__ import annotations

from resolvers.identity.training.engines import Backend, DuckDB
from resolvers.identity.training.spark import Spark

BACKENDS: dict[str, type[DuckDB] | type[Spark]] = {"duckdb": DuckDB, "spark": Spark}


def backend(name: str) -> Backend:
    """The backend with its defaults; `name` is one of BACKENDS."""
    return BACKENDS[name]()
