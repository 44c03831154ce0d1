"""`c360 identity reconcile --config`: the sandbox's records are read, what is likely waits for a steward, nobody is joined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resolvers.identity.log import RECONCILING
from resolvers.identity.store import IdentityStore
from sandbox.server import running
from tests.gateway.test_cli import c360
from tests.gateway.test_sync_command import ENV, settings

pytest.importorskip("splink", reason="splink is not installed: pip install 'c360[training]'")


async def told(*words: str) -> dict[str, Any]:
    done = await c360(*words, env=ENV)
    assert done.status == 0, done.err
    return dict(json.loads(done.out))


@pytest.mark.timeout(300)
async def test_what_a_look_at_everything_finds_is_proposed_once_and_joins_nobody(tmp_path: Path) -> None:
    async with running(people=120, limits=False) as sandbox:
        config = settings(tmp_path, sandbox)
        await told("identity", "sync", "--config", config, "--json")
        store = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'identity.sqlite'}")
        before = {line for line in (await store.export()).splitlines() if b'"reopened"' not in line}
        first = await told("identity", "reconcile", "--config", config, "--json")
        again = await told("identity", "reconcile", "--config", config, "--json")
    after = {line for line in (await store.export()).splitlines() if b'"reopened"' not in line}
    assert after == before, "customers and members are what they were"
    assert first["pairs"] == again["pairs"] > 0
    assert again["new"] == 0
    waiting, _ = await store.chronicle.review(100)
    assert any(e.actor == RECONCILING for pair in waiting for e in pair.evidence) == (first["new"] > 0)
    assert await store.rebuild() == 0
    await store.aclose()
