"""The load: a fixed number of connections, each asking its next question when the answer to the last has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

GRACE = 60.0
"""Seconds that the last answers may take."""
_KEEP_EACH, _KEEP_MOST = 40, 12


class Failed(Exception):
    """The server did not answer as it should: a status other than 200, errors, or no answer."""


@dataclass
class Load:
    """What came back. `bodies` are some of the answers by the number of their question, to be compared afterwards."""

    latencies: list[float] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def served(self) -> int:
        return len(self.latencies)


def request(path: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """A POST of JSON, ready to be sent."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Accept: application/json",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def drive(
    port: int, question: Callable[[int], bytes], *, first: int, connections: int, most: int, seconds: float
) -> Load:
    """Asks the questions from number `first` on: `most` of them, or as many as `seconds` allow. Raises Failed."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    load = Load()
    state = _State(question, first, first + most, time.perf_counter() + seconds, load, done)
    clients = []
    try:
        for _ in range(min(connections, most)):
            _, client = await loop.create_connection(lambda: _Client(state), "127.0.0.1", port)
            clients.append(client)
        started = time.perf_counter()
        state.until = started + seconds
        state.at_work = len(clients)
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


class _State:
    """What the connections share."""

    def __init__(
        self,
        question: Callable[[int], bytes],
        first: int,
        end: int,
        until: float,
        load: Load,
        done: asyncio.Future[None],
    ) -> None:
        self.question, self.next, self.end = question, first, end
        self.until, self.load, self.done = until, load, done
        self.at_work = 0

    def take(self) -> int | None:
        """The number of the next question; None where there is no other."""
        if self.next >= self.end or time.perf_counter() >= self.until or self.done.done():
            return None
        self.next += 1
        return self.next - 1

    def answered(self, number: int, seconds: float, body: bytes) -> None:
        self.load.latencies.append(seconds)
        kept = self.load.bodies
        if self.load.served % _KEEP_EACH == 1 and len(kept) < _KEEP_MOST:
            kept[number] = body

    def fail(self, text: str) -> None:
        if not self.done.done():
            self.done.set_exception(Failed(text))

    def rest(self) -> None:
        """A connection has nothing more to do."""
        self.at_work -= 1
        if self.at_work == 0 and not self.done.done():
            self.done.set_result(None)


class _Client(asyncio.Protocol):
    """One connection: reads an answer by its length or its chunks, which is all that the servers here use."""

    def __init__(self, state: _State) -> None:
        self._state = state
        self._reader = Reader()
        self._number: int | None = None
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        self._number = self._state.take()
        if self._number is None:
            self._state.rest()
            return
        asked = self._state.question(self._number)
        self._sent = time.perf_counter()
        self._transport.write(asked)

    def data_received(self, received: bytes) -> None:
        try:
            body = self._reader.feed(received)
        except Failed as failed:
            self._state.fail(str(failed))
            return
        if body is None or self._number is None:
            return
        self._state.answered(self._number, time.perf_counter() - self._sent, body)
        if b'"errors":' in body:
            self._state.fail(f"errors: {body[:300]!r}")
        self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self._number is not None:
            self._state.fail("the server closed the connection in the middle of its work")

    def close(self) -> None:
        self._number = None
        self._transport.close()


class Reader:
    """Puts one answer after the other together."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._body_at: int | None = None
        self._length: int | None = None
        self._chunks: list[bytes] = []

    def feed(self, received: bytes) -> bytes | None:
        """The body when it is complete. Raises Failed where the status is not 200."""
        self._buffer += received
        if self._body_at is None and not self._head():
            return None
        assert self._body_at is not None
        if self._length is None:
            return self._chunked()
        if len(self._buffer) - self._body_at < self._length:
            return None
        return self._complete(bytes(self._buffer[self._body_at : self._body_at + self._length]))

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        if first.split(b" ")[1] != b"200":
            raise Failed(f"{first.decode('latin-1')}: {bytes(self._buffer[end + 4 : end + 304])!r}")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (n.partition(b":") for n in lines)
        }
        self._body_at = end + 4
        self._length = int(headers[b"content-length"]) if b"content-length" in headers else None
        if self._length is None and headers.get(b"transfer-encoding", b"").lower() != b"chunked":
            raise Failed("an answer with neither length nor chunks")
        return True

    def _chunked(self) -> bytes | None:
        assert self._body_at is not None
        while (end := self._buffer.find(b"\r\n", self._body_at)) >= 0:
            size = int(self._buffer[self._body_at : end].split(b";")[0], 16)
            if len(self._buffer) < end + 2 + size + 2:
                return None
            if size == 0:
                return self._complete(b"".join(self._chunks))
            self._chunks.append(bytes(self._buffer[end + 2 : end + 2 + size]))
            self._body_at = end + 2 + size + 2
        return None

    def _complete(self, body: bytes) -> bytes:
        self._buffer.clear()
        self._body_at, self._length, self._chunks = None, None, []
        return body
