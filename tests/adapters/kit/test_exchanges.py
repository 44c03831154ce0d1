"""The two ways of a call: the wire unless told otherwise, httpx for HTTP/2 and for transports that are given."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import ssl
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import httpx
import msgspec
import pytest
from pydantic import SecretStr, ValidationError

from adapters.base import AdapterSettings, Call
from adapters.errors import SourceAuthFailed, SourceRejected, SourceTimeout, SourceUnavailable
from adapters.kit import http as kit_http
from adapters.kit.auth import HeaderAuth, bearer
from adapters.kit.http import SourceClient
from tests.adapters.kit.conftest import Asked, LoopbackServer, answer, loopback

PATIENT = 30.0
SECRET = "s3cr3t-t0ken"


class Thing(msgspec.Struct):
    id: str


def _settings(**changed: object) -> AdapterSettings:
    values = {"retries": 0, "call_timeout": PATIENT, "read_timeout": PATIENT} | changed
    return AdapterSettings.model_validate(values)


async def _get(client: SourceClient, id: str = "7", seconds: float = PATIENT) -> str:
    call = Call(deadline=time.monotonic() + seconds)
    return (await client.call("read thing", "GET", f"/things/{id}", Thing, call)).id


async def _right(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(body=msgspec.json.encode({"id": asked.target.rsplit("/", 1)[1]})))


# --- a transport that is given --------------------------------------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
async def test_a_given_transport_gets_every_request(server: LoopbackServer, signed: bool) -> None:
    class Watching(httpx.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return await super().handle_async_request(request)

    seen: list[httpx.Request] = []
    server.behave = _right
    auth = bearer(SecretStr(SECRET)) if signed else None
    over_httpx = SourceClient("shop", server.url, _settings(), auth=auth, transport=Watching(trust_env=False))
    over_wire = SourceClient("shop", server.url, _settings(), auth=auth)
    for client in (over_httpx, over_wire):
        for method, content in (("GET", None), ("POST", b"{}"), ("POST", None), ("DELETE", None)):
            call = Call(deadline=time.monotonic() + PATIENT, correlation_id="c0ffee")
            await client.send(
                "do", method, "/things/ü b?q=%20", call, content=content, headers={"X-More": "1"}
            )
        await client.aclose()
    assert len(seen) == 4
    assert seen[0].extensions["timeout"] == {
        "connect": 2.0,
        "read": PATIENT,
        "write": PATIENT,
        "pool": PATIENT,
    }
    assert len(server.asked) == 8
    assert server.asked[:4] == server.asked[4:]  # both write the same requests


# --- sign-in flows on the wire --------------------------------------------------------------------------------------


class Login(httpx.Auth):
    """Asks another server for a token before each call."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.closed = 0

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        try:
            login = yield httpx.Request("POST", self._url, data={"grant": "ü&="})
            request.headers["authorization"] = f"Bearer {login.json()['token']}"
            yield request
        finally:
            self.closed += 1


async def test_a_sign_in_at_another_server(server: LoopbackServer) -> None:
    server.behave = _right
    async with loopback() as other:
        packed = gzip.compress(msgspec.json.encode({"token": "t1"}))
        other.answers(answer(body=packed, headers={"content-encoding": "gzip"}))
        client = SourceClient("shop", server.url, _settings(), auth=Login(other.url + "/token"))
        for id in ("1", "2"):
            assert await _get(client, id) == id
        assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer t1"] * 2
        assert other.asked[0].body == b"grant=%C3%BC%26%3D"
        assert other.asked[0].headers["host"] in other.url
        assert (server.most_connections, other.most_connections) == (1, 1)
        await client.aclose()


