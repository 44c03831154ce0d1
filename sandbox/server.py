"""Runs the four servers on loopback, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette

from sandbox import hubspot, mailchimp, shopify, zendesk
from sandbox.build import build
from sandbox.controls import Controls
from sandbox.world import SYSTEMS, World

_UNLIMITED: dict[str, dict[str, object]] = {
    "hubspot": {"search_per_second": None, "per_ten_seconds": None},
    "shopify": {"bucket": None, "single_query_max": None},
    "zendesk": {"per_minute": None, "incremental_per_minute": None},
    "mailchimp": {"connections": None},
}


class NotLoopback(ValueError):
    """The servers hold no secrets and check little: they are for this machine alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """The running servers."""

    world: World
    controls: dict[str, Controls]
    urls: dict[str, str]

    def endpoints(self) -> dict[str, dict[str, str]]:
        """Where each server is and the credentials it takes."""
        return {
            "hubspot": {"url": self.urls["hubspot"], "token": hubspot.TOKEN},
            "shopify": {"url": self.urls["shopify"], "token": shopify.TOKEN},
            "zendesk": {"url": self.urls["zendesk"], "email": zendesk.EMAIL, "token": zendesk.TOKEN},
            "mailchimp": {"url": self.urls["mailchimp"], "key": mailchimp.KEY, "list_id": mailchimp.LIST_ID},
        }


@contextlib.asynccontextmanager
async def running(
    *,
    people: int = 2000,
    seed: int = 360,
    host: str = "127.0.0.1",
    ports: Mapping[str, int] | None = None,
    latency_ms: Mapping[str, float] | None = None,
    limits: bool = True,
    strict: bool = False,
    world: World | None = None,
) -> AsyncIterator[Sandbox]:
    """The four servers in the running loop, ready when the block begins and stopped when it ends.

    Port 0 (the default) means a free one. `limits=False` lifts the vendors' rate limits, for measurements.
    `strict=True` leaves out what has no value, as the vendors' OpenAPI descriptions demand, where the live APIs answer
    null. Raises NotLoopback for a host that others could reach.
    """
    address = _loopback(host)
    world = world or build(people, seed)
    controls = {system: Controls() for system in SYSTEMS}
    for system, value in (latency_ms or {}).items():
        controls[system].faults.latency_ms = value
    apps = create_apps(world, controls)
    if not limits:
        for system, settings in _UNLIMITED.items():
            controls[system].set_settings(settings)
    if strict:
        for system in ("hubspot", "zendesk"):
            controls[system].set_settings({"nulls": "omit"})
    async with contextlib.AsyncExitStack() as stack:
        urls = {}
        for system, app in apps.items():
            urls[system] = await stack.enter_async_context(
                _serving(app, address, (ports or {}).get(system, 0))
            )
        try:
            yield Sandbox(world=world, controls=controls, urls=urls)
        finally:
            for control in controls.values():
                control.closing.set()
                await control.webhooks.stop()


def create_apps(world: World, controls: Mapping[str, Controls]) -> dict[str, Starlette]:
    """The four applications over one world, for servers of one's own."""
    makers: dict[str, Callable[[World, Controls], Starlette]] = {
        "hubspot": hubspot.create_app,
        "shopify": shopify.create_app,
        "zendesk": zendesk.create_app,
        "mailchimp": mailchimp.create_app,
    }
    return {system: makers[system](world, controls[system]) for system in SYSTEMS}


def _loopback(host: str) -> str:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        if ipaddress.ip_address(address).is_loopback:
            return address
    except ValueError:
        pass
    raise NotLoopback(f"the sandbox binds to loopback only, not to {host!r}; choose 127.0.0.1 or ::1")


class _Quiet(uvicorn.Server):
    """A server that leaves signals to whoever owns the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _serving(app: Starlette, host: str, port: int) -> AsyncIterator[str]:
    """One server from the moment it listens; gives its address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        config = uvicorn.Config(
            app,
            # The loggers of this process belong to whoever runs it.
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            http="h11",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = _Quiet(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            if task.done():
                task.result()
                raise RuntimeError("the server ended before it was ready")
            await asyncio.sleep(0.005)
        port = listener.getsockname()[1]
        try:
            yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        finally:
            server.should_exit = True
            await task
    finally:
        listener.close()
