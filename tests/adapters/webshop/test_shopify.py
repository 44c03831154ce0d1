"""The Shopify adapter: the contract on the sandbox's shop, its queries against the vendor's schema, costs and errors."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import (
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    build_client_schema,
    get_named_type,
    parse,
    specified_rules,
    validate,
)
from graphql.language import FieldNode, FragmentSpreadNode, InlineFragmentNode
from pydantic import SecretStr

import adapters.webshop.shopify
from adapters.base import Adapter, Call, KeyType, MatchKey, Owner, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.errors import (
    SourceAuthFailed,
    SourceError,
    SourceRateLimited,
    SourceRejected,
    SourceUnavailable,
)
from adapters.records import Consent, ConsentState, Money, Order, OrderStatus, RecordKind
from adapters.webshop.shopify import adapter as SHOPIFY
from adapters.webshop.shopify import mapping, models, queries, search, walk
from adapters.webshop.shopify.cost import Budget
from adapters.webshop.shopify.settings import ShopifySettings
from sandbox import shopify as sandbox_shopify
from tests.adapters.webshop.shopify_shop import CROWDED, LINES, MANY, Answers, Shop, Stock, number

FIXTURES = Path(adapters.webshop.shopify.__file__).parent / "fixtures"
DESCRIPTION = Path(__file__).resolve().parents[4] / "shared" / "specs" / "shopify" / "admin_2026-10.json.gz"
NONE: frozenset[str] = frozenset()
WITH_LINES = frozenset({"lines"})
Calls = Callable[..., Call]


def settings(**more: Any) -> ShopifySettings:
    values: dict[str, Any] = {
        "shop_url": "https://kaffee-kontor.myshopify.com",
        "access_token": SecretStr(sandbox_shopify.TOKEN),
        "retries": 0,
    }
    return ShopifySettings(**(values | more))


@pytest.fixture(scope="session")
def stock() -> Stock:
    return Stock()


@pytest.fixture
def shop(stock: Stock) -> Shop:
    shop = Shop(stock)
    shop.controls.settings["bucket"] = None
    return shop


@pytest.fixture
async def adapter(shop: Shop) -> AsyncIterator[Adapter]:
    built = SHOPIFY.build("shop", settings(), shop)
    yield built
    await built.aclose()


def fixture(name: str, into: Any) -> Any:
    return msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes(), type=into)


class TestContract(AdapterContract):
    @pytest.fixture
    async def case(self, shop: Shop) -> AsyncIterator[ContractCase]:
        stock = shop.stock
        ada, crowded, buyer = stock.ada, stock.crowded, stock.buyers[0]
        ids = {name: number(c.id) for name, c in (("ada", ada), ("crowded", crowded), ("buyer", buyer))}
        order = shop.world.orders.find("customer", ada.id)[0]
        case = ContractCase.over_http(
            SHOPIFY,
            settings(),
            shop,
            find={
                MatchKey(KeyType.EMAIL, (ada.email or "").lower()): frozenset({ids["ada"]}),
                MatchKey(KeyType.EMAIL, CROWDED): frozenset({ids["crowded"]}),
                MatchKey(KeyType.PHONE, "+493012345678"): frozenset({ids["crowded"]}),
                MatchKey(KeyType.ORDER_NUMBER, f"#{order.number}"): frozenset({ids["ada"]}),
                MatchKey(KeyType.ORDER_NUMBER, str(order.number)): frozenset({ids["ada"]}),
                MatchKey(KeyType.CUSTOMER_NUMBER, ids["buyer"]): frozenset({ids["buyer"]}),
                MatchKey(KeyType.NAME, "yilmaz ada"): frozenset({ids["ada"]}),
            },
            find_calls=1 + 1 + 2 + 1,  # contacts, orders, names (one each), numbers
            profiles={
                ids["ada"]: {"given_name": "Ada", "family_name": "Yilmaz", "customer_number": ids["ada"]},
                ids["crowded"]: {"given_name": "Crowd", "country": "DE"},
            },
            owners={
                RecordKind.ORDER: {
                    Owner(ref=ids["ada"]): stock.orders(ada),
                    Owner(ref=ids["crowded"]): stock.orders(crowded),
                    Owner(ref=ids["buyer"]): stock.orders(buyer),
                }
            },
            # the crowd's orders of one second are looked through to their end
            page_calls={RecordKind.ORDER: 3},
        )
        yield case
        await case.adapter.aclose()


# --- numbers of calls ---


async def test_calls_for_one_and_for_fifty_customers(adapter: Adapter, shop: Shop, call: Calls) -> None:
    ids = [number(buyer.id) for buyer in shop.stock.buyers]
    assert len(ids) == MANY
    emails = [MatchKey(KeyType.EMAIL, buyer.email or "") for buyer in shop.stock.buyers]
    phases: list[tuple[str, Any, int]] = [
        ("find one", lambda: adapter.find(emails[:1], call()), 1),
        ("find fifty", lambda: adapter.find(emails, call()), 1),
        ("read one", lambda: adapter.read(ids[:1], NONE, call()), 1),
        ("read fifty", lambda: adapter.read(ids, NONE, call()), 1),
        ("one's orders", lambda: _page(adapter, ids[:1], 20, NONE, call), 1),
        ("one's orders with lines", lambda: _page(adapter, ids[:1], 10, WITH_LINES, call), 1),
        # 1 for which orders there are, and 150 orders at 52 a query
        ("fifty people's orders", lambda: _page(adapter, ids, 10, NONE, call), 1 + 3),
        ("fifty people's orders with lines", lambda: _page(adapter, ids, 10, WITH_LINES, call), 1 + 12),
    ]
    for name, work, calls in phases:
        before = shop.calls
        answer = await work()
        assert shop.calls - before == calls, name
        assert len(answer) == (MANY if "fift" in name else 1)
    found = await adapter.find(emails, call())
    assert all(len(found[key].profiles) == 1 for key in emails)
    pages = await _page(adapter, ids, 10, NONE, call)
    assert all(len(page.records) == 3 and not page.has_more for page in pages.values())


async def _page(adapter: Adapter, ids: list[str], limit: int, parts: frozenset[str], call: Calls) -> Any:
    owners = [Owner(ref=id_) for id_ in ids]
    return await adapter.page(RecordKind.ORDER, owners, Window(limit=limit), parts, call())


async def test_both_ways_of_paging_give_the_same(adapter: Adapter, shop: Shop, call: Calls) -> None:
    ids = [number(buyer.id) for buyer in shop.stock.buyers[:9]]
    together = await _page(adapter, ids, 10, NONE, call)
    assert "PageOrderStubs" in shop.asked[-2]["query"] and "ReadOrders" in shop.asked[-1]["query"]
    for id_ in ids:
        (alone,) = (await _page(adapter, [id_], 10, NONE, call)).values()
        assert alone == together[id_]


async def test_the_largest_window_takes_more_than_the_vendors_page(call: Calls) -> None:
    """The gateway asks for 250 at most, which is the vendor's page: whether there are more is on the next."""
    stock = Stock()
    buyer = stock.buyers[0]
    stock.many_orders(buyer, 260)
    adapter = SHOPIFY.build("shop", settings(), Shop(stock))
    (page,) = (await _page(adapter, [number(buyer.id)], 250, NONE, call)).values()
    await adapter.aclose()
    assert tuple(order.id for order in page.records) == stock.orders(buyer)[:250] and page.has_more


