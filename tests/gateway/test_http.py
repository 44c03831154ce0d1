"""GraphQL over HTTP: methods, media types, bodies, statuses, deadlines and clients that leave."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.serving import serving
from tests.gateway.small import KEY, Small, ask, open_settings, settings

GRAPHQL_RESPONSE = "application/graphql-response+json"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with Small().client() as made:
        yield made


def code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


async def test_answers_a_query(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "{ hello }"})
    assert response.status_code == 200
    assert response.json() == {"data": {"hello": "hello world"}}
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}, application/json;q=0.9", GRAPHQL_RESPONSE),
        (f"application/json, {GRAPHQL_RESPONSE};q=0.5", "application/json"),
        (f"application/json, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
        ("APPLICATION/JSON; charset=UTF-8", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        (f"{GRAPHQL_RESPONSE};q=0, */*", "application/json"),
    ],
)
async def test_negotiates_the_media_type(accept: str | None, media: str) -> None:
    async with Small().client() as client:
        del client.headers["accept"]
        headers = {"accept": accept} if accept is not None else {}
        response = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media}; charset=utf-8"


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml, text/*", "application/json;charset=utf-16"]
)
async def test_refuses_media_types_it_does_not_have(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.post("/graphql", json={"query": "{ hello }"}, headers={"accept": accept})
    assert response.status_code == 406
    assert code(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{"},
        {"query": "{ nothing }"},
        {"query": "query($n: String!) { hello(name: $n) }"},
        {"query": "query A { hello } query B { hello }"},
    ],
)  # fmt: skip
async def test_a_document_that_cannot_run_is_400_or_200_by_media_type(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    new = await client.post("/graphql", json=body, headers={"accept": GRAPHQL_RESPONSE})
    old = await client.post("/graphql", json=body, headers={"accept": "application/json"})
    assert (new.status_code, old.status_code) == (400, 200)
    for response in (new, old):
        assert "data" not in response.json()
        assert code(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"{", {}),
        (b"null", {}),
        (b'"{ hello }"', {}),
        (b'[{"query": "{ hello }"}]', {}),
        (b'{"query": "{ hello }", "variables": []}', {}),
        (b'{"query": "{ hello }", "extensions": "x"}', {}),
        (b'{"query": "{ hello }", "operationName": 1}', {}),
        (b'{"query": ["{ hello }"]}', {}),
        (b'{"query": ""}', {}),
        (b'{"query": "{ hello }", "variables": {"a": "\xff"}}', {}),
        (b'{"query": "{ hello }", "variables": {"a": NaN}}', {}),
        (b'{"variables": ' + b"[" * 100_000, {}),
        (b'{"query": "{ hello }", "variables": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}", {}),
    ],
)
async def test_malformed_requests_are_400(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str]
) -> None:
    response = await client.post(
        "/graphql", content=content, headers={"content-type": "application/json", **headers}
    )
    assert response.status_code == 400
    assert code(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/graphql"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_other_content_types_are_415(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post("/graphql", content=b'{"query": "{ hello }"}', headers=headers)
    assert response.status_code == 415


async def test_other_methods_are_405(client: httpx.AsyncClient) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        response = await client.request(method, "/graphql")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, POST"


async def test_get_takes_queries_with_variables(client: httpx.AsyncClient) -> None:
    query = "query Q($n: String!) { hello(name: $n) }"
    parameters = {"query": query, "variables": '{"n": "Łódź"}', "operationName": "Q"}
    response = await client.get("/graphql", params=parameters)
    assert response.json() == {"data": {"hello": "hello Łódź"}}


@pytest.mark.parametrize(
    "url",
    [
        "/graphql",
        "/graphql?query=",
        "/graphql?query={hello}&variables=x",
        "/graphql?query={hello}&variables=[]",
        "/graphql?query={hello}&query={hello}",
        "/graphql?query=%ff",
        "/graphql?" + "&".join(f"a{n}=1" for n in range(100)),
    ],
)
async def test_malformed_urls_are_400(client: httpx.AsyncClient, url: str) -> None:
    assert (await client.get(url)).status_code == 400


async def test_mutations_need_post(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "mutation { touch }"})
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert (await ask(client, "mutation { touch }")) == {"data": {"touch": "touched"}}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_pages_of_other_sites_are_refused(client: httpx.AsyncClient, site: str) -> None:
    response = await client.get("/graphql?query={hello}", headers={"sec-fetch-site": site})
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


async def test_bodies_are_bounded_with_and_without_a_length() -> None:
    async with Small(open_settings(server={"max_body_bytes": 2000})).client() as client:
        body = json.dumps({"query": "{ hello }", "variables": {"a": "x" * 3000}}).encode()

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(body), 100):
                yield body[start : start + 100]

        declared = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
        chunked = await client.post(
            "/graphql", content=chunks(), headers={"content-type": "application/json"}
        )
    assert declared.status_code == chunked.status_code == 413
    assert code(declared) == code(chunked) == "BAD_USER_INPUT"


async def test_long_answers_are_compressed_on_request(client: httpx.AsyncClient) -> None:
    async with client.stream("POST", "/graphql", json={"query": "{ long }"}) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(raw))["data"]["long"] == "x" * 5000
    plain = await client.post("/graphql", json={"query": "{ long }"}, headers={"accept-encoding": "identity"})
    short = await client.post("/graphql", json={"query": "{ hello }"})
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in short.headers


async def test_text_that_is_no_unicode_still_gives_json(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "{ halfAPair money }"})
    assert response.status_code == 200
    assert json.loads(response.content)["data"] == {"halfAPair": "\ud83d", "money": "12.50"}


async def test_the_whole_answer_keeps_the_deadline() -> None:
    small = Small(open_settings(server={"deadline": 0.05}))
    async with small.client() as client:
        response = await client.post("/graphql", json={"query": "{ slow }"})
    assert response.status_code == 503
    assert code(response) == "OVERLOADED"
    assert small.sessions[0].log == ["cancelled"]
    assert small.sessions[0].closed.is_set()


async def test_too_many_requests_at_once_are_turned_away() -> None:
    small = Small(open_settings(server={"max_in_flight": 1}))
    async with small.client() as client:
        first = asyncio.create_task(client.post("/graphql", json={"query": "{ slow }"}))
        await small.asked.wait()
        await small.sessions[0].started.wait()
        second = await client.post("/graphql", json={"query": "{ hello }"})
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        third = await client.post("/graphql", json={"query": "{ hello }"})
    assert (second.status_code, code(second)) == (503, "OVERLOADED")
    assert "retry-after" in second.headers
    assert third.status_code == 200


async def test_a_client_that_leaves_ends_the_work() -> None:
    small = Small()
    async with serving(small.app(), "127.0.0.1", 0) as url:
        port = int(url.rsplit(":", 1)[1])
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b'{"query": "{ slow }"}'
        head = f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await small.asked.wait()
        session = small.sessions[0]
        await session.started.wait()
        writer.close()
        await session.closed.wait()
    assert session.log == ["cancelled"]
    assert 'outcome="CANCELLED"' in small.metrics.exposition().decode()


async def test_the_correlation_id_is_given_back_or_made() -> None:
    async with Small().client() as client:
        given = await client.post(
            "/graphql", json={"query": "{ hello }"}, headers={"x-correlation-id": "abc-1"}
        )
        unsafe = await client.get("/healthz", headers={"x-correlation-id": "ada@example.org"})
    assert given.headers["x-correlation-id"] == "abc-1"
    assert len(unsafe.headers["x-correlation-id"]) == 32


async def test_subscriptions_are_refused(client: httpx.AsyncClient) -> None:
    assert (await ask(client, "subscription { hello }"))["errors"][0]["extensions"][
        "code"
    ] == "BAD_USER_INPUT"


async def test_unknown_paths_are_404_and_the_root_is_quiet_in_production() -> None:
    async with Small(settings()).client() as client:
        for path in ("/", "/graphiql", "/nothing"):
            assert (await client.get(path, headers={"x-api-key": KEY})).status_code == 404
