"""The four sources in one process, as cheap as Python allows: payloads are rendered beforehand, latencies are fixed.

    python -m bench.peers.stub --seed 1 --customers 4000

`/crm/contacts?ids=a,b`, `/shop/orders?customers=a,b&limit=50`, `/support/tickets?…` and `/mail/events?…` answer many customers
in one call. `/_counts` gives the calls since it was last asked, `/_latency?crm=20&…` sets milliseconds. The first line
of its output is its port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import Counter
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from bench.peers import data

SOURCES = {
    "/crm/contacts": "crm",
    "/shop/orders": "shop",
    "/support/tickets": "support",
    "/mail/events": "mail",
}
MOST = 200
"""Customers that one call may ask for."""
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
_MAX_HEAD = 64_000


class Pages:
    """One source's records of all customers. A page of the first n records is a slice of text that is there already."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[bytes, list[int]]] = {}

    def add(self, owner: str, records: Sequence[data.Record]) -> None:
        text, ends = f'{{"customer":"{owner}","nodes":['.encode(), []
        for number, record in enumerate(records):
            text += (b"," if number else b"") + _json(record)
            ends.append(len(text))
        self._texts[owner] = (text, ends)

    def page(self, owner: str, limit: int) -> bytes | None:
        known = self._texts.get(owner)
        if known is None:
            return None
        text, ends = known
        more = b"true" if limit < len(ends) else b"false"
        return text[: ends[min(limit, len(ends)) - 1]] + b'],"hasMore":' + more + b"}"


class World:
    """What the sources hold, what they were asked, and how long they take."""

    def __init__(self, seed: int, customers: int) -> None:
        self.calls: Counter[str] = Counter()
        self.latency = dict.fromkeys(SOURCES.values(), 0.0)
        self._contacts: dict[str, bytes] = {}
        self._pages = {source: Pages() for source in ("shop", "support", "mail")}
        for number in range(customers):
            one = data.person(seed, number)
            self._contacts[one.id] = _json(one.contact)
            for source, records in (("shop", one.orders), ("support", one.tickets), ("mail", one.events)):
                self._pages[source].add(one.id, records)

    def answer(self, target: str) -> tuple[bytes, float]:
        """A whole response and the seconds after which it goes out."""
        path, _, query = target.partition("?")
        source = SOURCES.get(path)
        if source is None:
            return self._control(target), 0.0
        self.calls[source] += 1
        wanted, limit = _asked(query)
        if not wanted or len(wanted) > MOST or limit < 1:
            return _BAD, 0.0
        if source == "crm":
            found = [self._contacts[i] for i in wanted if i in self._contacts]
        else:
            pages = self._pages[source]
            found = [page for i in wanted if (page := pages.page(i, limit)) is not None]
        return _response(b"[" + b",".join(found) + b"]"), self.latency[source]

    def _control(self, target: str) -> bytes:
        parts = urlsplit(target)
        if parts.path == "/_counts":
            counts, self.calls = self.calls, Counter()
            return _response(json.dumps(counts).encode())
        if parts.path == "/_latency":
            given = {name: float(value) / 1000 for name, value in parse_qsl(parts.query)}
            self.latency = {source: given.get(source, 0.0) for source in self.latency}
            return _response(b"{}")
        return _MISSING


def _asked(query: str) -> tuple[list[str], int]:
    """Whose records, and how many of each; ids may be separated by commas or repeated."""
    wanted: list[str] = []
    limit = data.ORDERS
    for pair in query.replace("%2C", ",").split("&"):
        name, _, value = pair.partition("=")
        if name == "limit":
            limit = int(value) if value.isdecimal() else 0
        else:
            wanted += value.split(",")
    return [i for i in wanted if i], limit


def _response(body: bytes) -> bytes:
    return _HEAD % len(body) + body


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests without a body, one after the other or pipelined."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self._world, self._loop = world, loop
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, received: bytes) -> None:
        unread = self._unread + received if self._unread else received
        while (end := unread.find(b"\r\n\r\n")) >= 0:
            target = unread[: unread.index(b"\r\n")].split(b" ")[1].decode("latin-1")
            unread = unread[end + 4 :]
            response, seconds = self._world.answer(target)
            if seconds:
                self._loop.call_later(seconds, self._transport.write, response)
            else:
                self._transport.write(response)
        self._unread = unread
        if len(unread) > _MAX_HEAD:
            self._transport.abort()


async def serve(world: World) -> None:
    """Serves on a free port of 127.0.0.1 until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(lambda: Connection(world, loop), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--customers", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(serve(World(options.seed, options.customers)))


if __name__ == "__main__":
    main()