async def test_all_lines_of_a_long_order(call: Calls) -> None:
    stock = Stock()
    order = stock.long_order(stock.buyers[0])
    shop = Shop(stock)
    adapter = SHOPIFY.build("shop", settings(), shop)
    (page,) = (await _page(adapter, [number(stock.buyers[0].id)], 10, WITH_LINES, call)).values()
    await adapter.aclose()
    assert shop.calls == 2
    found = page.records[0]
    assert isinstance(found, Order) and found.id == number(order.id)
    assert [line.sku for line in found.lines] == [f"S{n}" for n in range(1, LINES + 1)]
    assert not found.lines_truncated


# --- the vendor's description ---


def documents() -> dict[str, str]:
    return {name: value for name, value in vars(queries).items() if name.isupper() and isinstance(value, str)
            and not name.startswith("_")}  # fmt: skip


@pytest.fixture(scope="module")
def described() -> GraphQLSchema:
    if not DESCRIPTION.exists():
        pytest.skip("needs the vendor's description of its API, which is not part of the project")
    with gzip.open(DESCRIPTION) as file:
        answer = json.load(file)
    return build_client_schema(answer.get("data", answer), assume_valid=True)


def test_every_query_is_what_the_vendor_describes(described: GraphQLSchema) -> None:
    assert len(documents()) == 12
    for name, document in documents().items():
        errors = validate(described, parse(document), [*specified_rules, NoDeprecatedCustomRule])
        assert not errors, f"{name}: {errors[0].message}"


