"""Deciding who is who over GraphQL and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import assemble
from gateway.context import Context
from gateway.migrations import upgrade
from gateway.schema import build_schema
from gateway.telemetry import Metrics
from resolvers.asker import Asker
from resolvers.identity.derivation import Verdict
from resolvers.identity.store import IdentityStore
from tests.gateway.small import KEY, OTHER_KEY, FakeSession, ask, settings
from tests.gateway.test_cli import Result, c360, config
from tests.resolvers.identity_log.logs import links, scored, seen
from tests.whole import gateway, world

DECISION = "{ customers { id redirectedFrom identity { members { source recordId } } } event { id kind actor reason } }"
MERGE = f'mutation($ids: [ID!]!) {{ done: mergeCustomers(ids: $ids, reason: "called us") {DECISION} }}'
UNDO = f'mutation($id: ID!) {{ done: undoIdentityEvent(id: $id, reason: "mixed up") {DECISION} }}'
SPLIT = f"""mutation($id: ID!, $members: [RecordInput!]!) {{
  done: splitCustomer(id: $id, members: $members, reason: "father and son") {DECISION} }}"""
PAIR = f"""mutation($a: RecordInput!, $b: RecordInput!) {{
  reject: rejectMatch(a: $a, b: $b, reason: "no") {DECISION}
  confirm: confirmMatch(a: $a, b: $b, reason: "yes") {DECISION} }}"""


async def run(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = await ask(client, query, variables=variables)
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


async def strangers(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Two customers who have several records each, or at least one."""
    found: dict[str, dict[str, Any]] = {}
    for contact in world().contacts:
        query = (
            "query($e: String!) { customer(by: {email: $e}) { id identity { members { source recordId } } } }"
        )
        answer = await ask(client, query, variables={"e": contact.properties.get("email") or ""})
        customer = (answer.get("data") or {}).get("customer")
        if customer and len(customer["identity"]["members"]) > 1:
            found[customer["id"]] = customer
        if len(found) == 2:
            return [found[i] for i in sorted(found)]
    raise AssertionError("the sandbox has no two people with several records")


