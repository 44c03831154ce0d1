"""A small cast for the resolvers' tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.records import (
    Direction,
    EmailAddress,
    Message,
    Money,
    Order,
    OrderStatus,
    PhoneNumber,
    Profile,
    Ticket,
    TicketStatus,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def profile(
    source: str, record_id: str, name: str = "", email: str = "", phone: str = "", **more: object
) -> Profile:
    given, _, family = name.partition(" ")
    return Profile(
        source=source,
        id=record_id,
        given_name=given or None,
        family_name=family or None,
        emails=tuple(EmailAddress(value=e) for e in email.split()),
        phones=tuple(PhoneNumber(value=p) for p in phone.split(",") if p),
        updated_at=START,
        **more,  # type: ignore[arg-type]
    )


def order(source: str, record_id: str, owner: str, day: int) -> Order:
    return Order(
        source=source, id=record_id, owner=owner, at=START + timedelta(days=day), number=f"#{record_id}",
        status=OrderStatus.COMPLETED, total=Money(amount=Decimal("12.50"), currency="EUR"),
    )  # fmt: skip


def ticket(source: str, record_id: str, owner: str, day: int) -> Ticket:
    return Ticket(
        source=source, id=record_id, owner=owner, at=START + timedelta(days=day), number=record_id,
        subject=f"ticket {record_id}", status=TicketStatus.OPEN,
    )  # fmt: skip


def message(source: str, record_id: str, owner: str, day: int) -> Message:
    return Message(
        source=source, id=record_id, owner=owner, at=START + timedelta(days=day), direction=Direction.INBOUND
    )
