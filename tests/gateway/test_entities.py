"""Representations that a federation router sends, and those that nobody should."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import strawberry
from starlette.applications import Starlette

from gateway.app import assemble
from gateway.context import Context
from gateway.telemetry import Metrics
from resolvers.asker import Asker
from tests.gateway.small import FakeSession, ask, open_settings


@strawberry.federation.type(keys=["id"])
class Thing:
    id: strawberry.ID

    @classmethod
    async def resolve_reference(cls, info: strawberry.Info, id: strawberry.ID) -> Thing | None:
        return Thing(id=id) if id != "unknown" else None


@strawberry.type
class Query:
    things: list[Thing]


def app() -> Starlette:
    def context(asker: Asker) -> Context:
        session: Any = FakeSession(asker)
        return Context(session=session, asker=asker)

    schema = strawberry.federation.Schema(query=Query, federation_version="2.9")
    return assemble(open_settings(), schema, context, metrics=Metrics(), probes={})


async def answer(query: str, **body: Any) -> dict[str, Any]:
    transport = httpx.ASGITransport(app())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await ask(client, query, **body)


QUERY = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Thing { id } } }"


async def test_entities_come_in_the_order_asked() -> None:
    sent = [
        {"__typename": "Thing", "id": "b", "extra": 1, "info": 2},
        {"__typename": "Thing", "id": "unknown"},
    ]
    found = await answer(QUERY, variables={"r": sent})
    assert found == {"data": {"_entities": [{"id": "b"}, None]}}


async def test_literals_work_too_and_may_hold_variables() -> None:
    document = '{ _entities(representations: [{__typename: "Thing", id: "a"}]) { ... on Thing { id } } }'
    assert (await answer(document))["data"] == {"_entities": [{"id": "a"}]}
    document = document.replace('"a"', "$i").replace("{ _e", "query($i: ID!) { _e", 1)
    assert (await answer(document, variables={"i": "c"}))["data"] == {"_entities": [{"id": "c"}]}


@pytest.mark.parametrize(
    "value",
    [1, "x", None, [], {}, {"__typename": 1}, {"__typename": "Nope", "id": "a"}, {"__typename": "Thing"},
     {"__typename": "Thing", "id": None}, {"__typename": "Thing", "id": {"a": 1}}, {"__typename": "Query", "id": "1"}],
)  # fmt: skip
async def test_malformed_representations_are_bad_input(value: Any) -> None:
    found = await answer(QUERY, variables={"r": [value]})
    assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("literal", ["1", '"x"', "{}", '{__typename: "Nope"}', '{__typename: "Thing"}', "[]"])
async def test_malformed_literals_are_bad_input(literal: str) -> None:
    found = await answer(f"{{ _entities(representations: [{literal}]) {{ ... on Thing {{ id }} }} }}")
    assert found["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_subgraph_describes_itself() -> None:
    found = await answer("{ _service { sdl } }")
    assert '@key(fields: "id")' in found["data"]["_service"]["sdl"]
