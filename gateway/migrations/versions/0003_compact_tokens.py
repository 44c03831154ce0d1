"""Tokens become bytes, a key's fan-out has four classes, and the sources' sync cursors get a place."""

from __future__ import annotations

import base64

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CODES = {"email": 1, "phone": 2, "customer_number": 4, "order_number": 5, "ticket_number": 6}


def upgrade() -> None:
    connection = op.get_bind()
    meta = sa.MetaData()
    keys = sa.Table("match_key", meta, autoload_with=connection)
    found = connection.execute(sa.select(keys.c.token, keys.c.source, keys.c.record_id)).all()
    discoveries = sa.Table("discovery", meta, autoload_with=connection)
    asked = connection.execute(sa.select(discoveries)).all()
    op.drop_table("match_key")
    op.drop_table("discovery")
    match_key = op.create_table(
        "match_key",
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("source", sa.String(100), primary_key=True),
        sa.Column("record_id", sa.String(255), primary_key=True),
    )
    op.create_index("match_key_record", "match_key", ["source", "record_id"])
    discovery = op.create_table(
        "discovery",
        sa.Column("token", sa.LargeBinary, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True)),
        sa.Column("fan_out", sa.String(10), nullable=False),
    )
    op.create_table(
        "sync",
        sa.Column("source", sa.String(100), primary_key=True),
        sa.Column("cursor", sa.Text),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    if found:
        rows = [{"token": _bytes(r.token), "source": r.source, "record_id": r.record_id} for r in found]
        connection.execute(sa.insert(match_key), rows)
    if asked:
        rows = [
            {"token": _bytes(r.token), "at": r.at, "fan_out": "household" if r.shared else "personal"}
            for r in asked
        ]
        connection.execute(sa.insert(discovery), rows)
    _convert_evidence(connection)


def _convert_evidence(connection: sa.Connection) -> None:
    op.add_column("evidence", sa.Column("key", sa.LargeBinary))
    evidence = sa.Table("evidence", sa.MetaData(), autoload_with=connection)
    for row in connection.execute(
        sa.select(evidence.c.id, evidence.c.token).where(evidence.c.token.is_not(None))
    ).all():
        connection.execute(evidence.update().where(evidence.c.id == row.id).values(key=_bytes(row.token)))
    with op.batch_alter_table("evidence") as batch:
        batch.drop_column("token")
    with op.batch_alter_table("evidence") as batch:
        batch.alter_column("key", new_column_name="token", existing_type=sa.LargeBinary)


def _bytes(token: str) -> bytes:
    """`1:email:<base64 of 32 bytes>` in today's form: version, kind, the first half of the digest."""
    version, _, rest = token.partition(":")
    kind, _, digest = rest.partition(":")
    try:
        raw = base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4))
        return bytes((int(version), _CODES[kind])) + raw[:16]
    except (ValueError, KeyError):  # nothing that a release has written
        return token.encode()


def downgrade() -> None:
    raise NotImplementedError(
        "the older tables cannot hold these tokens: restore a backup from before the upgrade"
    )
