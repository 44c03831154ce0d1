"""The tables of the identity map: the log (events, records, ids, edges), what is derived from it, keyed tokens. No personal data.

A record is a number here, its name (source and record id) stands once, in `member`; texts that come again and again (sources,
rules, fields) are numbers too, with their texts in `label`. There are no foreign keys: PostgreSQL would lock and rewrite the
row that is pointed at for each one, and `rebuild` shows that nothing points nowhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    literal_column,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime, TypeDecorator, TypeEngine

from resolvers.identity.lanes import COLUMNS

STEWARD_LABEL = 1
"""The label of edges that a person decided; the migration writes it."""

LINK_KIND = 1
"""The kind of events that nobody decided."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC: native on PostgreSQL, microseconds since 1970 on SQLite, whose own times are texts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _EPOCH + timedelta(microseconds=value)
        return value.astimezone(UTC)  # type: ignore[no-any-return]


class CustomerId(TypeDecorator[str]):
    """A customer id, as text in canonical form; 16 bytes at rest."""

    impl = LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        native = dialect.name == "postgresql"
        return dialect.type_descriptor(postgresql.UUID(as_uuid=True) if native else LargeBinary(16))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return UUID(value) if dialect.name == "postgresql" else bytes.fromhex(value.replace("-", ""))

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        h = value.hex if dialect.name == "postgresql" else value.hex()
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


class Base(DeclarativeBase):
    """All tables of the store."""


class LabelRow(Base):
    """A text that many rows name: a source, where an edge came from, a kind of key, a field with its agreement."""

    __tablename__ = "label"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    text: Mapped[str] = mapped_column(String(200), unique=True)


class EventRow(Base):
    """The log: something that was found out or decided. Rows are added, never changed. `actor` null: nobody decided it."""

    __tablename__ = "event"

    at: Mapped[datetime] = mapped_column(UtcTime)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    undoes: Mapped[int | None] = mapped_column(Integer)
    kind: Mapped[int] = mapped_column(SmallInteger)
    actor: Mapped[str | None] = mapped_column(String(100))
    reason: Mapped[str | None] = mapped_column(String(500))

    __table_args__ = (
        Index(
            "event_undoes", "undoes",
            postgresql_where=literal_column("undoes IS NOT NULL"), sqlite_where=literal_column("undoes IS NOT NULL"),
        ),
        Index(
            "event_decided", "id",
            postgresql_where=literal_column(f"kind <> {LINK_KIND}"), sqlite_where=literal_column(f"kind <> {LINK_KIND}"),
        ),
    )  # fmt: skip


class MemberRow(Base):
    """A source record. The log: its name, and the event that brought it into the map. Derived: customer and confidence."""

    __tablename__ = "member"
    __table_args__ = (
        Index("member_record", "source", "record_id", unique=True),
        Index("member_customer", "customer_id"),
    )

    confidence: Mapped[float] = mapped_column(Float)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    event_id: Mapped[int] = mapped_column(Integer)
    customer_id: Mapped[str] = mapped_column(CustomerId)
    source: Mapped[int] = mapped_column(SmallInteger)
    record_id: Mapped[str] = mapped_column(String(255))


class CustomerRow(Base):
    """The log: a customer id, the record that it is anchored at, the event that minted it. Derived: `merged_into`, the
    customer that this record belongs to now, where that is another one.
    """

    __tablename__ = "customer"
    __table_args__ = (Index("customer_member", "member_id"), {"sqlite_with_rowid": False})

    id: Mapped[str] = mapped_column(CustomerId, primary_key=True)
    member_id: Mapped[int] = mapped_column(Integer)
    event_id: Mapped[int] = mapped_column(Integer)
    merged_into: Mapped[str | None] = mapped_column(CustomerId)


def _stewards(name: str, column: str) -> Index:
    """Few rows, so that whether anybody decided about one of many records is found at once."""
    decided: ColumnElement[bool] = literal_column(f"origin = {STEWARD_LABEL}")
    return Index(name, column, postgresql_where=decided, sqlite_where=decided)


class EvidenceRow(Base):
    """The log's edges: what an event says of two records, that of the lesser name first. Rows are added, never changed.

    The primary key is SQLite's; PostgreSQL has a smaller index on the event. `weight` null: the sum of the contributions.
    """

    __tablename__ = "evidence"
    __table_args__ = (
        Index("evidence_event", "event_id").ddl_if(dialect="postgresql"),
        Index("evidence_a", "a"),
        Index("evidence_b", "b"),
        _stewards("evidence_steward_a", "a"),
        _stewards("evidence_steward_b", "b"),
        {"sqlite_with_rowid": False},
    )

    confidence: Mapped[float] = mapped_column(Float)
    weight: Mapped[float | None] = mapped_column(Float)
    event_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    a: Mapped[int] = mapped_column(Integer)
    b: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[int] = mapped_column(SmallInteger)
    origin: Mapped[int] = mapped_column(SmallInteger)
    key_type: Mapped[int | None] = mapped_column(SmallInteger)
    rests_on: Mapped[bytes | None] = mapped_column(LargeBinary)
    token: Mapped[bytes | None] = mapped_column(LargeBinary)
    contributions: Mapped[bytes | None] = mapped_column(LargeBinary)


class ReviewRow(Base):
    """Derived: a pair of records that a person should look at."""

    __tablename__ = "review"
    __table_args__ = (Index("review_b", "b"), {"sqlite_with_rowid": False})

    a: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    b: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    confidence: Mapped[float] = mapped_column(Float)
    reopened: Mapped[bool] = mapped_column(Boolean)


def _lane(name: str) -> Index:
    there: ColumnElement[bool] = literal_column(f"{name} IS NOT NULL")
    return Index(f"match_key_{name}", name, postgresql_where=there, sqlite_where=there)


class KeyRow(Base):
    """Keys that a record carries, as their tokens: up to one of each lane (see `lanes`). `n` counts the rows of a record."""

    __tablename__ = "match_key"
    __table_args__ = (*map(_lane, COLUMNS), {"sqlite_with_rowid": False})

    member_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    t0: Mapped[bytes | None] = mapped_column(LargeBinary)
    t1: Mapped[bytes | None] = mapped_column(LargeBinary)
    t2: Mapped[bytes | None] = mapped_column(LargeBinary)
    t3: Mapped[bytes | None] = mapped_column(LargeBinary)
    t4: Mapped[bytes | None] = mapped_column(LargeBinary)


class DiscoveryRow(Base):
    """When all sources were last asked for a key (null: never), and how many people it leads to."""

    __tablename__ = "discovery"
    __table_args__ = ({"sqlite_with_rowid": False},)

    at: Mapped[datetime | None] = mapped_column(UtcTime)
    fan_out: Mapped[int] = mapped_column(SmallInteger)
    token: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class SyncRow(Base):
    """How far a source's records have been read. `complete`: its whole past was, once."""

    __tablename__ = "sync"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)
    cursor: Mapped[str | None] = mapped_column(Text)
    records: Mapped[int] = mapped_column(Integer)
    complete: Mapped[bool] = mapped_column(Boolean)
    at: Mapped[datetime] = mapped_column(UtcTime)
