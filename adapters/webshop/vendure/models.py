"""What Vendure answers, as far as it is read; unknown fields are accepted. Amounts are in the server's minor units."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

N = TypeVar("N")


class _Model(msgspec.Struct, frozen=True, rename="camel"):
    """Frozen, with the vendor's camelCase names."""


class Page(_Model, Generic[N], frozen=True):
    items: list[N]
    total_items: int = 0


class Country(_Model, frozen=True):
    code: str


class Address(_Model, frozen=True):
    updated_at: datetime
    full_name: str | None = None
    company: str | None = None
    street_line1: str | None = None
    street_line2: str | None = None
    city: str | None = None
    province: str | None = None
    postal_code: str | None = None
    country: Country | None = None
    default_shipping_address: bool | None = None
    default_billing_address: bool | None = None


class OrderAddress(_Model, frozen=True):
    full_name: str | None = None
    company: str | None = None
    street_line1: str | None = None
    street_line2: str | None = None
    city: str | None = None
    province: str | None = None
    postal_code: str | None = None
    country: str | None = None
    country_code: str | None = None


class Group(_Model, frozen=True):
    name: str


class Customer(_Model, frozen=True):
    id: str
    created_at: datetime
    updated_at: datetime
    first_name: str | None = None
    last_name: str | None = None
    email_address: str | None = None
    phone_number: str | None = None
    groups: list[Group] = []
    addresses: list[Address] | None = None


class Id(_Model, frozen=True):
    id: str


class Tax(_Model, frozen=True):
    tax_total: int


class Discount(_Model, frozen=True):
    amount_with_tax: int


class Refund(_Model, frozen=True):
    id: str
    state: str
    total: int
    updated_at: datetime
    created_at: datetime
    reason: str | None = None


class Payment(_Model, frozen=True):
    method: str
    state: str
    updated_at: datetime
    refunds: list[Refund] = []


class Fulfillment(_Model, frozen=True):
    state: str
    updated_at: datetime


class History(_Model, frozen=True):
    created_at: datetime
    data: Any = None


class Channel(_Model, frozen=True):
    code: str


class Variant(_Model, frozen=True):
    name: str
    sku: str | None = None


class Line(_Model, frozen=True):
    id: str
    quantity: int
    unit_price_with_tax: int
    discounted_line_price_with_tax: int
    product_variant: Variant


class Order(_Model, frozen=True):
    """A placed order: carts never come, since `orderPlacedAt` is filtered on."""

    id: str
    code: str
    state: str
    created_at: datetime
    updated_at: datetime
    order_placed_at: datetime
    currency_code: str
    total_with_tax: int
    sub_total_with_tax: int
    shipping_with_tax: int
    tax_summary: list[Tax] = []
    discounts: list[Discount] = []
    customer: Id | None = None
    channels: list[Channel] = []
    shipping_address: OrderAddress | None = None
    payments: list[Payment] | None = None
    fulfillments: list[Fulfillment] | None = None
    history: Page[History] | None = None
    lines: list[Line] = []


class OrderOf(_Model, frozen=True):
    code: str
    customer: Customer | None = None


class Owner(_Model, frozen=True):
    """A customer with a page of orders."""

    id: str
    orders: Page[Order]


class Customers(_Model, frozen=True):
    customers: Page[Customer]


class CustomersOfOrders(_Model, frozen=True):
    orders: Page[OrderOf]


class ServerConfig(_Model, frozen=True):
    money_strategy_precision: int


class GlobalSettings(_Model, frozen=True):
    server_config: ServerConfig


class OrdersOfCustomers(_Model, frozen=True):
    global_settings: GlobalSettings
    customers: Page[Owner]


class Orders(_Model, frozen=True):
    global_settings: GlobalSettings
    orders: Page[Order]


class Total(_Model, frozen=True):
    total_items: int


class Checked(_Model, frozen=True):
    active_channel: Channel
    customers: Total
    orders: Total


class Me(_Model, frozen=True):
    me: Id | None = None


class Login(_Model, frozen=True):
    login: dict[str, str]


class LoginReply(_Model, frozen=True):
    data: Login | None = None
