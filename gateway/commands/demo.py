"""`c360 demo`: four sandbox systems and the gateway on them, on this machine only, gone without a trace at the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson

from gateway import demo, telemetry
from gateway.commands.serve import running
from gateway.graphiql import MISSING, directory, missing
from gateway.mistakes import Mistake
from gateway.serving import StartError, stop_signals
from gateway.settings import Log, Settings, SettingsError, installed_adapters, validate

HOST = "127.0.0.1"
PORT = 8360
READY_WITHIN = 60.0
"""Seconds that the sandbox has to make its people and to listen."""

Endpoints = Mapping[str, Mapping[str, str]]


async def run(*, port: int | None, people: int, seed: int, check: bool) -> int:
    """Serves until a signal, or asks the README's queries once. Gives the exit status."""
    telemetry.configure(Log.model_validate({"level": "warning"}), development=True)
    with stop_signals() as stop:
        work = asyncio.ensure_future(_work(port, people, seed, check))
        stopped = asyncio.ensure_future(stop.wait())
        either: set[asyncio.Future[Any]] = {work, stopped}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            _say("stopping")
            work.cancel()
        stopped.cancel()
        try:
            return await work
        except asyncio.CancelledError:
            return 130 if check else 0


async def _work(port: int | None, people: int, seed: int, check: bool) -> int:
    if port is None:
        port = 0 if check else PORT
    _say(f"starting a CRM, a webshop, a helpdesk and an e-mail system with {people:,} people …")
    with tempfile.TemporaryDirectory(prefix="c360-demo-") as folder:
        async with sandbox(people, seed) as (endpoints, ended):
            async with running(settings(endpoints, Path(folder), port)) as url:
                if check:
                    return await _check(url)
                _say(_welcome(url))
                await asyncio.shield(ended)
                raise StartError("the sandbox has ended unexpectedly")


def settings(endpoints: Endpoints, folder: Path, port: int) -> Settings:
    """The settings of the demo: everything embedded, nobody signs in, this machine only."""
    crm, shop, desk, mail = (endpoints[name] for name in ("hubspot", "shopify", "zendesk", "mailchimp"))
    table = {
        "environment": "development",
        "server": {"host": HOST, "port": port},
        "auth": {"mode": "development"},
        "identity": {
            "url": f"sqlite+aiosqlite:///{folder / 'identity.sqlite'}",
            "secret": secrets.token_urlsafe(32),
            "default_country": "DE",
            "external_ids": {"support.shop": "webshop"},
        },
        "sources": {
            "crm": {"adapter": "hubspot", "base_url": crm["url"], "token": crm["token"]},
            "webshop": {"adapter": "shopify", "shop_url": shop["url"], "access_token": shop["token"]},
            "support": {
                "adapter": "zendesk",
                "base_url": desk["url"],
                "email": desk["email"],
                "api_token": desk["token"],
                "external_id_system": "shop",
            },
            "email": {
                "adapter": "mailchimp",
                "base_url": f"{mail['url']}/3.0",
                "api_key": mail["key"],
                "list_ids": [mail["list_id"]],
            },
        },
    }
    mistakes: list[Mistake] = []
    made = validate(table, installed_adapters(), where="demo", mistakes=mistakes)
    if made is None:
        raise SettingsError(mistakes)
    return made


@contextlib.asynccontextmanager
async def sandbox(people: int, seed: int) -> AsyncIterator[tuple[Endpoints, asyncio.Future[int]]]:
    """The four systems as a child process; gives where they are, and a future of its end.

    The child ends when its standard input does, so it never outlives this process, however that ends.
    """
    arguments = ("-m", "sandbox", "--people", str(people), "--seed", str(seed), "--with-parent")
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for this process, which then stops it
    )
    ended = asyncio.ensure_future(child.wait())
    try:
        yield await _endpoints(child), ended
    finally:
        if child.stdin is not None:
            child.stdin.close()
        try:
            async with asyncio.timeout(10):
                await asyncio.shield(ended)
        except TimeoutError:
            child.kill()
            await ended


async def _endpoints(child: asyncio.subprocess.Process) -> Endpoints:
    if child.stdout is None:
        raise StartError("the sandbox has no output")
    try:
        async with asyncio.timeout(READY_WITHIN):
            line = await child.stdout.readline()
    except TimeoutError:
        raise StartError(f"the sandbox was not ready within {READY_WITHIN:g} seconds") from None
    try:
        endpoints: Endpoints = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise StartError("the sandbox did not start; its own message is above") from None
    return endpoints


async def _check(url: str) -> int:
    """Asks each query over HTTP, prints the answers; 1 when one of them has errors or no data."""
    answers: dict[str, Any] = {}
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        for name, query in demo.queries().items():
            response = await client.post("/graphql", json={"query": query})
            answers[name] = response.json()
    print(json.dumps(answers, indent=2, ensure_ascii=False), flush=True)
    failed = [name for name, answer in answers.items() if _failed(answer)]
    for name in failed:
        _say(f"the query {name} was not answered as it should be")
    return 1 if failed else 0


def _failed(answer: Any) -> bool:
    data = answer.get("data")
    return bool(answer.get("errors")) or not data or any(value is None for value in data.values())


def _welcome(url: str) -> str:
    page = f"{url}/graphiql" if not missing(directory()) else MISSING
    return f"""ready; nobody has to sign in, and only this machine is let in.

  GraphiQL   {page}
  GraphQL    {url}/graphql

A first query to paste:

{demo.first_query()}
Ctrl-C stops everything; nothing is kept."""


def _say(text: str) -> None:
    print(f"c360 demo: {text}", file=sys.stderr, flush=True)
