"""The wire against servers that keep no rule: each call gets its own answer or an error, within bounds, and nobody else's."""

from __future__ import annotations

import asyncio
import gzip
import random
import socket
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from adapters.base import AdapterSettings, Call
from adapters.errors import BadPayload, SourceError, SourceTimeout, SourceUnavailable
from adapters.kit.dialling import Dialler
from adapters.kit.http import Answer, SourceClient, _tls
from adapters.kit.message import Address, Request
from adapters.kit.wire import Wire
from tests.adapters.kit.conftest import Asked, LoopbackServer, answer, loopback, served

PATIENT = 30.0
MEGABYTE = 1_000_000


class Thing(msgspec.Struct):
    id: str


Make = Callable[..., SourceClient]
Behave = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


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


def _call() -> Call:
    return Call(deadline=time.monotonic() + PATIENT, correlation_id="c0ffee")


async def _get(client: SourceClient, id: str = "7", **more: Any) -> str:
    return (await client.call("read thing", "GET", f"/things/{id}", Thing, _call(), **more)).id


async def _failure(client: SourceClient, **more: Any) -> type[SourceError]:
    with pytest.raises(SourceError) as caught:
        await _get(client, **more)
    return type(caught.value)


def _own(asked: Asked) -> bytes:
    """A right answer: the id that was asked for."""
    return answer(body=msgspec.json.encode({"id": asked.target.rsplit("/", 1)[1]}))


STRANGER = answer(body=b'{"id": "stranger"}')


# --- what is an answer ----------------------------------------------------------------------------------------------

