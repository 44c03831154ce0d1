"""Shopify: every document of the adapter, its variables and the sandbox's answers against the Admin API's own schema."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import (
    DocumentNode,
    GraphQLSchema,
    NoDeprecatedCustomRule,
    OperationDefinitionNode,
    build_client_schema,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values
from pydantic import SecretStr

from adapters.base import KeyType, Owner, Position, Window
from adapters.records import RecordKind
from adapters.webshop.shopify import adapter as SHOPIFY
from adapters.webshop.shopify import queries
from sandbox import shopify
from sandbox.controls import Controls
from tests.specs.described import SPECS
from tests.specs.drives import (
    NONE,
    call,
    find_each_way,
    follow_changes,
    keys_of,
    moment,
    page_each_way,
    read_each_way,
    settings_of,
)
from tests.specs.graphql_answers import Answers
from tests.specs.sites import Source
from tests.specs.wire import Exchange, noted
from tests.specs.worlds import CROWD_PHONE, TIE, Crowded

pytestmark = pytest.mark.timeout(300)
RULES = [*specified_rules, NoDeprecatedCustomRule]


@dataclass(kw_only=True)
class Listener(httpx.AsyncBaseTransport):
    """The sandbox's shop without a network, and a note of everything that is asked and answered."""

    shop: httpx.ASGITransport
    exchanges: list[Exchange] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = noted(request)
        response = await self.shop.handle_async_request(request)
        content = await response.aread()
        exchange.status, exchange.answer = response.status_code, json.loads(content)
        self.exchanges.append(exchange)
        return httpx.Response(response.status_code, stream=httpx.ByteStream(content))


