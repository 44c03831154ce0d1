"""The load of a growing gateway: as bench.peers.load, but statuses and errors are counted instead of ending the run."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.peers.load import GRACE, Failed, Reader

_KEEP_EACH, _KEEP_MOST = 40, 8
_STATUS = slice(9, 12)
"""Where `HTTP/1.1 200` has its status."""


@dataclass
class Load:
    """What came back. `served` are answers of status 200; some of their bodies are kept, by the question's number."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: int = 0
    bodies: dict[int, bytes] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def served(self) -> int:
        return self.statuses[200]

    @property
    def asked(self) -> int:
        return self.statuses.total()

    @property
    def refused(self) -> int:
        """Answers that said OVERLOADED."""
        return self.statuses[503]


async def drive(
    port: int, question: Callable[[int], bytes], *, first: int, connections: int, most: int, seconds: float
) -> Load:
    """Asks the questions from number `first` on: `most` of them, or as many as `seconds` allow. Raises Failed."""
    loop = asyncio.get_running_loop()
    load, done = Load(), loop.create_future()
    turn = _Turn(question, first, first + most, load, done)
    clients = []
    try:
        for _ in range(min(connections, most)):
            _, client = await loop.create_connection(lambda: _Client(turn), "127.0.0.1", port)
            clients.append(client)
        turn.at_work, started = len(clients), time.perf_counter()
        turn.until = started + seconds
        for client in clients:
            client.ask()
        async with asyncio.timeout(seconds + GRACE):
            await done
        load.seconds = time.perf_counter() - started
    except (TimeoutError, OSError) as error:
        raise Failed(f"no answer: {type(error).__name__}") from None
    finally:
        for client in clients:
            client.close()
    return load


@dataclass
class _Turn:
    """What the connections share."""

    question: Callable[[int], bytes]
    next: int
    end: int
    load: Load
    done: asyncio.Future[None]
    until: float = 0.0
    at_work: int = 0

    def take(self) -> int | None:
        """The number of the next question; None where there is no other."""
        if self.next >= self.end or self.done.done() or time.perf_counter() >= self.until:
            return None
        self.next += 1
        return self.next - 1

    def answered(self, number: int, status: int, seconds: float, body: bytes) -> None:
        load = self.load
        load.statuses[status] += 1
        if b'"errors":' in body:
            load.errors += 1
        if status == 200:
            load.latencies.append(seconds)
            if load.served % _KEEP_EACH == 1 and len(load.bodies) < _KEEP_MOST:
                load.bodies[number] = body

    def fail(self, text: str) -> None:
        if not self.done.done():
            self.done.set_exception(Failed(text))

    def rest(self) -> None:
        """A connection has nothing more to do."""
        self.at_work -= 1
        if self.at_work == 0 and not self.done.done():
            self.done.set_result(None)


class _Client(asyncio.Protocol):
    """One connection. The status is noted and shown to the reader as 200, which reads no body of another."""

    def __init__(self, turn: _Turn) -> None:
        self._turn = turn
        self._reader = Reader()
        self._number: int | None = None
        self._head = b""
        self._status = 0
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        self._number = self._turn.take()
        if self._number is None:
            self._turn.rest()
            return
        self._status, self._head = 0, b""
        asked = self._turn.question(self._number)
        self._sent = time.perf_counter()
        self._transport.write(asked)

    def data_received(self, received: bytes) -> None:
        if not self._status:
            received = self._head + received
            if len(received) < _STATUS.stop:
                self._head = received
                return
            self._status = int(received[_STATUS])
            received = b"HTTP/1.1 200" + received[_STATUS.stop :]
        try:
            body = self._reader.feed(received)
        except Failed as failed:
            self._turn.fail(str(failed))
            return
        if body is not None and self._number is not None:
            self._turn.answered(self._number, self._status, time.perf_counter() - self._sent, body)
            self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self._number is not None:
            self._turn.fail("the server closed the connection in the middle of its work")

    def close(self) -> None:
        self._number = None
        self._transport.close()
