"""The servers' answers against the vendors' own descriptions of their APIs, which are not part of this repository."""

from __future__ import annotations

import gzip
import json
import os
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_client_schema,
)
from jsonschema import Draft202012Validator, FormatChecker

from sandbox import mailchimp
from sandbox.shopify_schema import schema
from sandbox.world import World
from tests.sandbox.conftest import desk

SPECS = Path(os.environ.get("C360_SPECS") or Path(__file__).parents[3] / "shared" / "specs")

needs_specs = pytest.mark.skipif(
    not SPECS.is_dir(), reason="the vendors' API descriptions are not here (C360_SPECS names their folder)"
)


class _Yaml(yaml.SafeLoader):
    """Reads `=` and times as text, which is what they are in an OpenAPI document."""


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Yaml.add_constructor("tag:yaml.org,2002:value", _text)
_Yaml.add_constructor("tag:yaml.org,2002:timestamp", _text)


@cache
def description(name: str) -> dict[str, Any]:
    text = (SPECS / name).read_text()
    document = json.loads(text) if name.endswith(".json") else yaml.load(text, _Yaml)
    read: dict[str, Any] = nullable(document)
    return read


def nullable(node: Any) -> Any:
    """OpenAPI 3.0's `nullable: true` in the words of JSON Schema."""
    if isinstance(node, list):
        return [nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: nullable(value) for key, value in node.items()}
    if node.get("nullable") is True and isinstance(node.get("type"), str):
        node["type"] = [node["type"], "null"]
    return node


def problems(name: str, method: str, path: str, status: int, body: Any) -> list[str]:
    """What the description has against this answer."""
    document = description(name)
    responses = document["paths"][path][method]["responses"]
    answer = responses.get(str(status)) or responses["default"]
    if "$ref" in answer:
        answer = resolve(document, answer["$ref"])
    [(_, media), *_rest] = answer["content"].items()
    root = {"$ref": "#/it", "it": media["schema"], "components": document.get("components", {})}
    checker = FormatChecker()
    checker.checks("date-time", ValueError)(lambda text: bool(datetime.fromisoformat(text).tzinfo))
    validator = Draft202012Validator(root, format_checker=checker)
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(body)]


