"""What stands between the tables in a database and those of the code."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from resolvers.identity.tables import Base


def differences(connection: Connection) -> Any:
    """Empty where the migrations made what the code says; an index that is only another engine's is not missing."""

    def counts(thing: Any, _name: object, kind: str, reflected: bool, _other: object) -> bool:
        only = getattr(thing, "_ddl_if", None)
        return not (kind == "index" and not reflected and only and only.dialect != connection.dialect.name)

    context = MigrationContext.configure(connection, opts={"include_object": counts})
    return compare_metadata(context, Base.metadata)
