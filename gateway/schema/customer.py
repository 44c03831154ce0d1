"""The customer: one person as all sources know them, every value with where it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from adapters.records import RecordKind
from gateway.execution.prepared import Arguments, Prepared
from gateway.schema import contact
from gateway.schema.activity import Activity
from gateway.schema.cache_control import CacheControl
from gateway.schema.common import Request, names_asked
from gateway.schema.identity import Identity
from gateway.schema.message import EmailEvent, Message
from gateway.schema.order import Order
from gateway.schema.paging import Connection, page
from gateway.schema.source import SourceStatus, source_status
from gateway.schema.ticket import Ticket
from resolvers.connection import Place, page_size, read_cursor
from resolvers.customer import TIMELINE, CustomerView, Profiles, complete, page_of
from resolvers.errors import FieldPath, InvalidArgument
from resolvers.loading import Wanted
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


def _one(name: str, _type: type[T]) -> Prepared[T | None]:
    """A merged field of one value."""

    def read(customer: Customer, _: Arguments, wanted: Profiles) -> T | None:
        merged = customer.view.merged_of(name, wanted)
        return merged[0].value if merged else None

    return Prepared(lambda customer, _, __, path: customer.view.want(name, path), read)


def _made(name: str, make: Callable[[Merged], T]) -> Prepared[T | None]:
    """A merged field of one structure."""

    def read(customer: Customer, _: Arguments, wanted: Profiles) -> T | None:
        merged = customer.view.merged_of(name, wanted)
        return make(merged[0]) if merged else None

    return Prepared(lambda customer, _, __, path: customer.view.want(name, path), read)


def _many(name: str, make: Callable[[Merged], T]) -> Prepared[list[T] | None]:
    """A merged list; None, not an empty list, when no source that could have said something answered."""

    def read(customer: Customer, _: Arguments, wanted: Profiles) -> list[T] | None:
        merged = customer.view.merged_of(name, wanted)
        if not merged and not complete(wanted):
            return None
        return [make(m) for m in merged]

    return Prepared(lambda customer, _, __, path: customer.view.want(name, path), read)


class Pages(Generic[C]):
    """A connection of some kinds of activities."""

    def __init__(self, into: type[C], kinds: Sequence[RecordKind]) -> None:
        self.into, self.kinds = into, kinds
        self.prepared = Prepared(self._want, self._read)
        self.metadata = self.prepared.metadata

    def _want(
        self, customer: Customer, arguments: Arguments, names: frozenset[str], path: FieldPath
    ) -> Wanted | None:
        if customer.view.waits_for_addresses(self.kinds):
            return None
        size, place = _page_asked(arguments["first"], arguments["after"])
        return customer.view.want_activities(self.kinds, size, place, _parts(names), path)

    def _read(self, _: Customer, arguments: Arguments, wanted: Wanted) -> C | None:
        size, _place = _page_asked(arguments["first"], arguments["after"])
        return page(self.into, page_of(wanted, size), arguments["after"])


@lru_cache(maxsize=256)
def _page_asked(first: int | None, after: str | None) -> tuple[int, Place | None]:
    """For every customer of a list the same."""
    return page_size(first), read_cursor(after)


def _parts(names: frozenset[str]) -> frozenset[str]:
    """The costly parts of activities that a selection asks for."""
    return names & _COSTLY


_COSTLY = frozenset({"lines", "body"})
_NO_NAMES = frozenset[str]()

_DISPLAY_NAME = _one("display_name", str)
_GIVEN_NAME = _one("given_name", str)
_FAMILY_NAME = _one("family_name", str)
_BIRTH_DATE = _one("birth_date", date)
_LANGUAGE = _one("language", str)
_EMAIL_ADDRESSES = _many("email_addresses", contact.email_address)
_PHONE_NUMBERS = _many("phone_numbers", contact.phone_number)
_ADDRESSES = _many("addresses", contact.postal_address)
_CONSENTS = _many("consents", contact.consent)
_PREFERENCES = _many("preferences", contact.preference)
_ACCOUNT = _made("account", contact.account)
_ORDERS = Pages(OrderConnection, [RecordKind.ORDER])
_TICKETS = Pages(TicketConnection, [RecordKind.TICKET])
_EMAIL_EVENTS = Pages(EmailEventConnection, [RecordKind.EMAIL_EVENT])
_MESSAGES = Pages(MessageConnection, [RecordKind.MESSAGE])
_TIMELINE = Pages(TimelineConnection, TIMELINE)


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

    @strawberry.field(metadata=_DISPLAY_NAME.metadata)
    async def display_name(self, info: Request) -> str | None:
        return await _resolved(_DISPLAY_NAME, self, info)

    @strawberry.field(metadata=_GIVEN_NAME.metadata)
    async def given_name(self, info: Request) -> str | None:
        return await _resolved(_GIVEN_NAME, self, info)

    @strawberry.field(metadata=_FAMILY_NAME.metadata)
    async def family_name(self, info: Request) -> str | None:
        return await _resolved(_FAMILY_NAME, self, info)

    @strawberry.field(metadata=_BIRTH_DATE.metadata)
    async def birth_date(self, info: Request) -> date | None:
        return await _resolved(_BIRTH_DATE, self, info)

    @strawberry.field(description="BCP 47.", metadata=_LANGUAGE.metadata)
    async def language(self, info: Request) -> str | None:
        return await _resolved(_LANGUAGE, self, info)

    @strawberry.field(metadata=_EMAIL_ADDRESSES.metadata)
    async def email_addresses(self, info: Request) -> list[contact.EmailAddress] | None:
        return await _resolved(_EMAIL_ADDRESSES, self, info)

    @strawberry.field(metadata=_PHONE_NUMBERS.metadata)
    async def phone_numbers(self, info: Request) -> list[contact.PhoneNumber] | None:
        return await _resolved(_PHONE_NUMBERS, self, info)

    @strawberry.field(metadata=_ADDRESSES.metadata)
    async def addresses(self, info: Request) -> list[contact.PostalAddress] | None:
        return await _resolved(_ADDRESSES, self, info)

    @strawberry.field(metadata=_CONSENTS.metadata, directives=[CacheControl(max_age=60)])
    async def consents(self, info: Request) -> list[contact.Consent] | None:
        return await _resolved(_CONSENTS, self, info)

    @strawberry.field(metadata=_PREFERENCES.metadata)
    async def preferences(self, info: Request) -> list[contact.Preference] | None:
        return await _resolved(_PREFERENCES, self, info)

    @strawberry.field(metadata=_ACCOUNT.metadata)
    async def account(self, info: Request) -> contact.Account | None:
        return await _resolved(_ACCOUNT, self, info)

    @strawberry.field(description="Where values come from; of all fields where none are named.")
    async def provenance(
        self, info: Request, fields: list[str] | None = None
    ) -> list[FieldProvenance] | None:
        found: list[FieldProvenance] = []
        for name in _field_names(fields):
            merged = await self.view.merged(name, info.path)
            found += [_provenance(self.view, name, m) for m in merged]
        return found

    @strawberry.field(metadata=_ORDERS.metadata)
    async def orders(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> OrderConnection | None:
        return await _page(_ORDERS, self, info, first, after)

    @strawberry.field(metadata=_TICKETS.metadata)
    async def tickets(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> TicketConnection | None:
        return await _page(_TICKETS, self, info, first, after)

    @strawberry.field(
        description="What happened with the e-mails of campaigns.", metadata=_EMAIL_EVENTS.metadata
    )
    async def email_events(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> EmailEventConnection | None:
        return await _page(_EMAIL_EVENTS, self, info, first, after)

    @strawberry.field(
        description="The correspondence in the connected mailboxes.", metadata=_MESSAGES.metadata
    )
    async def messages(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> MessageConnection | None:
        return await _page(_MESSAGES, self, info, first, after)

    @strawberry.field(
        description="Orders, tickets, e-mail events and messages in one stream.", metadata=_TIMELINE.metadata
    )
    async def timeline(
        self, info: Request, first: int | None = 20, after: str | None = None
    ) -> TimelineConnection | None:
        return await _page(_TIMELINE, self, info, first, after)

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


async def _resolved(prepared: Prepared[T], customer: Customer, info: Request) -> T:
    return await prepared.resolved(customer, info.path, _NO_NAMES)


async def _page(
    pages: Pages[C], customer: Customer, info: Request, first: int | None, after: str | None
) -> C | None:
    """A page, also of what is found by e-mail address, which has to be known first."""
    names = names_asked(info)
    if not customer.view.waits_for_addresses(pages.kinds):
        return await pages.prepared.resolved(customer, info.path, names, first=first, after=after)
    size, place = page_size(first), read_cursor(after)
    found = await customer.view.activities(pages.kinds, size, place, _parts(names), info.path)
    return page(pages.into, found, after)


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