def test_no_query_may_cost_too_much(described: GraphQLSchema) -> None:
    """By the vendor's price list: an object is 1, a connection as big as `first`, and here 2 for itself."""
    customers, room = queries.CUSTOMERS_PER_CALL, queries.ROOM
    first = {"one": 20, "lines": 10}
    batches = {
        "FIND_CUSTOMERS": {"first": customers},
        "FIND_BY_ORDERS": {"first": queries.FOUND_ORDERS_PER_CALL},
        "READ_CUSTOMERS": {"ids": customers},
        "PAGE_STUBS": {"ids": room // queries.owner_cost(21, queries.STUB_COST), "first": 21},
        "PAGE_ORDERS": {"ids": room // queries.owner_cost(11, queries.order_cost(False)), "first": 11},
        "PAGE_ORDERS_WITH_LINES": {"ids": 1, "first": first["lines"] + 1},
        "READ_ORDERS": {"ids": queries.orders_per_call(False)},
        "READ_ORDERS_WITH_LINES": {"ids": queries.orders_per_call(True)},
        "READ_LINES": {"first": queries.LINES_MORE},
        "CHANGED_CUSTOMERS": {"first": customers},
        "CHANGED_ORDERS": {"first": queries.ORDERS_PER_CALL},
        "CHECK": {},
    }
    assert set(batches) == set(documents())
    for name, variables in batches.items():
        cost = Price(described, documents()[name], variables).total()
        assert 0 < cost <= 1000, f"{name} costs {cost}"
    assert Price(described, queries.READ_CUSTOMERS, {"ids": 1}).total() == queries.CUSTOMER_COST
    assert Price(described, queries.READ_ORDERS, {"ids": 1}).total() == queries.order_cost(False)
    assert Price(described, queries.READ_ORDERS_WITH_LINES, {"ids": 1}).total() == queries.order_cost(True)
    assert Price(described, queries.CHECK, {}).total() <= queries.CHECK_COST


class Price:
    """The points of a document with numbers for its variables (for `ids`: how many)."""

    def __init__(self, schema: GraphQLSchema, document: str, variables: dict[str, int]) -> None:
        self._schema, self._variables = schema, variables
        parsed = parse(document).definitions
        self._fragments = {d.name.value: d for d in parsed if isinstance(d, FragmentDefinitionNode)}
        (self._operation,) = (d for d in parsed if isinstance(d, OperationDefinitionNode))

    def total(self) -> int:
        return self._of(self._operation.selection_set, self._schema.query_type)

    def _of(self, selections: SelectionSetNode | None, parent: Any) -> int:
        total = 0
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                total += self._field(node, parent)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                total += self._of(
                    fragment.selection_set, self._schema.get_type(fragment.type_condition.name.value)
                )
            elif isinstance(node, InlineFragmentNode) and node.type_condition:
                total += self._of(node.selection_set, self._schema.get_type(node.type_condition.name.value))
        return total

    def _field(self, node: FieldNode, parent: Any) -> int:
        if node.selection_set is None or node.name.value in ("pageInfo",):
            return 0
        kind = get_named_type(parent.fields[node.name.value].type)
        inner = self._of(node.selection_set, kind)
        if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection"):
            return 2 + self._number(node, "first") * inner
        if node.name.value == "nodes" and parent.name.endswith("Connection"):
            return 1 + inner
        return (1 + inner) * (self._variables["ids"] if node.name.value == "nodes" else 1)

    def _number(self, node: FieldNode, name: str) -> int:
        (value,) = (a.value for a in node.arguments if a.name.value == name)
        if isinstance(value, VariableNode):
            return self._variables[value.name.value]
        assert isinstance(value, IntValueNode)
        return int(value.value)


# --- points ---


async def test_a_throttled_query_says_when_to_come_back(call: Calls) -> None:
    answer = {
        "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
        "extensions": {
            "cost": {
                "requestedQueryCost": 900,
                "throttleStatus": {
                    "maximumAvailable": 1000.0,
                    "currentlyAvailable": 100,
                    "restoreRate": 50.0,
                },
            }
        },
    }
    built = SHOPIFY.build("shop", settings(), Answers(answer))
    with pytest.raises(SourceRateLimited) as caught:
        await built.read(["1"], NONE, call())
    assert caught.value.retry_after == pytest.approx(16.0)
    await built.aclose()


async def test_calls_wait_for_points_or_say_so(shop: Shop, call: Calls) -> None:
    shop.controls.settings.update(bucket=1000, restore_per_second=2000)
    built = SHOPIFY.build("shop", settings(), shop)
    ids = [number(buyer.id) for buyer in shop.stock.buyers]
    await built.read(ids, NONE, call())
    # four at once cost more than the bucket holds; none is refused, since they wait here
    for _ in range(4):
        assert len(await built.read(ids, NONE, call())) == MANY
    assert not shop.controls.details["throttled"]
    await built.aclose()

    budget = Budget("shop")
    budget.observe(models.Throttle(maximum_available=1000.0, currently_available=10.0, restore_rate=1.0))
    await budget.reserve("read", 5, time.monotonic() + 1)
    with pytest.raises(SourceRateLimited) as caught:
        await budget.reserve("read", 500, time.monotonic() + 1)
    assert caught.value.retry_after == pytest.approx(495, abs=2)
    budget.release(5)
    await budget.reserve("read", 10, time.monotonic() + 1)


async def test_a_query_that_is_too_dear_is_halved(shop: Shop, call: Calls) -> None:
    shop.controls.settings["single_query_max"] = 90
    built = SHOPIFY.build("shop", settings(), shop)
    ids = [number(buyer.id) for buyer in shop.stock.buyers]
    assert set(await built.read(ids, NONE, call())) == set(ids)
    assert 1 < shop.calls < 40
    pages = await _page(built, ids[:20], 10, NONE, call)
    assert all(len(page.records) == 3 for page in pages.values())
    await built.aclose()


# --- errors ---


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ACCESS_DENIED", SourceAuthFailed),
        ("INTERNAL_SERVER_ERROR", SourceUnavailable),
        ("undefinedField", SourceRejected),
        (None, SourceRejected),
    ],
)
async def test_errors_beside_data_are_errors(code: str | None, error: type[SourceError], call: Calls) -> None:
    customer = json.loads((FIXTURES / "customer.json").read_text())
    found = {
        "message": "Jane Doe is secret",
        "path": ["nodes"],
        "extensions": {"code": code} if code else None,
    }
    built = SHOPIFY.build("shop", settings(), Answers({"data": {"nodes": [customer]}, "errors": [found]}))
    with pytest.raises(SourceError) as caught:
        await built.read(["7001"], NONE, call())
    assert type(caught.value) is error
    assert "Jane" not in f"{caught.value}{caught.value.detail}"
    await built.aclose()


