"""The identity map: customers, members, evidence, keyed tokens, discoveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_into", sa.String(36), sa.ForeignKey("customer.id"), index=True),
    )
    op.create_table(
        "member",
        sa.Column("source", sa.String(100), primary_key=True),
        sa.Column("record_id", sa.String(255), primary_key=True),
        sa.Column("customer_id", sa.String(36), sa.ForeignKey("customer.id"), nullable=False, index=True),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("a_source", sa.String(100), nullable=False),
        sa.Column("a_record_id", sa.String(255), nullable=False),
        sa.Column("b_source", sa.String(100), nullable=False),
        sa.Column("b_record_id", sa.String(255), nullable=False),
        sa.Column("rule", sa.String(40), nullable=False),
        sa.Column("key_type", sa.String(20)),
        sa.Column("token", sa.String(80)),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("evidence_a", "evidence", ["a_source", "a_record_id"])
    op.create_index("evidence_b", "evidence", ["b_source", "b_record_id"])
    op.create_table(
        "match_key",
        sa.Column("token", sa.String(80), primary_key=True),
        sa.Column("source", sa.String(100), primary_key=True),
        sa.Column("record_id", sa.String(255), primary_key=True),
    )
    op.create_table(
        "discovery",
        sa.Column("token", sa.String(80), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    for table in ("discovery", "match_key", "evidence", "member", "customer"):
        op.drop_table(table)
