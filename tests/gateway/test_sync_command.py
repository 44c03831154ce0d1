"""`c360 identity sync` as people run it: what it prints, what it exits with, and that a signal ends it tidily."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.server import Sandbox, running
from tests.gateway.test_cli import c360, line_with, start

ROOT = Path(__file__).parents[2]
ENV = {"PYTHONPATH": str(ROOT)}


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(people=30, limits=False) as servers:
        yield servers


SECRET = "s" * 40


def settings(
    folder: Path, sandbox: Sandbox, store: str | None = None, more: str = "", secret: str = SECRET
) -> str:
    """A settings file with the four systems; `more` goes on in [identity]."""
    e = sandbox.endpoints()
    crm, shop, desk, mail = (e[n] for n in ("hubspot", "shopify", "zendesk", "mailchimp"))
    text = f"""
[auth]
mode = "development"
[identity]
secret = "{secret}"
url = "{store or f"sqlite+aiosqlite:///{folder}/identity.sqlite"}"
default_country = "DE"
{more}
[sources.crm]
adapter = "hubspot"
base_url = "{crm["url"]}"
token = "{crm["token"]}"
searches_per_second = 500
[sources.webshop]
adapter = "shopify"
shop_url = "{shop["url"]}"
access_token = "{shop["token"]}"
[sources.support]
adapter = "zendesk"
base_url = "{desk["url"]}"
email = "{desk["email"]}"
api_token = "{desk["token"]}"
[sources.email]
adapter = "mailchimp"
base_url = "{mail["url"]}/3.0"
api_key = "{mail["key"]}"
"""
    file = folder / "c360.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


async def test_the_summary(sandbox: Sandbox, tmp_path: Path) -> None:
    file = settings(tmp_path, sandbox)
    result = await c360("identity", "sync", "--config", file, "--json", env=ENV)
    assert result.status == 0, result.err
    found = json.loads(result.out)
    world = sandbox.world
    by_name = {each["source"]: each for each in found["sources"]}
    assert list(by_name) == ["crm", "webshop", "support", "email"]
    assert by_name["crm"]["records"] == len(world.contacts)
    assert by_name["email"]["records"] == len(world.members)
    assert found["map"]["records"] == sum(s["records"] for s in by_name.values())
    assert {s["stage"] for s in by_name.values()} == {"done"}
    assert result.err == "", "quiet where nobody looks"

    again = await c360("identity", "sync", "-c", file, "--source", "support", env=ENV)
    assert again.status == 0
    assert again.out.splitlines()[0].startswith("support  0 records read, 0 new, 0 links")
    assert f"{found['map']['records']:,} records of {found['map']['customers']:,} customers" in again.out


async def test_one_source_that_fails(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.urls["zendesk"] = "http://127.0.0.1:1"
    file = settings(tmp_path, sandbox)
    result = await c360("identity", "sync", "-c", file, "--source", "webshop", "--source", "support", env=ENV)
    assert result.status == 1
    lines = result.out.splitlines()
    assert lines[0].startswith("webshop  ")
    assert lines[0].split()[1] != "0"
    assert "  is not available (ConnectError); the next sync goes on here" in lines


async def test_an_unknown_source_is_one_line(sandbox: Sandbox, tmp_path: Path) -> None:
    result = await c360("identity", "sync", "-c", settings(tmp_path, sandbox), "--source", "shop", env=ENV)
    assert (result.status, result.out) == (1, "")
    assert result.err == (
        'c360: no source is called "shop"; the settings have crm, webshop, support, email\n'
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_watching_goes_on_until_a_signal(
    sandbox: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    file = settings(tmp_path, sandbox)
    process = await start(
        "identity", "sync", "-c", file, "--source", "crm", "--watch", "1", "--json", env=ENV
    )
    async with asyncio.timeout(60):
        first = json.loads(await line_with(process.stdout, "sources"))
        second = json.loads(await line_with(process.stdout, "sources"))
        process.send_signal(number)
        assert process.stderr is not None
        assert (await process.stderr.read()).decode() == ""
        assert await process.wait() == 0
    assert first["sources"][0]["records"] == len(sandbox.world.contacts)
    assert second["sources"][0]["new"] == 0


async def test_ctrl_c_ends_a_sync_that_waits(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.controls["hubspot"].set_faults({"mode": "rate_limited"})
    file = settings(tmp_path, sandbox)
    process = await start("identity", "sync", "-c", file, "--json", "--source", "crm", env=ENV)
    async with asyncio.timeout(60):
        assert "crm" in await line_with(process.stderr, "source asks to slow down"), "the wait is visible"
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
    assert process.returncode == 130
    assert [(s["stage"], s["ok"]) for s in json.loads(out)["sources"]] == [("stopped", True)]
