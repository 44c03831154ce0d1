"""`c360 identity rotate-key` as people run it: what it prints and exits with, and that it never prints a secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from sqlalchemy import text

from resolvers.identity.store import IdentityStore
from sandbox.server import Sandbox, running
from tests.gateway.test_cli import Result, c360
from tests.gateway.test_sync_command import ENV, SECRET, settings

NEW = "n" * 40
ROTATING = f'secret_version = 2\nprevious_secret = "{SECRET}"\n[log]\nlevel = "debug"'


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(people=30, limits=False) as servers:
        yield servers


async def rotate(file: str, *options: str) -> Result:
    result = await c360("identity", "rotate-key", "-c", file, *options, env=ENV)
    assert SECRET not in result.out + result.err
    assert NEW not in result.out + result.err
    return result


async def synced(file: str) -> Any:
    """The summary of a sync from the beginning."""
    result = await c360("identity", "sync", "-c", file, "--full", "--json", env=ENV)
    assert result.status == 0, result.out + result.err
    return json.loads(result.out)


def check_nothing_new(summary: Any) -> None:
    for source in summary["sources"]:
        assert [source[name] for name in ("new", "links", "review", "again")] == [0, 0, 0, 0], source


async def carriers(folder: Path) -> int:
    """How many records carry keys."""
    store = IdentityStore(f"sqlite+aiosqlite:///{folder}/identity.sqlite")
    try:
        async with store.engine.connect() as connection:
            counting = text("SELECT count(DISTINCT member_id) FROM match_key")
            return int((await connection.execute(counting)).scalar_one())
    finally:
        await store.aclose()


async def test_from_the_old_secret_to_the_new_one(sandbox: Sandbox, tmp_path: Path) -> None:
    file = settings(tmp_path, sandbox)
    before = await synced(file)
    idle = await rotate(file)
    assert (idle.status, idle.out) == (
        0, "Nothing is kept under another secret. Take identity.previous_secret out of the settings.\n"
    )  # fmt: skip

    file = settings(tmp_path, sandbox, more="secret_version = 2", secret=NEW)
    forgotten = await rotate(file)
    assert (forgotten.status, forgotten.out) == (1, "")
    assert forgotten.err.startswith("c360: identity.previous_secret is not set")

    right = sandbox.urls["mailchimp"]
    sandbox.urls["mailchimp"] = "http://127.0.0.1:1"
    result = await rotate(settings(tmp_path, sandbox, more=ROTATING, secret=NEW), "--json")
    assert result.status == 1
    found = json.loads(result.out)
    by_name = {source["source"]: source for source in found["sources"]}
    assert by_name["crm"]["renewed"] == by_name["crm"]["found"] > 0
    assert by_name["email"]["problem"] == "is not available (ConnectError)"
    assert by_name["email"]["unread"] == found["left"]["records"] > 0

    sandbox.urls["mailchimp"] = right
    file = settings(tmp_path, sandbox, more=ROTATING, secret=NEW)
    result = await rotate(file)
    assert result.status == 0, result.out
    unread = by_name["email"]["unread"]
    assert f"{unread} of {unread} records renamed" in result.out

    result = await rotate(file, "--finish", "--json")
    assert result.status == 0
    finished = json.loads(result.out)
    assert finished["removed"]["records"] == 0
    assert finished["removed"]["bytes_gone"]
    assert finished["left"] == {"records": 0, "discoveries": 0, "verdicts": 0}

    file = settings(tmp_path, sandbox, more="secret_version = 2", secret=NEW)
    after = await synced(file)
    assert after["map"] == before["map"]
    assert [s["records"] for s in after["sources"]] == [s["records"] for s in before["sources"]]
    check_nothing_new(after)


async def test_giving_up_what_cannot_be_read(sandbox: Sandbox, tmp_path: Path) -> None:
    before = await synced(settings(tmp_path, sandbox))
    file = settings(tmp_path, sandbox, more="secret_version = 2", secret=NEW)
    result = await rotate(file, "--finish")
    assert result.status == 0, result.err
    assert "c360 identity sync --full gives those records their keys again" in result.out
    assert f"the keys of {before['map']['records']:,} records" in result.out
    after = await synced(file)
    assert after["map"] == before["map"], "who is who stays"
    check_nothing_new(after)
    assert await carriers(tmp_path) == before["map"]["records"], "and everybody is found again"
    assert "Nothing is kept under another secret." in (await rotate(file)).out
