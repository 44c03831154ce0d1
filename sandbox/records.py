"""The records of the four systems, and the indexes that find them.

Times are whole seconds since 1970 in UTC; each dialect writes them its own way. Records are mutable because the
control interface changes them, and only through `Table.put`, which keeps the indexes right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class HasId(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=HasId)


class Table(Generic[R]):
    """Records by id, with any number of named indexes from a key to the records that carry it."""

    def __init__(self, indexes: dict[str, Callable[[R], Iterable[str]]]) -> None:
        self._rows: dict[str, R] = {}
        self._extract = indexes
        self._index: dict[str, dict[str, list[str]]] = {name: {} for name in indexes}
        self._keys: dict[str, tuple[tuple[str, str], ...]] = {}

    def put(self, record: R) -> None:
        """Adds the record, or takes note that it changed."""
        for name, key in self._keys.pop(record.id, ()):
            self._index[name][key].remove(record.id)
        self._rows[record.id] = record
        keys = tuple(
            (name, key) for name, of in self._extract.items() for key in dict.fromkeys(of(record)) if key
        )
        for name, key in keys:
            self._index[name].setdefault(key, []).append(record.id)
        if keys:
            self._keys[record.id] = keys

    def get(self, record_id: str) -> R | None:
        return self._rows.get(record_id)

    def find(self, index: str, key: str) -> list[R]:
        """All records with that key, oldest entry first."""
        return [self._rows[i] for i in self._index[index].get(key, ())]

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._rows


@dataclass(slots=True, kw_only=True)
class HubSpotContact:
    id: str
    properties: dict[str, str]
    created: int
    updated: int
    company: str | None = None


@dataclass(slots=True, kw_only=True)
class HubSpotCompany:
    id: str
    properties: dict[str, str]
    created: int
    updated: int


@dataclass(slots=True, kw_only=True)
class ShopAddress:
    id: str
    given: str | None
    family: str | None
    company: str | None
    street: str
    city: str
    zip: str
    province: str | None
    country: str
    phone: str | None


@dataclass(slots=True, kw_only=True)
class ShopCustomer:
    id: str
    given: str | None
    family: str | None
    email: str | None
    phone: str | None
    """E.164, as the shop insists."""
    locale: str
    state: str
    marketing: str
    marketing_updated: int | None
    addresses: list[ShopAddress]
    created: int
    updated: int
    currency: str
    note: str | None = None
    tags: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class ShopLine:
    id: str
    title: str
    sku: str
    quantity: int
    unit: int
    """Price of one, in hundredths of the currency (whole units for JPY are stored as hundredths too)."""
    discounted: int
    """Price of the whole line after discounts, in hundredths."""
    variant: str


@dataclass(slots=True, kw_only=True)
class ShopRefund:
    id: str
    created: int
    amount: int
    note: str | None


@dataclass(slots=True, kw_only=True)
class ShopOrder:
    id: str
    number: int
    customer: str | None
    """The customer's id; none for an order placed without an account and never linked to one."""
    email: str | None
    phone: str | None
    created: int
    processed: int
    updated: int
    currency: str
    lines: list[ShopLine]
    shipping: int
    tax: int
    discount: int
    financial: str
    fulfillment: str
    channel: str
    gateway: str
    address: ShopAddress | None
    cancelled: int | None = None
    cancel_reason: str | None = None
    refunds: list[ShopRefund] = field(default_factory=list)

    @property
    def subtotal(self) -> int:
        return sum(line.discounted for line in self.lines)

    @property
    def total(self) -> int:
        return self.subtotal + self.shipping

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds)


@dataclass(slots=True, kw_only=True)
class ZendeskIdentity:
    id: str
    kind: str
    """email or phone_number."""
    value: str
    primary: bool
    verified: bool


@dataclass(slots=True, kw_only=True)
class ZendeskUser:
    id: str
    name: str
    email: str | None
    phone: str | None
    role: str
    locale: str
    created: int
    updated: int
    identities: list[ZendeskIdentity]
    external_id: str | None = None
    organization: str | None = None
    shared_phone: bool | None = None
    notes: str = ""
    time_zone: str = "Berlin"


@dataclass(slots=True, kw_only=True)
class ZendeskComment:
    id: str
    author: str
    body: str
    public: bool
    created: int


@dataclass(slots=True, kw_only=True)
class ZendeskTicket:
    id: str
    requester: str
    assignee: str | None
    subject: str
    status: str
    priority: str | None
    kind: str | None
    channel: str
    created: int
    updated: int
    comments: list[ZendeskComment]
    tags: tuple[str, ...] = ()
    organization: str | None = None
    score: str = "unoffered"


@dataclass(slots=True, kw_only=True)
class Campaign:
    id: str
    title: str
    sent: int


@dataclass(slots=True, kw_only=True)
class MailEvent:
    kind: str
    """sent, open, click, bounce or unsub."""
    at: int
    campaign: str
    detail: str | None = None
    """The link of a click, hard or soft for a bounce, the reason of an unsubscription."""


@dataclass(slots=True, kw_only=True)
class MailMember:
    id: str
    """Mailchimp's contact_id."""
    email: str
    merge: dict[str, object]
    status: str
    permissions: tuple[tuple[str, bool], ...]
    language: str
    country: str
    created: int
    changed: int
    events: list[MailEvent]
    """Oldest first."""
    tags: tuple[str, ...] = ()
    vip: bool = False
    unsubscribe_reason: str | None = None
