"""Random documents and random bytes: never a 5xx, never a crash, always a well-formed answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from gateway.errors import Code
from tests.gateway.small import Small

SCHEMA = """
type Query { hello(name: String = "x"): String!, whoami: String!, person(by: By!): Person, people(ids: [ID!]!): [Person!]!
             money: Decimal!, long: String! }
type Person { name: String!, friends(first: Int! = 10): [Person!]! }
input By { email: String, phone: String }
scalar Decimal
"""
RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def send(method: str, url: str, **options: Any) -> httpx.Response:
    async def sent() -> httpx.Response:
        async with Small().client() as client:
            return await client.request(method, url, **options)

    return asyncio.run(sent())


def is_well_formed(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    answer = response.json()
    assert set(answer) <= {"data", "errors"}
    assert answer
    for error in answer.get("errors", []):
        assert error["extensions"]["code"] in Code.__members__
        assert error["extensions"]["code"] != "INTERNAL"
        assert "Traceback" not in error["message"]


@RELAXED
@given(from_schema(SCHEMA))
def test_generated_documents(document: str) -> None:
    is_well_formed(send("POST", "/graphql", json={"query": document}))


TOKENS = ["{", "}", "(", ")", "...", "hello", "person", "by", ":", "email", '"x"', "$v", "@skip", "if", "true", "null",
          "query", "mutation", "fragment", "on", "Query", "f", "[", "]", "first", "1", "-1e999", "__schema", "types", "=",
          "#", "\n", '"""', "\ufeff", "\u0000", "friends", "name", "!"]  # fmt: skip


@RELAXED
@given(st.lists(st.sampled_from(TOKENS), max_size=40).map(" ".join))
def test_shuffled_tokens(document: str) -> None:
    is_well_formed(send("POST", "/graphql", json={"query": document}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@RELAXED
@given(json_values)
def test_any_variables(value: Any) -> None:
    query = "query($v: By!, $n: Int, $i: [ID!]) { person(by: $v) { friends(first: 3) { name } } people(ids: []) { name } }"
    query = query.replace("$n: Int, $i: [ID!]", "$n: Int! = 1").replace("first: 3", "first: $n")
    body = json.dumps({"query": query, "variables": {"v": value, "n": value}})
    response = send("POST", "/graphql", content=body, headers={"content-type": "application/json"})
    is_well_formed(response)


@RELAXED
@given(st.binary(max_size=200))
def test_any_body(body: bytes) -> None:
    is_well_formed(send("POST", "/graphql", content=body, headers={"content-type": "application/json"}))


@RELAXED
@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=60)
)
def test_any_query_string(text: str) -> None:
    response = send("GET", f"http://127.0.0.1/graphql?{text}")
    is_well_formed(response)
