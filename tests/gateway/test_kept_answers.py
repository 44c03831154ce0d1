"""Kept answers over HTTP: which are kept, for whom, until when, and what clients are told."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from gateway.execution import answers
from gateway.settings import Settings
from resolvers.errors import SourceFailure
from tests.gateway.small import KEY, OTHER_KEY, Small, ask, open_settings, settings

KEPT = "query Q($n: String!) @cacheControl(maxAge: 60, scope: PUBLIC) { counted(name: $n) }"
GRAPHQL_RESPONSE = "application/graphql-response+json"


class Clock:
    """Time that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(answers.Answers.__init__, "__defaults__", (clock,))
    return clock  # type: ignore[return-value]


def two_callers(**sections: Any) -> Settings:
    keys = [
        {"name": "console", "key": KEY, "steward": True},
        {"name": "shop", "key": OTHER_KEY, "purposes": ["support", "ads"]},
    ]
    return settings(auth={"api_keys": keys}, **sections)


async def counted(client: httpx.AsyncClient, name: str = "ada", query: str = KEPT, **body: Any) -> int:
    answer = await ask(client, query, variables={"n": name}, **body)
    return int(answer["data"]["counted"])


async def test_an_answer_is_kept_for_documents_that_say_so() -> None:
    small = Small()
    async with small.client() as client:
        assert [await counted(client) for _ in range(3)] == [1, 1, 1]
        assert [await counted(client, "bo") for _ in range(2)] == [1, 1]
        shown = (await client.get("/metrics")).text
        plain = "query Q($n: String!) { counted(name: $n) }"
        assert [await counted(client, "cy", plain) for _ in range(2)] == [1, 2]
    assert 'c360_answers_total{answer="kept"} 3.0' in shown
    assert 'c360_answers_total{answer="made"} 2.0' in shown
    assert len(small.sessions) == 4


async def test_the_same_question_in_other_bytes_is_the_same_question() -> None:
    small = Small()
    async with small.client() as client:
        await counted(client)
        spaced = json.dumps({"variables": {"n": "ada", "unused": 1}, "query": KEPT}, indent=4)
        response = await client.post("/graphql", content=spaced, headers={"content-type": "application/json"})
        by_get = await client.get("/graphql", params={"query": KEPT, "variables": '{"n":"ada"}'})
        again = await client.get("/graphql", params={"query": KEPT, "variables": '{"n":"ada"}'})
    assert response.json() == by_get.json() == again.json() == {"data": {"counted": 1}}
    assert len(small.sessions) == 1


async def test_what_clients_are_told(clock: Clock) -> None:
    async with Small().client() as client:
        body = {"query": KEPT, "variables": {"n": "ada"}}
        first = await client.post("/graphql", json=body)
        clock.now += 12
        second = await client.post("/graphql", json=body)
        known = await client.post("/graphql", json=body, headers={"if-none-match": second.headers["etag"]})
        other = await client.post("/graphql", json=body, headers={"if-none-match": '"x", "y"'})
        uncached = await client.post("/graphql", json={"query": "{ hello }"})
    assert (first.headers["age"], second.headers["age"]) == ("0", "12")
    assert first.headers["cache-control"] == second.headers["cache-control"] == "public, max-age=60"
    assert first.headers["etag"] == second.headers["etag"]
    assert second.headers["etag"].startswith('"')
    assert {"Accept", "Authorization"} <= {name.strip() for name in second.headers["vary"].split(",")}
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["etag"] == second.headers["etag"]
    assert (other.status_code, other.json()) == (200, {"data": {"counted": 1}})
    assert uncached.headers["cache-control"] == "no-store"
    assert "etag" not in uncached.headers
    assert second.headers["x-correlation-id"] != first.headers["x-correlation-id"]


async def test_the_strictest_hint_wins(clock: Clock) -> None:
    async def life(selection: str, directive: str = "maxAge: 60, scope: PUBLIC") -> str:
        query = f"query Q @cacheControl({directive}) {{ hello {selection} }}"
        return (await client.post("/graphql", json={"query": query})).headers["cache-control"]

    async with Small(open_settings(answers={"max_age": 30})).client() as client:
        assert await life("") == "public, max-age=30"
        assert await life("", "maxAge: 60") == "private, max-age=30"
        assert await life("soonOld") == "public, max-age=5"
        assert await life("...F } fragment F on Query { soonOld own") == "private, max-age=5"
        assert await life("... on Query @skip(if: true) { soonOld }") == "public, max-age=5"
        assert await life("neverKept") == "no-store"
        assert await life("", "maxAge: 0") == "no-store"
        assert await life("", "maxAge: -5") == "no-store"
        assert await life("", "scope: PUBLIC") == "no-store"
        variable = "query Q($a: Int = 9) @cacheControl(maxAge: $a) { hello }"
        assert (await client.post("/graphql", json={"query": variable})).headers[
            "cache-control"
        ] == "no-store"


