"""Starts a sandbox and a gateway as processes of their own, for measurements from outside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import httpx

QUERIES = Path(__file__).parent / "queries"
KEY = "a-key-of-the-bench-that-is-long-enough"


class Running:
    """A gateway on a sandbox. `ask` is one GraphQL request over one kept-alive connection."""

    def __init__(self, url: str, gateway: int, endpoints: Mapping[str, Mapping[str, str]]) -> None:
        self.url = url
        self.pid = gateway
        self.endpoints = endpoints
        self._http = httpx.Client(headers={"authorization": f"Bearer {KEY}"}, timeout=60, trust_env=False)

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        answer = self._http.post(f"{self.url}/graphql", json={"query": document, "variables": variables})
        body: dict[str, Any] = answer.json()
        if body.get("errors"):
            raise RuntimeError(body["errors"])
        data: dict[str, Any] = body["data"]
        return data

    def rss_mb(self) -> float:
        """Resident memory of the gateway's process, in MB (1,000,000 bytes)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self) -> float:
        """CPU seconds that the gateway's threads have used so far."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(t.read_text().split()[0]) for t in tasks) / 1e9


def document(name: str) -> str:
    return (QUERIES / f"{name}.graphql").read_text()


@contextlib.contextmanager
def running(
    *, people: int, latency: Mapping[str, int], limits: bool = False, log: str = "warning"
) -> Iterator[Running]:
    """`log` is the least important level that the gateway writes, to a file. `latency` is in milliseconds by system.

    The gateway is pinned to core 0, the sandbox to core 1, where that can be.
    """
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        spec = ",".join(f"{k}={v}" for k, v in latency.items())
        options = ["--latency", spec] if spec else []
        options += [] if limits else ["--no-limits"]
        sandbox = stack.enter_context(
            _process([sys.executable, "-m", "sandbox", "--people", str(people), *options], cores[-1])
        )
        assert sandbox.stdout is not None
        endpoints = json.loads(sandbox.stdout.readline())
        config = Path(folder) / "c360.toml"
        config.write_text(_config(endpoints, folder, log))
        lines = stack.enter_context((Path(folder) / "log").open("w"))
        gateway = stack.enter_context(
            _process(
                [str(Path(sys.executable).with_name("c360")), "serve", "--config", str(config)],
                cores[0],
                lines,
            )
        )
        url = f"http://127.0.0.1:{_port_of(config)}"
        _wait(url)
        yield Running(url, gateway.pid, endpoints)


def _config(endpoints: Mapping[str, Mapping[str, str]], folder: str, log: str) -> str:
    h, s, z, m = (endpoints[n] for n in ("hubspot", "shopify", "zendesk", "mailchimp"))
    port = _free_port()
    return f"""
[server]
port = {port}
[auth]
mode = "api_keys"
[[auth.api_keys]]
name = "bench"
key = "{KEY}"
[identity]
url = "sqlite+aiosqlite:///{folder}/map.sqlite"
secret = "a-secret-of-the-bench-that-is-long-enough"
default_country = "DE"
[log]
level = "{log}"
[sources.crm]
adapter = "hubspot"
base_url = "{h["url"]}"
token = "{h["token"]}"
searches_per_second = 1000
[sources.webshop]
adapter = "shopify"
shop_url = "{s["url"]}"
access_token = "{s["token"]}"
[sources.support]
adapter = "zendesk"
base_url = "{z["url"]}"
email = "{z["email"]}"
api_token = "{z["token"]}"
[sources.email]
adapter = "mailchimp"
base_url = "{m["url"]}/3.0"
api_key = "{m["key"]}"
"""


def _port_of(config: Path) -> int:
    import tomllib

    port: int = tomllib.loads(config.read_text())["server"]["port"]
    return port


def _free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        number: int = s.getsockname()[1]
        return number


@contextlib.contextmanager
def _process(command: list[str], core: int, stderr: IO[str] | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    os.sched_setaffinity(process.pid, {core})
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(url: str) -> None:
    for _ in range(300):
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the gateway did not get ready within 30 s")
