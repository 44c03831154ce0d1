"""A whole gateway on the sandbox in one process, without sockets, with something in between that may misbehave."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path

import httpx
import msgspec
from pydantic import SecretStr

from adapters.base import AdapterType
from adapters.crm.hubspot import adapter as hubspot
from adapters.email.mailchimp import adapter as mailchimp
from adapters.support.zendesk import adapter as zendesk
from adapters.webshop.shopify import adapter as shopify
from gateway.app import create_app
from gateway.settings import Auth, AuthMode, Cache, Environment, Identity, Server, Settings, Source
from sandbox import hubspot as sandbox_hubspot
from sandbox import mailchimp as sandbox_mailchimp
from sandbox import shopify as sandbox_shopify
from sandbox import zendesk as sandbox_zendesk
from sandbox.build import build
from sandbox.controls import Controls
from sandbox.server import _UNLIMITED, create_apps
from sandbox.world import SYSTEMS, World

Wrap = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]

TYPES = {"hubspot": hubspot, "shopify": shopify, "zendesk": zendesk, "mailchimp": mailchimp}


@cache
def world() -> World:
    return build(120, 7)


def _settings(folder: Path, deadline: float, store: str | None, cache_url: str) -> Settings:
    quick = {"retries": 0}
    tables = {
        "crm": (
            "hubspot",
            {
                "base_url": "http://hubspot.test",
                "token": sandbox_hubspot.TOKEN,
                "searches_per_second": 10_000,
            },
        ),
        "webshop": ("shopify", {"shop_url": "http://shopify.test", "access_token": sandbox_shopify.TOKEN}),
        "support": (
            "zendesk",
            {
                "base_url": "http://zendesk.test",
                "email": sandbox_zendesk.EMAIL,
                "api_token": sandbox_zendesk.TOKEN,
            },
        ),
        "email": ("mailchimp", {"base_url": "http://mailchimp.test/3.0", "api_key": sandbox_mailchimp.KEY}),
    }
    return Settings(
        environment=Environment.DEVELOPMENT,
        server=Server(deadline=deadline),
        auth=Auth(mode=AuthMode.DEVELOPMENT),
        identity=Identity(
            url=SecretStr(store or f"sqlite+aiosqlite:///{folder / 'map.sqlite'}"),
            secret=SecretStr("a secret of the tests, long enough"),
            default_country="DE",
        ),
        cache=Cache(url=SecretStr(cache_url)),
        sources={
            name: Source(adapter=kind, settings=TYPES[kind].settings(**own, **quick))
            for name, (kind, own) in tables.items()
        },
    )


@contextlib.asynccontextmanager
async def gateway(
    folder: Path,
    wrap: Wrap | None = None,
    deadline: float = 20.0,
    store: str | None = None,
    cache_url: str = "memory://",
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of a gateway whose upstream calls go through `wrap`."""
    controls = {system: Controls() for system in SYSTEMS}
    apps = create_apps(world(), controls)
    for system, control in controls.items():
        control.set_settings(_UNLIMITED[system])
    types: dict[str, AdapterType | Exception] = {}
    for name, kind in TYPES.items():
        inner: httpx.AsyncBaseTransport = httpx.ASGITransport(apps[name])
        outer = wrap(inner) if wrap else inner
        types[name] = msgspec.structs.replace(
            kind, build=lambda source, s, _t, kind=kind, outer=outer: kind.build(source, s, outer)
        )
    app = create_app(_settings(folder, deadline, store, cache_url), types)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client
