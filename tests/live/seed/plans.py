"""What a person of the cast is going to leave in the real systems, before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum

SUPPORT = "support@shop.example"
CET = timezone(timedelta(hours=1))


@dataclass(frozen=True, kw_only=True)
class Address:
    """A postal address; the country is its two-letter code."""

    street: str
    city: str
    postal_code: str
    country: str


@dataclass(frozen=True, kw_only=True)
class CrmEntry:
    """A party for the CRM."""

    name: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class ShopEntry:
    """How a person calls themselves in the shop, with an account or as a guest."""

    given_name: str
    family_name: str
    email: str
    phone: str | None = None
    address: Address
    account: bool = True


class Outcome(Enum):
    """How far an order gets."""

    AUTHORIZED = "PaymentAuthorized"
    PAID = "PaymentSettled"
    SHIPPED = "Shipped"
    DELIVERED = "Delivered"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, kw_only=True)
class OrderPlan:
    """Article numbers with quantities; `buyer` only where it is not the person's own shop entry."""

    lines: tuple[tuple[str, int], ...]
    currency: str = "USD"
    shipping: str = "Standard Shipping"
    outcome: Outcome = Outcome.PAID
    buyer: ShopEntry | None = None


@dataclass(frozen=True, kw_only=True)
class HelpdeskEntry:
    """A requester whose record an agent has filled in; one who just writes in has only what the mail says."""

    email: str
    name: str
    mobile: str = ""
    work_phone: str = ""
    language: str | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """The customer writes; the first question opens the ticket."""

    text: str
    html: str | None = None
    attachment: tuple[str, bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An agent replies, and the status changes with it where one is given."""

    text: str
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class TicketPlan:
    """A ticket opened by mail from an address, and what follows."""

    subject: str
    sender: str
    sender_name: str
    steps: tuple[Question | Answer, ...]
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class MailPlan:
    """A message for the mailbox; addresses may carry a name, `Name <address>`."""

    subject: str
    sender: str
    recipients: tuple[str, ...]
    sent_at: datetime
    text: str
    copied: tuple[str, ...] = ()
    html: str | None = None
    attachments: tuple[tuple[str, bytes], ...] = ()
    charset: str = "utf-8"
    folder: str = "INBOX"
    replies_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class Person:
    """One of the cast: what this person leaves in which system."""

    key: str
    parties: tuple[CrmEntry, ...] = ()
    shop: ShopEntry | None = None
    orders: tuple[OrderPlan, ...] = ()
    helpdesk: HelpdeskEntry | None = None
    tickets: tuple[TicketPlan, ...] = ()
    mails: tuple[MailPlan, ...] = ()
