"""What a call to a source costs in CPU: SourceClient over the wire against SourceClient over httpx, in one interleaved run.

    python -m bench.wire [--rounds N] [--calls N] [--together N …] [--profile]

A stub server in another process answers every request with the same 2 KB of JSON. A round makes the same calls one client after
the other; the figure of a client is the median over the rounds of this process' CPU time a call: client, decoding into typed
models, and their mapping to records' dictionaries. `--profile` prints where the wire's time goes instead.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import multiprocessing
import pstats
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import httptools
import httpx
import msgspec

from adapters.base import AdapterSettings, Call
from adapters.kit.http import SourceClient

CONTACTS = 9


class Contact(msgspec.Struct):
    id: str
    email: str
    given_name: str
    updated: str
    tags: list[str]


class Contacts(msgspec.Struct):
    results: list[Contact]


def body() -> bytes:
    """About 2 KB, as a batch read answers it."""
    contacts = [
        {
            "id": str(1000 + number), "email": f"person{number}@example.com", "given_name": "Ada", "family_name": "Yılmaz",
            "updated": "2026-11-03T10:00:00Z", "tags": ["newsletter", "vip"], "archived": False,
            "unknown": {"lifecycle": "customer", "score": 0.75},
        }
        for number in range(CONTACTS)
    ]  # fmt: skip
    return msgspec.json.encode({"results": contacts})


class Stub(asyncio.Protocol):
    """Answers each request of a connection at once."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(self._answer)  # type: ignore[attr-defined]


def serve(port: Connection) -> None:
    """The other process: tells its port, and runs until it is terminated."""
    content = body()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
    extra = "".join(f"x-header-{number}: {'v' * 20}\r\n" for number in range(8))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Stub((head + extra + "\r\n").encode() + content), "127.0.0.1", 0
        )
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def stub() -> Iterator[str]:
    """The stub's address while it runs."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


async def burst(client: SourceClient, calls: int, together: int) -> None:
    """`calls` calls, `together` of them at a time."""
    left = iter(range(calls))

    async def work() -> None:
        for number in left:
            call = Call(deadline=time.monotonic() + 60, correlation_id="bench")
            params = {"email": f"person{number}@example.com", "limit": 50}
            found = await client.call(
                "read contacts", "GET", "/crm/v3/contacts", Contacts, call, params=params
            )
            mapped = [
                {"id": one.id, "email": one.email.lower(), "tags": tuple(one.tags)} for one in found.results
            ]
            assert len(mapped) == CONTACTS

    await asyncio.gather(*(work() for _ in range(together)))


def clients(url: str) -> dict[str, SourceClient]:
    """The wire, and httpx given as a transport with the same limits."""
    settings = AdapterSettings(max_connections=64)
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=30)
    over_httpx = httpx.AsyncHTTPTransport(trust_env=False, limits=limits)
    return {
        "wire": SourceClient("stub", url, settings),
        "httpx": SourceClient("stub", url, settings, transport=over_httpx),
    }


async def measured(url: str, rounds: int, calls: int, together: int) -> dict[str, list[float]]:
    """CPU milliseconds a call, a figure for each round."""
    figures: dict[str, list[float]] = {}
    asked = clients(url)
    for client in asked.values():
        await burst(client, 200, together)
    for number in range(rounds):
        names = list(asked) if number % 2 else list(reversed(asked))
        for name in names:
            gc.collect()
            started = time.process_time()
            await burst(asked[name], calls, together)
            figures.setdefault(name, []).append((time.process_time() - started) / calls * 1e3)
    for client in asked.values():
        await client.aclose()
    return figures


async def profiled(url: str, calls: int) -> None:
    """Where the wire's time goes, the profiler's own cost included."""
    client = clients(url)["wire"]
    await burst(client, 200, 4)
    with cProfile.Profile() as profile:
        await burst(client, calls, 4)
    await client.aclose()
    pstats.Stats(profile).sort_stats("tottime").print_stats(35)


def main() -> None:
    """Prints a table, and the same as JSON in its last line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--together", type=int, nargs="+", default=[1, 4, 64])
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    rows = []
    with stub() as url:
        if options.profile:
            asyncio.run(profiled(url, options.calls * 10))
            return
        print(f"{len(body())} bytes of JSON, {options.rounds} rounds of {options.calls} calls\n")
        print(
            f"{'client':<8}{'at a time':>10}{'CPU ms a call':>15}{'lowest':>9}{'quartiles':>17}{'highest':>9}"
        )
        for together in options.together:
            figures = asyncio.run(measured(url, options.rounds, options.calls, together))
            for name, found in figures.items():
                low, middle, high = statistics.quantiles(found, n=4)
                print(
                    f"{name:<8}{together:>10}{middle:>15.3f}{min(found):>9.3f}{low:>9.3f}{high:>8.3f}{max(found):>9.3f}"
                )
                rows.append({"client": name, "at_a_time": together, "cpu_ms": round(middle, 4)})
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