BODY = b'{"id": "7"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (answer(body=BODY), True),
        (CHUNKED + b"3\r\n" + BODY[:3] + b"\r\n8;ext=1\r\n" + BODY[3:] + b"\r\n0\r\n\r\n", True),
        (CHUNKED + b"b\r\n" + BODY + b"\r\n0\r\ncontent-encoding: gzip\r\nx: y\r\n\r\n", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\ncontent-encoding: br\r\n\r\n" + answer(body=BODY), True),
        (answer(body=BODY, headers={"Connection": "Upgrade", "Upgrade": "h2c"}), True),
        (answer(body=BODY, headers={"X-Empty": ""}), True),
        (answer(body=BODY, headers={"Connection": "close"}), False),
        (b"HTTP/1.1 200 OK\r\n\r\n" + BODY, False),
        (b"HTTP/1.0 200 OK\r\n\r\n" + BODY, False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 11\r\n\r\n" + BODY, False),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(BODY), False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("pieces", [1, 7, 10_000])
async def test_answers_of_all_kinds(
    server: LoopbackServer, make: Make, sent: bytes, kept: bool, pieces: int
) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        size = max(1, len(sent) // pieces)
        for start in range(0, len(sent), size):
            writer.write(sent[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)
        if not kept and b"content-length" not in sent:
            writer.close()

    connections: set[asyncio.StreamWriter] = set()
    server.behave = behave
    client = make()
    assert await _get(client) == "7"
    assert await _get(client) == "7"
    assert len(connections) == (1 if kept else 2)


async def test_trailers_and_interim_headers_are_no_headers(server: LoopbackServer, make: Make) -> None:
    server.answers(
        b"HTTP/1.1 103 Early\r\nx-interim: 1\r\n\r\n"
        + b"HTTP/1.1 200 OK\r\nx-own: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n"
    )
    got = await make().send("read", "GET", "/x", _call())
    assert dict(got.headers) == {"x-own": "1", "transfer-encoding": "chunked"}


@pytest.mark.parametrize(
    ("method", "sent", "status"),
    [
        ("HEAD", answer(body=b"", length=5000), 200),
        ("HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n", 200),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", 200),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("DELETE", b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", 204),
        ("GET", answer(404, b"", length=0), 404),
    ],
)
async def test_answers_without_a_body(
    server: LoopbackServer, make: Make, method: str, sent: bytes, status: int
) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(sent if asked.method == method and asked.target == "/x" else _own(asked))

    server.behave = behave
    client = make()
    got = await client.send("look", method, "/x", _call(), missing_is_fine=True)
    assert (got.status, got.body) == (status, b"")
    assert await _get(client, "9") == "9"  # whatever the length said, the next answer is the next call's


async def test_not_modified_has_no_body(server: LoopbackServer) -> None:
    server.answers(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n", STRANGER)
    wire = Wire(Dialler(PATIENT, _tls), read_timeout=PATIENT, most=1)
    request = Request("GET", Address(server.url).origin, "/x", {}, b"", True)
    assert (await wire(request, time.monotonic() + PATIENT, 1000)).status == 304
    got = await wire(request, time.monotonic() + PATIENT, 1000)
    assert got.body == b'{"id": "stranger"}'  # an answer of its own, on another connection
    await wire.aclose()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"<html><body>502 Bad Gateway</body></html>",
        b"HTTP/9.9 200 OK\r\n\r\n{}",
        b"HTTP/1.1 2OO OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nname with blank: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 11\r\n\r\n" + BODY,
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\nb\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n" + BODY,
        CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"2\r\n{}junk\r\n0\r\n\r\n",
        CHUNKED + b"ffffffffffffffffffff\r\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n\0\0\0",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        answer(body=BODY[:5], length=11),
        CHUNKED + b"b\r\n" + BODY[:5],
        CHUNKED + b"b\r\n" + BODY + b"\r\n",
        b"",
    ],
)  # fmt: skip
async def test_what_is_no_whole_answer(server: LoopbackServer, make: Make, sent: bytes) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    server.behave = behave
    client = make()
    assert await _failure(client) is SourceUnavailable
    assert len(server.asked) == 1
    server.behave = _right
    assert await _get(client, "9") == "9"


async def test_gzip_cut_off_by_the_end_of_the_connection(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-4])
        writer.close()

    server.behave = behave
    assert await _failure(make()) is BadPayload


async def test_gzip_in_ever_more_members(server: LoopbackServer, make: Make) -> None:
    server.behave, sent = _endless(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", gzip.compress(b"") * 1000, 200 * MEGABYTE
    )
    assert await _failure(make()) is BadPayload
    assert sent[0] < 20 * MEGABYTE


async def _right(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(_own(asked))


# --- bounds ---------------------------------------------------------------------------------------------------------


def _endless(head: bytes, again: bytes, most: int) -> tuple[Behave, list[int]]:
    """Sends `head`, then `again` until `most` bytes or until the client hangs up; the list gets what was sent."""
    sent = [0]

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while sent[0] < most:
            writer.write(again)
            sent[0] += len(again)
            await writer.drain()
        writer.close()

    return behave, sent


PIECE = b"x" * 65_536


@pytest.mark.parametrize(
    ("head", "again"),
    [
        (answer(body=b"", length=200 * MEGABYTE), PIECE),
        (CHUNKED, b"10000\r\n" + PIECE + b"\r\n"),
        (CHUNKED, b"1\r\nx\r\n" * 5000),
        (b"HTTP/1.1 200 OK\r\n\r\n", PIECE),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", gzip.compress(b" " * 20 * MEGABYTE)),
    ],
)
async def test_two_hundred_megabytes(server: LoopbackServer, make: Make, head: bytes, again: bytes) -> None:
    server.behave, sent = _endless(head, again, 200 * MEGABYTE)
    client = make(max_body_bytes=MEGABYTE)
    tracemalloc.start()
    try:
        assert await _failure(client) is BadPayload
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert sent[0] < 20 * MEGABYTE


@pytest.mark.parametrize(
    ("head", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x-more: something\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\nx-long: ", PIECE),
        (b"HTTP/1.1 200 ", PIECE),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", b"x-trailer: something\r\n" * 100),
        (CHUNKED + b"2\r\n{}\r\n0\r\nx-trailer: ", PIECE),
        (CHUNKED + b"2;ext=", PIECE),
    ],
)
async def test_headers_without_end(server: LoopbackServer, make: Make, head: bytes, again: bytes) -> None:
    server.behave, sent = _endless(head, again, 200 * MEGABYTE)
    client = make()
    tracemalloc.start()
    try:
        assert await _failure(client) is SourceUnavailable
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert sent[0] < 20 * MEGABYTE


async def test_a_drip_slower_than_the_read_timeout(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body=b" ", length=12))
        await writer.drain()
        await asyncio.Event().wait()

    server.behave = behave
    assert await _failure(make(read_timeout=0.1)) is SourceTimeout


async def test_a_drip_faster_than_the_read_timeout(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body=b"", length=len(BODY)))
        for byte in BODY:
            await asyncio.sleep(0.1)
            writer.write(bytes([byte]))

    server.behave = behave
    assert await _get(make(read_timeout=0.8)) == "7"  # 1.1 seconds in all


async def test_a_long_request_that_is_read_slowly(make: Make) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            await reader.readexactly(MEGABYTE)
            await asyncio.sleep(0.1)
        writer.write(answer(body=BODY))

    async with served(connected) as port:
        client = make(f"http://127.0.0.1:{port}", read_timeout=0.9)
        got = await client.send("write", "POST", "/x", _call(), content=bytes(20 * MEGABYTE))
    assert got.body == BODY


