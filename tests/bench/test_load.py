"""The load generator: answers put together from whatever pieces they come in, and failures that are not counted as answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from bench.peers.load import Failed, Reader, drive, request

BODY = b'{"data":{"customer":"' + b"x" * 700 + b'"}}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    + b"%x\r\n%s\r\n" % (300, BODY[:300])
    + b"%X;name=value\r\n%s\r\n" % (len(BODY) - 300, BODY[300:])
    + b"0\r\n\r\n"
)


@pytest.mark.parametrize("answer", [PLAIN, CHUNKED])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 5000])
def test_answers_are_whole_however_they_are_cut(answer: bytes, size: int) -> None:
    reader = Reader()
    for _ in range(2):  # nothing of the first is left for the second
        found = [reader.feed(answer[at : at + size]) for at in range(0, len(answer), size)]
        assert found[-1] == BODY
        assert all(piece is None for piece in found[:-1])


def test_what_is_no_success_fails() -> None:
    with pytest.raises(Failed, match="503"):
        Reader().feed(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(Failed, match="neither length nor chunks"):
        Reader().feed(b"HTTP/1.1 200 OK\r\n\r\n")


class _Echo(asyncio.Protocol):
    """Answers each request with the number in its body, or with what `answer` makes of it."""

    def __init__(self, answer: Callable[[int], bytes], seen: list[int]) -> None:
        self._answer, self._seen = answer, seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, received: bytes) -> None:
        number = int(received.split(b"\r\n\r\n")[1])
        self._seen.append(number)
        body = self._answer(number)
        if not body:
            self._transport.close()
            return
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


class _Server:
    def __init__(self) -> None:
        self.seen: list[int] = []
        self.answer: Callable[[int], bytes] = lambda number: b'{"data":%d}' % number
        self.port = 0

    async def drive(self, **bounds: int) -> dict[int, bytes]:
        load = await drive(
            self.port, lambda n: request("/graphql", [], str(n).encode()), first=10, seconds=30, **bounds
        )
        assert load.served == bounds["most"]
        return load.bodies


@pytest_asyncio.fixture
async def server() -> AsyncIterator[_Server]:
    found = _Server()
    listening = await asyncio.get_running_loop().create_server(
        lambda: _Echo(lambda n: found.answer(n), found.seen), "127.0.0.1", 0
    )
    found.port = listening.sockets[0].getsockname()[1]
    yield found
    listening.close()


async def test_each_question_is_asked_once(server: _Server) -> None:
    bodies = await server.drive(connections=4, most=100)
    assert sorted(server.seen) == list(range(10, 110))
    assert len(bodies) == 3
    assert all(body == b'{"data":%d}' % number for number, body in bodies.items())


async def test_more_connections_than_questions_are_no_problem(server: _Server) -> None:
    await server.drive(connections=16, most=3)
    assert sorted(server.seen) == [10, 11, 12]


async def test_errors_in_an_answer_fail(server: _Server) -> None:
    server.answer = lambda n: b'{"errors":[{"message":"no"}]}' if n == 40 else b'{"data":1}'
    with pytest.raises(Failed, match="errors"):
        await server.drive(connections=2, most=100)


async def test_a_connection_that_is_closed_fails(server: _Server) -> None:
    server.answer = lambda n: b"" if n == 40 else b'{"data":1}'
    with pytest.raises(Failed, match="closed the connection"):
        await server.drive(connections=2, most=100)


async def test_nobody_there_fails() -> None:
    with pytest.raises(Failed, match="ConnectionRefused"):
        await drive(1, lambda n: b"", first=0, connections=1, most=1, seconds=1)
