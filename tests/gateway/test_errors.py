"""What a client learns of a failure, and what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.errors import Code
from tests.gateway.small import Small, ask

LEAKS = ("ada@example.org", "RuntimeError", "db7", "503", "Traceback", "read contacts")


async def answer(query: str, **body: Any) -> dict[str, Any]:
    async with Small().client() as client:
        response = await client.post(
            "/graphql", json={"query": query, **body}, headers={"x-correlation-id": "abc"}
        )
    found: dict[str, Any] = response.json()
    return found


def test_the_codes_are_the_documented_ones() -> None:
    assert list(Code) == [
        "BAD_USER_INPUT", "UNAUTHENTICATED", "FORBIDDEN", "CONSENT_WITHHELD", "COST_EXCEEDED", "RATE_LIMITED",
        "SOURCE_TIMEOUT", "SOURCE_UNAVAILABLE", "SOURCE_RATE_LIMITED", "SOURCE_AUTH_FAILED", "SOURCE_BAD_PAYLOAD",
        "OVERLOADED", "INTERNAL",
    ]  # fmt: skip
    assert all(code.meaning.endswith(".") for code in Code)


async def test_our_own_errors_keep_their_text() -> None:
    found = await answer("{ wrong malformed hello }")
    assert found["data"] == {"wrong": None, "malformed": None, "hello": "hello world"}
    assert found["errors"] == [
        {
            "message": "not for you",
            "locations": [{"line": 1, "column": 3}],
            "path": ["wrong"],
            "extensions": {"code": "FORBIDDEN", "argument": "by.email"},
        },
        {
            "message": "by.phone is not a phone number",
            "locations": [{"line": 1, "column": 9}],
            "path": ["malformed"],
            "extensions": {"code": "BAD_USER_INPUT", "argument": "by.phone"},
        },
    ]


async def test_a_source_error_names_the_source_and_no_more() -> None:
    found = await answer("{ late }")
    assert found["errors"][0]["message"] == "crm did not answer in time"
    assert found["errors"][0]["extensions"] == {
        "code": "SOURCE_TIMEOUT",
        "source": "crm",
        "correlationId": "abc",
    }
    assert not any(leak in json.dumps(found) for leak in LEAKS)


@pytest.mark.parametrize("query", ['{ person(by: {email: "a@b.c"}) { failing } }', "{ number }"])
async def test_everything_else_is_internal(query: str) -> None:
    found = await answer(query)
    assert found["errors"][0]["message"] == "internal error"
    assert found["errors"][0]["extensions"] == {"code": "INTERNAL", "correlationId": "abc"}
    assert not any(leak in json.dumps(found) for leak in LEAKS)


async def test_a_failed_batch_is_one_error() -> None:
    found = await answer("{ batch hello }")
    assert found["data"] == {"batch": None, "hello": "hello world"}
    assert found["errors"] == [
        {
            "message": "crm did not answer in time",
            "path": ["batch"],
            "extensions": {"code": "SOURCE_TIMEOUT", "source": "crm", "correlationId": "abc"},
        }
    ]


@pytest.mark.parametrize(
    ("query", "variables", "says"),
    [
        ("query($n: String!) { hello(name: $n) }", {"n": 4711}, "$n has a value that is not valid: expected String"),
        ("query($n: String!) { hello(name: $n) }", {"n": None}, "$n must not be null: expected String!"),
        ("query($n: String!) { hello(name: $n) }", {}, "$n must be given, as String!"),
        ("query($b: By!) { person(by: $b) { name } }", {"b": {"email": {"ada": "4711"}}}, "$b.email has a value"),
        ("query($b: By!) { person(by: $b) { name } }", {"b": {"emial": "4711"}}, "(it has email, phone)"),
        ("query($b: By!) { person(by: $b) { name } }", {"b": {}}, "exactly one field that is not null"),
        ("query($b: By!) { person(by: $b) { name } }", {"b": {"email": "4711", "phone": "1"}}, "exactly one field"),
        ("query($b: By!) { person(by: $b) { name } }", {"b": "4711"}, "$b must be an object: expected By"),
        ("query($i: [ID!]!) { people(ids: $i) { name } }", {"i": ["a", 4.711]}, "$i[1] has a value"),
    ],
)  # fmt: skip
async def test_variables_are_refused_without_repeating_them(
    query: str, variables: dict[str, Any], says: str
) -> None:
    found = await answer(query, variables=variables)
    assert "data" not in found
    assert says in found["errors"][0]["message"]
    assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "4711" not in json.dumps(found)
    assert "4.711" not in json.dumps(found)


async def test_syntax_and_validation_say_what_is_wrong_and_where() -> None:
    async with Small().client() as client:
        syntax = await ask(client, "{ hello(")
        unknown = await ask(client, "{ helo }")
    assert syntax["errors"][0]["message"].startswith("Syntax Error")
    assert syntax["errors"][0]["locations"] == [{"line": 1, "column": 9}]
    assert "Did you mean 'hello'" in unknown["errors"][0]["message"]


async def test_an_unexpected_failure_outside_graphql_is_masked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Small()

    def broken(_asker: object) -> Any:
        raise RuntimeError("ada@example.org")

    monkeypatch.setattr(small, "_context", broken)
    async with small.client() as client:
        response = await client.post("/graphql", json={"query": "{ hello }"})
    assert response.status_code == 500
    assert response.json()["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "ada@" not in response.text
