"""Orders, with their lines and refunds."""

from __future__ import annotations

from datetime import datetime

import strawberry

from adapters import records
from gateway.schema.activity import Activity, FromRecord
from gateway.schema.common import Address, Money

strawberry.enum(records.OrderStatus, description="An order's state in the words of all sources.")


@strawberry.type(description="A position of an order.")
class OrderLine:
    id: strawberry.ID
    title: str
    sku: str | None
    quantity: int
    unit_price: Money | None
    total: Money | None = strawberry.field(description="For the whole quantity, after discounts of the line.")


@strawberry.type(description="Money that was given back.")
class Refund:
    id: strawberry.ID
    at: datetime | None
    amount: Money | None
    note: str | None


def _lines_truncated(root: strawberry.Parent[records.Order]) -> bool:
    return root.lines_truncated


@strawberry.type(description="An order that was placed. `at` is when.")
class Order(FromRecord, Activity):
    record = records.Order

    number: str
    status: records.OrderStatus
    payment_status: str | None = strawberry.field(description="In the source's own words.")
    fulfillment_status: str | None = strawberry.field(description="In the source's own words.")
    total: Money | None = strawberry.field(description="What was charged, tax and shipping included.")
    subtotal: Money | None
    tax: Money | None
    shipping: Money | None
    discount: Money | None
    refunded: Money | None
    lines: list[OrderLine]
    lines_truncated: bool = strawberry.field(
        resolver=_lines_truncated, description="The source has more lines than are shown."
    )
    refunds: list[Refund]
    cancelled_at: datetime | None
    cancel_reason: str | None
    channel: str | None
    payment_methods: list[str]
    shipping_address: Address | None
