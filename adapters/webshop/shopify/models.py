"""What Shopify answers, as far as it is read; unknown fields are accepted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

N = TypeVar("N")


class _Model(msgspec.Struct, frozen=True, rename="camel"):
    """Frozen, with the vendor's camelCase names."""


class PageInfo(_Model, frozen=True):
    has_next_page: bool = False
    end_cursor: str | None = None


class Connection(_Model, Generic[N], frozen=True):
    nodes: list[N]
    page_info: PageInfo = PageInfo()


class Money(_Model, frozen=True):
    amount: Decimal
    currency_code: str


class MoneyBag(_Model, frozen=True):
    shop_money: Money


class Address(_Model, frozen=True):
    id: str | None = None
    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    zip: str | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None
    country_code: str | None = msgspec.field(default=None, name="countryCodeV2")


class Email(_Model, frozen=True):
    email_address: str
    marketing_state: str | None = None
    marketing_updated_at: datetime | None = None


class Consent(_Model, frozen=True):
    state: str
    updated_at: datetime | None = None


class Phone(_Model, frozen=True):
    phone_number: str
    sms: Consent | None = msgspec.field(default=None, name="smsMarketingConsent")


class Customer(_Model, frozen=True):
    legacy_resource_id: str
    created_at: datetime
    updated_at: datetime
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    tags: list[str] = []
    default_email_address: Email | None = None
    default_phone_number: Phone | None = None
    default_address: Address | None = None
    addresses: Connection[Address] | None = msgspec.field(default=None, name="addressesV2")


class Line(_Model, frozen=True):
    id: str
    name: str
    quantity: int
    sku: str | None = None
    original_unit_price_set: MoneyBag | None = None
    discounted_total_set: MoneyBag | None = None


class Refund(_Model, frozen=True):
    legacy_resource_id: str
    created_at: datetime | None = None
    note: str | None = None
    total_refunded_set: MoneyBag | None = None


class OrderCustomer(_Model, frozen=True):
    legacy_resource_id: str


class Stub(_Model, frozen=True):
    """An order of which only its place in the stream is known."""

    legacy_resource_id: str
    created_at: datetime


class Order(_Model, frozen=True):
    legacy_resource_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    closed: bool = False
    source_name: str | None = None
    display_financial_status: str | None = None
    display_fulfillment_status: str | None = None
    payment_gateway_names: list[str] = []
    total_price_set: MoneyBag | None = None
    subtotal_price_set: MoneyBag | None = None
    total_tax_set: MoneyBag | None = None
    total_shipping_price_set: MoneyBag | None = None
    total_discounts_set: MoneyBag | None = None
    total_refunded_set: MoneyBag | None = None
    shipping_address: Address | None = None
    refunds: list[Refund] = []
    customer: OrderCustomer | None = None
    line_items: Connection[Line] | None = None


class OwnerOf(_Model, Generic[N], frozen=True):
    """A customer with a page of orders."""

    legacy_resource_id: str
    orders: Connection[N]


class FoundOrder(_Model, frozen=True):
    name: str
    customer: Customer | None = None


class Customers(_Model, frozen=True):
    customers: Connection[Customer]


class FoundOrders(_Model, frozen=True):
    orders: Connection[FoundOrder]


class Orders(_Model, frozen=True):
    orders: Connection[Order]


class Nodes(_Model, Generic[N], frozen=True):
    nodes: list[N | None]


class LinesOf(_Model, frozen=True):
    line_items: Connection[Line]


class OrderLines(_Model, frozen=True):
    order: LinesOf | None = None


class Shop(_Model, frozen=True):
    name: str


class Checked(_Model, frozen=True):
    shop: Shop


class Throttle(_Model, frozen=True):
    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(_Model, frozen=True):
    requested_query_cost: float | None = None
    throttle_status: Throttle | None = None