async def test_an_answer_ends_with_its_life_and_with_what_it_rests_on(clock: Clock) -> None:
    small = Small(fresh=20)
    async with small.client() as client:
        assert await counted(client) == 1
        clock.now += 19
        assert await counted(client) == 1
        clock.now += 1.5
        assert await counted(client) == 2
        await small.tags.drop(["customer:bo"])
        assert await counted(client) == 2
        await small.tags.drop(["customer:ada", "record:crm:7"])
        assert await counted(client) == 3


async def test_a_drop_while_an_answer_is_made_keeps_it_from_being_kept() -> None:
    small = Small()
    query = "query Q($n: String!) @cacheControl(maxAge: 60, scope: PUBLIC) { counted(name: $n) gated }"
    async with small.client() as client:
        first = asyncio.create_task(counted(client, query=query))
        await small.asked.wait()
        await small.sessions[0].started.wait()
        await small.tags.drop(["customer:ada"])
        small.asked.clear()
        late = asyncio.create_task(counted(client, query=query))
        await small.asked.wait()  # who asks after the drop does not get what was begun before
        small.gate.set()
        assert {await first, await late} == {1, 2}
        assert await counted(client, query=query) == 2


@pytest.mark.parametrize(
    "query",
    [
        "query Q @cacheControl(maxAge: 60) { batch counted }",
        "query Q @cacheControl(maxAge: 60) { late counted }",
        "query Q @cacheControl(maxAge: 60) { wrong counted }",
    ],
)
async def test_answers_with_errors_are_not_kept(query: str) -> None:
    small = Small()
    async with small.client() as client:
        answers = [await client.post("/graphql", json={"query": query}) for _ in range(2)]
    assert [a.json()["data"]["counted"] for a in answers] == [1, 2]
    assert {a.headers["cache-control"] for a in answers} == {"no-store"}


@pytest.mark.parametrize("fresh", [0.0, 0.5])
async def test_answers_of_what_is_old_already_are_not_kept(fresh: float) -> None:
    async with Small(fresh=fresh).client() as client:
        assert [await counted(client) for _ in range(2)] == [1, 2]


async def test_a_request_with_extensions_of_meaning_goes_round_the_cache() -> None:
    async with Small().client() as client:
        assert await counted(client) == 1
        assert await counted(client, extensions={"maxStaleness": 0}) == 2
        assert await counted(client, extensions={"maxStaleness": 0}) == 3
        assert await counted(client) == 1


async def test_mutations_cannot_ask_for_it() -> None:
    async with Small().client() as client:
        answer = await ask(client, "mutation M @cacheControl(maxAge: 60) { touch }")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_it_can_be_switched_off() -> None:
    async with Small(open_settings(answers={"max_entries": 0})).client() as client:
        assert [await counted(client) for _ in range(2)] == [1, 2]


async def test_private_answers_are_of_one_caller_and_public_ones_of_equal_rights() -> None:
    private = "query Q @cacheControl(maxAge: 60) { rights counted }"
    public = "query Q @cacheControl(maxAge: 60, scope: PUBLIC) { rights counted }"
    keys = [{"name": name, "key": name * 24, "steward": name == "c"} for name in ("a", "b", "c")]
    small = Small(settings(auth={"api_keys": keys}))
    async with small.client() as client:

        async def asked(query: str, name: str, **headers: str) -> tuple[str, int]:
            sent = {"authorization": f"Bearer {name * 24}", **headers}
            data = (await client.post("/graphql", json={"query": query}, headers=sent)).json()["data"]
            return data["rights"], data["counted"]

        assert await asked(public, "a") == await asked(public, "b") == ("None False", 1)
        assert await asked(public, "c") == ("None True", 2)
        assert await asked(public, "a", **{"x-purpose": "ads"}) == ("ads False", 3)
        assert await asked(public, "a") == ("None False", 1)
        assert await asked(private, "a") == ("None False", 4)
        assert await asked(private, "b") == ("None False", 5)
        assert await asked(private, "a") == ("None False", 4)


async def test_a_kept_answer_needs_a_key_and_a_request_that_no_other_site_could_send() -> None:
    body = json.dumps({"query": KEPT, "variables": {"n": "ada"}})
    good = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    async with Small(two_callers()).client() as client:

        async def status(**headers: str) -> int:
            sent = {**good, **{name.replace("_", "-"): value for name, value in headers.items()}}
            return (await client.post("/graphql", content=body, headers=sent)).status_code

        assert [await status(), await status()] == [200, 200]
        assert await status(authorization="Bearer wrong") == 401
        assert await status(authorization="") == 401
        assert await status(authorization=f"Bearer {OTHER_KEY}") == 403  # it must state a purpose
        assert await status(x_purpose="no such thing!") == 400
        assert await status(content_type="text/plain") == 415
        assert await status(content_encoding="gzip") == 415
        assert await status(sec_fetch_site="cross-site") == 403
        assert await status(accept="text/css") == 406
        assert (await client.put("/graphql", content=body, headers=good)).status_code == 405


