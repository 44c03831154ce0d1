"""Warm answers: requests a second and CPU-ms a request, beside an application that sends the same bytes on the same server.

    python -m bench.warm [--seconds N] [--rounds N]

The server is pinned to the first core, the load to the last one; rounds of both alternate. CPU is the server process's own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from bench.gateway import KEY, Running, document, running
from bench.latency import EMAIL
from bench.load import load
from gateway import serving

CONNECTIONS = 16
CORES = os.sched_getaffinity(0)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=4.0)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--raw", metavar="FILE", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.raw:
        serving.run(_raw(Path(given.raw).read_bytes()))
        return
    with running(people=200, latency={}, log="info") as gateway:
        os.sched_setaffinity(0, {max(CORES)})
        request, body = _question(gateway)
        port = int(gateway.url.rsplit(":", 1)[1])
        with _bytes_alone(body) as (raw_port, raw_pid):
            rows: dict[str, list[dict[str, float]]] = {"raw bytes": [], "warm answers": []}
            for _ in range(given.rounds):
                rows["raw bytes"].append(_round(raw_port, raw_pid, request, body, given.seconds))
                rows["warm answers"].append(_round(port, gateway.pid, request, body, given.seconds))
    _show(rows, len(body), len(request))


def _question(gateway: Running) -> tuple[bytes, bytes]:
    """A request whose answer is kept, and that answer."""
    text = document("customer").replace("($id: ID!)", "($id: ID!) @cacheControl(maxAge: 300)")
    found = gateway.ask("query($e: String!) { customer(by: {email: $e}) { id } }", e=EMAIL)
    body = json.dumps({"query": text, "variables": {"id": found["customer"]["id"]}}).encode()
    headers = {
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "accept-encoding": "identity",
    }
    with httpx.Client(headers=headers, trust_env=False, timeout=30) as client:
        answers = [client.post(f"{gateway.url}/graphql", content=body) for _ in range(3)]
    if "age" not in answers[-1].headers or answers[-1].content != answers[0].content:
        raise RuntimeError("the answer was not kept")
    host = gateway.url.removeprefix("http://")
    lines = [f"POST /graphql HTTP/1.1\r\nhost: {host}", *(f"{k}: {v}" for k, v in headers.items())]
    head = "\r\n".join([*lines, "accept: */*", f"content-length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body, answers[0].content


async def _raw(body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with serving.stop_signals() as stop:
        async with serving.serving(app, "127.0.0.1", 0) as url:
            print(url, flush=True)
            await stop.wait()


@contextlib.contextmanager
def _bytes_alone(body: bytes) -> Iterator[tuple[int, int]]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        command = [sys.executable, "-m", "bench.warm", "--raw", file.name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(process.pid, {min(CORES)})
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rsplit(":", 1)[1]), process.pid
        finally:
            process.terminate()
            process.wait(timeout=15)


def _round(port: int, pid: int, request: bytes, body: bytes, seconds: float) -> dict[str, float]:
    before, started = _cpu_s(pid), time.perf_counter()
    answers = load(port, request, body, seconds=seconds, connections=CONNECTIONS)
    took, cpu = time.perf_counter() - started, _cpu_s(pid) - before
    return {"rps": answers / took, "cpu_ms": cpu * 1000 / answers, "load": os.getloadavg()[0]}


def _cpu_s(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def _show(rows: dict[str, list[dict[str, float]]], answer: int, request: int) -> None:
    print(
        f"answer {answer} bytes, request {request} bytes, {CONNECTIONS} connections, uvicorn {uvicorn.__version__}"
    )
    print("| server | requests/s | CPU-ms | spread of CPU-ms | load |\n|---|---|---|---|---|")
    for name, rounds in rows.items():
        cpu = [r["cpu_ms"] for r in rounds]
        rps = statistics.median(r["rps"] for r in rounds)
        busy = max(r["load"] for r in rounds)
        print(
            f"| {name} | {rps:.0f} | {statistics.median(cpu):.4f} | {min(cpu):.4f}-{max(cpu):.4f} | {busy:.1f} |"
        )


if __name__ == "__main__":
    main()
