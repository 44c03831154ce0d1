"""The wire against servers that keep no rule: each call gets its own answer or an error, never somebody else's."""

from __future__ import annotations

import asyncio
import gc
import gzip
import random
import socket
import threading
import time

import msgspec
import pytest

from adapters.errors import SourceError, SourceTimeout, SourceUnavailable
from adapters.kit.dialling import Dialler
from adapters.kit.http import Answer, _tls
from adapters.kit.message import Address, Request
from adapters.kit.wire import Wire
from tests.adapters.kit.asking import (
    BODY,
    CHUNKED,
    STRANGER,
    failure,
    get,
    own,
    right,
)
from tests.adapters.kit.conftest import PATIENT, Asked, LoopbackServer, Make, answer, loopback, served

# --- nobody else's answer -------------------------------------------------------------------------------------------


async def test_two_answers_to_one_request(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        writer.write(own(asked) + surplus)
        await writer.drain()

    connections: set[asyncio.StreamWriter] = set()
    server.behave = behave
    client = make()
    for surplus in (STRANGER, STRANGER[:20], b"x", b"\r\n" + STRANGER, STRANGER * 50):  # noqa: B007
        for id in ("1", "2", "3"):
            assert await get(client, id) == id
    assert len(connections) == len(server.asked) == 15  # the rest of a second answer may still be on its way


async def test_a_second_answer_that_comes_later(server: LoopbackServer, make: Make) -> None:
    sent = asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        writer.write(own(asked))
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
        assert await get(client, id) == id
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
        assert await get(client, "1") == "1"
        accepted[0].sendall(STRANGER)
        assert await get(client, "2", repeatable=False) == "2"
        await asyncio.to_thread(thread.join)
        for connection in accepted:
            connection.close()


async def test_a_call_cancelled_in_the_middle_of_its_answer(server: LoopbackServer, make: Make) -> None:
    halfway, go_on = asyncio.Event(), asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        whole = own(asked)
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
        cancelled = asyncio.ensure_future(get(client, "1"))
        await halfway.wait()
        await asyncio.sleep(0.01)
        cancelled.cancel()
        following = asyncio.ensure_future(get(client, "2"))
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
        call = asyncio.ensure_future(get(make(url)))
        await arrived.wait()
        call.cancel()
        await ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await call
        ended.clear()
        assert await failure(make(url, read_timeout=0.1)) is SourceTimeout
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
    calls = [asyncio.ensure_future(get(client, str(number))) for number in range(1000)]
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
    server.behave = right
    client = make()
    for id in ("1", "2", "3"):
        assert await get(client, id, repeatable=repeatable) == id
        await server.hang_up()
    assert len(server.asked) == 3


async def test_a_server_that_closes_instead_of_answering_again(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task in used:
            writer.close()
            return
        used.add(task)
        writer.write(own(asked))

    used: set[asyncio.Task[None] | None] = set()
    server.behave = behave
    client = make()
    assert await get(client, "1") == "1"
    assert await get(client, "2") == "2"  # asked twice: the kept connection ended without a byte
    assert len(server.asked) == 3
    assert await failure(client, id="3", repeatable=False) is SourceUnavailable
    assert len(server.asked) == 4


async def test_half_an_answer_is_not_asked_for_again(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(server.asked) == 1:
            writer.write(own(asked))
        else:
            writer.write(b"H")
            writer.close()

    server.behave = behave
    client = make()
    assert await get(client, "1") == "1"
    assert await failure(client, id="2") is SourceUnavailable
    assert len(server.asked) == 2


async def test_a_server_that_never_answers_is_asked_twice_at_most(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(server.asked) == 1:
            writer.write(own(asked))
        else:
            writer.close()

    server.behave = behave
    client = make()
    assert await get(client, "1") == "1"
    assert await failure(client, id="2") is SourceUnavailable
    assert len(server.asked) == 3


async def test_idle_connections_are_closed_after_a_while(server: LoopbackServer) -> None:
    async def ask() -> Answer:
        request = Request("GET", Address(server.url).origin, "/things/7", {}, b"", True)
        return await wire(request, time.monotonic() + PATIENT, 1000)

    server.behave = right
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

    server.behave = right
    wire = Wire(Dialler(PATIENT, _tls), read_timeout=PATIENT, most=2)
    async with loopback() as other:
        other.behave = right
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
    call = asyncio.ensure_future(get(client))
    await server.arrived.wait()
    await asyncio.sleep(0.01)
    await client.aclose()
    with pytest.raises(SourceUnavailable):
        await call
    server.behave = right
    assert await get(client, "9") == "9"


async def test_a_broken_connection_is_not_logged(
    server: LoopbackServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server.behave = behave
    client = make()
    for _ in range(10):
        assert await failure(client) is SourceUnavailable
    assert not caplog.records


async def test_an_answer_leaves_no_cycle_behind(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(own(asked))
        await writer.drain()

    server.behave = behave
    client = make()
    await get(client, "0")
    gc.collect()
    gc.disable()
    try:
        for id in ("1", "2", "3"):
            assert await get(client, id) == id
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = {type(o).__name__ for o in gc.garbage}
        assert not left & {"Incoming", "HttpResponseParser", "Body", "Answer", "Request"}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