# --- changes ---


@pytest.mark.parametrize("chain", [60, 20_000])
async def test_changes_leave_nothing_out(
    adapter: Adapter, shop: Shop, call: Calls, monkeypatch: pytest.MonkeyPatch, chain: int
) -> None:
    """Also where a walk begins a new search before the vendor's cap, and where a second holds more than a page."""
    monkeypatch.setattr(walk, "_CHAIN", chain)
    for kind, table in ((RecordKind.PROFILE, shop.world.customers), (RecordKind.ORDER, shop.world.orders)):
        expected = {number(r.id) for r in table if kind is RecordKind.PROFILE or r.customer}
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(100):
            step = await adapter.changes(kind, cursor, call())
            seen += [record.id for record in step.records]
            assert step.done or step.cursor != cursor
            cursor = step.cursor
            if step.done:
                break
        assert set(seen) == expected
        again = await adapter.changes(kind, cursor, call())
        assert again.done and len(again.records) < len(expected)


async def test_a_foreign_cursor_is_refused(adapter: Adapter, call: Calls) -> None:
    with pytest.raises(SourceRejected):
        await adapter.changes(RecordKind.PROFILE, "yesterday", call())


# --- search ---


def test_a_literal_stays_a_literal() -> None:
    assert search.quoted('a" OR email:*') == '"a\\" OR email:*"'
    assert search.quoted("a\\") == '"a\\\\"'
    assert search.quoted("a\nb\ud800c") == '"a b c"'
    moment = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
    assert search.until(moment) == "created_at:<='2026-01-02T03:04:06Z'"
    assert search.until(moment.replace(microsecond=0)) == "created_at:<='2026-01-02T03:04:05Z'"