async def test_media_types_are_kept_apart() -> None:
    async with Small().client() as client:
        body = {"query": KEPT, "variables": {"n": "ada"}}
        types = [
            (await client.post("/graphql", json=body, headers={"accept": accept})).headers["content-type"]
            for accept in ("application/json", GRAPHQL_RESPONSE, "application/json", GRAPHQL_RESPONSE)
        ]
    assert types == [f"{t}; charset=utf-8" for t in ("application/json", GRAPHQL_RESPONSE) * 2]


async def test_long_kept_answers_are_compressed_once_and_for_those_who_ask() -> None:
    query = "query Q @cacheControl(maxAge: 60) { long }"
    async with Small().client() as client:

        async def raw(encoding: str) -> tuple[httpx.Response, bytes]:
            async with client.stream(
                "POST", "/graphql", json={"query": query}, headers={"accept-encoding": encoding}
            ) as response:
                return response, b"".join([chunk async for chunk in response.aiter_raw()])

        plain, whole = await raw("identity")
        for _ in range(2):
            packed, short = await raw("gzip, br")
            assert packed.headers["content-encoding"] == "gzip"
            assert gzip.decompress(short) == whole
        refused, again = await raw("gzip;q=0")
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in refused.headers
    assert again == whole
    assert plain.headers["etag"] != packed.headers["etag"]


async def test_equal_questions_at_once_are_answered_once() -> None:
    small = Small()
    query = "query Q @cacheControl(maxAge: 60) { counted gated }"
    async with small.client() as client:
        asked = [asyncio.create_task(ask(client, query)) for _ in range(20)]
        await small.asked.wait()
        await small.sessions[0].started.wait()
        small.gate.set()
        found = await asyncio.gather(*asked)
        shown = (await client.get("/metrics")).text
    assert [answer["data"]["counted"] for answer in found] == [1] * 20
    assert len(small.sessions) == 1
    assert 'answer="shared"} 19.0' in shown


async def test_who_began_may_leave_and_the_others_still_get_their_answer() -> None:
    small = Small()
    query = "query Q @cacheControl(maxAge: 60) { gated }"
    async with small.client() as client:
        first = asyncio.create_task(ask(client, query))
        await small.asked.wait()
        await small.sessions[0].started.wait()
        second = asyncio.create_task(ask(client, query))
        for _ in range(20):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert not small.sessions[0].closed.is_set()
        small.gate.set()
        assert (await second)["data"] == {"gated": "development"}
    assert small.sessions[0].log == []


async def test_the_work_ends_when_everybody_has_left() -> None:
    small = Small()
    async with small.client() as client:
        asked = [
            asyncio.create_task(ask(client, "query Q @cacheControl(maxAge: 60) { gated }")) for _ in range(3)
        ]
        await small.asked.wait()
        await small.sessions[0].started.wait()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await small.sessions[0].closed.wait()
    assert small.sessions[0].log == ["cancelled"]


async def test_a_shared_failure_is_told_to_all_and_kept_for_none() -> None:
    small = Small()
    query = "query Q @cacheControl(maxAge: 60) { gated counted }"
    async with small.client() as client:
        asked = [asyncio.create_task(ask(client, query)) for _ in range(2)]
        await small.asked.wait()
        await small.sessions[0].started.wait()
        small.sessions[0].errors.append(
            SourceFailure(source="crm", code="SOURCE_TIMEOUT", message="crm did not answer in time")
        )
        small.gate.set()
        found = await asyncio.gather(*asked)
        assert [a["errors"][0]["extensions"]["code"] for a in found] == ["SOURCE_TIMEOUT"] * 2
        assert (await ask(client, query))["data"]["counted"] == 2


async def test_bodies_in_pieces_are_read_whole_while_answers_are_kept() -> None:
    body = json.dumps({"query": KEPT, "variables": {"n": "ada"}}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    small = Small()
    async with small.client() as client:
        await counted(client)
        headers = {"content-type": "application/json"}
        answers = [await client.post("/graphql", content=pieces(), headers=headers) for _ in range(2)]
    assert [a.json() for a in answers] == [{"data": {"counted": 1}}] * 2
    assert len(small.sessions) == 1


async def test_what_was_refused_is_not_kept() -> None:
    async with Small().client() as client:
        await counted(client)
        for body in (b"", b"{", b'{"query": "{"}', b"[]"):
            for _ in range(2):
                response = await client.post(
                    "/graphql", content=body, headers={"content-type": "application/json"}
                )
                assert response.headers["cache-control"] == "no-store"
