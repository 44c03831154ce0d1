"""A plain Strawberry + Starlette + httpx server on the benchmark's sources; the first line of its output is its port."""

from __future__ import annotations

import argparse
import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import httpx
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader

Info = strawberry.Info[dict[str, Any], None]
Json = dict[str, Any]


@strawberry.enum
class OrderStatus(Enum):
    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


@strawberry.enum
class TicketStatus(Enum):
    OPEN = "OPEN"
    PENDING = "PENDING"
    SOLVED = "SOLVED"


@strawberry.enum
class EmailEventType(Enum):
    SENT = "SENT"
    OPENED = "OPENED"
    CLICKED = "CLICKED"


@strawberry.type
class Contact:
    value: str
    label: str | None
    primary: bool


@strawberry.type
class PostalAddress:
    label: str | None
    name: str | None
    street: str | None
    postcode: str | None
    city: str | None
    country: str | None
    primary: bool


@strawberry.type
class Money:
    amount: str
    currency: str


@strawberry.type
class OrderLine:
    title: str
    quantity: int
    total: Money


@strawberry.type
class Order:
    record_id: strawberry.ID
    number: str
    at: str
    status: OrderStatus
    total: Money
    lines: list[OrderLine]


@strawberry.type
class Ticket:
    record_id: strawberry.ID
    number: str
    at: str
    subject: str | None
    status: TicketStatus
    priority: str | None


@strawberry.type
class EmailEvent:
    record_id: strawberry.ID
    at: str
    type: EmailEventType
    campaign: str | None
    link: str | None


@strawberry.type
class OrderConnection:
    nodes: list[Order]


@strawberry.type
class TicketConnection:
    nodes: list[Ticket]


@strawberry.type
class EmailEventConnection:
    nodes: list[EmailEvent]


def _order(o: Json) -> Order:
    lines = [
        OrderLine(title=n["title"], quantity=n["quantity"], total=Money(**n["total"])) for n in o["lines"]
    ]
    return Order(
        record_id=o["id"], number=o["number"], at=o["at"], status=OrderStatus(o["status"]),
        total=Money(**o["total"]), lines=lines,
    )  # fmt: skip


def _ticket(t: Json) -> Ticket:
    return Ticket(
        record_id=t["id"], number=t["number"], at=t["at"], subject=t["subject"],
        status=TicketStatus(t["status"]), priority=t["priority"],
    )  # fmt: skip


def _event(e: Json) -> EmailEvent:
    return EmailEvent(
        record_id=e["id"], at=e["at"], type=EmailEventType(e["type"]), campaign=e["campaign"], link=e["link"]
    )


async def _contact(customer: Customer, info: Info) -> Json:
    found: Json = await info.context["contacts"].load(customer.id)
    return found


async def _text(customer: Customer, info: Info, name: str) -> str | None:
    value: str | None = (await _contact(customer, info))[name]
    return value


async def _page(
    customer: Customer, info: Info, feed: str, first: int, make: Callable[[Json], Any]
) -> list[Any]:
    page = await info.context["feeds"](feed, first).load(customer.id)
    return [make(record) for record in page]


@strawberry.type
class Customer:
    id: strawberry.ID

    @strawberry.field
    async def display_name(self, info: Info) -> str | None:
        return await _text(self, info, "displayName")

    @strawberry.field
    async def given_name(self, info: Info) -> str | None:
        return await _text(self, info, "givenName")

    @strawberry.field
    async def family_name(self, info: Info) -> str | None:
        return await _text(self, info, "familyName")

    @strawberry.field
    async def birth_date(self, info: Info) -> str | None:
        return await _text(self, info, "birthDate")

    @strawberry.field
    async def language(self, info: Info) -> str | None:
        return await _text(self, info, "language")

    @strawberry.field
    async def email_addresses(self, info: Info) -> list[Contact]:
        return [Contact(**e) for e in (await _contact(self, info))["emailAddresses"]]

    @strawberry.field
    async def phone_numbers(self, info: Info) -> list[Contact]:
        return [Contact(**p) for p in (await _contact(self, info))["phoneNumbers"]]

    @strawberry.field
    async def addresses(self, info: Info) -> list[PostalAddress]:
        return [PostalAddress(**a) for a in (await _contact(self, info))["addresses"]]

    @strawberry.field
    async def orders(self, info: Info, first: int = 20) -> OrderConnection:
        return OrderConnection(nodes=await _page(self, info, "/shop/orders", first, _order))

    @strawberry.field
    async def tickets(self, info: Info, first: int = 20) -> TicketConnection:
        return TicketConnection(nodes=await _page(self, info, "/support/tickets", first, _ticket))

    @strawberry.field
    async def email_events(self, info: Info, first: int = 20) -> EmailEventConnection:
        return EmailEventConnection(nodes=await _page(self, info, "/mail/events", first, _event))


@strawberry.input(one_of=True)
class CustomerBy:
    id: strawberry.ID | None = strawberry.UNSET


@strawberry.type
class Query:
    @strawberry.field
    def customer(self, by: CustomerBy) -> Customer | None:
        return Customer(id=by.id) if by.id else None

    @strawberry.field
    def customers(self, ids: list[strawberry.ID]) -> list[Customer | None]:
        return [Customer(id=id_) for id_ in ids]


def loaders(http: httpx.AsyncClient) -> Json:
    """New ones for each request: nothing is kept between requests."""
    made: dict[tuple[str, int], DataLoader[str, list[Json]]] = {}

    async def contacts(ids: list[str]) -> list[Json]:
        answer = await http.get("/crm/contacts", params={"ids": ",".join(ids)})
        by_id = {contact["id"]: contact for contact in answer.raise_for_status().json()}
        return [by_id[i] for i in ids]

    def feeds(path: str, first: int) -> DataLoader[str, list[Json]]:
        async def load(ids: list[str]) -> list[list[Json]]:
            answer = await http.get(path, params={"customers": ",".join(ids), "limit": first})
            by_id = {page["customer"]: page["nodes"] for page in answer.raise_for_status().json()}
            return [by_id[i] for i in ids]

        return made.setdefault((path, first), DataLoader(load))

    return {"contacts": DataLoader(contacts), "feeds": feeds}


class Server(GraphQL[Json, None]):
    """Strawberry's own ASGI view, with loaders in the context."""

    def __init__(self, stub: str) -> None:
        super().__init__(strawberry.Schema(query=Query), graphql_ide=None)
        self.http = httpx.AsyncClient(base_url=stub, trust_env=False)

    async def get_context(self, request: Any, response: Any) -> Json:
        return loaders(self.http)


async def _ready(_request: Request) -> Response:
    return Response("ok")


def create_app(stub: str) -> Starlette:
    graphql = Server(stub)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with graphql.http:
            yield

    app = Starlette(lifespan=lifespan)
    app.add_route("/readyz", _ready)
    app.mount("/", graphql)
    return app


async def serve(stub: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as where uvicorn opens it itself
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(create_app(stub), log_level="warning", access_log=False)
        await uvicorn.Server(config).serve(sockets=[listening])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stub", required=True)
    asyncio.run(serve(parser.parse_args().stub))


if __name__ == "__main__":
    main()
