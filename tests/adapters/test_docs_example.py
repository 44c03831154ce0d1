"""The adapter that docs/adding-an-adapter.md shows passes the contract suite, on a server that behaves as the page says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import httpx
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.base import Call, KeyType, MatchKey, Owner, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.contract.faults import CountingTransport
from adapters.records import EmailAddress, RecordKind

TOKEN = "members-token-for-tests"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORDERS_A_PAGE = 5  # fewer than the real service's 100, so that a few orders fill several pages

CUSTOMERS = [
    {
        "id": 1,
        "number": "M-1",
        "email": "Ada@Example.com",
        "first_name": "Ada",
        "last_name": "Aa",
        "updated": NOON,
    },
    {"id": 2, "number": "M-2", "email": "ben@example.com", "first_name": None, "updated": NOON},
    {
        "id": 3,
        "number": "M-3",
        "email": "ben@example.com",
        "last_name": "Ce",
        "updated": NOON,
        "new_field": [1],
    },
    {"id": 4, "number": "M-4", "email": None, "updated": NOON + timedelta(seconds=1)},
]


def _order(id_: int, customer: int, seconds: int) -> dict[str, Any]:
    placed = NOON + timedelta(seconds=seconds)
    return {
        "id": id_, "customer": customer, "number": f"O{id_}", "placed": placed, "updated": placed,
        "total": "12.50", "currency": "EUR",
    }  # fmt: skip


# customer 1: more than one page, and seven orders within one second, more than a page again
ORDERS = [
    *(_order(100 + n, 1, n) for n in range(4)),
    *(_order(200 + n, 1, 10) for n in range(7)),
    *(_order(300 + n, 2, 8 + n) for n in range(4)),
]


def _newest_first(customer: int) -> tuple[str, ...]:
    own = [order for order in ORDERS if order["customer"] == customer]
    return tuple(str(o["id"]) for o in sorted(own, key=lambda o: (o["placed"], str(o["id"])), reverse=True))


def _json(value: dict[str, Any]) -> Response:
    def plain(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: plain(one) for key, one in item.items()}
        if isinstance(item, list):
            return [plain(one) for one in item]
        return item.isoformat() if isinstance(item, datetime) else item

    return JSONResponse(plain(value))


async def _customers(request: Request) -> Response:
    ids, numbers = request.query_params.getlist("id"), request.query_params.getlist("number")
    emails = [email.lower() for email in request.query_params.getlist("email")]
    assert 0 < len(ids) + len(numbers) + len(emails) <= 100
    return _json({"customers": [
        c for c in CUSTOMERS
        if str(c["id"]) in ids or c["number"] in numbers or (c["email"] and str(c["email"]).lower() in emails)
    ]})  # fmt: skip


async def _orders(request: Request) -> Response:
    wanted = request.query_params.getlist("customer")
    until = request.query_params.get("until")
    latest = datetime.fromisoformat(until) if until else datetime.max.replace(tzinfo=UTC)
    found = [o for o in ORDERS if str(o["customer"]) in wanted and o["placed"] <= latest]
    found.sort(key=lambda o: o["placed"], reverse=True)  # ties stay in no order that means anything
    start = (int(request.query_params["page"]) - 1) * ORDERS_A_PAGE
    more = len(found) > start + ORDERS_A_PAGE
    page = int(request.query_params["page"]) + 1 if more else None
    return _json({"orders": found[start : start + ORDERS_A_PAGE], "next_page": page})


async def _changes(request: Request) -> Response:
    start = int(request.query_params.get("cursor", "0"))
    step = CUSTOMERS[start : start + 2]
    cursor = start + len(step)
    return _json({"customers": step, "deleted": [], "cursor": str(cursor), "more": cursor < len(CUSTOMERS)})


async def _me(request: Request) -> Response:
    return _json({"service": "Acme member service"})


def _guarded(endpoint: Any) -> Any:
    async def guarded(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response(status_code=401)
        response: Response = await endpoint(request)
        return response

    return guarded


SERVICE = Starlette(
    routes=[
        Route("/api/customers", _guarded(_customers)),
        Route("/api/orders", _guarded(_orders)),
        Route("/api/changes", _guarded(_changes)),
        Route("/api/me", _guarded(_me)),
    ]
)


def example_case(example: ModuleType, transport: httpx.AsyncBaseTransport, **changed: Any) -> ContractCase:
    settings = example.MembersSettings(base_url="https://members.acme.example", token=TOKEN)
    known: dict[str, Any] = {
        "find": {
            MatchKey(KeyType.EMAIL, "ada@example.com"): frozenset({"1"}),
            MatchKey(KeyType.EMAIL, "ben@example.com"): frozenset({"2", "3"}),
            MatchKey(KeyType.CUSTOMER_NUMBER, "M-4"): frozenset({"4"}),
        },
        "find_calls": 2,
        "profiles": {
            "1": {"given_name": "Ada", "emails": (EmailAddress(value="Ada@Example.com", primary=True),)},
            "2": {"given_name": None, "customer_number": "M-2"},
            "4": {"emails": ()},
        },
        "owners": {
            RecordKind.ORDER: {
                Owner(ref="1"): _newest_first(1), Owner(ref="2"): _newest_first(2), Owner(ref="4"): (),
            }
        },
        "page_calls": {RecordKind.ORDER: 4},
    }  # fmt: skip
    return ContractCase.over_http(example.adapter, settings, transport, **(known | changed))


class TestExampleOfTheDocs(AdapterContract):
    @pytest_asyncio.fixture
    async def case(self, example: ModuleType) -> AsyncIterator[ContractCase]:
        case = example_case(example, httpx.ASGITransport(SERVICE))
        yield case
        await case.adapter.aclose()


def test_example_settings_are_described(example: ModuleType) -> None:
    fields = example.MembersSettings.model_fields
    assert all(field.description for field in fields.values())


async def test_fifty_customers_take_one_call_each_for_profiles_and_orders(example: ModuleType) -> None:
    counting = CountingTransport(httpx.ASGITransport(SERVICE))
    case = example_case(example, counting)
    call = Call(deadline=float("inf"))
    await case.adapter.read([str(n) for n in range(1, 51)], frozenset(), call)
    assert counting.calls == 1
    nobodies = [Owner(ref=str(n)) for n in range(51, 101)]
    await case.adapter.page(RecordKind.ORDER, nobodies, Window(limit=20), frozenset(), call)
    assert counting.calls == 2
