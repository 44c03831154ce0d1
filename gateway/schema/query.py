"""The questions that can be asked."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import strawberry

from gateway.context import Context
from gateway.execution.prepared import DIRECT, Arguments
from gateway.schema.common import Request
from gateway.schema.customer import Customer, Node, of
from gateway.schema.paging import Edge, PageInfo
from gateway.schema.review import (
    IdentityDecisionConnection,
    MatchReviewConnection,
    decisions_page,
    review_page,
)
from gateway.schema.source import Source
from resolvers.connection import page_size
from resolvers.customer import CustomerView
from resolvers.errors import FieldPath, InvalidArgument
from resolvers.identity.chronicle import Wanted


@strawberry.input(description="A record of one source.")
class SourceRecord:
    name: str = strawberry.field(description="The source's name, as configured.")
    id: strawberry.ID = strawberry.field(description="The source's own id of the person.")


@strawberry.input(one_of=True, description="What to look a customer up by: exactly one of these.")
class CustomerBy:
    id: strawberry.ID | None = strawberry.UNSET
    email: str | None = strawberry.UNSET
    phone: str | None = strawberry.UNSET
    source: SourceRecord | None = strawberry.UNSET


@strawberry.type(description="A page of customers that a search found.")
class CustomerConnection:
    edges: list[Edge[Customer]]
    page_info: PageInfo

    @strawberry.field(description="The customers without their cursors.")
    def nodes(self) -> list[Customer]:
        return [edge.node for edge in self.edges]


async def _customer(context: Context, arguments: Arguments, path: FieldPath) -> Customer | None:
    session, by = context.session, arguments["by"]
    if by.get("id"):
        return of(await session.customer_by_id(by["id"]))
    if by.get("email"):
        return of(await session.customer_by_email(by["email"], path))
    if by.get("phone"):
        return of(await session.customer_by_phone(by["phone"], path))
    if by.get("source"):
        return of(await session.customer_by_record(by["source"]["name"], by["source"]["id"], path))
    raise InvalidArgument("by", "by must not be empty")


async def _customers(context: Context, arguments: Arguments, _: FieldPath) -> list[Customer | None]:
    return [of(view) for view in await context.session.customers(arguments["ids"])]


@strawberry.type
class Query:
    @strawberry.field(
        description="One customer, or null when no source knows them.", metadata={DIRECT: _customer}
    )
    async def customer(self, info: Request, by: CustomerBy) -> Customer | None:
        return await _customer(info.context, {"by": strawberry.asdict(by)}, info.path)

    @strawberry.field(
        description="Customers by id, in the order asked; null where an id is unknown.",
        metadata={DIRECT: _customers},
    )
    async def customers(self, info: Request, ids: list[strawberry.ID]) -> list[Customer | None]:
        return await _customers(info.context, {"ids": ids}, info.path)

    @strawberry.field(description="Customers by name, e-mail, phone, order number or ticket number.")
    async def search(
        self, info: Request, text: str, first: int | None = 20, after: str | None = None
    ) -> CustomerConnection:
        size, skip_to = page_size(first), _read_cursor(after)
        found = await info.context.session.search(text, info.path)
        return _search_page(found, size, skip_to)

    @strawberry.field(description="The configured sources.")
    def sources(self, info: Request) -> list[Source]:
        return [Source(adapter_=adapter) for adapter in info.context.session.engine.sources]

    @strawberry.field(
        description="Pairs of records that wait for a decision, most valuable first. For stewards only."
    )
    async def match_review(
        self,
        info: Request,
        first: int | None = 20,
        after: str | None = None,
        source: Annotated[
            str | None, strawberry.argument(description="Only pairs with a record of this source.")
        ] = None,
        min_confidence: float | None = None,
        max_confidence: float | None = None,
    ) -> MatchReviewConnection:
        wanted = Wanted(
            source=source,
            least=0.0 if min_confidence is None else min_confidence,
            most=1.0 if max_confidence is None else max_confidence,
        )
        return await review_page(info, page_size(first), after, wanted)

    @strawberry.field(
        description="What stewards decided: merges, splits, verdicts on pairs, undos; newest first. For stewards only."
    )
    async def identity_decisions(
        self,
        info: Request,
        first: int | None = 20,
        after: str | None = None,
        actor: Annotated[
            str | None, strawberry.argument(description="Only the decisions of this one.")
        ] = None,
    ) -> IdentityDecisionConnection:
        return await decisions_page(info, page_size(first), after, actor)

    @strawberry.field(description="Relay's global look-up; customers are the only nodes.")
    async def node(self, info: Request, id: strawberry.ID) -> Node | None:
        return of(await info.context.session.customer_by_id(id, "id"))


def _search_page(found: list[CustomerView], size: int, after: str | None) -> CustomerConnection:
    ids = [view.id for view in found]
    start = ids.index(after) + 1 if after in ids else 0
    shown = found[start : start + size]
    edges = [Edge(cursor=_cursor(v.id), node=customer) for v in shown if (customer := of(v)) is not None]
    return CustomerConnection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=len(found) > start + size,
            has_previous_page=start > 0,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )


def _cursor(customer_id: str) -> str:
    return base64.urlsafe_b64encode(f"customer:{customer_id}".encode()).decode().rstrip("=")


def _read_cursor(after: str | None) -> str | None:
    if after is None:
        return None
    try:
        raw = base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raw = ""
    if not raw.startswith("customer:"):
        raise InvalidArgument("after", "after is not a cursor of this connection")
    return raw.removeprefix("customer:")