@pytest.fixture(scope="module")
def schema(specs: None) -> GraphQLSchema:
    with gzip.open(SPECS / "shopify" / "admin_2026-10.json.gz") as file:
        return build_client_schema(json.load(file)["data"], assume_valid=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchanges(crowd: Crowded) -> list[Exchange]:
    """Everything that the adapter can send, once."""
    controls = Controls()
    transport = Listener(shop=httpx.ASGITransport(shopify.create_app(crowd.world, controls)))
    controls.set_settings({"bucket": None})
    settings = settings_of(
        SHOPIFY, shop_url="https://kaffee-kontor.myshopify.com", access_token=SecretStr(shopify.TOKEN),
        default_country="DE",
    )  # fmt: skip
    adapter = SHOPIFY.build("webshop", settings, transport)
    world = crowd.world
    customers, orders = list(world.customers), list(world.orders)
    await adapter.check(call())
    emails = [customer.email.lower() for customer in customers if customer.email]
    keys = keys_of(
        SHOPIFY,
        {
            KeyType.EMAIL: emails[:3],
            KeyType.PHONE: [CROWD_PHONE, "+493090182017"],
            KeyType.CUSTOMER_NUMBER: [_number(customer.id) for customer in customers[:3]],
            KeyType.ORDER_NUMBER: [str(orders[0].number), f"#{orders[1].number}"],
            KeyType.NAME: ["Ada Yilmaz", "Jürgen Müller"],
        },
    )
    await find_each_way(adapter, keys)
    many = {KeyType.EMAIL: emails[:130], KeyType.ORDER_NUMBER: [str(order.number) for order in orders[:130]]}
    others: dict[KeyType, list[str]] = {type: [] for type in SHOPIFY.manifest.lookups if type not in many}
    await adapter.find(keys_of(SHOPIFY, many | others), call())
    buyer = _number(crowd.buyer.id)
    ids = [buyer, *(_number(customer.id) for customer in customers[:70])]
    await read_each_way(adapter, ids, NONE)
    owners = [Owner(ref=id) for id in ids]
    places = [Position(moment(TIE + 1), ""), Position(moment(TIE + 2), _number(crowd.long_order.id))]
    await page_each_way(adapter, RecordKind.ORDER, owners, places, 50)
    for parts in (NONE, frozenset({"lines"})):
        for before in (None, *places):
            await adapter.page(RecordKind.ORDER, owners[:1], Window(limit=5, before=before), parts, call())
    assert await follow_changes(adapter, RecordKind.PROFILE) > 1
    assert await follow_changes(adapter, RecordKind.ORDER) > 1
    await adapter.aclose()
    return transport.exchanges


def test_every_document_and_its_variables_are_valid(
    schema: GraphQLSchema, exchanges: list[Exchange], summary: list[str]
) -> None:
    documents = {exchange.body["query"]: parse(exchange.body["query"]) for exchange in exchanges}
    problems = {
        error.message for document in documents.values() for error in validate(schema, document, RULES)
    }
    for exchange in exchanges:
        wrong = _wrong_variables(schema, documents[exchange.body["query"]], exchange.body["variables"])
        problems |= {f"{exchange.operation}: {text}" for text in wrong}
    summary.append(
        f"shopify: {len(exchanges)} requests with {len(documents)} documents validated against the vendor's"
        f" schema, {len(problems)} violations"
    )
    assert problems == set()


def test_every_answer_has_the_shape_that_the_schema_gives_it(
    schema: GraphQLSchema, exchanges: list[Exchange], summary: list[str]
) -> None:
    checks = {text: Answers(schema, parse(text)) for text in {e.body["query"] for e in exchanges}}
    problems = {
        f"{exchange.operation} {problem}"
        for exchange in exchanges
        for problem in checks[exchange.body["query"]].problems(exchange.answer["data"])
    }
    leaves = sum(check.leaves for check in checks.values())
    summary.append(f"shopify: {leaves} values in the sandbox's answers checked, {len(problems)} violations")
    assert problems == set()
    assert leaves > 1_000


def test_every_document_in_the_source_was_sent(exchanges: list[Exchange]) -> None:
    texts = [value for value in vars(queries).values() if isinstance(value, str)]
    documents = {text for text in texts if text.lstrip().startswith(("query ", "mutation "))}
    assert {exchange.body["query"] for exchange in exchanges} == documents


def test_every_request_in_the_source_was_made(exchanges: list[Exchange]) -> None:
    sites = Source("adapters.webshop.shopify").sites()
    places = {place for exchange in exchanges for place in exchange.places}
    assert [str(site) for site in sites if not any(site.holds(place) for place in places)] == []
    contained = {operation for site in sites for operation in site.operations}
    assert {exchange.operation for exchange in exchanges} == contained


def test_each_variable_was_sent_with_and_without_a_value(exchanges: list[Exchange]) -> None:
    """Those that may be null: each was null in one request of its document, and had a value in another."""
    seen: dict[str, set[bool]] = {}
    for exchange in exchanges:
        for definition in _operation(parse(exchange.body["query"])).variable_definitions or ():
            if definition.type.kind != "non_null_type":
                name = definition.variable.name.value
                given = exchange.body["variables"].get(name) is not None
                seen.setdefault(f"{exchange.body['query'].split('(')[0].strip()} ${name}", set()).add(given)
    assert seen
    assert [place for place, given in seen.items() if len(given) < 2] == []


def test_wrong_documents_variables_and_answers_are_noticed(schema: GraphQLSchema) -> None:
    deprecated = parse("{ customers(first: 1) { nodes { email } } }")
    assert any("deprecated" in error.message for error in validate(schema, deprecated, RULES))
    assert validate(schema, parse("{ customers(first: 1) { nodes { nickname } } }"), RULES)
    assert _wrong_variables(schema, parse(queries.READ_CUSTOMERS), {"ids": [["x"]]})
    assert _wrong_variables(schema, parse(queries.READ_CUSTOMERS), {"ids": ["x"], "other": 1})
    check = Answers(
        schema, parse("{ orders(first: 1) { nodes { legacyResourceId createdAt displayFinancialStatus } } }")
    )
    good = {"legacyResourceId": "1", "createdAt": "2026-01-01T00:00:00Z", "displayFinancialStatus": "PAID"}
    assert check.problems({"orders": {"nodes": [good]}}) == []
    for wrong_part in (
        {"legacyResourceId": 1}, {"createdAt": "yesterday"}, {"createdAt": None}, {"displayFinancialStatus": "FREE"}, {"x": 1},
    ):  # fmt: skip
        assert len(check.problems({"orders": {"nodes": [good | wrong_part]}})) == 1
    assert len(check.problems({"orders": {"nodes": {}}})) == 1


def _wrong_variables(schema: GraphQLSchema, document: DocumentNode, given: dict[str, Any]) -> list[str]:
    """What is wrong with a request's variables, ones that the document does not know included."""
    definitions = _operation(document).variable_definitions or ()
    values = get_variable_values(schema, definitions, given)
    wrong = [error.message for error in values] if isinstance(values, list) else []
    unknown = set(given) - {definition.variable.name.value for definition in definitions}
    return wrong + [f"${name} is not declared" for name in sorted(unknown)]


def _operation(document: DocumentNode) -> OperationDefinitionNode:
    (operation,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return operation


def _number(gid: str) -> str:
    return gid.rpartition("/")[2]
