"""Canonical records: what every adapter gives back, whatever its vendor calls it.

All are frozen and keyword-only. `None` or an empty tuple means that the source does not say. Times are aware and in UTC.
`source` is the name the operator gave the source in c360.toml; (`source`, `id`) names a record for ever.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class RecordKind(StrEnum):
    """The kinds of record that an adapter may be able to read."""

    PROFILE = "profile"
    ORDER = "order"
    TICKET = "ticket"
    COMMENT = "comment"  # belongs to a ticket: its owner is the ticket's record, not the person's
    EMAIL_EVENT = "email_event"
    MESSAGE = "message"


class _Struct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Frozen, keyword-only. Records hold no cycles, and a cache may hold very many: the garbage collector never looks at them."""


class Record(_Struct, frozen=True, kw_only=True):
    """One record in one source system. `url` is the deep link into the vendor's own user interface."""

    source: str
    id: str
    url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Money(_Struct, frozen=True, kw_only=True):
    """An exact amount in major units (12.50, not 1250) of an ISO 4217 currency."""

    amount: Decimal
    currency: str


class EmailAddress(_Struct, frozen=True, kw_only=True):
    """An e-mail address as the source writes it."""

    value: str
    label: str | None = None
    primary: bool = False


class PhoneNumber(_Struct, frozen=True, kw_only=True):
    """A phone number as the source writes it, which is often not E.164."""

    value: str
    label: str | None = None
    primary: bool = False


class Address(_Struct, frozen=True, kw_only=True):
    """A postal address. `country` is ISO 3166 alpha-2 where the source says it that way, else its own text."""

    label: str | None = None
    name: str | None = None
    company: str | None = None
    street: str | None = None  # several lines are joined with "\n"
    postcode: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    primary: bool = False


class Account(_Struct, frozen=True, kw_only=True):
    """The company that a person belongs to. `annual_revenue` is in the source's own currency (major units)."""

    id: str
    name: str | None = None
    industry: str | None = None
    employees: int | None = None
    annual_revenue: Decimal | None = None
    url: str | None = None


class ConsentState(StrEnum):
    """What the person said. PENDING: asked, double opt-in not confirmed yet."""

    GRANTED = "granted"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    PENDING = "pending"


class Consent(_Struct, frozen=True, kw_only=True):
    """What one source says of one purpose on one channel ("email", "sms", "postal", "phone" …)."""

    purpose: str
    channel: str | None = None
    state: ConsentState
    at: datetime | None = None


class Preference(_Struct, frozen=True, kw_only=True):
    """Something the person stated, such as a tag, an interest group or a preferred channel."""

    name: str
    value: str


class ExternalId(_Struct, frozen=True, kw_only=True):
    """A number of this person in another system, as this source has it. `system` is free text, compared as written."""

    system: str
    value: str


class Profile(Record, frozen=True, kw_only=True):
    """A person as one source knows them. Fields are named as in the adapter's `profile_fields`."""

    given_name: str | None = None
    family_name: str | None = None
    full_name: str | None = None  # where the source has one field for the whole name
    birth_date: date | None = None
    language: str | None = None  # BCP 47, lower case language: "de", "pt-BR"
    emails: tuple[EmailAddress, ...] = ()
    phones: tuple[PhoneNumber, ...] = ()
    addresses: tuple[Address, ...] = ()
    account: Account | None = None  # only when the part "account" was asked for
    consents: tuple[Consent, ...] = ()
    preferences: tuple[Preference, ...] = ()
    external_ids: tuple[ExternalId, ...] = ()
    customer_number: str | None = None
    country: str | None = None  # ISO 3166 alpha-2; helps to read national phone numbers


class Activity(Record, frozen=True, kw_only=True):
    """Something that happened at a time that never changes: `at` orders connections and cursors.

    `owner` is the id of the record that it belongs to: the profile's, or for a comment the ticket's. For kinds that are
    owned by e-mail address it is the owner's `ref` as the caller gave it.
    """

    at: datetime
    owner: str


class OrderStatus(StrEnum):
    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"


class OrderLine(_Struct, frozen=True, kw_only=True):
    """`total` is after line discounts, for the whole quantity."""

    id: str
    title: str
    sku: str | None = None
    quantity: int
    unit_price: Money | None = None
    total: Money | None = None


class Refund(_Struct, frozen=True, kw_only=True):
    id: str
    at: datetime | None = None
    amount: Money | None = None
    note: str | None = None


class Order(Activity, frozen=True, kw_only=True):
    """`at` is when the order was placed. `total` is what the customer was charged, tax and shipping included."""

    number: str
    status: OrderStatus
    payment_status: str | None = None  # the vendor's own word
    fulfillment_status: str | None = None  # the vendor's own word
    total: Money | None = None
    subtotal: Money | None = None
    tax: Money | None = None
    shipping: Money | None = None
    discount: Money | None = None
    refunded: Money | None = None
    lines: tuple[OrderLine, ...] = ()  # only when the part "lines" was asked for
    lines_truncated: bool = False
    refunds: tuple[Refund, ...] = ()
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    channel: str | None = None
    payment_methods: tuple[str, ...] = ()
    shipping_address: Address | None = None


class TicketStatus(StrEnum):
    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    SOLVED = "solved"
    CLOSED = "closed"


class Ticket(Activity, frozen=True, kw_only=True):
    """`at` is when the ticket was opened."""

    number: str
    subject: str | None = None
    status: TicketStatus
    priority: str | None = None  # the vendor's own word
    channel: str | None = None
    queue: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    solved_at: datetime | None = None


class AuthorRole(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"
    UNKNOWN = "unknown"  # the source no longer knows the author


class Comment(Activity, frozen=True, kw_only=True):
    """One entry of a ticket's thread, as plain text. `public` is false for notes that the customer does not see."""

    role: AuthorRole
    author: str | None = None
    public: bool = True
    body: str | None = None
    body_truncated: bool = False


class EmailEventType(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    OTHER = "other"


class EmailEvent(Activity, frozen=True, kw_only=True):
    """What happened with one e-mail of a campaign."""

    type: EmailEventType
    campaign_id: str | None = None
    campaign: str | None = None
    link: str | None = None
    reason: str | None = None  # of a bounce or an unsubscription


class Direction(StrEnum):
    INBOUND = "inbound"  # from the customer
    OUTBOUND = "outbound"  # to the customer


class Message(Activity, frozen=True, kw_only=True):
    """One e-mail of a person's correspondence. `at` is when the mailbox received it."""

    subject: str | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    direction: Direction
    mailbox: str | None = None
    message_id: str | None = None
    sent_at: datetime | None = None  # what the Date header claims
    size: int | None = None  # bytes
    body: str | None = None  # plain text, only when the part "body" was asked for
    body_truncated: bool = False
