"""The tables of the identity map: source references, keyed tokens, evidence. No personal data."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC, also where the database (SQLite) forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables of the store."""


class CustomerRow(Base):
    """A customer. `merged_into` is set when it was found to be somebody known already: the old id keeps resolving."""

    __tablename__ = "customer"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("customer.id"), index=True)


class MemberRow(Base):
    """A source record that belongs to a customer."""

    __tablename__ = "member"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    linked_at: Mapped[datetime] = mapped_column(UtcTime)
    confidence: Mapped[float] = mapped_column(Float)


class EvidenceRow(Base):
    """Why two records are one customer. Rows are added, never changed."""

    __tablename__ = "evidence"
    __table_args__ = (Index("evidence_b", "b_source", "b_record_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    a_source: Mapped[str] = mapped_column(String(100))
    a_record_id: Mapped[str] = mapped_column(String(255))
    b_source: Mapped[str] = mapped_column(String(100))
    b_record_id: Mapped[str] = mapped_column(String(255))
    rule: Mapped[str] = mapped_column(String(40))
    key_type: Mapped[str | None] = mapped_column(String(20))
    token: Mapped[str | None] = mapped_column(String(80))
    confidence: Mapped[float] = mapped_column(Float)
    at: Mapped[datetime] = mapped_column(UtcTime)


Index("evidence_a", EvidenceRow.a_source, EvidenceRow.a_record_id)


class KeyRow(Base):
    """A key that a record carries, as its token."""

    __tablename__ = "match_key"

    token: Mapped[str] = mapped_column(String(80), primary_key=True)
    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(255), primary_key=True)


class DiscoveryRow(Base):
    """When all sources were last asked for a key, and whether several people share it."""

    __tablename__ = "discovery"

    token: Mapped[str] = mapped_column(String(80), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    shared: Mapped[bool] = mapped_column(Boolean)
