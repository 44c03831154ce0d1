"""What servers answer over the wire, in the forms of HTTP/1.1 and in none, and how much of it is taken in."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc

import pytest

from adapters.errors import BadPayload, SourceTimeout, SourceUnavailable
from adapters.kit.dialling import Dialler
from adapters.kit.http import _tls
from adapters.kit.message import Address, Request
from adapters.kit.wire import Wire
from tests.adapters.kit.asking import (
    BODY,
    CHUNKED,
    MEGABYTE,
    STRANGER,
    Behave,
    call,
    failure,
    get,
    own,
    right,
)
from tests.adapters.kit.conftest import PATIENT, Asked, LoopbackServer, Make, answer, served

# --- what is an answer ----------------------------------------------------------------------------------------------


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
    assert await get(client) == "7"
    assert await get(client) == "7"
    assert len(connections) == (1 if kept else 2)


async def test_trailers_and_interim_headers_are_no_headers(server: LoopbackServer, make: Make) -> None:
    server.answers(
        b"HTTP/1.1 103 Early\r\nx-interim: 1\r\n\r\n"
        + b"HTTP/1.1 200 OK\r\nx-own: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n"
    )
    got = await make().send("read", "GET", "/x", call())
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
        writer.write(sent if asked.method == method and asked.target == "/x" else own(asked))

    server.behave = behave
    client = make()
    got = await client.send("look", method, "/x", call(), missing_is_fine=True)
    assert (got.status, got.body) == (status, b"")
    assert await get(client, "9") == "9"  # whatever the length said, the next answer is the next call's


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
    assert await failure(client) is SourceUnavailable
    assert len(server.asked) == 1
    server.behave = right
    assert await get(client, "9") == "9"


async def test_gzip_cut_off_by_the_end_of_the_connection(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-4])
        writer.close()

    server.behave = behave
    assert await failure(make()) is BadPayload


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
        assert await failure(client) is BadPayload
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
        assert await failure(client) is SourceUnavailable
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert sent[0] < 20 * MEGABYTE


async def test_gzip_in_ever_more_members(server: LoopbackServer, make: Make) -> None:
    server.behave, sent = _endless(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n", gzip.compress(b"") * 1000, 200 * MEGABYTE
    )
    assert await failure(make()) is BadPayload
    assert sent[0] < 20 * MEGABYTE


async def test_a_drip_slower_than_the_read_timeout(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body=b" ", length=12))
        await writer.drain()
        await asyncio.Event().wait()

    server.behave = behave
    assert await failure(make(read_timeout=0.1)) is SourceTimeout


async def test_a_drip_faster_than_the_read_timeout(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body=b"", length=len(BODY)))
        for byte in BODY:
            await asyncio.sleep(0.1)
            writer.write(bytes([byte]))

    server.behave = behave
    assert await get(make(read_timeout=0.8)) == "7"  # 1.1 seconds in all


async def test_a_long_request_that_is_read_slowly(make: Make) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(20):
            await reader.readexactly(MEGABYTE)
            await asyncio.sleep(0.1)
        writer.write(answer(body=BODY))

    async with served(connected) as port:
        client = make(f"http://127.0.0.1:{port}", read_timeout=0.9)
        got = await client.send("write", "POST", "/x", call(), content=bytes(20 * MEGABYTE))
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
            got = await client.send("write", "POST", "/x", call(), content=bytes(20 * MEGABYTE))
            assert got.body == BODY
        done.set()
        await client.aclose()
    assert connections == 2
