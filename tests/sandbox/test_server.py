"""The four servers as a program: one line when ready, stopped by a signal or with its parent, loopback only."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from sandbox.server import NotLoopback, running
from sandbox.world import SYSTEMS


@contextmanager
def program(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, dict[str, str]]]]:
    command = [sys.executable, "-m", "sandbox", "--people", "20", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_says_where_it_is_and_stops_on_sigterm() -> None:
    with program("--latency", "hubspot=1,shopify=2") as (process, endpoints):
        assert list(endpoints) == list(SYSTEMS)
        assert set(endpoints["zendesk"]) == {"url", "email", "token"}
        assert set(endpoints["mailchimp"]) == {"url", "key", "list_id"}
        for system, latency in (("hubspot", 1), ("shopify", 2), ("zendesk", 0)):
            faults = httpx.get(f"{endpoints[system]['url']}/__sandbox/faults", trust_env=False).json()
            assert faults["latency_ms"] == latency
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_stops_with_its_parent() -> None:
    with program("--with-parent") as (process, _):
        assert process.poll() is None
        assert process.stdin
        process.stdin.close()
        assert process.wait(20) == 0


def test_another_host_is_refused() -> None:
    command = [sys.executable, "-m", "sandbox", "--people", "10", "--host", "0.0.0.0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "loopback only" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
async def test_running_refuses_it_too(host: str) -> None:
    with pytest.raises(NotLoopback):
        async with running(people=10, host=host):
            raise AssertionError("it should not have started")


async def test_limits_can_be_lifted() -> None:
    async with running(people=10, limits=False) as sandbox, httpx.AsyncClient(trust_env=False) as client:
        token = sandbox.endpoints()["hubspot"]["token"]
        url = f"{sandbox.urls['hubspot']}/crm/v3/objects/contacts/search"
        for _ in range(12):
            response = await client.post(url, json={"limit": 1}, headers={"Authorization": f"Bearer {token}"})
            assert response.status_code == 200
