"""The control side: faults over real connections, counts, settings, and that it is for this machine only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.server import Sandbox, running
from tests.sandbox.conftest import APPS, BASIC, HEADERS, PROBE, Desk

SYSTEMS = sorted(APPS)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(people=10) as it:
        yield it


def client_of(sandbox: Sandbox, system: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=sandbox.urls[system],
        headers=HEADERS[system],
        auth=BASIC.get(system),
        timeout=10,
        trust_env=False,
    )


async def probe(client: httpx.AsyncClient, system: str) -> httpx.Response:
    method, path, body = PROBE[system]
    return await client.request(method, path, json=body)


@pytest.mark.parametrize("system", SYSTEMS)
async def test_each_fault_strikes_as_often_as_told(sandbox: Sandbox, system: str) -> None:
    statuses = {"error": 500, "unauthorized": 401, "rate_limited": 200 if system == "shopify" else 429}
    async with client_of(sandbox, system) as client:
        for mode, status in statuses.items():
            await client.put("/__sandbox/faults", json={"mode": mode, "times": 2})
            answers = [await probe(client, system) for _ in range(3)]
            assert [a.status_code for a in answers] == [status, status, 200], mode
            if mode == "rate_limited" and system == "shopify":
                assert answers[0].json()["errors"][0]["extensions"]["code"] == "THROTTLED"
        for mode in ("garbage", "truncated", "html"):
            await client.put("/__sandbox/faults", json={"mode": mode, "times": 1})
            spoilt = await probe(client, system)
            assert spoilt.status_code == 200
            with pytest.raises(ValueError):
                json.loads(spoilt.content)
        await client.put("/__sandbox/faults", json={"mode": "wrong_shape", "times": 1})
        assert (await probe(client, system)).json()["results"] == "none"
        for mode in ("down", "dropped"):
            await client.put("/__sandbox/faults", json={"mode": mode, "times": 1})
            with pytest.raises(httpx.RemoteProtocolError):
                await probe(client, system)
        assert (await probe(client, system)).status_code == 200


@pytest.mark.parametrize("mode", ["hang", "slow_body"])
async def test_an_answer_that_never_ends_ends_when_the_server_stops(mode: str) -> None:
    async with running(people=10) as sandbox:
        client = client_of(sandbox, "hubspot")
        await client.put("/__sandbox/faults", json={"mode": mode})
        waiting = asyncio.create_task(probe(client, "hubspot"))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert not done
    await asyncio.wait([waiting])
    await client.aclose()
    error = waiting.exception()
    if mode == "hang":
        assert isinstance(error, httpx.TransportError)
    else:
        assert isinstance(error, httpx.TransportError) or len(waiting.result().content) < 20


async def test_a_fault_can_strike_some_operations_only(any_desk: Desk) -> None:
    any_desk.controls.set_faults({"mode": "error", "operations": ["contacts.search"]})
    assert (await any_desk.probe()).status_code == 200


async def test_calls_are_counted_by_operation(any_desk: Desk) -> None:
    for _ in range(3):
        await any_desk.probe()
    any_desk.controls.set_faults({"mode": "error", "times": 1})
    await any_desk.probe()
    report = (await any_desk.client.get("/__sandbox/calls")).json()
    names = {
        "hubspot": "contacts.list",
        "shopify": "graphql",
        "zendesk": "users.search",
        "mailchimp": "lists",
    }
    assert report["total"] == 4 and report["operations"] == {names[any_desk.system]: 4}
    if any_desk.system == "shopify":
        assert report["details"] == {"shop": 3}
    assert (await any_desk.client.delete("/__sandbox/calls")).json()["total"] == 0


async def test_wrong_credentials_are_refused(any_desk: Desk) -> None:
    method, path, body = PROBE[any_desk.system]
    transport = any_desk.client._transport
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic !!"},
        {"X-Shopify-Access-Token": "x"},
    ]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as stranger:
        for headers in wrong:
            assert (await stranger.request(method, path, json=body, headers=headers)).status_code == 401
    assert any_desk.controls.calls.total() == 4


async def test_latency_delays_the_answer(any_desk: Desk) -> None:
    loop = asyncio.get_running_loop()
    await any_desk.client.put("/__sandbox/faults", json={"latency_ms": 120})
    before = loop.time()
    assert (await any_desk.probe()).status_code == 200
    assert loop.time() - before >= 0.119


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("faults", {"mode": "sleepy"}, "one of ok, down"),
        ("faults", {"mood": "ok"}, "choose from latency_ms"),
        ("faults", {"latency_ms": -1}, "latency_ms"),
        ("faults", {"mode": "error", "times": 0}, "times"),
        ("settings", {"color": 1}, "choose from"),
        ("webhooks", {"url": "file:///etc/passwd"}, "http"),
    ],
)
async def test_a_wrong_wish_is_told_what_would_be_right(
    any_desk: Desk, path: str, body: dict[str, object], says: str
) -> None:
    response = await any_desk.client.put(f"/__sandbox/{path}", json=body)
    assert response.status_code == 400 and says in response.json()["error"]


async def test_changes_of_nothing_are_refused(any_desk: Desk) -> None:
    for path, wish in (("change", {"id": "0", "set": {}}), ("create", {"kind": "nonsense"}), ("change", {})):
        response = await any_desk.client.post(f"/__sandbox/{path}", json=wish)
        assert response.status_code == 400 and response.json()["error"], (path, wish)


async def test_the_controls_answer_on_loopback_only(any_desk: Desk) -> None:
    app = APPS[any_desk.system](any_desk.world, any_desk.controls)
    stranger = httpx.ASGITransport(app=app, client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=stranger, base_url="http://127.0.0.1") as client:
        assert (await client.get("/__sandbox/calls")).status_code == 403
    rebound = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=rebound, base_url="http://evil.example") as client:
        assert (await client.put("/__sandbox/faults", json={"mode": "down"})).status_code == 403


async def test_each_server_has_faults_of_its_own(sandbox: Sandbox) -> None:
    sandbox.controls["hubspot"].set_faults({"mode": "error"})
    for system, status in (("hubspot", 500), ("zendesk", 200), ("mailchimp", 200), ("shopify", 200)):
        async with client_of(sandbox, system) as client:
            assert (await probe(client, system)).status_code == status