async def test_a_merge_and_its_undo_over_graphql(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client:
        one, two = await strangers(client)
        done = (await run(client, MERGE, ids=[two["id"], one["id"]]))["done"]
        assert [c["id"] for c in done["customers"]] == [one["id"]]
        members = done["customers"][0]["identity"]["members"]
        assert len(members) == len(one["identity"]["members"]) + len(two["identity"]["members"])
        assert (done["event"]["kind"], done["event"]["actor"]) == ("MERGE", "development")
        old = await run(
            client,
            """query($id: ID!, $a: RecordInput!, $b: RecordInput!) { customer(by: {id: $id}) { id redirectedFrom identity {
              why(a: $a, b: $b) { rule verdict actor reason eventId } bridges { aSide bSide evidence { rule } }
              history { event { id kind at } undoneBy edges { verdict rule a { source recordId } } } } } }""",
            id=two["id"], a=one["identity"]["members"][0], b=two["identity"]["members"][-1],
        )  # fmt: skip
        customer = old["customer"]
        assert (customer["id"], customer["redirectedFrom"]) == (one["id"], two["id"])
        assert {"rule": "steward", "verdict": "SAME", "actor": "development", "reason": "called us",
                "eventId": done["event"]["id"]} in customer["identity"]["why"]  # fmt: skip
        assert any(b["evidence"][0]["rule"] == "steward" for b in customer["identity"]["bridges"])
        history = customer["identity"]["history"]
        assert history[-1]["event"]["kind"] == "MERGE"
        undone = (await run(client, UNDO, id=done["event"]["id"]))["done"]
        assert [c["id"] for c in undone["customers"]] == sorted([one["id"], two["id"]])
        again = await run(
            client,
            "query($id: ID!, $then: DateTime!) { customer(by: {id: $id}) { id redirectedFrom "
            "then: identity(asOf: $then) { members { recordId } } identity { members { source recordId } } } }",
            id=two["id"],
            then=history[-1]["event"]["at"],
        )
        assert again["customer"]["redirectedFrom"] is None
        assert again["customer"]["identity"] == two["identity"]
        assert len(again["customer"]["then"]["members"]) == len(members), "merged, as it was believed then"


async def test_a_split_and_verdicts_on_pairs_over_graphql(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client:
        one, _ = await strangers(client)
        first, *_, last = one["identity"]["members"]
        done = (await run(client, SPLIT, id=one["id"], members=[last]))["done"]
        assert len(done["customers"]) == 2
        verdicts = await run(client, PAIR, a=first, b=last)
        assert verdicts["reject"]["event"] is None, "the split said so already"
        assert [c["id"] for c in verdicts["confirm"]["customers"]] == [one["id"]]
        for variables, argument in (
            ({"id": "nonsense", "members": [last]}, "id"),
            ({"id": one["id"], "members": [{"source": "crm", "recordId": "no such"}]}, "members"),
            ({"id": one["id"], "members": [{"source": "crm", "recordId": "nul\0"}]}, "members"),
        ):
            answer = await ask(client, SPLIT, variables=variables)
            assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}


async def test_the_review_shows_pairs_with_their_customers(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client:
        store = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'map.sqlite'}")
        await seen(store, 1, 2, 3)
        await store.remember(scored(1, 2, Verdict.UNSURE, 0.5))
        await store.remember(scored(2, 3, Verdict.UNSURE, 0.7))
        await store.aclose()
        query = """query($after: String) { matchReview(first: 1, after: $after) {
          nodes { a { recordId } b { recordId } records reopened aCustomer { id } bCustomer { id }
                  evidence { rule verdict weight confidence } } pageInfo { hasNextPage endCursor } } }"""
        page = (await run(client, query))["matchReview"]
        assert (page["nodes"][0]["a"]["recordId"], page["nodes"][0]["b"]["recordId"]) == ("1", "2")
        assert page["nodes"][0]["aCustomer"]["id"] != page["nodes"][0]["bCustomer"]["id"]
        assert page["nodes"][0]["evidence"][0]["rule"] == "model v1"
        assert page["pageInfo"]["hasNextPage"]
        rest = (await run(client, query, after=page["pageInfo"]["endCursor"]))["matchReview"]
        assert rest["nodes"][0]["b"]["recordId"] == "3"
        assert not rest["pageInfo"]["hasNextPage"]
        answer = await ask(client, query, variables={"after": "nonsense"})
        assert answer["errors"][0]["extensions"]["argument"] == "after"


@pytest.mark.parametrize(
    "document",
    [
        'mutation { mergeCustomers(ids: ["a", "b"], reason: "r") { event { id } } }',
        'mutation { undoIdentityEvent(id: "1", reason: "r") { event { id } } }',
        "{ matchReview { nodes { records } } }",
    ],
)
async def test_only_stewards_decide(document: str) -> None:
    keys = [{"name": "frontend", "key": KEY}, {"name": "office", "key": OTHER_KEY, "steward": True}]

    def context(asker: Asker) -> Context:
        session: Any = FakeSession(asker)
        return Context(session=session, asker=asker)

    app = assemble(settings(auth={"api_keys": keys}), build_schema(), context, metrics=Metrics(), probes={})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        refused = await client.post("/graphql", json={"query": document}, headers={"x-api-key": KEY})
        allowed = await client.post("/graphql", json={"query": document}, headers={"x-api-key": OTHER_KEY})
    assert refused.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert allowed.json()["errors"][0]["extensions"]["code"] == "INTERNAL", (
        "it got as far as the session, which is none"
    )


async def identity(*arguments: str) -> Result:
    """`c360 identity …` of this checkout, wherever the installed one points."""
    return await c360("identity", *arguments, env={"PYTHONPATH": str(Path(__file__).parents[2])})


async def test_the_commands_decide_explain_and_take_back(tmp_path: Path) -> None:
    store = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'identity.sqlite'}")
    await upgrade(store.engine)
    x, y = await seen(store, 1, 2)
    await store.remember(links((1, 3)))
    await seen(store, 4)
    await store.remember(scored(4, 1, Verdict.UNSURE, 0.5))
    await store.aclose()
    file = config(tmp_path)
    common = ("--config", file, "--reason", "called us", "--actor", "tess")
    merged = await identity("merge", x, y, *common, "--json")
    assert merged.status == 0, merged.err
    event = json.loads(merged.out)["event"]
    assert json.loads(merged.out)["customers"] == [x]
    explained = await identity("explain", y, "--config", file)
    assert f"Customer {x}" in explained.out
    assert "tess said so" in explained.out
    assert f"event {event['id']}" in explained.out
    undone = await identity("undo", str(event["id"]), *common)
    assert undone.out.count("  customer ") == 2
    again = await identity("undo", str(event["id"]), *common)
    assert again.out.startswith("Nothing had to be changed.")
    split = await identity("split", x, "crm:3", *common, "--json")
    assert len(json.loads(split.out)["customers"]) == 2
    waiting = await identity("review", "--config", file, "--json")
    assert [(p["a"], p["b"]) for p in json.loads(waiting.out)["pairs"]] == [(["crm", "1"], ["crm", "4"])]
    shown = await identity("review", "--config", file)
    assert "unsure: model v1" in shown.out
    then = await identity("explain", x, "--config", file, "--as-of", "2001-01-01")
    assert (then.status, then.err) == (1, "c360: there was no such customer at that time\n")
    wrong = await identity("merge", x, "nonsense", *common)
    assert (wrong.status, wrong.err) == (1, "c360: ids is not a customer id (expected a UUID)\n")