async def test_an_answer_before_the_request_was_read(make: Make) -> None:
    connections = 0

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(answer(body=BODY))
        await writer.drain()
        await done.wait()

    done = asyncio.Event()
    async with served(connected) as port:
        client = make(f"http://127.0.0.1:{port}")
        for _ in range(2):
            got = await client.send("write", "POST", "/x", _call(), content=bytes(20 * MEGABYTE))
            assert got.body == BODY
        done.set()
        await client.aclose()
    assert connections == 2


# --- nobody else's answer -------------------------------------------------------------------------------------------


async def test_two_answers_to_one_request(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        writer.write(_own(asked) + surplus)
        await writer.drain()

    connections: set[asyncio.StreamWriter] = set()
    server.behave = behave
    client = make()
    for surplus in (STRANGER, STRANGER[:20], b"x", b"\r\n" + STRANGER, STRANGER * 50):  # noqa: B007
        for id in ("1", "2", "3"):
            assert await _get(client, id) == id
    assert len(connections) == len(server.asked) == 15  # the rest of a second answer may still be on its way


async def test_a_second_answer_that_comes_later(server: LoopbackServer, make: Make) -> None:
    sent = asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        writer.write(_own(asked))
        await writer.drain()
        await first.wait()
        writer.write(STRANGER)
        await writer.drain()
        sent.set()

    connections: set[asyncio.StreamWriter] = set()
    server.behave = behave
    client = make()
    for id in ("1", "2", "3"):
        first = asyncio.Event()
        sent.clear()
        assert await _get(client, id) == id
        first.set()
        await sent.wait()
        await asyncio.sleep(0.05)  # the client's side hears of it
    assert len(connections) == 3


async def test_bytes_that_lie_unread_on_a_kept_connection(make: Make) -> None:
    """They came while the event loop was busy with something else: nobody has told the client of them yet."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepted: list[socket.socket] = []

        def serve() -> None:
            for id in ("1", "2"):
                connection, _ = listening.accept()
                accepted.append(connection)
                connection.recv(10_000)
                connection.sendall(answer(body=f'{{"id": "{id}"}}'.encode()))

        thread = threading.Thread(target=serve)
        thread.start()
        client = make(f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert await _get(client, "1") == "1"
        accepted[0].sendall(STRANGER)
        assert await _get(client, "2", repeatable=False) == "2"
        await asyncio.to_thread(thread.join)
        for connection in accepted:
            connection.close()


async def test_a_call_cancelled_in_the_middle_of_its_answer(server: LoopbackServer, make: Make) -> None:
    halfway, go_on = asyncio.Event(), asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        whole = _own(asked)
        if not asked.target.endswith("/1"):
            writer.write(whole)
            return
        writer.write(whole[:-4])
        await writer.drain()
        halfway.set()
        await go_on.wait()
        writer.write(whole[-4:])

    server.behave = behave
    client = make(max_connections=1)
    for _ in range(3):
        halfway.clear()
        go_on.clear()
        cancelled = asyncio.ensure_future(_get(client, "1"))
        await halfway.wait()
        await asyncio.sleep(0.01)
        cancelled.cancel()
        following = asyncio.ensure_future(_get(client, "2"))
        go_on.set()
        assert await following == "2"
        with pytest.raises(asyncio.CancelledError):
            await cancelled


async def test_who_gives_up_ends_the_connection(make: Make) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        ended.set()

    arrived, ended = asyncio.Event(), asyncio.Event()
    async with served(connected) as port:
        url = f"http://127.0.0.1:{port}"
        call = asyncio.ensure_future(_get(make(url)))
        await arrived.wait()
        call.cancel()
        await ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await call
        ended.clear()
        assert await _failure(make(url, read_timeout=0.1)) is SourceTimeout
        await ended.wait()


async def test_a_thousand_calls_over_twenty_connections(server: LoopbackServer, make: Make) -> None:
    dice = random.Random(7)

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = msgspec.json.encode({"id": asked.target.rsplit("/", 1)[1], "pad": "x" * dice.randrange(5000)})
        kind = dice.randrange(4)
        if kind == 0:
            sent = answer(body=body)
        elif kind == 1:
            sent = answer(body=gzip.compress(body, 1), headers={"content-encoding": "gzip"})
        elif kind == 2:
            sent = CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            sent = answer(body=body, headers={"connection": "close"})
        middle = dice.randrange(len(sent))
        writer.write(sent[:middle])
        await asyncio.sleep(dice.choice([0, 0, 0.001]))
        writer.write(sent[middle:])
        if kind == 3:
            writer.close()

    server.behave = behave
    client = make(max_connections=20)
    calls = [asyncio.ensure_future(_get(client, str(number))) for number in range(1000)]
    for call in calls[::10]:
        asyncio.get_running_loop().call_later(dice.random() * 0.3, call.cancel)
    results = await asyncio.gather(*calls, return_exceptions=True)
    answered = [number for number, got in enumerate(results) if got == str(number)]
    given_up = [number for number, got in enumerate(results) if isinstance(got, asyncio.CancelledError)]
    assert len(answered) + len(given_up) == 1000, [got for got in results if isinstance(got, SourceError)][:3]
    assert len(given_up) <= 100
    assert server.most_connections <= 40  # the server hears a little later that a connection has ended


# --- connections come and go ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_server_that_closes_idle_connections(
    server: LoopbackServer, make: Make, repeatable: bool
) -> None:
    server.behave = _right
    client = make()
    for id in ("1", "2", "3"):
        assert await _get(client, id, repeatable=repeatable) == id
        await server.hang_up()
    assert len(server.asked) == 3


async def test_a_server_that_closes_instead_of_answering_again(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task in used:
            writer.close()
            return
        used.add(task)
        writer.write(_own(asked))

    used: set[asyncio.Task[None] | None] = set()
    server.behave = behave
    client = make()
    assert await _get(client, "1") == "1"
    assert await _get(client, "2") == "2"  # asked twice: the kept connection ended without a byte
    assert len(server.asked) == 3
    assert await _failure(client, id="3", repeatable=False) is SourceUnavailable
    assert len(server.asked) == 4


async def test_half_an_answer_is_not_asked_for_again(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(server.asked) == 1:
            writer.write(_own(asked))
        else:
            writer.write(b"H")
            writer.close()

    server.behave = behave
    client = make()
    assert await _get(client, "1") == "1"
    assert await _failure(client, id="2") is SourceUnavailable
    assert len(server.asked) == 2


async def test_a_server_that_never_answers_is_asked_twice_at_most(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(server.asked) == 1:
            writer.write(_own(asked))
        else:
            writer.close()

    server.behave = behave
    client = make()
    assert await _get(client, "1") == "1"
    assert await _failure(client, id="2") is SourceUnavailable
    assert len(server.asked) == 3


async def test_idle_connections_are_closed_after_a_while(server: LoopbackServer) -> None:
    async def ask() -> Answer:
        request = Request("GET", Address(server.url).origin, "/things/7", {}, b"", True)
        return await wire(request, time.monotonic() + PATIENT, 1000)

    server.behave = _right
    wire = Wire(Dialler(PATIENT, _tls), read_timeout=PATIENT, most=5, kept_idle=0.2)
    for _ in range(2):
        await asyncio.gather(*(ask() for _ in range(5)))
        await server.left(0)
    assert server.most_connections == 5
    assert len(server.asked) == 10
    await wire.aclose()


async def test_connections_to_another_server_make_room(server: LoopbackServer) -> None:
    async def ask(url: str) -> Answer:
        request = Request("GET", Address(url).origin, "/things/7", {}, b"", True)
        return await wire(request, time.monotonic() + PATIENT, 1000)

    server.behave = _right
    wire = Wire(Dialler(PATIENT, _tls), read_timeout=PATIENT, most=2)
    async with loopback() as other:
        other.behave = _right
        for _ in range(3):
            await asyncio.gather(ask(server.url), ask(server.url))
            await other.left(0)
            await asyncio.gather(ask(other.url), ask(other.url))
            await server.left(0)
        assert (len(server.asked), len(other.asked)) == (6, 6)
    await wire.aclose()


async def test_closing_ends_calls_under_way(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)  # it ends where the connection ends
        await writer.drain()
        await asyncio.Event().wait()

    server.behave = behave
    client = make()
    call = asyncio.ensure_future(_get(client))
    await server.arrived.wait()
    await asyncio.sleep(0.01)
    await client.aclose()
    with pytest.raises(SourceUnavailable):
        await call
    server.behave = _right
    assert await _get(client, "9") == "9"


async def test_a_broken_connection_is_not_logged(
    server: LoopbackServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server.behave = behave
    client = make()
    for _ in range(10):
        assert await _failure(client) is SourceUnavailable
    assert not caplog.records
