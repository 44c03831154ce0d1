"""A real server on loopback that does to its clients whatever a test says."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from adapters.base import AdapterSettings
from adapters.kit.http import SourceClient


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


PATIENT = 30.0
Make = Callable[..., SourceClient]
Behave = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class LoopbackServer:
    """`behave` answers each request by writing bytes; a connection is kept open unless it closes the writer."""

    behave: Behave | None = None
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # a request has come since this was cleared
    open_connections: int = 0
    most_connections: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def answers(self, *answers: bytes) -> None:
        """One answer after the other; the last one again and again."""
        left = list(answers)

        async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(left.pop(0) if len(left) > 1 else left[0])

        self.behave = behave

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open_connections += 1
        self.most_connections = max(self.most_connections, self.open_connections)
        try:
            while not writer.is_closing():
                asked = await _request(reader)
                self.asked.append(asked)
                self.arrived.set()
                assert self.behave is not None
                await self.behave(asked, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client or `hang_up` has had enough
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def left(self, most: int) -> None:
        """Returns when no more than `most` connections are open; a test's own time limit is the bound."""
        while self.open_connections > most:  # noqa: ASYNC110 - connections end in their own time
            await asyncio.sleep(0.01)

    async def hang_up(self) -> None:
        """Ends all connections, whatever they are doing."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, target, _ = first.split(" ")
    return Asked(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def answer(
    status: int = 200,
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """A whole HTTP answer; `length` other than the body's is a lie."""
    all_headers = {
        "content-type": "application/json",
        "content-length": str(length or len(body)),
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body


Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(connected: Connected) -> AsyncIterator[int]:
    """The port of a server that does with each connection whatever `connected` says; it ends when all of them have."""
    tasks: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await connected(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, limit=65_536)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)


@asynccontextmanager
async def loopback() -> AsyncIterator[LoopbackServer]:
    """A server that `behave`s."""
    behaving = LoopbackServer()
    listening = await asyncio.start_server(behaving.connected, "127.0.0.1", 0)
    behaving.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield behaving
    finally:
        listening.close()
        await behaving.hang_up()
        await listening.wait_closed()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with loopback() as behaving:
        yield behaving


@pytest_asyncio.fixture
async def make(server: LoopbackServer) -> AsyncIterator[Make]:
    """Makes clients of the server and closes them afterwards."""
    made: list[SourceClient] = []

    def client(base_url: str | None = None, **changed: Any) -> SourceClient:
        settings = AdapterSettings(
            **({"retries": 0, "call_timeout": PATIENT, "read_timeout": PATIENT} | changed)
        )
        made.append(SourceClient("shop", base_url or server.url, settings))
        return made[-1]

    yield client
    for one in made:
        await one.aclose()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own for `right.example` and `localhost`, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=right.example", "-addext", "subjectAltName=DNS:right.example,DNS:localhost", "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_bytes(made.read_bytes() + key.read_bytes())
    return both
