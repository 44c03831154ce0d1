"""A shop of the sandbox for the Shopify adapter's tests: the hand-written people, and some that are hard to page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import msgspec

from sandbox import shopify
from sandbox.build import build
from sandbox.controls import Controls
from sandbox.records import ShopCustomer, ShopLine, ShopOrder
from sandbox.world import NOW, World

CROWDED = "crowded@example.com"
RUN = 25  # orders of one second
MANY = 50
LINES = 23


class Stock:
    """What is in the shop. Making it takes a while, so tests that only read share one."""

    def __init__(self, people: int = 60) -> None:
        self.world: World = build(people=people, seed=7)
        self.ada = self._named("Ada")
        self.crowded = self._crowded()
        self.buyers = [self._buyer(n) for n in range(MANY)]

    def orders(self, customer: ShopCustomer) -> tuple[str, ...]:
        """Ids of all orders, newest first."""
        found = self.world.orders.find("customer", customer.id)
        return tuple(
            number(o.id) for o in sorted(found, key=lambda o: (o.created, number(o.id)), reverse=True)
        )

    def long_order(self, customer: ShopCustomer, lines: int = LINES) -> ShopOrder:
        """An order of many lines, newer than all others."""
        line = next(iter(self.world.orders)).lines[0]
        many = [replace(line, id=f"gid://shopify/LineItem/{n}", sku=f"S{n}") for n in range(1, lines + 1)]
        return self._order(customer, "66001", NOW - 1, many)

    def many_orders(self, customer: ShopCustomer, count: int) -> None:
        """So many orders more, older than all others."""
        for index in range(count):
            self._order(customer, f"880{index:04}", NOW - 20_000 - index)

    def _named(self, given: str) -> ShopCustomer:
        return next(customer for customer in self.world.customers if customer.given == given)

    def _crowded(self) -> ShopCustomer:
        """Someone with a run of orders of one second amid others, whose ids have different lengths."""
        customer = self._new_customer(CROWDED, "Crowd", "Ed", "+493012345678")
        times = [NOW - 9000, NOW - 8000, *[NOW - 5000] * RUN, NOW - 4000, NOW - 4000, NOW - 10]
        for index, at in enumerate(times):
            self._order(customer, f"{98 + index}", at)
        return customer

    def _buyer(self, index: int) -> ShopCustomer:
        customer = self._new_customer(f"buyer{index}@example.com", "Buyer", f"No{index}", None)
        for order in range(3):
            self._order(customer, f"77{index:03}{order}", NOW - 1000 * (order + 1) - index)
        return customer

    def _new_customer(self, email: str, given: str, family: str, phone: str | None) -> ShopCustomer:
        customer = replace(
            self.ada,
            id=f"gid://shopify/Customer/{self.world.new_id('shopify.customer')}",
            email=email,
            given=given,
            family=family,
            phone=phone,
        )
        self.world.customers.put(customer)
        return customer

    def _order(
        self, customer: ShopCustomer, id_: str, at: int, lines: list[ShopLine] | None = None
    ) -> ShopOrder:
        model = next(iter(self.world.orders))
        order = replace(
            model,
            id=f"gid://shopify/Order/{id_}",
            number=self.world.new_id("shopify.order_number"),
            customer=customer.id,
            email=customer.email,
            created=at,
            processed=at,
            updated=at,
            lines=lines or model.lines,
        )
        self.world.orders.put(order)
        return order


class Shop(httpx.AsyncBaseTransport):
    """The sandbox's Shopify on a stock, called without a network; notes what it was asked."""

    def __init__(self, stock: Stock) -> None:
        self.stock, self.world = stock, stock.world
        self.controls = Controls()
        self._asgi = httpx.ASGITransport(shopify.create_app(stock.world, self.controls))
        self.asked: list[dict[str, Any]] = []

    @property
    def calls(self) -> int:
        return len(self.asked)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(msgspec.json.decode(request.content))
        return await self._asgi.handle_async_request(request)

    async def aclose(self) -> None:
        await self._asgi.aclose()


def number(gid: str) -> str:
    """The numeric end of a global id."""
    return gid.rpartition("/")[2]


class Answers(httpx.AsyncBaseTransport):
    """Gives prepared answers, one after the other, or what a function makes of each request."""

    def __init__(self, *answers: Any, make: Callable[[dict[str, Any]], Any] | None = None) -> None:
        self._answers, self._make = list(answers), make
        self.asked: list[dict[str, Any]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(msgspec.json.decode(request.content))
        answer = self._make(self.asked[-1]) if self._make else self._answers.pop(0)
        return httpx.Response(200, json=answer)
