"""Alembic's environment: runs inside the transaction that `gateway.migrations.upgrade` opened."""

from __future__ import annotations

from alembic import context

from resolvers.identity.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
context.run_migrations()
