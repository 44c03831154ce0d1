"""The HTTP client on a real server: what it sends, what each fault becomes, and what it never does."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from pydantic import SecretStr

from adapters.base import AdapterSettings, Call
from adapters.errors import (
    BadPayload,
    SourceAuthFailed,
    SourceError,
    SourceRateLimited,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from adapters.kit.auth import HeaderAuth, basic, bearer
from adapters.kit.http import Answer, SourceClient
from adapters.kit.pace import Pace
from tests.adapters.kit.conftest import Asked, LoopbackServer, answer

SECRET = "s3cr3t-t0ken"
PERSON = "ada@example.com"
PATIENT = 20.0


class Thing(msgspec.Struct):
    id: str
    size: int | None = None


Make = Callable[..., SourceClient]


@pytest_asyncio.fixture
async def make(server: LoopbackServer) -> AsyncIterator[Make]:
    """Makes clients of the server and closes them afterwards."""
    made: list[SourceClient] = []

    def client(base_url: str | None = None, **changed: Any) -> SourceClient:
        about = {key: changed.pop(key) for key in list(changed) if key not in AdapterSettings.model_fields}
        settings = AdapterSettings(
            **({"retries": 0, "call_timeout": PATIENT, "read_timeout": PATIENT} | changed)
        )
        made.append(SourceClient("shop", base_url or server.url, settings, **about))
        return made[-1]

    yield client
    for one in made:
        await one.aclose()


def _call(seconds: float = PATIENT) -> Call:
    return Call(deadline=time.monotonic() + seconds, correlation_id="c0ffee")


async def _thing(client: SourceClient, call: Call | None = None, **more: Any) -> Thing:
    return await client.call("read thing", "GET", "/things/1", Thing, call or _call(), **more)


async def _failure(client: SourceClient, call: Call | None = None, **more: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await _thing(client, call, **more)
    return caught.value


# --- what is sent ---------------------------------------------------------------------------------------------------


async def test_sends_what_it_should_and_decodes(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(body=b'{"id": "7", "unknown": [1]}'))
    client = make(server.url + "/base/", auth=bearer(SecretStr(SECRET)), headers={"X-Version": "3"})
    found = await client.call(
        "search", "POST", "/things", Thing, _call(), params={"q": "a&b=ü '\"", "n": 2}, json={"name": "Zoë"}
    )
    assert found == Thing(id="7")
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", "/base/things?q=a%26b%3D%C3%BC+%27%22&n=2")
    assert msgspec.json.decode(asked.body) == {"name": "Zoë"}
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.headers["x-correlation-id"] == "c0ffee"
    assert asked.headers["x-version"] == "3"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept"] == "application/json"
    assert asked.headers["accept-encoding"] == "gzip"


async def test_headers_of_a_call_win(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(body=b'{"id": "7"}'))
    await _thing(make(), headers={"Accept": "text/plain", "X-More": "1"})
    assert server.asked[0].headers["accept"] == "text/plain"
    assert server.asked[0].headers["x-more"] == "1"


async def test_a_query_in_the_path_stays(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(body=b'{"id": "7"}'))
    client = make()
    await client.call("next", "GET", "/things?page=2&q=a%20b", Thing, _call())
    await client.call("next", "GET", "/things?page=3", Thing, _call(), params={})
    assert [asked.target for asked in server.asked] == ["/things?page=2&q=a%20b", "/things?page=3"]


@pytest.mark.parametrize(
    "path", ["@elsewhere.example/x", "https://elsewhere.example/", ".evil.example/x", "things"]
)
async def test_a_path_cannot_change_the_host(server: LoopbackServer, make: Make, path: str) -> None:
    with pytest.raises(SourceRejected):
        await make(auth=bearer(SecretStr(SECRET))).call("next", "GET", path, Thing, _call())
    assert not server.asked


async def test_what_cannot_be_written_down_is_not_sent(server: LoopbackServer, make: Make) -> None:
    client = make()
    lone = "\ud800"
    for more in ({"params": {"q": lone}}, {"json": {"q": lone}}, {"params": {"q": "x" * 1_000_000}}):
        try:
            await client.call("search", "GET", "/things", Thing, _call(), **more)  # type: ignore[arg-type]
        except SourceError as error:
            assert lone not in repr(error) + error.detail  # noqa: PT017
        else:
            pytest.fail("nothing was said")


async def test_connections_are_kept_and_cookies_are_not(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(body=b'{"id": "7"}', headers={"set-cookie": "session=1"}))
    client = make()
    for _ in range(3):
        await _thing(client)
    assert server.most_connections == 1
    assert all("cookie" not in asked.headers for asked in server.asked)


# --- faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, SourceRejected), (304, SourceRejected), (400, SourceRejected), (401, SourceAuthFailed),
        (403, SourceAuthFailed), (404, SourceRejected), (408, SourceTimeout), (409, SourceRejected),
        (414, SourceRejected), (422, SourceRejected), (429, SourceRateLimited), (500, SourceUnavailable),
        (501, SourceUnavailable), (502, SourceUnavailable), (503, SourceUnavailable), (504, SourceUnavailable),
        (520, SourceUnavailable), (599, SourceUnavailable),
    ],
)  # fmt: skip
async def test_status_becomes_its_error(
    server: LoopbackServer, make: Make, status: int, error: type[SourceError]
) -> None:
    server.answers(answer(status, b"" if status == 304 else f'{{"email": "{PERSON}"}}'.encode()))
    failure = await _failure(make())
    assert type(failure) is error
    assert failure.detail == f"HTTP {status}"
    assert (failure.source, failure.operation) == ("shop", "read thing")


async def test_redirects_are_not_followed(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(302, headers={"location": f"{server.url}/elsewhere"}))
    assert type(await _failure(make(auth=bearer(SecretStr(SECRET))))) is SourceRejected
    assert [asked.target for asked in server.asked] == ["/things/1"]


async def test_missing_is_what_the_caller_says(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(404, b"<html>not here</html>"))
    nothing = Thing(id="")
    assert await _thing(make(), missing=nothing) is nothing
    got = await make().send("read thing", "GET", "/x", _call(), missing_is_fine=True)
    assert (got.status, got.body) == (404, b"<html>not here</html>")
    assert type(await _failure(make())) is SourceRejected


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"<!doctype html>", b'{"id": "7"', b'{"id": 7}', b"[]", b'{"size": 1}', b'{"id": "\xff"}', b"nul",
     b"[" * 200_000],
)  # fmt: skip
async def test_nonsense_is_a_bad_payload(server: LoopbackServer, make: Make, body: bytes) -> None:
    server.answers(answer(body=body))
    assert type(await _failure(make())) is BadPayload


async def test_decoding_errors_name_paths_and_no_values(server: LoopbackServer, make: Make) -> None:
    class Kind(msgspec.Struct, tag="kind"):
        at: str

    client = make()
    for body in (f'{{"id": "7", "size": "{PERSON}"}}', f'{{"id": ["{PERSON}"]}}', f'{PERSON} {{"id"'):
        with pytest.raises(BadPayload) as caught:
            client.decode("read thing", body.encode(), Thing)
        assert PERSON not in caught.value.detail
    with pytest.raises(BadPayload) as caught:
        client.decode("read thing", f'{{"type": "{PERSON}", "at": "x"}}'.encode(), Kind)
    assert PERSON not in caught.value.detail
    with pytest.raises(BadPayload, match="shop") as caught:
        client.decode("read thing", b'{"id": "7", "size": "x"}', Thing)
    assert "$.size" in caught.value.detail


async def test_nobody_listens(make: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = make(f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert type(await _failure(client)) is SourceUnavailable


async def test_tls_where_there_is_none(make: Make) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1000))
        writer.write(answer(400))
        writer.close()

    received: list[bytes] = []
    plain = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with plain:
        url = f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}"
        assert type(await _failure(make(url, auth=bearer(SecretStr(SECRET))))) is SourceUnavailable
    assert received
    assert SECRET.encode() not in received[0]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1:1", "http://", "http://[::1", "http://a b"])
async def test_a_base_url_that_is_none(make: Make, url: str) -> None:
    assert isinstance(await _failure(make(url)), SourceUnavailable)


async def test_connecting_takes_too_long(make: Make) -> None:
    with socket.socket() as full:  # nobody accepts, and the queue is full: further connections get no answer
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = []
        for _ in range(8):
            other = socket.socket()
            other.setblocking(False)
            other.connect_ex(full.getsockname())
            others.append(other)
        try:
            client = make(f"http://127.0.0.1:{full.getsockname()[1]}", connect_timeout=0.1)
            assert type(await _failure(client)) is SourceTimeout
        finally:
            for other in others:
                other.close()


async def test_the_connection_breaks_off(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    server.behave = behave
    for sent in (
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"not HTTP at all\r\n\r\n",
        answer(body=b'{"id": ', length=100),
    ):
        assert type(await _failure(make())) is SourceUnavailable, sent


async def test_silence_is_a_timeout(server: LoopbackServer, make: Make) -> None:
    sent = b""

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        await asyncio.Event().wait()

    server.behave = behave
    for sent in (b"", b"HTTP/1.1 200 OK\r\n", answer(body=b'{"id": ', length=100)):  # noqa: B007
        assert type(await _failure(make(read_timeout=0.1))) is SourceTimeout, "read timeout"
        assert type(await _failure(make(call_timeout=0.1))) is SourceTimeout, "call timeout"
        assert type(await _failure(make(), _call(0.1))) is SourceTimeout, "the caller's deadline"


async def test_a_slow_drip_ends_with_the_whole_call(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(length=10_000))
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    server.behave = behave
    assert type(await _failure(make(call_timeout=0.2))) is SourceTimeout


async def test_no_time_left_sends_nothing(server: LoopbackServer, make: Make) -> None:
    server.answers(answer())
    assert type(await _failure(make(), _call(-1))) is SourceTimeout
    assert type(await _failure(make(), _call(0))) is SourceTimeout
    assert not server.asked


# --- bodies ---------------------------------------------------------------------------------------------------------


async def test_body_limit(server: LoopbackServer, make: Make) -> None:
    def padded(size: int) -> bytes:
        return b'{"id": "7"}'.ljust(size)

    client = make(max_body_bytes=2000)
    for packed in (False, True):
        headers = {"content-encoding": "gzip"} if packed else {}
        for size in (2000, 2001):
            body = gzip.compress(padded(size)) if packed else padded(size)
            server.answers(answer(body=body, headers=headers))
            if size == 2000:
                assert await _thing(client) == Thing(id="7")
            else:
                assert type(await _failure(client)) is BadPayload
    assert (
        server.most_connections <= 2
    )  # a body that was not read to its end costs its connection, and only that


async def test_a_compressed_bomb_is_not_inflated(server: LoopbackServer, make: Make) -> None:
    bomb = gzip.compress(b" " * 20_000_000)
    assert len(bomb) < 25_000
    server.answers(answer(body=bomb, headers={"content-encoding": "gzip"}))
    client = make(max_body_bytes=100_000)
    tracemalloc.start()
    try:
        assert type(await _failure(client)) is BadPayload
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


async def test_gzip_in_any_pieces(server: LoopbackServer, make: Make) -> None:
    packed = gzip.compress(b'{"id": ') + gzip.compress(
        b'"7"}'
    )  # two members one after the other are one text

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(length=len(packed), headers={"content-encoding": "GZIP"}, body=b""))
        for byte in packed:
            writer.write(bytes([byte]))
            await writer.drain()

    server.behave = behave
    assert await _thing(make()) == Thing(id="7")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b'{"id": "7"}'),
        ("gzip", gzip.compress(b'{"id": "7"}')[:-9]),
        ("gzip", gzip.compress(b'{"id": "7"}') + b"tail"),
        ("gzip", gzip.compress(b'{"id": "7"}')[:-8] + b"\0" * 8),
        ("deflate", zlib.compress(b'{"id": "7"}')),
        ("br", b"\x0b\x05\x80"),
    ],
)
async def test_bodies_packed_badly(server: LoopbackServer, make: Make, encoding: str, body: bytes) -> None:
    server.answers(answer(body=body, headers={"content-encoding": encoding}))
    assert type(await _failure(make())) is BadPayload


# --- retries --------------------------------------------------------------------------------------------------------


async def test_retries_are_bounded(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(503))
    assert type(await _failure(make(retries=2))) is SourceUnavailable
    assert len(server.asked) == 3


async def test_a_retry_helps(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(502), answer(body=b'{"id": "7"}'))
    assert await _thing(make(retries=2)) == Thing(id="7")
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 422])
async def test_what_a_retry_cannot_mend_is_not_retried(
    server: LoopbackServer, make: Make, status: int
) -> None:
    server.answers(answer(status))
    await _failure(make(retries=3))
    assert len(server.asked) == 1


async def test_calls_that_change_something_are_not_repeated(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(503))
    await _failure(make(retries=3), repeatable=False)
    assert len(server.asked) == 1


async def test_a_wait_past_the_deadline_is_not_begun(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(429, headers={"retry-after": "30"}))
    client = make(retries=3)
    failure = await _failure(client)
    assert type(failure) is SourceRateLimited
    assert failure.retry_after == 30.0
    again = await _failure(client)  # nothing goes out before the time that the vendor named
    assert type(again) is SourceRateLimited
    assert 29 < (again.retry_after or 0) <= 30
    assert len(server.asked) == 1


async def test_retry_after_is_kept(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(429, headers={"retry-after": "0.3"}), answer(body=b'{"id": "7"}'))
    started = time.monotonic()
    assert await _thing(make(retries=1)) == Thing(id="7")
    assert time.monotonic() - started > 0.29
    assert len(server.asked) == 2


async def test_errors_in_an_answer_that_looks_fine(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(body=b'{"id": "throttled"}'), answer(body=b'{"id": "7"}'))

    def inspect(got: Answer) -> SourceError | None:
        return SourceRateLimited("shop", "read thing", retry_after=0.05) if b"throttled" in got.body else None

    assert await _thing(make(retries=1), inspect=inspect) == Thing(id="7")


async def test_our_own_limiter_pauses_nobody_else(server: LoopbackServer, make: Make) -> None:
    now = time.monotonic()

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    server.answers(answer(body=b'{"id": "7"}'))
    pace = Pace("shop", rate=0.01, burst=1, clock=lambda: now, sleep=sleep)  # the next turn is 100 s later
    client = make(pace=pace, retries=3, call_timeout=1000.0)
    assert await _thing(client) == Thing(id="7")
    assert type(await _failure(client)) is SourceRateLimited  # it cannot wait for its turn
    assert await _thing(client, _call(500)) == Thing(id="7")  # who can wait gets it
    assert len(server.asked) == 2


async def test_vendor_headers_can_slow_the_pace(server: LoopbackServer, make: Make) -> None:
    def on_answer(headers: httpx.Headers, pace: Pace) -> None:
        if headers["x-remaining"] == "0":
            pace.pause(60.0)

    server.answers(answer(body=b'{"id": "7"}', headers={"x-remaining": "0"}))
    client = make(on_answer=on_answer)
    assert await _thing(client) == Thing(id="7")
    assert type(await _failure(client)) is SourceRateLimited
    assert len(server.asked) == 1


# --- concurrency ----------------------------------------------------------------------------------------------------


async def test_connection_limit_holds(server: LoopbackServer, make: Make) -> None:
    gate, inside, most = asyncio.Event(), 0, 0

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal inside, most
        inside, most = inside + 1, max(most, inside + 1)
        if inside == 3:
            gate.set()
        await gate.wait()
        await asyncio.sleep(0.001)
        inside -= 1
        writer.write(answer(body=b'{"id": "7"}'))

    server.behave = behave
    client = make(max_connections=3)
    assert len(await asyncio.gather(*(_thing(client) for _ in range(20)))) == 20
    assert most == 3
    assert server.most_connections == 3


async def test_a_cancelled_call_gives_its_place_back(server: LoopbackServer, make: Make) -> None:
    reached = asyncio.Event()

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await asyncio.Event().wait()

    server.behave = behave
    client = make(max_connections=1)
    for _ in range(3):
        reached.clear()
        task = asyncio.ensure_future(_thing(client))
        waiting = asyncio.ensure_future(_thing(client))  # for the only place
        await reached.wait()
        waiting.cancel()
        task.cancel()
        results = await asyncio.gather(task, waiting, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
    server.answers(answer(body=b'{"id": "7"}'))
    assert await _thing(client) == Thing(id="7")


async def test_waiting_for_a_place_ends_with_the_deadline(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server.behave = behave
    client = make(max_connections=1)
    first = asyncio.ensure_future(_thing(client))
    await server.arrived.wait()
    assert type(await _failure(client, _call(0.05))) is SourceTimeout
    assert len(server.asked) == 1
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_closing_twice_and_before_use(make: Make) -> None:
    client = make()
    await client.aclose()
    await client.aclose()


# --- sign-in, watching, silence -------------------------------------------------------------------------------------


async def test_sign_in_that_needs_a_round_trip(server: LoopbackServer, make: Make) -> None:
    class Login(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            login = yield httpx.Request("POST", f"{server.url}/login")
            request.headers["authorization"] = login.headers["x-token"]
            yield request

    server.answers(answer(headers={"x-token": "t1"}), answer(body=b'{"id": "7"}'))
    assert await _thing(make(auth=Login())) == Thing(id="7")
    assert [asked.target for asked in server.asked] == ["/login", "/things/1"]
    assert server.asked[1].headers["authorization"] == "t1"


async def test_sign_in_headers(server: LoopbackServer, make: Make) -> None:
    server.answers(answer(body=b'{"id": "7"}'))
    await _thing(make(auth=basic("zoë", SecretStr("pass:wörd"))))
    await _thing(make(auth=HeaderAuth(SecretStr("k"), header="X-Key")))
    assert server.asked[0].headers["authorization"] == "Basic em/DqzpwYXNzOnfDtnJk"
    assert server.asked[1].headers["x-key"] == "k"


@pytest.mark.parametrize("secret", ["line\nbreak", "wörd", "\ud800", ""])
async def test_odd_secrets_fail_cleanly(server: LoopbackServer, make: Make, secret: str) -> None:
    server.answers(answer(401))
    failure = await _failure(make(auth=bearer(SecretStr(secret))))
    assert not secret or secret not in f"{failure!r} {failure.detail}"


async def test_the_observer_hears_of_each_request(server: LoopbackServer, make: Make) -> None:
    heard: list[tuple[str, str, int]] = []

    def observer(operation: str, outcome: str, seconds: float, size: int) -> None:
        assert 0 <= seconds < PATIENT
        heard.append((operation, outcome, size))

    server.answers(answer(503), answer(body=b'{"id": "7"}'), answer(401), answer(body=b"[]"))
    client = make(retries=1, observer=observer)
    await _thing(client)
    await _failure(client)
    await _failure(client, _call(-1))  # never goes out
    assert heard == [
        ("read thing", "SOURCE_UNAVAILABLE", 2),
        ("read thing", "ok", 11),
        ("read thing", "SOURCE_AUTH_FAILED", 2),
    ]


async def test_the_observer_hears_of_timeouts_and_cancellation(server: LoopbackServer, make: Make) -> None:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server.behave = behave
    heard: list[str] = []
    client = make(observer=lambda operation, outcome, seconds, size: heard.append(outcome))
    await _failure(client, _call(0.05))
    server.arrived.clear()
    task = asyncio.ensure_future(_thing(client))
    await server.arrived.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert heard == ["SOURCE_TIMEOUT", "CANCELLED"]


async def test_nothing_personal_is_logged(
    server: LoopbackServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers(answer(body=b'{"id": "7"}'), answer(500))
    client = make(auth=bearer(SecretStr(SECRET)))
    await _thing(client, params={"email": PERSON})
    failure = await _failure(client, params={"email": PERSON})
    for text in (caplog.text, repr(failure), str(failure), failure.detail):
        assert SECRET not in text
        assert "ada" not in text
