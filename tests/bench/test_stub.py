"""The stub of the sources: many customers in one call, pages, latencies, counted calls, and refusals."""

from __future__ import annotations

import json

import httpx
import pytest

from bench.peers import data
from bench.peers.stub import MOST, World
from tests.bench.conftest import CUSTOMERS, SEED

PEOPLE = [data.person(SEED, number) for number in range(3)]


@pytest.fixture
def ids() -> str:
    return ",".join(one.id for one in PEOPLE)


async def test_contacts_of_many_come_in_one_call(stub: str, ids: str) -> None:
    async with httpx.AsyncClient(base_url=stub) as http:
        found = (await http.get("/crm/contacts", params={"ids": ids})).json()
        assert found == [one.contact for one in PEOPLE]
        assert (await http.get("/_counts")).json() == {"crm": 1}
        assert (await http.get("/_counts")).json() == {}


@pytest.mark.parametrize("limit", [1, 10, 50, 100])
async def test_a_page_holds_the_newest(stub: str, ids: str, limit: int) -> None:
    async with httpx.AsyncClient(base_url=stub) as http:
        pages = (await http.get(f"/shop/orders?customers={ids}&limit={limit}")).json()
    assert [page["customer"] for page in pages] == [one.id for one in PEOPLE]
    assert [page["nodes"] for page in pages] == [one.orders[:limit] for one in PEOPLE]
    assert {page["hasMore"] for page in pages} == {limit < data.ORDERS}


async def test_ids_may_be_repeated_instead(stub: str) -> None:
    query = "&".join(f"customers={one.id}" for one in PEOPLE)
    async with httpx.AsyncClient(base_url=stub) as http:
        tickets = (await http.get(f"/support/tickets?{query}")).json()
        events = (await http.get(f"/mail/events?{query}&limit=3")).json()
    assert [page["nodes"] for page in tickets] == [one.tickets for one in PEOPLE]
    assert [page["nodes"] for page in events] == [one.events[:3] for one in PEOPLE]


async def test_nobody_is_made_up(stub: str) -> None:
    stranger = data.person_id(SEED, CUSTOMERS)
    async with httpx.AsyncClient(base_url=stub) as http:
        assert (await http.get(f"/crm/contacts?ids={stranger}")).json() == []
        assert (await http.get(f"/shop/orders?customers={stranger}")).json() == []
        assert (await http.get("/crm/contacts?ids=")).status_code == 400
        assert (await http.get("/crm/contacts?ids=" + ",".join(["x"] * (MOST + 1)))).status_code == 400
        assert (await http.get("/shop/orders?customers=x&limit=0")).status_code == 400
        assert (await http.get("/elsewhere")).status_code == 404


def test_latency_is_each_source_s_own(world: World) -> None:
    asked = f"?ids={PEOPLE[0].id}"
    world.answer("/_latency?crm=20&mail=30")
    try:
        assert world.answer("/crm/contacts" + asked)[1] == 0.02
        assert world.answer("/shop/orders" + asked)[1] == 0.0
        assert world.answer("/mail/events" + asked)[1] == 0.03
    finally:
        world.answer("/_latency")
    assert world.answer("/crm/contacts" + asked)[1] == 0.0


def test_a_response_says_how_long_it_is(world: World) -> None:
    response, _ = world.answer(f"/mail/events?customers={PEOPLE[0].id}")
    head, body = response.split(b"\r\n\r\n", 1)
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)[0]["customer"] == PEOPLE[0].id
