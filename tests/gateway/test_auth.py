"""Who may ask: API keys, purposes, and development sign-in on loopback."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway.small import KEY, OTHER_KEY, Small, settings

KEYS = {
    "api_keys": [
        {"name": "frontend", "key": KEY},
        {"name": "service", "key": OTHER_KEY, "purposes": ["support", "billing"]},
    ]
}


async def post(headers: dict[str, str]) -> httpx.Response:
    async with Small(settings(auth=KEYS)).client() as client:
        return await client.post("/graphql", json={"query": "{ whoami }"}, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer " + "x" * 24},
        {"authorization": f"Basic {KEY}"},
        {"authorization": f"Bearer {KEY}x"},
        {"x-api-key": ""},
        {"x-api-key": KEY[:-1]},
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_strangers_get_a_well_formed_401(headers: dict[str, str], accept: str) -> None:
    response = await post({**headers, "accept": accept})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"].startswith(accept)
    error = response.json()["errors"][0]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert KEY not in response.text


@pytest.mark.parametrize("headers", [{"authorization": f"bearer {KEY}"}, {"x-api-key": KEY}])
async def test_a_key_names_the_principal(headers: dict[str, str]) -> None:
    response = await post({**headers, "x-purpose": "support"})
    assert response.json() == {"data": {"whoami": "frontend for support"}}


async def test_purposes_are_those_of_the_key() -> None:
    allowed = await post({"x-api-key": OTHER_KEY, "x-purpose": "billing"})
    other = await post({"x-api-key": OTHER_KEY, "x-purpose": "marketing"})
    unstated = await post({"x-api-key": OTHER_KEY})
    malformed = await post({"x-api-key": KEY, "x-purpose": "a b"})
    assert allowed.json() == {"data": {"whoami": "service for billing"}}
    assert (other.status_code, unstated.status_code, malformed.status_code) == (403, 403, 400)
    assert other.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_the_body_is_not_read_before_the_caller_is_known() -> None:
    async with Small(settings(auth=KEYS)).client() as client:
        response = await client.post("/graphql", content=b"not json at all")
    assert response.status_code == 401


async def test_development_sign_in_answers_this_machine_only() -> None:
    app = Small().app()

    async def status(client_address: str, host: str) -> int:
        transport = httpx.ASGITransport(app, client=(client_address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            response = await client.post("/graphql", json={"query": "{ whoami }"}, headers={"host": host})
        return response.status_code

    assert await status("127.0.0.1", "localhost:8360") == 200
    assert await status("::1", "[::1]:8360") == 200
    assert await status("127.0.0.1", "attacker.example:8360") == 403
    assert await status("10.0.0.7", "127.0.0.1:8360") == 403


async def test_metrics_need_a_key_and_health_does_not() -> None:
    async with Small(settings(auth=KEYS)).client() as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        shown = await client.get("/metrics", headers={"authorization": f"Bearer {KEY}"})
    assert shown.status_code == 200
    assert "c360_requests_total" in shown.text or "c360_requests" in shown.text
