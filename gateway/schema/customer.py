"""The customer: one person as all sources know them, every value with where it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from adapters.records import RecordKind
from gateway.schema import contact
from gateway.schema.activity import Activity
from gateway.schema.common import Request, asks_for
from gateway.schema.identity import Identity
from gateway.schema.message import EmailEvent, Message
from gateway.schema.order import Order
from gateway.schema.paging import Connection, page
from gateway.schema.source import SourceStatus, source_status
from gateway.schema.ticket import Ticket
from resolvers.connection import page_size, read_cursor
from resolvers.customer import TIMELINE, CustomerView
from resolvers.errors import InvalidArgument
from resolvers.merge import FIELDS, Merged

C = TypeVar("C", bound=Connection[Any])
T = TypeVar("T")


@strawberry.type(description="A page of orders, newest first.")
class OrderConnection(Connection[Order]):
    pass


@strawberry.type(description="A page of tickets, newest first.")
class TicketConnection(Connection[Ticket]):
    pass


@strawberry.type(description="A page of e-mail events, newest first.")
class EmailEventConnection(Connection[EmailEvent]):
    pass


@strawberry.type(description="A page of messages, newest first.")
class MessageConnection(Connection[Message]):
    pass


@strawberry.type(description="A page of everything that happened, newest first.")
class TimelineConnection(Connection[Activity]):
    pass


@strawberry.type(description="A value that another source has instead.")
class FieldConflict:
    value: str
    source: str


@strawberry.type(description="Where a value of the customer comes from, and why it is this one.")
class FieldProvenance:
    field: str
    value: str
    source: str
    record_id: str
    observed_at: datetime = strawberry.field(description="When it was fetched from the source.")
    rule: str = strawberry.field(description="The survivorship rule: priority, recent, complete or union.")
    agreeing: list[str] = strawberry.field(description="Other sources that say the same.")
    conflicts: list[FieldConflict]


@strawberry.interface(description="Something with an id of its own.")
class Node:
    id: strawberry.ID


@strawberry.federation.type(keys=["id"], description="One person, as all sources together know them.")
class Customer(Node):
    view: strawberry.Private[CustomerView]
    id: strawberry.ID = strawberry.field(description="A UUIDv7 that never changes; old ids keep resolving.")
    redirected_from: strawberry.ID | None = strawberry.field(
        description="The older id that was asked for, if it was merged into this customer."
    )

    @classmethod
    async def resolve_reference(cls, info: Request, id: strawberry.ID) -> Customer | None:
        return of(await info.context.session.customer_by_id(id, "representations.id"))

    @strawberry.field
    async def display_name(self, info: Request) -> str | None:
        return await _one(self, info, "display_name", str)

    @strawberry.field
    async def given_name(self, info: Request) -> str | None:
        return await _one(self, info, "given_name", str)

    @strawberry.field
    async def family_name(self, info: Request) -> str | None:
        return await _one(self, info, "family_name", str)

    @strawberry.field
    async def birth_date(self, info: Request) -> date | None:
        return await _one(self, info, "birth_date", date)

    @strawberry.field(description="BCP 47.")
    async def language(self, info: Request) -> str | None:
        return await _one(self, info, "language", str)

    @strawberry.field
    async def email_addresses(self, info: Request) -> list[contact.EmailAddress] | None:
        return await _many(self, info, "email_addresses", contact.email_address)

    @strawberry.field
    async def phone_numbers(self, info: Request) -> list[contact.PhoneNumber] | None:
        return await _many(self, info, "phone_numbers", contact.phone_number)

    @strawberry.field
    async def addresses(self, info: Request) -> list[contact.PostalAddress] | None:
        return await _many(self, info, "addresses", contact.postal_address)

    @strawberry.field
    async def consents(self, info: Request) -> list[contact.Consent] | None:
        return await _many(self, info, "consents", contact.consent)

    @strawberry.field
    async def preferences(self, info: Request) -> list[contact.Preference] | None:
        return await _many(self, info, "preferences", contact.preference)

    @strawberry.field
    async def account(self, info: Request) -> contact.Account | None:
        merged = await self.view.merged("account", info.path)
        return contact.account(merged[0]) if merged else None

    @strawberry.field(description="Where values come from; of all fields where none are named.")
    async def provenance(
        self, info: Request, fields: list[str] | None = None
    ) -> list[FieldProvenance] | None:
        found: list[FieldProvenance] = []
        for name in _field_names(fields):
            merged = await self.view.merged(name, info.path)
            found += [_provenance(self.view, name, m) for m in merged]
        return found

    @strawberry.field
    async def orders(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> OrderConnection | None:
        return await _page(self, info, OrderConnection, [RecordKind.ORDER], first, after)

    @strawberry.field
    async def tickets(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> TicketConnection | None:
        return await _page(self, info, TicketConnection, [RecordKind.TICKET], first, after)

    @strawberry.field(description="What happened with the e-mails of campaigns.")
    async def email_events(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> EmailEventConnection | None:
        return await _page(self, info, EmailEventConnection, [RecordKind.EMAIL_EVENT], first, after)

    @strawberry.field(description="The correspondence in the connected mailboxes.")
    async def messages(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> MessageConnection | None:
        return await _page(self, info, MessageConnection, [RecordKind.MESSAGE], first, after)

    @strawberry.field(description="Orders, tickets, e-mail events and messages in one stream.")
    async def timeline(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> TimelineConnection | None:
        return await _page(self, info, TimelineConnection, TIMELINE, first, after)

    @strawberry.field(
        description="The source records that are this customer, and why; with `asOf`, as it was believed to be then."
    )
    def identity(self, as_of: datetime | None = None) -> Identity:
        return Identity(view=self.view, at=as_of)

    @strawberry.field(description="What each source contributed to this answer.")
    async def sources(self) -> list[SourceStatus]:
        return [source_status(s) for s in await self.view.statuses()]


def of(view: CustomerView | None) -> Customer | None:
    """The GraphQL object of a view."""
    if view is None:
        return None
    redirected = strawberry.ID(view.redirected_from) if view.redirected_from else None
    return Customer(view=view, id=strawberry.ID(view.id), redirected_from=redirected)


async def _one(customer: Customer, info: Request, name: str, _type: type[T]) -> T | None:
    merged = await customer.view.merged(name, info.path)
    value: T | None = merged[0].value if merged else None
    return value


async def _many(customer: Customer, info: Request, name: str, make: Callable[[Merged], T]) -> list[T] | None:
    """A merged list; None, not an empty list, when no source that could have said something answered."""
    merged = await customer.view.merged(name, info.path)
    if not merged and not customer.view.answered(name):
        return None
    return [make(m) for m in merged]


async def _page(
    customer: Customer,
    info: Request,
    into: type[C],
    kinds: Sequence[RecordKind],
    first: int | None,
    after: str | None,
) -> C | None:
    parts = frozenset(part for part in ("lines", "body") if asks_for(info, part))
    place = read_cursor(after)
    found = await customer.view.activities(kinds, page_size(first), place, parts, info.path)
    return page(into, found, after)


def _field_names(fields: list[str] | None) -> list[str]:
    if fields is None:
        return list(FIELDS)
    names = [to_snake_case(f) for f in fields]
    if any(n not in FIELDS or to_camel_case(n) != f for n, f in zip(names, fields, strict=True)):
        valid = ", ".join(to_camel_case(n) for n in FIELDS)
        raise InvalidArgument("fields", f"fields names something that has no provenance (valid: {valid})")
    return names


def _provenance(view: CustomerView, name: str, merged: Merged) -> FieldProvenance:
    return FieldProvenance(
        field=to_camel_case(name),
        value=view.text(name, merged.value),
        source=merged.source,
        record_id=merged.record_id,
        observed_at=merged.observed_at,
        rule=merged.rule.value,
        agreeing=list(merged.agreeing),
        conflicts=[FieldConflict(value=view.text(name, v), source=s) for v, s in merged.conflicts],
    )
