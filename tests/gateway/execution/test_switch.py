"""`execution.compiled`: the switch between the two ways, as an operator sets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateway import http
from gateway.app import create_app
from gateway.execution import executor
from gateway.settings import Auth, AuthMode, Environment, Identity, Settings
from gateway.settings_documents import Execution


@pytest.mark.parametrize("compiled", [True, False])
async def test_the_switch_reaches_the_executor(
    tmp_path: Path, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    async def watched(*rest: Any, compiled: bool) -> Any:
        seen.append(compiled)
        return await executor.executed(*rest, compiled=compiled)

    monkeypatch.setattr(http, "executed", watched)
    settings = Settings(
        environment=Environment.DEVELOPMENT,
        auth=Auth(mode=AuthMode.DEVELOPMENT),
        identity=Identity(
            url=SecretStr(f"sqlite+aiosqlite:///{tmp_path}/m.sqlite"), secret=SecretStr("s" * 32)
        ),
        execution=Execution(compiled=compiled),
    )
    app = create_app(settings, {})
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as client:
        answer = await client.post("http://127.0.0.1/graphql", json={"query": "{ sources { name } }"})
    assert answer.json() == {"data": {"sources": []}}
    assert seen == [compiled]
