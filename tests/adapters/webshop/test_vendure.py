"""The Vendure adapter: the contract on what a real server answered, its session, crowds of one moment, its mapping."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

import adapters.webshop.vendure
from adapters.base import Adapter, Call, KeyType, MatchKey, Owner, Position, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.contract.recorded import ReplayTransport
from adapters.errors import SourceAuthFailed, SourceRejected, SourceTimeout
from adapters.records import Money, Order, OrderStatus, RecordKind
from adapters.webshop.vendure import adapter as VENDURE
from adapters.webshop.vendure import mapping, models, search
from adapters.webshop.vendure.settings import VendureSettings
from tests.adapters.webshop.vendure_case import vendure_case
from tests.adapters.webshop.vendure_server import Row, VendureLists, at

FIXTURES = Path(adapters.webshop.vendure.__file__).parent / "fixtures"
NONE: frozenset[str] = frozenset()
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
Calls = Callable[..., Call]


def settings(**more: Any) -> VendureSettings:
    values: dict[str, Any] = {
        "base_url": "https://shop.example",
        "username": "superadmin",
        "password": SecretStr("right"),
        "admin_url": "https://shop.example/dashboard",
        "retries": 0,
    }
    return VendureSettings(**(values | more))


def fixture(name: str, into: Any) -> Any:
    return msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes(), type=into)


def row(name: str, **changes: Any) -> Row:
    values: Row = json.loads((FIXTURES / f"{name}.json").read_text())
    return values | changes


class TestContract(AdapterContract):
    @pytest.fixture
    async def case(self) -> AsyncIterator[ContractCase]:
        facts = json.loads((FIXTURES / "recorded-facts.json").read_text())
        password = "right-to-be-removed"
        transport = ReplayTransport(
            FIXTURES / "recorded",
            secrets=[password],
            how_to_record="C360_RECORD=1, and the tests in tests/live/test_vendure_adapter.py with --live",
        )
        case = vendure_case(settings(password=SecretStr(password)), facts, transport)
        await case.adapter.check(Call(deadline=float("inf")))
        yield case
        await case.adapter.aclose()


# --- numbers of calls ---


async def test_calls_for_one_and_for_fifty_customers(call: Calls) -> None:
    people = [row("customer", id=str(n), emailAddress=f"p{n}@example.com") for n in range(1, 51)]
    orders = [
        row(
            "order",
            id=str(100 * n + k),
            code=f"C{n}-{k}",
            customer={"id": str(n)},
            orderPlacedAt=at(NOON, 1000 * k),
        )
        for n in range(1, 51)
        for k in range(20)
    ]
    server = VendureLists(people, orders)
    adapter = VENDURE.build("shop", settings(), server)
    ids = [person["id"] for person in people]
    await adapter.read(["1"], NONE, call())
    assert len(server.asked) == 2, "a sign-in, and the call"
    for some in (ids[:1], ids):
        keys = [MatchKey(KeyType.EMAIL, f"p{id_}@example.com") for id_ in some]
        before = len(server.asked)
        assert set(await adapter.read(some, NONE, call())) == set(some)
        assert len(server.asked) - before == 1
        found = await adapter.find(keys, call())
        assert len(server.asked) - before == 2
        assert all(len(answer.profiles) == 1 for answer in found.values()) and len(found) == len(some)
        for parts in (NONE, frozenset({"lines"})):
            before = len(server.asked)
            owners = [Owner(ref=id_) for id_ in some]
            pages = await adapter.page(RecordKind.ORDER, owners, Window(limit=10), parts, call())
            assert len(server.asked) - before == 1
            assert all(len(page.records) == 10 and page.has_more for page in pages.values())
    await adapter.aclose()


# --- session ---


async def test_callers_share_a_session_and_its_renewal(call: Calls) -> None:
    server = VendureLists([row("customer")])
    adapter = VENDURE.build("shop", settings(), server)
    await asyncio.gather(*(adapter.read(["7"], NONE, call()) for _ in range(8)))
    assert server.logins == 1
    server.good.clear()
    answers = await asyncio.gather(*(adapter.read(["7"], NONE, call()) for _ in range(8)))
    assert server.logins == 2
    assert all(set(answer) == {"7"} for answer in answers)
    await adapter.aclose()


async def test_a_session_that_is_refused_at_once_is_not_renewed_for_ever(call: Calls) -> None:
    class Forgetful(VendureLists):
        def _login(self, variables: Any) -> Any:
            answer = super()._login(variables)
            self.good.clear()
            return answer

    server = Forgetful([row("customer")])
    adapter = VENDURE.build("shop", settings(), server)
    with pytest.raises(SourceAuthFailed):
        await adapter.read(["7"], NONE, call())
    assert server.logins == 2
    await adapter.aclose()


async def test_a_missing_right_is_no_reason_to_sign_in_again(call: Calls) -> None:
    server = VendureLists([row("customer")])
    server.forbidden.add("Orders")
    adapter = VENDURE.build("shop", settings(), server)
    with pytest.raises(SourceAuthFailed):
        await adapter.changes(RecordKind.ORDER, None, call())
    assert server.logins == 1
    assert await adapter.read(["7"], NONE, call())
    await adapter.aclose()


async def test_a_refused_sign_in_is_shared_too(call: Calls) -> None:
    server = VendureLists([row("customer")])
    adapter = VENDURE.build("shop", settings(password=SecretStr("wrong")), server)
    results = await asyncio.gather(
        *(adapter.read(["7"], NONE, call()) for _ in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [SourceAuthFailed] * 5
    assert server.logins == 1
    await adapter.aclose()


async def test_one_who_gives_up_does_not_end_the_sign_in_of_others(call: Calls) -> None:
    server = VendureLists([row("customer")])
    adapter = VENDURE.build("shop", settings(), server)
    first = asyncio.ensure_future(adapter.read(["7"], NONE, call()))
    second = asyncio.ensure_future(adapter.read(["7"], NONE, call()))
    await asyncio.sleep(0)
    first.cancel()
    assert set(await second) == {"7"}
    assert server.logins == 1
    with pytest.raises(SourceTimeout):
        await VENDURE.build("shop", settings(), server).read(["7"], NONE, call(-1))
    await adapter.aclose()


# --- windows and changes over crowds of one moment ---


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
async def test_windows_over_orders_of_one_moment(call: Calls, limit: int) -> None:
    """The server sorts by one field only, so records of one moment come in any order."""
    times = [0, 1, *[2] * 30, 3, 3, 3, 4]
    orders = [
        row("order", id=str(95 + n), code=f"C{n}", orderPlacedAt=at(NOON, t)) for n, t in enumerate(times)
    ]
    adapter = VENDURE.build("shop", settings(), VendureLists([row("customer")], orders))
    wanted = sorted(((o["orderPlacedAt"], o["id"]) for o in orders), reverse=True)
    window, seen, more = Window(limit=limit), [], True
    while more:
        page = (await adapter.page(RecordKind.ORDER, [Owner(ref="7")], window, NONE, call()))["7"]
        seen += [record.id for record in page.records]
        more = page.has_more
        assert page.records or not more
        if page.records:
            window = Window(limit=limit, before=Position(page.records[-1].at, page.records[-1].id))
    assert seen == [id_ for _, id_ in wanted]
    await adapter.aclose()


async def test_more_orders_of_one_moment_than_the_server_gives_at_once(call: Calls) -> None:
    orders = [
        row("order", id=str(n), code=f"C{n}", orderPlacedAt=at(NOON, 5 if 50 < n <= 1250 else -n))
        for n in range(1, 1301)
    ]
    adapter = VENDURE.build("shop", settings(), VendureLists([row("customer")], orders))
    window = Window(limit=2, before=Position(NOON + timedelta(milliseconds=5), "60"))
    page = (await adapter.page(RecordKind.ORDER, [Owner(ref="7")], window, NONE, call()))["7"]
    texts = sorted(str(n) for n in range(51, 1251))
    assert [record.id for record in page.records] == [t for t in reversed(texts) if t < "60"][:2]
    await adapter.aclose()


@pytest.mark.parametrize("whole", [True, False], ids=["seconds", "milliseconds"])
async def test_changes_walk_through_a_crowd(call: Calls, whole: bool) -> None:
    """450 of one moment, on databases that keep it without and with a fraction of a second, among others around it."""
    moments = [-2000, -1000, *[0] * 450, 1000, 2000]
    people = [
        row("customer", id=str(n), updatedAt=at(NOON, m, whole=whole), addresses=[])
        for n, m in enumerate(moments, start=1)
    ]
    adapter = VENDURE.build("shop", settings(), VendureLists(people))
    seen, cursor = await _walk(adapter, RecordKind.PROFILE, None, call)
    assert seen == {person["id"] for person in people}
    people.append(row("customer", id="999", updatedAt=at(NOON, 3000, whole=whole)))
    adapter_again = VENDURE.build("shop", settings(), VendureLists(people))
    seen, _ = await _walk(adapter_again, RecordKind.PROFILE, cursor, call)
    assert "999" in seen
    await adapter.aclose()
    await adapter_again.aclose()


async def test_an_order_that_was_long_a_cart_is_a_change(call: Calls) -> None:
    """It is placed now, but the server says that it was last updated when something was put into the cart."""
    orders = [
        row("order", id=str(n), updatedAt=at(NOON, n), orderPlacedAt=at(NOON, 60_000 + n))
        for n in range(1, 6)
    ]
    server = VendureLists([row("customer")], orders)
    adapter = VENDURE.build("shop", settings(), server)
    seen, cursor = await _walk(adapter, RecordKind.ORDER, None, call)
    assert seen == {"1", "2", "3", "4", "5"}
    old = NOON - timedelta(days=9)
    server.orders.append(row("order", id="6", updatedAt=at(old), orderPlacedAt=at(NOON, 120_000)))
    edited = row("order", id="7", updatedAt=at(NOON, 130_000), orderPlacedAt=at(old))
    server.orders.append(edited)
    seen, _ = await _walk(adapter, RecordKind.ORDER, cursor, call)
    assert {"6", "7"} <= seen
    await adapter.aclose()


async def _walk(
    adapter: Adapter, kind: RecordKind, cursor: str | None, call: Calls
) -> tuple[set[str], str | None]:
    seen: set[str] = set()
    for _ in range(50):
        step = await adapter.changes(kind, cursor, call())
        seen |= {record.id for record in step.records}
        assert step.done or step.cursor != cursor
        cursor = step.cursor
        if step.done:
            return seen, cursor
    raise AssertionError("changes do not end")


async def test_a_foreign_cursor_is_refused(call: Calls) -> None:
    adapter = VENDURE.build("shop", settings(), VendureLists())
    with pytest.raises(SourceRejected):
        await adapter.changes(RecordKind.PROFILE, "yesterday", call())
    await adapter.aclose()


# --- search ---


def test_a_phone_number_is_searched_however_it_is_written() -> None:
    (either,) = search.by_contact([MatchKey(KeyType.PHONE, "+49221998877")])["_or"]
    assert either == {"phoneNumber": {"regex": "[^0-9]*".join("221998877")}}
    longest = search.by_contact([MatchKey(KeyType.PHONE, "+123456789012345")])["_or"]
    assert len(longest[0]["phoneNumber"]["regex"]) <= 100, "the server takes no longer pattern"


@pytest.mark.parametrize(
    ("id_type", "good", "bad"),
    [
        ("integer", ["1", "2099999999"], ["0", "01", "2147483648", "1 OR 1", "", "x", "١"]),
        ("uuid", ["0b9d7b3e-5d0c-4a4e-9b59-6a5b7c8d9e0f"], ["1", "0B9D", ""]),
    ],
)
def test_what_can_be_an_id(id_type: str, good: list[str], bad: list[str]) -> None:
    assert all(search.is_id(word, id_type) for word in good)
    assert not any(search.is_id(word, id_type) for word in bad)


def test_words_of_a_name_hold_no_wildcards() -> None:
    assert search.words("  O'Brien-%Smith_ \\ ") == ["O'Brien-", "Smith"]


# --- mapping ---


def test_a_customer() -> None:
    found = mapping.profile("shop", "https://shop.example/dashboard", fixture("customer", models.Customer))
    assert (found.id, found.given_name, found.family_name, found.customer_number) == (
        "7",
        "Łucja",
        "Żak",
        "7",
    )
    assert found.url == "https://shop.example/dashboard/customers/7"
    assert found.updated_at == datetime(2026, 9, 9, 9, 9, 9, tzinfo=UTC), "an address was changed last"
    assert found.country == "PL"
    assert [(a.label, a.street, a.country, a.primary) for a in found.addresses] == [
        (None, "Hauptstr. 1", "DE", False),
        ("shipping", "ul. Długa 3\nm. 4", "PL", True),
    ]
    assert [(p.name, p.value) for p in found.preferences] == [("group", "Wholesale")]


def test_a_customer_of_whom_little_is_known() -> None:
    found = mapping.profile("shop", None, fixture("customer-sparse", models.Customer))
    assert (found.url, found.given_name, found.phones, found.addresses, found.country) == (
        None,
        None,
        (),
        (),
        None,
    )
    assert [email.value for email in found.emails] == ["guest@example.com"]


def test_an_order() -> None:
    found = mapping.order("shop", "https://d", "7", 2, fixture("order", models.Order))
    assert (found.number, found.status, found.url) == (
        "T9WLYA2PX1NQ6KZB",
        OrderStatus.PARTIALLY_REFUNDED,
        "https://d/orders/31",
    )
    assert found.at == datetime(2026, 5, 1, 10, 0, 0, 123_000, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 5, 9, 9, tzinfo=UTC), "a refund was settled last"
    assert found.total == Money(amount=Decimal("123.45"), currency="EUR")
    assert found.tax == Money(amount=Decimal("19.71"), currency="EUR")
    assert found.discount == Money(amount=Decimal("10.00"), currency="EUR")
    assert found.refunded == Money(amount=Decimal("20.00"), currency="EUR"), "neither pending nor failed ones"
    assert [(r.id, r.note) for r in found.refunds] == [("4", "scratched"), ("5", None)]
    assert (found.payment_status, found.fulfillment_status) == ("Declined, Settled", "Delivered")
    assert (found.channel, found.payment_methods) == ("b2b", ("card",))
    assert [(line.id, line.sku, line.quantity) for line in found.lines] == [
        ("9", "BEANS-1K", 3),
        ("10", None, 1),
    ]


def test_a_cancelled_order_in_a_currency_without_decimals() -> None:
    """The vendor keeps yen in hundredths as well, unless the server's precision says otherwise."""
    order = fixture("order-sparse", models.Order)
    found = mapping.order("shop", None, "7", 2, order)
    assert found.total is not None and found.total.amount == 1500
    assert (found.status, found.cancel_reason) == (OrderStatus.CANCELLED, "no stock")
    assert found.cancelled_at == datetime(2026, 5, 2, 10, tzinfo=UTC)
    assert (found.shipping_address, found.payment_status, found.channel) == (None, None, None)
    whole = mapping.order("shop", None, "7", 0, order)
    assert whole.total == Money(amount=Decimal("150000"), currency="JPY")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"payments": None}, OrderStatus.COMPLETED),
        ({"payments": None, "state": "Shipped"}, OrderStatus.OPEN),
        ({"totalWithTax": 2000}, OrderStatus.REFUNDED),
        ({"state": "Cancelled"}, OrderStatus.CANCELLED),
    ],
)
def test_what_an_order_has_come_to(changes: dict[str, Any], status: OrderStatus) -> None:
    found = mapping.order(
        "shop", None, "7", 2, msgspec.convert(row("order", **changes), models.Order, strict=False)
    )
    assert isinstance(found, Order) and found.status is status
