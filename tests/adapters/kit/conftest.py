"""A real server on loopback that does to its clients whatever a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest_asyncio


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


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


@pytest_asyncio.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    behaving = LoopbackServer()
    listening = await asyncio.start_server(behaving.connected, "127.0.0.1", 0)
    behaving.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield behaving
    finally:
        listening.close()
        await behaving.hang_up()
        await listening.wait_closed()
