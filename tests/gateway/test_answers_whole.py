"""Kept answers of a whole gateway on the sandbox: no call upstream while they live, dropped by what changes their customer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from resolvers.engine import Session
from tests.gateway.test_calls import Counting
from tests.gateway.test_stewardship import MERGE, run, strangers
from tests.whole import gateway

VIEW = """query V($id: ID!) @cacheControl(maxAge: 60, scope: PUBLIC) {
  customer(by: {id: $id}) {
    id redirectedFrom displayName orders(first: 3) { nodes { number } } identity { members { source recordId } }
    sources { source state }
  } }"""


async def view(client: httpx.AsyncClient, customer_id: str) -> httpx.Response:
    body = {"query": VIEW, "variables": {"id": customer_id}}
    response = await client.post("/graphql", json=body)
    assert "errors" not in response.json()
    return response


async def test_a_second_question_makes_no_call_and_a_merge_ends_the_first_answers_life(
    tmp_path: Path,
) -> None:
    counts: Counter[str] = Counter()
    async with gateway(tmp_path, wrap=lambda inner: Counting(inner, counts)) as client:
        one, two = await strangers(client)
        first = [await view(client, c["id"]) for c in (one, two)]
        made = counts.total()
        again = [await view(client, c["id"]) for c in (one, two)]
        assert counts.total() == made
        assert [r.content for r in again] == [r.content for r in first]
        assert all("age" in r.headers for r in again)
        await run(client, MERGE, ids=[one["id"], two["id"]])
        merged = [(await view(client, c["id"])).json()["data"]["customer"] for c in (one, two)]
        whole = {(m["source"], m["recordId"]) for c in (one, two) for m in c["identity"]["members"]}
        for customer in merged:
            assert {(m["source"], m["recordId"]) for m in customer["identity"]["members"]} == whole


async def test_an_answer_rests_on_its_customer_and_on_every_record_in_it(
    tmp_path: Path, monkeypatch: Any
) -> None:
    seen: list[frozenset[str]] = []
    tags = Session.tags
    monkeypatch.setattr(Session, "tags", lambda self: seen.append(tags(self)) or tags(self))
    async with gateway(tmp_path) as client:
        one, _ = await strangers(client)
        data = (await view(client, one["id"])).json()["data"]["customer"]
    members = {f"record:{m['source']}:{m['recordId']}" for m in data["identity"]["members"]}
    assert seen, "the answer was kept"
    assert {f"customer:{one['id']}"} | members <= seen[-1]


async def test_the_schemas_own_hints_bound_a_whole_view(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client:

        async def control(selection: str) -> str:
            query = f"query Q @cacheControl(maxAge: 250, scope: PUBLIC) {{ {selection} }}"
            return (await client.post("/graphql", json={"query": query})).headers["cache-control"]

        assert await control("sources { name kind }") == "public, max-age=250"
        assert await control("sources { name health { ok } }") == "no-store"
        unknown = 'customer(by: {id: "01890000-0000-7000-8000-000000000000"})'
        assert await control(f"{unknown} {{ displayName }}") == "public, max-age=250"
        assert await control(f"{unknown} {{ consents {{ state }} }}") == "public, max-age=60"
        assert await control(f"{unknown} {{ identity {{ members {{ source }} }} }}") == "public, max-age=60"
