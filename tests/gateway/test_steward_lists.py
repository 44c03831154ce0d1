"""What a steward's screen needs over HTTP: waterfalls and graphs, relations, decisions in bulk, and who decided what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from resolvers.identity.derivation import MODEL, Contribution, Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.matching import model
from resolvers.identity.matching.person import Person
from resolvers.identity.matching.scorer import NOT_PERSONAL, OTHER_GIVEN, Band, Scorer
from resolvers.identity.store import Edge, IdentityStore, NewLinks
from tests.gateway.small import KEY, OTHER_KEY, ask, settings
from tests.gateway.test_stewardship import run
from tests.resolvers.identity_log.logs import links, rec, seen
from tests.resolvers.matching.people import person
from tests.whole import gateway

BORN = {"date_of_birth": "19800203", "phone": "+493023125100"}
HOME = {"street": "Lindenweg", "house_number": "5", "postcode": "10115", "city": "Berlin"}
ANNA = person("1", given_name="Anna", family_name="Weber", email="a.weber@mail.example", **BORN)
ALSO_ANNA = person("2", given_name="Anja", family_name="Weber", email="a.weber@mail.example", **BORN)
BRUNO = person("3", given_name="Bruno", family_name="Weber", **HOME, **BORN)
HANNA = person("4", given_name="Hanna", family_name="Weber", **HOME, **BORN)
LANDLINE, SWITCHBOARD = b"\1\2landline", b"\1\2switchboard"

_VERDICTS = {Band.SAME: Verdict.SAME, Band.REVIEW: Verdict.UNSURE, Band.DIFFERENT: Verdict.DIFFERENT}


def scored(a: Person, b: Person) -> NewLinks:
    """What the shipped model says of two people, as it is remembered."""
    found = Scorer(model.default(), 10_000).score(a, b)
    bars = tuple(
        Contribution(field=c.field, agreement=c.agreement, weight=c.weight) for c in found.contributions
    )
    edge = Edge(
        event=0, a=a.ref, b=b.ref, verdict=_VERDICTS[found.band], origin=f"{MODEL}v1", confidence=found.probability,
        weight=found.weight, contributions=bars,
    )  # fmt: skip
    return NewLinks(records=(a.ref,), edges=(edge,), tokens=((b"own" + a.ref[1].encode(), a.ref),))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[IdentityStore]:
    store = IdentityStore(f"sqlite+aiosqlite:///{folder / 'map.sqlite'}")
    try:
        yield store
    finally:
        await store.aclose()


def at(n: int) -> dict[str, str]:
    """A record as the API names it."""
    return {"source": rec(n)[0], "recordId": rec(n)[1]}


EXPLAINED = """query($id: ID!, $a: RecordInput!, $b: RecordInput!) { customer(by: {id: $id}) { identity {
  members { source recordId evidence { source recordId rule weight contributions { field agreement weight } } }
  why(a: $a, b: $b) { a { recordId } b { recordId } rule weight doubts contributions { field agreement weight } }
  bridges { a { recordId } b { recordId } aSide bSide evidence { rule weight } }
  history { event { id kind } edges { verdict weight contributions { field } } }
  household { id identity { members { recordId } } } colleagues { id }
  sharedContacts { sharedBy keyType customers { id } } } } }"""


async def test_a_waterfall_and_a_graph_can_be_drawn(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client, opened(tmp_path) as store:
        x, _, uma, tom = await seen(store, 1, 2, 8, 9)
        await store.remember(scored(ANNA, ALSO_ANNA))
        await store.remember(links((2, 5), token=LANDLINE))
        for n, token in ((8, LANDLINE), (9, SWITCHBOARD)):
            await store.remember(NewLinks(records=(rec(n),), tokens=((token, rec(n)),)))
        await store.remember(NewLinks(records=(rec(5),), tokens=((LANDLINE, rec(5)), (SWITCHBOARD, rec(5)))))
        await store.learnt({LANDLINE: FanOut.HOUSEHOLD, SWITCHBOARD: FanOut.COMPANY})
        found = (await run(client, EXPLAINED, id=x, a=at(1), b=at(5)))["customer"]["identity"]
    members = {m["recordId"]: m for m in found["members"]}
    assert set(members) == {"1", "2", "5"}
    graph = {frozenset((n, e["recordId"])) for n, m in members.items() for e in m["evidence"]}
    assert graph == {frozenset("12"), frozenset("25")}, "the edges of the graph"
    scores = [e for e in members["1"]["evidence"] if e["weight"] is not None]
    bars = scores[0]["contributions"]
    assert [b["field"] for b in bars][:4] == ["prior", "given", "family", "birth_date"]
    assert [bars[3]["agreement"], bars[1]["agreement"]] == ["exact", "variant"]
    assert sum(b["weight"] for b in bars) == pytest.approx(scores[0]["weight"], abs=0.01), (
        "the bars add up to the sum"
    )
    assert scores[0]["rule"] == "model v1"
    assert [(e["a"]["recordId"], e["b"]["recordId"]) for e in found["why"]] == [("1", "2"), ("2", "5")]
    assert found["why"][0]["contributions"] == bars
    assert found["why"][0]["doubts"] == []
    assert {(b["aSide"], b["bSide"], b["evidence"][0]["weight"] is None) for b in found["bridges"]} == {
        (1, 2, False),
        (2, 1, True),
    }
    assert any(e["contributions"] for entry in found["history"] for e in entry["edges"])
    assert found["household"] == [{"id": uma, "identity": {"members": [{"recordId": "8"}]}}]
    assert found["colleagues"] == [{"id": tom}]
    assert found["sharedContacts"] == [
        {"sharedBy": "HOUSEHOLD", "keyType": "phone", "customers": [{"id": uma}]},
        {"sharedBy": "COMPANY", "keyType": "phone", "customers": [{"id": tom}]},
    ]


REVIEW = """query($source: String, $least: Float, $most: Float, $after: String) {
  matchReview(first: 1, after: $after, source: $source, minConfidence: $least, maxConfidence: $most) {
    nodes { a { recordId } b { recordId } confidence doubts evidence { weight doubts contributions { field weight } } }
    pageInfo { hasNextPage endCursor } } }"""


async def test_the_review_says_why_and_can_be_narrowed(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client, opened(tmp_path) as store:
        await seen(store, 3, 4)
        await store.remember(scored(BRUNO, HANNA))
        page = (await run(client, REVIEW))["matchReview"]
        [pair] = page["nodes"]
        assert pair["doubts"] == [OTHER_GIVEN, NOT_PERSONAL]
        assert pair["evidence"][0]["doubts"] == pair["doubts"]
        assert sum(b["weight"] for b in pair["evidence"][0]["contributions"]) == pytest.approx(
            pair["evidence"][0]["weight"], abs=0.01
        )
        assert (await run(client, REVIEW, source="crm", least=0.1))["matchReview"] == page
        sure = pair["confidence"]
        for narrowed in ({"source": "webshop"}, {"most": sure / 2}, {"least": (1 + sure) / 2}):
            assert (await run(client, REVIEW, **narrowed))["matchReview"]["nodes"] == []
        for wrong, argument in (
            ({"least": -0.1}, "minConfidence"),
            ({"most": 1.5}, "maxConfidence"),
            ({"source": "nul\0"}, "source"),
            ({"after": "WzEuMCxbIlx1MDAwMCIsIngiXSxbImEiLCJiIl1d"}, "after"),
        ):
            answer = await ask(client, REVIEW, variables=wrong)
            assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}


BULK = """mutation($all: [MatchDecision!]!, $reason: String = "called them") { decideMatches(decisions: $all, reason: $reason) {
  a { recordId } b { recordId } verdict customers { id } event { id kind actor reason } error { code argument message } } }"""
DECIDED = """query($first: Int, $after: String, $actor: String) { identityDecisions(first: $first, after: $after, actor: $actor) {
  nodes { event { id kind actor reason undoes } undoneBy pairs edges { verdict a { recordId } b { recordId } } }
  pageInfo { hasNextPage hasPreviousPage endCursor } } }"""


def verdict(a: int, b: int, said: str) -> dict[str, Any]:
    return {"a": at(a), "b": at(b), "verdict": said}


async def test_many_decisions_at_once_each_its_own_event(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client, opened(tmp_path) as store:
        x, _, z, _, v, w = await seen(store, 1, 2, 3, 4, 5, 6)
        wanted = [
            verdict(1, 2, "SAME"),
            verdict(3, 99, "SAME"),
            verdict(3, 4, "DIFFERENT"),
            verdict(5, 6, "SAME"),
            verdict(2, 1, "SAME"),
            verdict(6, 5, "DIFFERENT"),
            verdict(3, 3, "SAME"),
        ]
        found = (await run(client, BULK, all=wanted))["decideMatches"]
        assert [(o["a"]["recordId"], o["b"]["recordId"], o["verdict"]) for o in found] == [
            (w["a"]["recordId"], w["b"]["recordId"], w["verdict"]) for w in wanted
        ], "in the order given"
        assert [o["event"] and o["event"]["kind"] for o in found] == [
            "CONFIRM", None, "REJECT", None, None, None, None,
        ]  # fmt: skip
        assert [o["error"] and o["error"]["argument"] for o in found] == [
            None, "decisions.1.b", None, "decisions.3.verdict", None, "decisions.5.verdict", "decisions.6.b",
        ]  # fmt: skip
        assert found[1]["error"]["message"].startswith(
            "decisions.1.b is no record that the identity map knows"
        )
        assert found[1]["error"]["code"] == "BAD_USER_INPUT"
        assert found[1]["customers"] == []
        assert [c["id"] for c in found[0]["customers"]] == [x] == [c["id"] for c in found[4]["customers"]]
        owners = await store.by_records([rec(5), rec(6)])
        assert owners == {rec(5): v, rec(6): w}, "of two that contradict each other, neither was done"
        listed = (await run(client, DECIDED))["identityDecisions"]["nodes"]
        assert [d["event"]["id"] for d in listed] == [found[2]["event"]["id"], found[0]["event"]["id"]]
        again = (await run(client, BULK, all=wanted))["decideMatches"]
        assert [o["event"] for o in again] == [None] * 7, "asking twice changes nothing more"
        assert len((await run(client, DECIDED))["identityDecisions"]["nodes"]) == 2
        assert (await store.by_records([rec(3)]))[rec(3)] == z


async def test_a_batch_that_is_not_right_as_a_whole_does_nothing(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client, opened(tmp_path) as store:
        await seen(store, 1, 2)
        pair = verdict(1, 2, "SAME")
        for variables, argument in (
            ({"all": []}, "decisions"),
            ({"all": [pair] * 101}, "decisions"),
            ({"all": [pair], "reason": "  "}, "reason"),
            ({"all": [pair], "reason": "x" * 501}, "reason"),
        ):
            answer = await ask(client, BULK, variables=variables)
            assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}
        expensive = BULK.replace(
            "customers { id }", "customers { orders(first: 100) { nodes { id number } } }"
        )
        answer = await ask(client, expensive, variables={"all": [pair] * 600})
        assert answer["errors"][0]["extensions"]["code"] == "COST_EXCEEDED", "as large as the answer may get"
        assert (await run(client, DECIDED))["identityDecisions"]["nodes"] == []


async def test_who_decided_what_in_pages(tmp_path: Path) -> None:
    async with gateway(tmp_path) as client, opened(tmp_path) as store:
        x, y = await seen(store, 1, 2)
        merged = await store.decisions.merge([x, y], actor="tess", reason="called us")
        assert merged.event is not None
        undo = await store.decisions.undo(merged.event.id, actor="uma", reason="mixed up")
        assert undo.event is not None
        page = (await run(client, DECIDED, first=1))["identityDecisions"]
        of_undo = {"id": str(undo.event.id), "kind": "UNDO", "actor": "uma", "reason": "mixed up"}
        edges = [{"verdict": "SAME", "a": {"recordId": "1"}, "b": {"recordId": "2"}}]
        assert page["nodes"] == [
            {
                "event": {**of_undo, "undoes": str(merged.event.id)},
                "undoneBy": None,
                "pairs": 1,
                "edges": edges,
            }
        ]
        assert page["pageInfo"]["hasNextPage"]
        rest = (await run(client, DECIDED, after=page["pageInfo"]["endCursor"]))["identityDecisions"]
        assert [(d["event"]["actor"], d["undoneBy"]) for d in rest["nodes"]] == [("tess", str(undo.event.id))]
        assert (rest["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasPreviousPage"]) == (False, True)
        hers = (await run(client, DECIDED, actor="tess"))["identityDecisions"]["nodes"]
        assert hers == rest["nodes"]
        for wrong in ({"after": "nonsense"}, {"after": "ZGVjaXNpb246OTk5OTk5OTk5OTk5"}, {"actor": "nul\0"}):
            answer = await ask(client, DECIDED, variables=wrong)
            assert answer["errors"][0]["extensions"] == {
                "code": "BAD_USER_INPUT",
                "argument": next(iter(wrong)),
            }


A, B = ('{source: "crm", recordId: "' + n + '"}' for n in "12")


@pytest.mark.parametrize(
    "document",
    [
        f'mutation {{ decideMatches(decisions: [{{a: {A}, b: {B}, verdict: SAME}}], reason: "r") {{ event {{ id }} }} }}',
        f'mutation {{ confirmMatch(a: {A}, b: {B}, reason: "r") {{ event {{ id }} }} }}',
        "{ identityDecisions { nodes { event { id } } } }",
        '{ identityDecisions(actor: "tess") { nodes { event { id } } } }',
        '{ matchReview(source: "crm", minConfidence: 0.2) { nodes { doubts } } }',
    ],
)
async def test_only_stewards_decide_and_see_decisions(document: str, tmp_path: Path) -> None:
    keys = [{"name": "frontend", "key": KEY}, {"name": "office", "key": OTHER_KEY, "steward": True}]
    url = f"sqlite+aiosqlite:///{tmp_path / 'map.sqlite'}"
    app = create_app(settings(auth={"api_keys": keys}, identity={"secret": "s" * 32, "url": url}), {})
    async with app.router.lifespan_context(app), opened(tmp_path) as store:
        await seen(store, 1, 2)
        before = await store.export()
        body = {"query": document}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
        ) as client:
            refused = (await client.post("/graphql", json=body, headers={"x-api-key": KEY})).json()
            assert refused["data"] is None
            assert refused["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
            assert await store.export() == before, "nothing was done"
            allowed = (await client.post("/graphql", json=body, headers={"x-api-key": OTHER_KEY})).json()
            assert "errors" not in allowed
            assert (await store.export() != before) is document.startswith("mutation")


async def test_relations_are_for_everybody_who_may_ask(tmp_path: Path) -> None:
    keys = [{"name": "frontend", "key": KEY}]
    url = f"sqlite+aiosqlite:///{tmp_path / 'map.sqlite'}"
    app = create_app(settings(auth={"api_keys": keys}, identity={"secret": "s" * 32, "url": url}), {})
    async with app.router.lifespan_context(app), opened(tmp_path) as store:
        x, y = await seen(store, 1, 2)
        for n in (1, 2):
            await store.remember(NewLinks(records=(rec(n),), tokens=((LANDLINE, rec(n)),)))
        await store.learnt({LANDLINE: FanOut.HOUSEHOLD})
        query = "query($ids: [ID!]!) { customers(ids: $ids) { identity { household(first: 1) { id } } } }"
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
        ) as client:
            body = {"query": query, "variables": {"ids": [x, y]}}
            found = (await client.post("/graphql", json=body, headers={"x-api-key": KEY})).json()
            assert [c["identity"]["household"] for c in found["data"]["customers"]] == [
                [{"id": y}],
                [{"id": x}],
            ]
            assert (await client.post("/graphql", json=body)).status_code == 401
            body["query"] = query.replace("first: 1", "first: 0")
            wrong = (await client.post("/graphql", json=body, headers={"x-api-key": KEY})).json()
            assert wrong["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "argument": "first"}
