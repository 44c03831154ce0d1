"""The server audits of the npm package graphql-http, all 61, against the whole gateway on a real socket."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest

from gateway.commands.serve import running
from gateway.settings import installed_adapters, validate

HERE = Path(__file__).parent
FOLDER = HERE.parents[2] / ".cache" / "npm" / "graphql-http"
PACKAGES = ("graphql-http@1.23.1", "graphql@16.15.0")
AUDITS = 61


def missing(reason: str) -> None:
    """Skips, or fails where CI=true."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason}; with CI=true that is a failure")
    pytest.skip(reason)


async def run(*command: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 100)
    except TimeoutError:
        process.kill()
        await process.wait()
        return 1, "", "timed out"
    return process.returncode or 0, out.decode(), err.decode()


async def audit_folder() -> Path:
    """A folder where the package is installed; installs it once."""
    if shutil.which("node") is None:
        missing("node is not installed, so the graphql-http audits cannot run")
    if not (FOLDER / "node_modules" / "graphql-http").is_dir():
        npm = shutil.which("npm")
        if npm is None:
            missing("npm is not installed, so the graphql-http audits cannot be fetched")
            raise AssertionError("unreachable")
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "package.json").write_text('{"private": true}')
        options = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
        status, _, _ = await run(npm, "install", "--prefix", str(FOLDER), *options, *PACKAGES)
        if status:
            missing("npm could not fetch graphql-http, so its audits cannot run")
    return FOLDER


@pytest.mark.timeout(180)
async def test_all_audits_pass(tmp_path: Path) -> None:
    folder = await audit_folder()
    made = validate(
        {
            "server": {"port": 0},
            "auth": {"mode": "development"},
            "identity": {"secret": "s" * 32, "url": f"sqlite+aiosqlite:///{tmp_path}/identity.sqlite"},
            # the audits ask no source
            "sources": {"crm": {"adapter": "hubspot", "token": "t", "base_url": "http://127.0.0.1:1"}},
        },
        installed_adapters(),
        where="audit",
        mistakes=[],
    )
    assert made is not None
    async with running(made) as url:
        status, out, err = await run("node", str(HERE / "audit.cjs"), str(folder), f"{url}/graphql")
    assert status == 0, err
    results = json.loads(out)
    failed = [f"{r['id']} {r['name']}: {r['reason']}" for r in results if r["status"] != "ok"]
    assert failed == []
    assert len(results) == AUDITS
