"""One small world for tests that only read, and the four servers over worlds of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest
from starlette.applications import Starlette

from sandbox import hubspot, mailchimp, shopify, zendesk
from sandbox.build import build
from sandbox.controls import Controls
from sandbox.world import World

APPS: dict[str, Callable[[World, Controls], Starlette]] = {
    "hubspot": hubspot.create_app,
    "shopify": shopify.create_app,
    "zendesk": zendesk.create_app,
    "mailchimp": mailchimp.create_app,
}
HEADERS = {
    "hubspot": {"Authorization": f"Bearer {hubspot.TOKEN}"},
    "shopify": {"X-Shopify-Access-Token": shopify.TOKEN},
    "zendesk": {},
    "mailchimp": {},
}
BASIC = {
    "zendesk": (f"{zendesk.EMAIL}/token", zendesk.TOKEN),
    "mailchimp": ("anything", mailchimp.KEY),
}
PROBE = {
    "hubspot": ("GET", "/crm/v3/objects/contacts", None),
    "shopify": ("POST", "/admin/api/2026-10/graphql.json", {"query": "{ shop { id } }"}),
    "zendesk": ("GET", "/api/v2/users/search?query=ada", None),
    "mailchimp": ("GET", "/3.0/lists", None),
}
"""One good call of each dialect."""


@dataclass
class Desk:
    """A dialect's application, its switches, and a client that is signed in."""

    client: httpx.AsyncClient
    controls: Controls
    world: World
    system: str

    async def probe(self) -> httpx.Response:
        method, path, body = PROBE[self.system]
        return await self.client.request(method, path, json=body)

    async def graphql(self, query: str, **variables: object) -> dict[str, object]:
        path = "/admin/api/2026-10/graphql.json"
        response = await self.client.post(path, json={"query": query, "variables": variables})
        assert response.status_code == 200, response.text
        answer: dict[str, object] = response.json()
        return answer


def desk(system: str, world: World) -> Desk:
    controls = Controls()
    transport = httpx.ASGITransport(app=APPS[system](world, controls))
    client = httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=HEADERS[system], auth=BASIC.get(system)
    )
    return Desk(client=client, controls=controls, world=world, system=system)


@pytest.fixture(scope="session")
def world() -> World:
    """About the size of the demo; never changed by a test."""
    return build()


@pytest.fixture
async def crm(world: World) -> AsyncIterator[Desk]:
    async with (it := desk("hubspot", world)).client:
        it.controls.set_settings({"search_per_second": None})
        yield it


@pytest.fixture
async def shop(world: World) -> AsyncIterator[Desk]:
    async with (it := desk("shopify", world)).client:
        yield it


@pytest.fixture
async def help_desk(world: World) -> AsyncIterator[Desk]:
    async with (it := desk("zendesk", world)).client:
        yield it


@pytest.fixture
async def mail(world: World) -> AsyncIterator[Desk]:
    async with (it := desk("mailchimp", world)).client:
        yield it


@pytest.fixture(params=sorted(APPS))
async def any_desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """Each dialect in turn, over a world that the test may change."""
    async with (it := desk(request.param, build(20))).client:
        yield it
