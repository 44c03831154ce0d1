"""This gateway and the plain server answer both queries as the data say, each with four calls; no peer has to be installed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from bench.peers import data
from bench.peers.answers import Truth
from bench.peers.load import request
from bench.peers.ours.identity import prepared
from bench.peers.ours.serve import settings
from bench.peers.ours.sources import ADAPTERS
from bench.peers.plain import serve as plain
from bench.peers.servers import ALL, Questions, Server
from bench.peers.stub import World
from gateway.app import create_app
from tests.bench.conftest import CUSTOMERS, SEED

NUMBERS = {"A": [3], "B": list(range(data.LIST))}


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, str]]:
    return prepared(tmp_path_factory.mktemp("map"), SEED, CUSTOMERS)


@pytest_asyncio.fixture
async def ours(stub: str, identity: tuple[Path, dict[int, str]]) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings(str(identity[0]), stub), ADAPTERS)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield http


async def _ask(http: httpx.AsyncClient, server: Server, query: str, ids: list[str]) -> bytes:
    variables = {"id": ids[0]} if query == "A" else {"ids": ids}
    body = {"query": server.document(query, "cold"), "variables": variables}
    answer = await http.post("/graphql", json=body, headers=dict(server.headers))
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize("query", ["A", "B"])
async def test_this_gateway_answers_as_the_data_say(
    ours: httpx.AsyncClient, identity: tuple[Path, dict[int, str]], world: World, query: str
) -> None:
    numbers = NUMBERS[query]
    body = await _ask(ours, ALL["ours"], query, [identity[1][n] for n in numbers])
    Truth(SEED, identity[1]).check(query, numbers, body)
    assert world.calls == {"crm": 1, "shop": 1, "support": 1, "mail": 1}


async def test_this_gateway_wants_the_key(ours: httpx.AsyncClient) -> None:
    answer = await ours.post("/graphql", json={"query": "{ sources { name } }"})
    assert answer.status_code == 401


@pytest.mark.parametrize("query", ["A", "B"])
async def test_the_plain_server_answers_as_the_data_say(stub: str, world: World, query: str) -> None:
    app = plain.create_app(stub)
    names = dict(enumerate(data.ids(SEED, CUSTOMERS)))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            body = await _ask(http, ALL["plain"], query, [names[n] for n in NUMBERS[query]])
    Truth(SEED, names).check(query, NUMBERS[query], body)
    assert world.calls == {"crm": 1, "shop": 1, "support": 1, "mail": 1}


def test_a_map_is_made_once(identity: tuple[Path, dict[int, str]]) -> None:
    file, names = identity
    assert prepared(file.parent.parent, SEED, CUSTOMERS) == identity
    assert len(set(names.values())) == CUSTOMERS
    assert set(names) == set(range(CUSTOMERS))


@pytest.mark.parametrize("server", ALL.values(), ids=list(ALL))
def test_every_server_has_its_queries(server: Server) -> None:
    for query in server.queries:
        assert server.document(query, "cold").startswith("query ")


def test_the_warm_cell_may_ask_with_a_directive() -> None:
    server = Server(name="ours", title="", warm_directive="@cacheControl(maxAge: 60)")
    cold, warm = (server.document("A", cell) for cell in ("cold", "warm"))
    assert "@" not in cold
    assert warm.startswith("query OneCustomer($id: ID!) @cacheControl(maxAge: 60) {\n")
    assert warm.replace("@cacheControl(maxAge: 60) ", "") == cold


def test_questions_go_round_all_customers() -> None:
    names = dict(enumerate(data.ids(SEED, 120)))
    one = Questions(ALL["plain"], "A", "cold", names)
    assert [one.numbers(n)[0] for n in (0, 1, 119, 120)] == [0, 1, 119, 0]
    many = Questions(ALL["plain"], "B", "cold", names)
    assert many.numbers(2) == [*range(100, 120), *range(30)]
    warm = Questions(ALL["plain"], "A", "warm", names)
    assert warm.numbers(7) == warm.numbers(8) == [0]


def test_a_question_is_a_whole_request() -> None:
    names = dict(enumerate(data.ids(SEED, 120)))
    head, body = Questions(ALL["ours"], "B", "cold", names).request(0).split(b"\r\n\r\n", 1)
    assert b"Authorization: Bearer " in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["variables"] == {"ids": [names[n] for n in range(50)]}
    assert request("/graphql", [], b"{}").endswith(b"\r\n\r\n{}")
