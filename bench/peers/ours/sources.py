"""Four adapters for the benchmark's sources, written as anybody's would be: kit client, typed models, canonical records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import Field

from adapters.base import (
    AdapterSettings,
    AdapterType,
    Call,
    Changes,
    Found,
    KeyType,
    KindSupport,
    Manifest,
    MatchKey,
    Owner,
    Page,
    SourceKind,
    Window,
)
from adapters.contract.quality import QUALITY_RULES
from adapters.errors import SourceRejected
from adapters.kit.http import SourceClient, Transport
from adapters.kit.paging import chunks
from adapters.records import (
    Activity,
    Address,
    EmailAddress,
    EmailEvent,
    EmailEventType,
    Money,
    Order,
    OrderLine,
    OrderStatus,
    PhoneNumber,
    Profile,
    RecordKind,
    Ticket,
    TicketStatus,
)

BATCH = 100
T = TypeVar("T")


class SourceSettings(AdapterSettings):
    base_url: str = Field(description="Where the source is.")


class _Email(msgspec.Struct, gc=False):
    value: str
    label: str | None = None
    primary: bool = False


class _Phone(msgspec.Struct, gc=False):
    value: str
    label: str | None = None
    primary: bool = False


class _Address(msgspec.Struct, rename="camel", gc=False):
    label: str | None = None
    name: str | None = None
    street: str | None = None
    postcode: str | None = None
    city: str | None = None
    country: str | None = None
    primary: bool = False


class Contact(msgspec.Struct, rename="camel", gc=False):
    id: str
    given_name: str | None = None
    family_name: str | None = None
    birth_date: date | None = None
    language: str | None = None
    email_addresses: list[_Email] = []
    phone_numbers: list[_Phone] = []
    addresses: list[_Address] = []


class _Line(msgspec.Struct, gc=False):
    title: str
    quantity: int
    total: Money


class Purchase(msgspec.Struct, gc=False):
    id: str
    number: str
    at: datetime
    status: str
    total: Money
    lines: list[_Line] = []


class Case(msgspec.Struct, gc=False):
    id: str
    number: str
    at: datetime
    status: str
    subject: str | None = None
    priority: str | None = None


class Mailing(msgspec.Struct, gc=False):
    id: str
    at: datetime
    type: str
    campaign: str | None = None
    link: str | None = None


_ORDER = {status.name: status for status in OrderStatus}
_TICKET = {status.name: status for status in TicketStatus}
_EVENT = {type_.name: type_ for type_ in EmailEventType}


class Feed(msgspec.Struct, Generic[T], rename="camel", gc=False):
    customer: str
    nodes: list[T]
    has_more: bool


class _Source:
    """What the four have in common. None of them can be searched: the identity map says who is who."""

    manifest: Manifest

    def __init__(self, name: str, settings: SourceSettings, transport: Transport | None) -> None:
        self.name = name
        self._http = SourceClient(name, settings.base_url, settings, transport=transport)

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        return {key: Found() for key in keys}

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        return {}

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        return {owner.ref: Page() for owner in owners}

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        raise SourceRejected(self.name, "changes", "not offered")

    async def check(self, call: Call) -> str:
        return "the stub of the benchmark"

    async def aclose(self) -> None:
        await self._http.aclose()


def profile_of(source: str, contact: Contact) -> Profile:
    """The canonical record of a person."""
    return Profile(
        source=source,
        id=contact.id,
        given_name=contact.given_name,
        family_name=contact.family_name,
        birth_date=contact.birth_date,
        language=contact.language,
        emails=tuple(EmailAddress(value=e.value, label=e.label, primary=e.primary) for e in contact.email_addresses),
        phones=tuple(PhoneNumber(value=p.value, label=p.label, primary=p.primary) for p in contact.phone_numbers),
        addresses=tuple(
            Address(
                label=a.label, name=a.name, street=a.street, postcode=a.postcode, city=a.city, country=a.country,
                primary=a.primary,
            )
            for a in contact.addresses
        ),
    )  # fmt: skip


class Crm(_Source):
    """People."""

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        found: dict[str, Profile] = {}
        for part in chunks(list(ids), BATCH):
            asked = {"ids": ",".join(part)}
            contacts = await self._http.call(
                "contacts", "GET", "/crm/contacts", list[Contact], call, params=asked
            )
            found |= {contact.id: profile_of(self.name, contact) for contact in contacts}
        return found


class _Feeds(_Source, ABC):
    """A source of one kind of activity."""

    operation: str
    path: str
    model: Any

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """The newest of each owner: the stub knows no other window, and the benchmark asks for none."""
        if window.before is not None:
            raise SourceRejected(self.name, self.operation, "only the newest can be read")
        pages: dict[str, Page] = {owner.ref: Page() for owner in owners}
        for part in chunks(list(pages), BATCH):
            asked = {"customers": ",".join(part), "limit": str(window.limit)}
            feeds = await self._http.call(self.operation, "GET", self.path, self.model, call, params=asked)
            for feed in feeds:
                records = tuple(self._record(item, feed.customer) for item in feed.nodes)
                pages[feed.customer] = Page(records=records, has_more=feed.has_more)
        return pages

    @abstractmethod
    def _record(self, item: Any, owner: str) -> Activity:
        """The canonical record of an item."""


class Shop(_Feeds):
    operation, path, model = "orders", "/shop/orders", list[Feed[Purchase]]

    def _record(self, item: Purchase, owner: str) -> Order:
        return Order(
            source=self.name, id=item.id, at=item.at, owner=owner, number=item.number,
            status=_ORDER[item.status], total=item.total,
            lines=tuple(
                OrderLine(id=f"{item.id}-{n}", title=line.title, quantity=line.quantity, total=line.total)
                for n, line in enumerate(item.lines)
            ),
        )  # fmt: skip


class Support(_Feeds):
    operation, path, model = "tickets", "/support/tickets", list[Feed[Case]]

    def _record(self, item: Case, owner: str) -> Ticket:
        return Ticket(
            source=self.name, id=item.id, at=item.at, owner=owner, number=item.number, subject=item.subject,
            status=_TICKET[item.status], priority=item.priority,
        )  # fmt: skip


class Mail(_Feeds):
    operation, path, model = "events", "/mail/events", list[Feed[Mailing]]

    def _record(self, item: Mailing, owner: str) -> EmailEvent:
        return EmailEvent(
            source=self.name, id=item.id, at=item.at, owner=owner, type=_EVENT[item.type],
            campaign=item.campaign, link=item.link,
        )  # fmt: skip


_PROFILE = frozenset({"given_name", "family_name", "birth_date", "language", "emails", "phones", "addresses"})


def _adapter(
    name: str, kind: SourceKind, of: RecordKind, made: Callable[..., _Source], fields: frozenset[str] = frozenset()
) -> AdapterType:  # fmt: skip
    support = KindSupport(calls="one for each 100 customers", batch=BATCH)
    manifest = Manifest(
        adapter=f"bench-{name}",
        title=f"The benchmark's {name}",
        kind=kind,
        api="1",
        verified="the stub",
        lookups={},
        cannot_look_up=dict.fromkeys(KeyType, "the stub cannot be searched"),
        kinds={of: support},
        profile_fields=fields,
        quality=dict.fromkeys(QUALITY_RULES, "exempt: made for the benchmark"),
    )

    def build(source: str, settings: SourceSettings, transport: Transport | None) -> _Source:
        adapter = made(source, settings, transport)
        adapter.manifest = manifest
        return adapter

    return AdapterType(manifest=manifest, settings=SourceSettings, build=build)


ADAPTERS: Mapping[str, AdapterType] = {
    "bench-crm": _adapter("crm", SourceKind.CRM, RecordKind.PROFILE, Crm, _PROFILE),
    "bench-shop": _adapter("shop", SourceKind.WEBSHOP, RecordKind.ORDER, Shop),
    "bench-support": _adapter("support", SourceKind.SUPPORT, RecordKind.TICKET, Support),
    "bench-mail": _adapter("mail", SourceKind.EMAIL, RecordKind.EMAIL_EVENT, Mail),
}
"""By the names of the adapters; the sources are called crm, shop, support and mail."""