# --- mapping ---


def test_a_customer() -> None:
    found = mapping.profile("shop", "https://admin.shopify.com/store/s", fixture("customer", models.Customer))
    assert (found.id, found.given_name, found.family_name) == ("7001", "Łucja", "Żak")
    assert found.url == "https://admin.shopify.com/store/s/customers/7001"
    assert (found.language, found.country, found.customer_number) == ("pt-BR", "PL", "7001")
    assert [email.value for email in found.emails] == ["Lucja.Zak@Example.com"]
    assert [phone.value for phone in found.phones] == ["+48221234567"]
    assert [(a.name, a.street, a.country, a.primary) for a in found.addresses] == [
        ("Jan Żak", "Hauptstr. 1", "DE", False),
        ("Łucja Żak", "ul. Długa 3\nm. 4", "PL", True),
    ]
    at = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.consents == (
        Consent(purpose="marketing", channel="email", state=ConsentState.GRANTED, at=at),
        Consent(purpose="marketing", channel="sms", state=ConsentState.WITHDRAWN),
    )
    assert [(p.name, p.value) for p in found.preferences] == [("tag", "VIP")]


def test_a_customer_of_whom_little_is_known() -> None:
    found = mapping.profile("shop", None, fixture("customer-sparse", models.Customer))
    assert (found.url, found.given_name, found.emails, found.phones, found.consents) == (
        None,
        None,
        (),
        (),
        (),
    )


def test_an_order() -> None:
    found = mapping.order("shop", "https://a", "7001", fixture("order", models.Order))
    assert (found.number, found.status, found.owner) == ("#1001", OrderStatus.PARTIALLY_REFUNDED, "7001")
    assert found.at == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert found.total == Money(amount=Decimal("123.45"), currency="EUR")
    assert found.refunded == Money(amount=Decimal("20.00"), currency="EUR")
    assert [(r.id, r.note) for r in found.refunds] == [("880", "scratched")]
    assert [(line.id, line.sku, line.quantity) for line in found.lines] == [
        ("13", "BEANS-1K", 3),
        ("14", None, 1),
    ]
    assert found.lines[0].unit_price == Money(amount=Decimal("42.85"), currency="EUR")
    assert found.payment_methods == ("shopify_payments", "gift_card")


def test_a_cancelled_order_in_a_currency_without_decimals() -> None:
    found = mapping.order("shop", None, "7001", fixture("order-sparse", models.Order))
    assert (found.status, found.cancel_reason) == (OrderStatus.CANCELLED, "CUSTOMER")
    assert found.total == Money(amount=Decimal("1500"), currency="JPY")
    assert (found.tax, found.shipping_address, found.lines, found.channel) == (None, None, (), None)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"displayFinancialStatus": "PAID"}, OrderStatus.COMPLETED),
        ({"displayFinancialStatus": "PAID", "displayFulfillmentStatus": "UNFULFILLED"}, OrderStatus.OPEN),
        ({"displayFinancialStatus": "REFUNDED"}, OrderStatus.REFUNDED),
        ({"displayFinancialStatus": "AUTHORIZED", "closed": True}, OrderStatus.COMPLETED),
        ({"displayFinancialStatus": "PENDING"}, OrderStatus.OPEN),
    ],
)
def test_what_an_order_has_come_to(changes: dict[str, Any], status: OrderStatus) -> None:
    values = json.loads((FIXTURES / "order.json").read_text()) | changes
    found = mapping.order("shop", None, "7001", msgspec.convert(values, models.Order, strict=False))
    assert found.status is status


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "https://admin.shopify.com/store/kaffee-kontor"),
        ({"shop_url": "http://127.0.0.1:1"}, None),
        ({"admin_url": "https://x.example/admin/"}, "https://x.example/admin"),
    ],
)
def test_where_links_lead(given: dict[str, Any], expected: str | None) -> None:
    assert settings(**given).admin_base() == expected