def resolve(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


CONTACTS = "/crm/v3/objects/contacts"
FILTER = {"propertyName": "email", "operator": "HAS_PROPERTY"}
SEARCH = {
    "filterGroups": [{"filters": [FILTER]}],
    "limit": 100,
    "after": "0",
    "sorts": [],
    "properties": ["email", "phone"],
}
READ = {"properties": ["firstname", "phone", "date_of_birth"], "propertiesWithHistory": []}
HUBSPOT = [
    ("contacts-v3.json", "post", f"{CONTACTS}/search", SEARCH, 200),
    ("contacts-v3.json", "post", f"{CONTACTS}/search", {"limit": 900}, 400),
    ("contacts-v3.json", "post", f"{CONTACTS}/batch/read", READ | {"inputs": [{"id": "20100000001"}]}, 200),
    ("contacts-v3.json", "post", f"{CONTACTS}/batch/read", READ | {"inputs": [{"id": "1"}]}, 207),
    ("contacts-v3.json", "get", CONTACTS, None, 200),
    ("contacts-v3.json", "get", f"{CONTACTS}/{{contactId}}", None, 200),
    (
        "companies-v3.json",
        "post",
        "/crm/v3/objects/companies/batch/read",
        READ | {"inputs": [{"id": "30200000001"}]},
        200,
    ),
    (
        "associations-v4.json",
        "post",
        "/crm/v4/associations/{fromObjectType}/{toObjectType}/batch/read",
        {"inputs": [{"id": "20100000001"}]},
        200,
    ),
    (
        "associations-v4.json",
        "post",
        "/crm/v4/associations/{fromObjectType}/{toObjectType}/batch/read",
        {"inputs": [{"id": "20100000001"}, {"id": "1"}]},
        207,
    ),
]
FILL = {"contactId": "20100000001", "fromObjectType": "contacts", "toObjectType": "companies"}


@needs_specs
@pytest.mark.parametrize(("name", "method", "path", "body", "status"), HUBSPOT)
async def test_hubspot(world: World, name: str, method: str, path: str, body: Any, status: int) -> None:
    async with (crm := desk("hubspot", world)).client:
        crm.controls.set_settings({"nulls": "omit"})
        response = await crm.client.request(method, path.format(**FILL), json=body)
    assert response.status_code == status, response.text
    assert problems(f"hubspot/{name}", method, path, status, response.json()) == []


ZENDESK = [
    ("/api/v2/users/search", {"query": "ada*"}),
    ("/api/v2/users/show_many", {"ids": "360000100001,360000100005"}),
    ("/api/v2/users/{user_id}", {}),
    ("/api/v2/users/{user_id}/identities", {}),
    ("/api/v2/search", {"query": "type:ticket status<closed", "sort_by": "created_at"}),
    ("/api/v2/search/export", {"query": "created>2000-01-01", "filter[type]": "ticket", "page[size]": "100"}),
    ("/api/v2/search/count", {"query": "type:ticket"}),
    ("/api/v2/tickets/show_many", {"ids": "2001,2002,2003,2004,2005"}),
    ("/api/v2/tickets/{ticket_id}", {}),
    ("/api/v2/tickets/{ticket_id}/comments", {"page[size]": "100"}),
    ("/api/v2/incremental/users/cursor", {"start_time": "0"}),
    ("/api/v2/incremental/tickets/cursor", {"start_time": "0"}),
]


@needs_specs
@pytest.mark.parametrize(("path", "params"), ZENDESK)
async def test_zendesk(world: World, path: str, params: dict[str, str]) -> None:
    async with (support := desk("zendesk", world)).client:
        support.controls.set_settings({"nulls": "omit"})
        real = path.format(user_id=360000100005, ticket_id=2001)
        response = await support.client.get(real, params=params)
    assert response.status_code == 200, response.text
    assert problems("zendesk/support-oas-ballerina.yaml", "get", path, 200, response.json()) == []


LIST = {"list_id": mailchimp.LIST_ID, "subscriber_hash": "ada.yilmaz@example.com"}
MAILCHIMP: list[tuple[str, dict[str, str], int]] = [
    ("/ping", {}, 200),
    ("/lists", {}, 200),
    ("/lists/{list_id}", {}, 200),
    ("/search-members", {"query": "ada.yilmaz@example.com"}, 200),
    ("/search-members", {"query": "a"}, 400),
    ("/lists/{list_id}/members", {"count": "1000"}, 200),
    ("/lists/{list_id}/members/{subscriber_hash}", {}, 200),
    ("/lists/{list_id}/members/{subscriber_hash}/activity-feed", {"count": "1000"}, 200),
]


@needs_specs
@pytest.mark.parametrize(("path", "params", "status"), MAILCHIMP)
async def test_mailchimp(world: World, path: str, params: dict[str, str], status: int) -> None:
    async with (mail := desk("mailchimp", world)).client:
        response = await mail.client.get(f"/3.0{path.format(**LIST)}", params=params)
    assert response.status_code == status, response.text
    assert problems("mailchimp/marketing-3.0.55.json", "get", path, status, response.json()) == []


@needs_specs
async def test_mailchimps_rarer_activity(world: World) -> None:
    member = next(
        m for m in world.members if m.status == "unsubscribed" and len({e.kind for e in m.events}) >= 4
    )
    path = "/lists/{list_id}/members/{subscriber_hash}/activity-feed"
    async with (mail := desk("mailchimp", world)).client:
        real = path.format(list_id=mailchimp.LIST_ID, subscriber_hash=member.id)
        response = await mail.client.get(f"/3.0{real}", params={"count": "1000"})
    assert problems("mailchimp/marketing-3.0.55.json", "get", path, 200, response.json()) == []


@needs_specs
def test_the_check_itself_finds_a_wrong_answer() -> None:
    body = {"results": [{"id": 1, "createdAt": "yesterday"}], "total": "many"}
    assert len(problems("hubspot/contacts-v3.json", "post", f"{CONTACTS}/search", 200, body)) >= 4
    assert problems(
        "zendesk/support-oas-ballerina.yaml",
        "get",
        "/api/v2/tickets/{ticket_id}",
        200,
        {"ticket": {"id": "x"}},
    )


def _lacking(mine: Any, theirs: Any) -> list[str]:
    """What of my type is not in the vendor's, or is there with other types."""
    name = mine.name
    if type(mine) is not type(theirs):
        return [f"{name} is another kind of type"]
    if isinstance(mine, GraphQLEnumType):
        return [f"{name}.{value}" for value in mine.values if value not in theirs.values]
    if isinstance(mine, GraphQLInputObjectType):
        pairs = (
            (f, str(v.type), str(theirs.fields[f].type) if f in theirs.fields else None)
            for f, v in mine.fields.items()
        )
        return [f"{name}.{f}: {a} is {b}" for f, a, b in pairs if a != b]
    if not isinstance(mine, GraphQLObjectType | GraphQLInterfaceType):
        return []
    wrong = [
        f"{name} implements {i.name}"
        for i in mine.interfaces
        if i.name not in {t.name for t in theirs.interfaces}
    ]
    for field_name, field in mine.fields.items():
        other = theirs.fields.get(field_name)
        if other is None or str(other.type) != str(field.type):
            wrong.append(f"{name}.{field_name}: {field.type} is {other and other.type}")
            continue
        for argument, value in field.args.items():
            real = other.args.get(argument)
            if real is None or str(real.type) != str(value.type) or real.default_value != value.default_value:
                wrong.append(f"{name}.{field_name}({argument})")
    return wrong


@needs_specs
def test_shopifys_schema_is_a_true_part_of_the_vendors() -> None:
    with gzip.open(SPECS / "shopify" / "admin_2026-10.json.gz") as file:
        theirs = build_client_schema(json.load(file)["data"], assume_valid=True)
    own = [kind for name, kind in schema().type_map.items() if not name.startswith("__")]
    wrong = [line for kind in own for line in _lacking(kind, theirs.type_map.get(kind.name))]
    assert wrong == []
    assert len(own) > 40


async def test_every_field_of_the_schema_is_answered(world: World) -> None:
    """No field of ours lacks a resolver: all of them, for some records each."""
    async with (shop := desk("shopify", world)).client:
        shop.controls.set_settings({"single_query_max": None, "bucket": None})
        for root in ("customers(first: 15)", "orders(first: 80)"):
            kind = "Customer" if root.startswith("customers") else "Order"
            query = f"{{ {root} {{ nodes {{ {_everything(kind, 3)} }} pageInfo {{ hasPreviousPage startCursor }} }} }}"
            answer: Any = await shop.graphql(query)
            assert "errors" not in answer, answer["errors"][:3]
            assert len(answer["data"][root.partition("(")[0]]["nodes"]) in (15, 80)
        rest: Any = await shop.graphql(
            f"{{ shop {{ {_everything('Shop', 1)} }} customersCount {{ count precision }} }}"
        )
        assert "errors" not in rest


def _everything(kind: str, depth: int) -> str:
    """A selection of all fields of a type, to a depth."""
    parts = []
    of: Any = schema().type_map[kind]
    for name, field in of.fields.items():
        inner = getattr(field.type, "of_type", field.type)
        while hasattr(inner, "of_type"):
            inner = inner.of_type
        arguments = "(first: 2)" if "first" in field.args else ""
        if isinstance(inner, GraphQLObjectType):
            if depth:
                parts.append(f"{name}{arguments} {{ {_everything(inner.name, depth - 1)} }}")
        else:
            parts.append(f"{name}{arguments}")
    return " ".join(parts) or "__typename"
