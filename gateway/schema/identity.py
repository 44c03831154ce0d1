"""Which source records are one customer, why, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway.schema.cache_control import CacheControl
from gateway.schema.common import Request
from gateway.schema.evidence import (
    Evidence,
    IdentityEdge,
    IdentityEvent,
    RecordInput,
    RecordReference,
    edge,
    edges,
    event,
    evidence_of,
    reference,
)
from resolvers.connection import page_size
from resolvers.customer import CustomerView
from resolvers.errors import InvalidArgument
from resolvers.identity.fan_out import FanOut

if TYPE_CHECKING:
    from gateway.schema.customer import Customer


@strawberry.type(description="A source record that belongs to the customer.")
class Member:
    source: str
    record_id: str
    linked_at: datetime
    confidence: float
    evidence: list[Evidence]


@strawberry.type(description="An event of a customer's history.")
class HistoryEntry:
    event: IdentityEvent
    undone_by: strawberry.ID | None = strawberry.field(description="The undo that took it back.")
    edges: list[IdentityEdge] = strawberry.field(description="What it says of the customer's records.")


@strawberry.type(description="A pair that alone holds two sides of the customer together.")
class Bridge:
    a: RecordReference
    b: RecordReference
    a_side: int = strawberry.field(description="Records on a's side.")
    b_side: int = strawberry.field(description="Records on b's side.")
    evidence: list[IdentityEdge]


@strawberry.enum(description="Who shares a contact.")
class SharedBy(Enum):
    HOUSEHOLD = FanOut.HOUSEHOLD
    COMPANY = FanOut.COMPANY


@strawberry.type(
    description="An e-mail address or phone number that this customer and others have. Which one it is, is not shown."
)
class SharedContact:
    views: strawberry.Private[Iterable[CustomerView]]
    shared_by: SharedBy
    key_type: str = strawberry.field(description="“email” or “phone”.")

    @strawberry.field(description="The others who have it; at most 50 of all contacts together.")
    def customers(
        self, first: int | None = 20
    ) -> list[Annotated[Customer, strawberry.lazy("gateway.schema.customer")]]:
        return _others(self.views, first)


@strawberry.type(description="The records that are this customer.", directives=[CacheControl(max_age=60)])
class Identity:
    view: strawberry.Private[CustomerView]
    at: strawberry.Private[datetime | None]

    @strawberry.field(description="Empty with an `asOf` at which there was no such customer.")
    async def members(self) -> list[Member]:
        if self.at is None:
            found, known = self.view.members, await self.view.evidence()
        else:
            believed = await self.view.believed(_aware(self.at))
            if believed is None:
                return []
            found, known = believed.customer.members, believed.evidence
        return [
            Member(
                source=m.source,
                record_id=m.record_id,
                linked_at=m.linked_at,
                confidence=m.confidence,
                evidence=evidence_of((m.source, m.record_id), known),
            )
            for m in found
        ]

    @strawberry.field(
        description="The strongest way from one record to the other, a link for each step; empty where there is none."
    )
    async def why(self, a: RecordInput, b: RecordInput) -> list[IdentityEdge]:
        return edges(await self.view.why(a.ref(), b.ref()))

    @strawberry.field(
        description="Pairs without which the customer would fall apart, weakest first: look at these."
    )
    async def bridges(self) -> list[Bridge]:
        return [
            Bridge(
                a=reference(b.a),
                b=reference(b.b),
                a_side=b.a_side,
                b_side=b.b_side,
                evidence=edges(b.evidence),
            )
            for b in await self.view.bridges()
        ]

    @strawberry.field(
        description="Other customers who share a household's contact with this one, such as the family's landline: they are "
        "related, and not one person. As known now; at most 50."
    )
    async def household(
        self, info: Request, first: int | None = 20
    ) -> list[Annotated[Customer, strawberry.lazy("gateway.schema.customer")]]:
        return _others(await info.context.session.related.people(self.view.id, FanOut.HOUSEHOLD), first)

    @strawberry.field(
        description="Other customers who share a company's contact with this one, such as a switchboard: people of one "
        "account, or who nothing shows to be a family. As known now; at most 50."
    )
    async def colleagues(
        self, info: Request, first: int | None = 20
    ) -> list[Annotated[Customer, strawberry.lazy("gateway.schema.customer")]]:
        return _others(await info.context.session.related.people(self.view.id, FanOut.COMPANY), first)

    @strawberry.field(
        description="The contacts that `household` and `colleagues` come from, households' first."
    )
    async def shared_contacts(self, info: Request, first: int | None = 20) -> list[SharedContact]:
        found = await info.context.session.related.contacts(self.view.id)
        return [
            SharedContact(views=c.customers, shared_by=SharedBy(c.fan_out), key_type=c.key_type)
            for c in found[: page_size(first)]
        ]

    @strawberry.field(description="What happened to these records, oldest first, up to now.")
    async def history(self) -> list[HistoryEntry]:
        return [
            HistoryEntry(
                event=event(entry.event),
                undone_by=strawberry.ID(str(entry.undone_by)) if entry.undone_by else None,
                edges=[edge(e, entry.event) for e in entry.edges],
            )
            for entry in await self.view.history()
        ]


def _others(views: Iterable[CustomerView], first: int | None) -> list[Customer]:
    from gateway.schema.customer import of  # which knows this module

    customers = (of(view) for view in views)
    return [c for c in customers if c is not None][: page_size(first)]


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise InvalidArgument("asOf", "asOf needs a time zone, such as 2026-11-21T12:00:00Z")
    return at
