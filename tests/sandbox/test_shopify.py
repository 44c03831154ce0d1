"""Shopify's dialect: search syntax, connections, cost, and the schema as a true part of the vendor's."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.shopify_search import And, Not, Or, Term, parse
from sandbox.world import World
from tests.sandbox.conftest import Desk

ADA = "gid://shopify/Customer/7400000000001"


def term(field: str | None, value: str, operator: str = "=") -> Term:
    return Term(field=field, operator=operator, value=value)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ('email:"a@b.example"', term("email", "a@b.example")),
        ("updated_at:>='2026-01-01T00:00:00Z'", term("updated_at", "2026-01-01T00:00:00Z", ">=")),
        ("a:1 b:2", And(parts=(term("a", "1"), term("b", "2")))),
        ("a:1 OR b:2 c:3", Or(parts=(term("a", "1"), And(parts=(term("b", "2"), term("c", "3")))))),
        ("(a:1 OR b:2) AND c:3", And(parts=(Or(parts=(term("a", "1"), term("b", "2"))), term("c", "3")))),
        ("-tag:x NOT Bob", And(parts=(Not(part=term("tag", "x")), Not(part=term(None, "Bob"))))),
        (r'name:"say \"hi\""', term("name", 'say "hi"')),
    ],
)
def test_search_syntax(text: str, tree: object) -> None:
    assert parse(text) == tree


async def customers(shop: Desk, query: str) -> list[str]:
    text = "query($q: String!) { customers(first: 50, query: $q) { nodes { id } } }"
    answer: Any = await shop.graphql(text, q=query)
    assert "errors" not in answer, answer
    return [node["id"] for node in answer["data"]["customers"]["nodes"]]


@pytest.mark.parametrize(
    "query",
    [
        'email:"ada.yilmaz+shop@example.com"',
        "email:ADA.YILMAZ+shop@example.com",
        'phone:"+493090182017"',
        "id:7400000000001",
        "Ada Yilmaz",
        'email:"nobody@example.com" OR phone:"+493090182017"',
        "email:ada.yilmaz*",
    ],
)
async def test_ada_is_found_by_each_key(shop: Desk, query: str) -> None:
    assert ADA in await customers(shop, query)


async def test_nobody_is_found_by_a_key_that_nobody_has(shop: Desk) -> None:
    assert await customers(shop, 'email:"nobody@example.com" OR phone:"+493090182099"') == []


async def test_an_unknown_search_field_is_ignored_with_a_warning(shop: Desk) -> None:
    answer: Any = await shop.graphql('{ customers(first: 2, query: "mail:x@example.com") { nodes { id } } }')
    assert len(answer["data"]["customers"]["nodes"]) == 2
    [warning] = answer["extensions"]["search"][0]["warnings"]
    assert warning["field"] == "mail" and warning["code"] == "invalid_field"


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ({"emailAddress": "Ada.Yilmaz+shop@example.com"}, ADA),
        ({"phoneNumber": "+493090182017"}, ADA),
        ({"id": ADA}, ADA),
        ({"emailAddress": "nobody@example.com"}, None),
    ],
)
async def test_customer_by_identifier(shop: Desk, identifier: dict[str, str], expected: str | None) -> None:
    text = "query($i: CustomerIdentifierInput!) { customerByIdentifier(identifier: $i) { id } }"
    answer: Any = await shop.graphql(text, i=identifier)
    found = answer["data"]["customerByIdentifier"]
    assert (found and found["id"]) == expected


async def test_nodes_keep_their_order_and_say_null_for_the_unknown(shop: Desk) -> None:
    text = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Customer { displayName } ... on Order { name } } }"
    ids = ["gid://shopify/Order/5600000000002", "gid://shopify/Customer/1", ADA]
    answer: Any = await shop.graphql(text, ids=ids)
    assert answer["data"]["nodes"] == [
        {"id": ids[0], "name": "#1002"},
        None,
        {"id": ADA, "displayName": "Ada Yilmaz"},
    ]


async def test_orders_page_and_stand_still_when_new_ones_arrive() -> None:
    from sandbox.build import build
    from tests.sandbox.conftest import desk

    async with (shop := desk("shopify", build(10))).client:
        text = """query($id: ID!, $after: String) { customer(id: $id) {
          orders(first: 2, after: $after, sortKey: PROCESSED_AT, reverse: true) {
            nodes { name } pageInfo { hasNextPage endCursor } } } }"""
        names: list[str] = []
        after = None
        for page in range(3):
            answer: Any = await shop.graphql(text, id=ADA, after=after)
            orders = answer["data"]["customer"]["orders"]
            names += [node["name"] for node in orders["nodes"]]
            after = orders["pageInfo"]["endCursor"]
            assert orders["pageInfo"]["hasNextPage"] == (page < 2)
            created = await shop.client.post("/__sandbox/create", json={"kind": "order", "customer": ADA})
            assert created.status_code == 200
        assert names == ["#1006", "#1005", "#1004", "#1003", "#1002", "#1001"]
        answer = await shop.graphql(text, id=ADA, after=None)
        newest: Any = answer["data"]
        assert newest["customer"]["orders"]["nodes"][0]["name"] not in names


async def test_the_same_orders_by_customer_id_and_time(shop: Desk) -> None:
    text = "query($q: String!) { orders(first: 50, query: $q, sortKey: CREATED_AT) { nodes { name createdAt } } }"
    answer: Any = await shop.graphql(
        text, q="(customer_id:7400000000001 OR customer_id:5) AND created_at:<2026-08-18T10:00:00Z"
    )
    assert [node["name"] for node in answer["data"]["orders"]["nodes"]] == [
        "#1001",
        "#1002",
        "#1003",
        "#1004",
    ]
    answer = await shop.graphql(text, q="(customer_id:7400000000001) AND created_at:<=2026-08-18T10:00:00Z")
    assert len(answer["data"]["orders"]["nodes"]) == 5
    answer = await shop.graphql(text, q='name:"#1003" OR name:1004')
    assert [node["name"] for node in answer["data"]["orders"]["nodes"]] == ["#1003", "#1004"]


async def test_a_guest_order_has_an_address_but_no_customer(shop: Desk, world: World) -> None:
    gid = next(iter(world.guest_orders))
    order = world.orders.get(gid)
    assert order is not None and order.email
    text = "query($q: String!) { orders(first: 9, query: $q) { nodes { id email customer { id } } } }"
    answer: Any = await shop.graphql(text, q=f'email:"{order.email.lower()}"')
    rows = {node["id"]: node["customer"] for node in answer["data"]["orders"]["nodes"]}
    assert rows[gid] is None


async def test_money_of_an_order_adds_up(shop: Desk) -> None:
    text = """{ node(id: "gid://shopify/Order/5600000000005") { ... on Order {
      displayFinancialStatus refunds { totalRefundedSet { shopMoney { amount } } }
      totalPriceSet { shopMoney { amount currencyCode } } subtotalPriceSet { shopMoney { amount } }
      totalShippingPriceSet { shopMoney { amount } } totalDiscountsSet { shopMoney { amount } }
      lineItems(first: 10) { nodes { quantity discountedTotalSet { shopMoney { amount } }
        originalUnitPriceSet { shopMoney { amount } } } } } } }"""
    answer: Any = await shop.graphql(text)
    order = answer["data"]["node"]

    def amount(name: str, of: dict[str, Any] = order) -> int:
        return round(float(of[name]["shopMoney"]["amount"]) * 100)

    lines = order["lineItems"]["nodes"]
    assert amount("subtotalPriceSet") == sum(amount("discountedTotalSet", line) for line in lines)
    full = sum(amount("originalUnitPriceSet", line) * line["quantity"] for line in lines)
    assert amount("totalDiscountsSet") == full - amount("subtotalPriceSet") > 0
    assert amount("totalPriceSet") == amount("subtotalPriceSet") + amount("totalShippingPriceSet")
    assert order["displayFinancialStatus"] == "PARTIALLY_REFUNDED" and len(order["refunds"]) == 1


@pytest.mark.parametrize(
    "query",
    [
        "{ customers(first: 251) { nodes { id } } }",
        "{ customers { nodes { id } } }",
        '{ customers(first: 1, after: "nonsense") { nodes { id } } }',
        "{ customers(first: 1) { nodes { password } } }",
        "{ customers(first: 1 { nodes { id } } }",
        '{ node(id: "17") { id } }',
    ],
)
async def test_a_wrong_query_is_answered_200_with_errors(shop: Desk, query: str) -> None:
    answer: Any = await shop.graphql(query)
    assert answer["errors"] and not any((answer.get("data") or {}).values())


async def test_cost_is_told_and_paid_from_the_bucket(shop: Desk) -> None:
    shop.controls.set_settings({"bucket": 50, "restore_per_second": 0.001})
    query = "{ customers(first: 10) { nodes { id } } }"
    answer: Any = await shop.graphql(query)
    cost = answer["extensions"]["cost"]
    assert cost["requestedQueryCost"] == 12 and cost["actualQueryCost"] == 12
    assert cost["throttleStatus"]["maximumAvailable"] == 50.0
    assert cost["throttleStatus"]["currentlyAvailable"] == 38
    for _ in range(3):
        await shop.graphql(query)
    answer = await shop.graphql(query)
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "THROTTLED"
    assert answer["extensions"]["cost"]["actualQueryCost"] is None


async def test_requested_cost_beyond_what_was_found_is_given_back(shop: Desk) -> None:
    shop.controls.set_settings({"bucket": 1000, "restore_per_second": 0.001})
    query = '{ customers(first: 100, query: "email:nobody@example.com") { nodes { id } } }'
    answer: Any = await shop.graphql(query)
    cost = answer["extensions"]["cost"]
    assert cost["actualQueryCost"] < cost["requestedQueryCost"]
    assert cost["throttleStatus"]["currentlyAvailable"] == 1000 - cost["actualQueryCost"]


async def test_a_single_query_may_not_cost_too_much(shop: Desk) -> None:
    query = """{ customers(first: 250) { nodes { orders(first: 50) { nodes {
      lineItems(first: 50) { nodes { variant { id } } } } } } } }"""
    answer: Any = await shop.graphql(query)
    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


async def test_the_seen_cost_of_250_variants_is_met() -> None:
    from graphql import build_schema
    from graphql import parse as parse_document

    from sandbox.shopify_cost import CostOf

    schema = build_schema(
        """interface Node { id: ID! }
        type Query { product: Product }
        type Product implements Node { id: ID! variants(first: Int): VariantConnection }
        type VariantConnection { nodes: [Variant] }
        type Variant implements Node { id: ID! item: Item }
        type Item implements Node { id: ID! }"""
    )
    document = parse_document("{ product { variants(first: 250) { nodes { item { id } } } } }")
    operation: Any = document.definitions[0]
    assert CostOf(schema, {}, {}).operation(operation) == 25


async def test_other_versions_are_not_there(shop: Desk) -> None:
    response = await shop.client.post("/admin/api/2020-01/graphql.json", json={"query": "{ shop { id } }"})
    assert response.status_code == 404
