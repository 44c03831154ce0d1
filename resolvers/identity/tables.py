"""The tables of the identity map: the log (events and their edges), what is derived from it, keyed tokens. No personal data."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, LargeBinary, String, Text
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


class EventRow(Base):
    """The log: something that was found out or decided. Rows are added, never changed."""

    __tablename__ = "event"
    __table_args__ = {"sqlite_autoincrement": True}  # numbers are never used twice

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str | None] = mapped_column(String(500))
    at: Mapped[datetime] = mapped_column(UtcTime)
    undoes: Mapped[int | None] = mapped_column(Integer, index=True)
    detail: Mapped[str] = mapped_column(Text)  # JSON: the records first seen, and the ids minted


class EvidenceRow(Base):
    """The log's edges: what an event says of two records, the lesser first. Rows are added, never changed."""

    __tablename__ = "evidence"
    __table_args__ = (
        Index("evidence_a", "a_source", "a_record_id"),
        Index("evidence_b", "b_source", "b_record_id"),
        Index("evidence_event", "event_id"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    event_id: Mapped[int] = mapped_column(Integer)
    a_source: Mapped[str] = mapped_column(String(100))
    a_record_id: Mapped[str] = mapped_column(String(255))
    b_source: Mapped[str] = mapped_column(String(100))
    b_record_id: Mapped[str] = mapped_column(String(255))
    verdict: Mapped[str] = mapped_column(String(10))
    origin: Mapped[str] = mapped_column(String(100))
    key_type: Mapped[str | None] = mapped_column(String(20))
    token: Mapped[bytes | None] = mapped_column(LargeBinary)
    confidence: Mapped[float] = mapped_column(Float)
    weight: Mapped[float | None] = mapped_column(Float)
    contributions: Mapped[str | None] = mapped_column(Text)  # JSON
    rests_on: Mapped[str | None] = mapped_column(String(32))


class CustomerRow(Base):
    """Derived: a customer id, anchored at a record. `merged_into` is the customer that this record belongs to now."""

    __tablename__ = "customer"
    __table_args__ = (Index("customer_anchor", "source", "record_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("customer.id"), index=True)
    source: Mapped[str] = mapped_column(String(100), server_default="")
    record_id: Mapped[str] = mapped_column(String(255), server_default="")
    event_id: Mapped[int] = mapped_column(Integer, server_default="0")


class MemberRow(Base):
    """Derived: a source record that belongs to a customer. `event_id` is the event that brought it into the map."""

    __tablename__ = "member"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id"), index=True)
    linked_at: Mapped[datetime] = mapped_column(UtcTime)
    confidence: Mapped[float] = mapped_column(Float)
    event_id: Mapped[int] = mapped_column(Integer, server_default="0")


class ReviewRow(Base):
    """Derived: a pair of records that a person should look at."""

    __tablename__ = "review"
    __table_args__ = (Index("review_b", "b_source", "b_record_id"),)

    a_source: Mapped[str] = mapped_column(String(100), primary_key=True)
    a_record_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    b_source: Mapped[str] = mapped_column(String(100), primary_key=True)
    b_record_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    confidence: Mapped[float] = mapped_column(Float)
    reopened: Mapped[bool] = mapped_column(Boolean)


class KeyRow(Base):
    """A key that a record carries, as its token."""

    __tablename__ = "match_key"
    __table_args__ = (Index("match_key_record", "source", "record_id"),)

    token: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(255), primary_key=True)


class DiscoveryRow(Base):
    """When all sources were last asked for a key (null: never), and how many people it leads to."""

    __tablename__ = "discovery"

    token: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    at: Mapped[datetime | None] = mapped_column(UtcTime)
    fan_out: Mapped[str] = mapped_column(String(10))


class SyncRow(Base):
    """How far a source's records have been read. `complete`: its whole past was, once."""

    __tablename__ = "sync"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    cursor: Mapped[str | None] = mapped_column(Text)
    records: Mapped[int] = mapped_column(Integer)
    complete: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime] = mapped_column(UtcTime)