async def test_a_sign_in_that_fails_or_hangs(server: LoopbackServer) -> None:
    server.behave = _right
    async with loopback() as other:
        auth = Login(other.url + "/token")
        client = SourceClient("shop", server.url, _settings(read_timeout=0.2), auth=auth)

        async def silent(asked: Asked, writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async def gone(asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.close()

        for behave, error in ((silent, SourceTimeout), (gone, SourceUnavailable)):
            other.behave = behave
            with pytest.raises(error):
                await _get(client)
        assert auth.closed == 2
        assert not server.asked
        await client.aclose()


async def test_a_sign_in_that_never_ends_has_the_calls_deadline(server: LoopbackServer) -> None:
    class Waiting(httpx.Auth):
        async def async_auth_flow(
            self, request: httpx.Request
        ) -> AsyncGenerator[httpx.Request, httpx.Response]:
            await asyncio.Event().wait()
            yield request

    client = SourceClient("shop", server.url, _settings(), auth=Waiting())
    with pytest.raises(SourceTimeout):
        await _get(client, seconds=0.1)
    assert not server.asked


async def test_a_token_is_not_asked_for_twice(server: LoopbackServer) -> None:
    """A vendor may take a refresh token once: only the call itself is repeated when a kept connection turns out closed."""

    class Refresh(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            yield httpx.Request("POST", f"{server.url}/token")
            yield request

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if len(server.asked) <= 2:
            await _right(asked, writer)
        else:
            writer.close()

    server.behave = behave
    client = SourceClient("shop", server.url, _settings(), auth=Refresh())
    assert await _get(client) == "7"
    with pytest.raises(SourceUnavailable):
        await _get(client)
    assert [asked.target for asked in server.asked] == ["/token", "/things/7", "/token"]
    await client.aclose()


async def test_a_flow_of_ones_own_on_top_of_a_header(server: LoopbackServer) -> None:
    class Dated(HeaderAuth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            request.headers["x-date"] = "today"
            yield from super().auth_flow(request)

    server.behave = _right
    client = SourceClient("shop", server.url, _settings(), auth=Dated(SecretStr(SECRET), header="X-Key"))
    assert await _get(client) == "7"
    assert server.asked[0].headers["x-date"] == "today"
    assert server.asked[0].headers["x-key"] == SECRET
    await client.aclose()


async def test_a_flow_may_answer_a_refusal(server: LoopbackServer) -> None:
    class Renew(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            response = yield request
            if response.status_code == 401:
                request.headers["x-again"] = response.text
                yield request

    server.answers(answer(401, b"more"), answer(body=b'{"id": "7"}'), answer(401, b"no"))
    client = SourceClient("shop", server.url, _settings(), auth=Renew())
    assert await _get(client) == "7"
    assert server.asked[1].headers["x-again"] == "more"
    with pytest.raises(SourceAuthFailed):
        await _get(client)
    await client.aclose()


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "wörd"])
async def test_a_flow_cannot_send_what_a_call_cannot(server: LoopbackServer, value: str) -> None:
    class Odd(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            request.headers["authorization"] = value
            yield request

    client = SourceClient("shop", server.url, _settings(), auth=Odd())
    with pytest.raises(SourceRejected) as caught:
        await _get(client)
    assert value not in f"{caught.value!r} {caught.value.detail}"
    assert not server.asked


@pytest.mark.parametrize(
    "given",
    [
        {"x-a": "1\r\nx-evil: 1"},
        {"x-a\r\nx-evil": "1"},
        {"x-a": "日本"},
        {"x-a": " 1"},
        {"content-length": "0"},
    ],
)
async def test_headers_that_are_not_sent(server: LoopbackServer, given: dict[str, str]) -> None:
    client = SourceClient("shop", server.url, _settings(retries=3))
    call = Call(deadline=time.monotonic() + PATIENT)
    with pytest.raises(SourceRejected):
        await client.send("read", "GET", "/x", call, headers=given)
    with pytest.raises(SourceRejected):
        await client.send("read", "GET", "/x", Call(deadline=call.deadline, correlation_id="a\nb"))
    assert not server.asked
    assert server.most_connections == 0


# --- HTTP/2 ---------------------------------------------------------------------------------------------------------


class Http2(asyncio.Protocol):
    """A server's side of HTTP/2: tells each request its own path."""

    connections = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        Http2.connections += 1
        self._transport = transport
        self._http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._http2.initiate_connection()
        transport.write(self._http2.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._http2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                path = dict(event.headers)[b":path"].decode()
                self._http2.send_headers(event.stream_id, [(":status", "200")])
                body = msgspec.json.encode({"id": path.rsplit("/", 1)[1]})
                self._http2.send_data(event.stream_id, body, end_stream=True)
        self._transport.write(self._http2.data_to_send())


async def test_http2_where_it_is_wanted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Http2, "connections", 0)
    monkeypatch.setattr(kit_http, "_tls", lambda: ssl.create_default_context(cafile=certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2"])
    listening = await asyncio.get_running_loop().create_server(Http2, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{listening.sockets[0].getsockname()[1]}"
    client = SourceClient("shop", url, _settings(http2=True))
    found = await asyncio.gather(*(_get(client, str(number)) for number in range(20)))
    assert found == [str(number) for number in range(20)]
    assert Http2.connections == 1
    await client.aclose()
    listening.close()
    await listening.wait_closed()


async def test_http2_falls_back_where_there_is_none(server: LoopbackServer) -> None:
    server.behave = _right
    client = SourceClient("shop", server.url, _settings(http2=True))
    assert await _get(client) == "7"
    await client.aclose()


def test_http2_without_its_package_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValidationError, match=r"install c360\[http2\]"):
        _settings(http2=True)
    assert _settings().http2 is False
