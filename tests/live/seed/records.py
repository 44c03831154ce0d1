"""What was created in the real systems, with the ids and times that the servers gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tests.live.seed.plans import Address, Person


@dataclass(frozen=True, kw_only=True)
class Party:
    """A party in the CRM. Phones and addresses are as the CRM keeps them."""

    id: int
    code: str
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    addresses: tuple[Address, ...]
    language: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class ShopCustomer:
    """A customer of the shop; one who only ever ordered as a guest has no account."""

    id: str
    given_name: str
    family_name: str
    email: str
    phone: str | None
    addresses: tuple[Address, ...]
    has_account: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """One line of an order; money with tax, in the order's currency."""

    sku: str
    name: str
    quantity: int
    unit_price: Decimal
    total: Decimal


@dataclass(frozen=True, kw_only=True)
class Order:
    """A placed order; money in its currency."""

    id: str
    code: str
    customer_id: str
    state: str
    currency: str
    lines: tuple[OrderLine, ...]
    shipping: Decimal
    shipping_method: str
    shipping_address: Address
    total: Decimal
    total_without_tax: Decimal
    placed_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Requester:
    """A helpdesk user who asks for help."""

    id: int
    login: str
    email: str
    name: str
    phones: tuple[str, ...]
    language: str | None


@dataclass(frozen=True, kw_only=True)
class TicketMessage:
    """One message in a ticket; `author` is the helpdesk's login of whoever wrote it."""

    transaction_id: int
    inbound: bool
    author: str
    text: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A ticket with its thread, oldest message first."""

    id: int
    subject: str
    status: str
    queue: str
    requester_email: str
    created_at: datetime
    updated_at: datetime
    messages: tuple[TicketMessage, ...]


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A message in the mailbox; `sent_at` is its Date header, `internal_date` what the server was told."""

    folder: str
    uid: int
    uid_validity: int
    message_id: str
    subject: str
    sender_name: str
    sender: str
    recipients: tuple[str, ...]
    copied: tuple[str, ...]
    in_reply_to: str | None
    sent_at: datetime
    internal_date: datetime
    text: str
    html: bool
    attachments: tuple[str, ...]
    size: int


@dataclass(frozen=True, kw_only=True)
class Traces:
    """One person's records in all four systems; what they have nowhere is empty."""

    person: Person
    parties: tuple[Party, ...] = ()
    customers: tuple[ShopCustomer, ...] = ()
    orders: tuple[Order, ...] = ()
    requester: Requester | None = None
    tickets: tuple[Ticket, ...] = ()
    mails: tuple[Mail, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Created:
    """Everything that was put into the systems, by the person's key in the cast."""

    people: Mapping[str, Traces]

    def __getitem__(self, key: str) -> Traces:
        return self.people[key]
