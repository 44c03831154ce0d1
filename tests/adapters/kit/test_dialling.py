"""Opening connections: names kept for a while, every address tried, nobody trusted without a certificate in the right name."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from adapters.base import AdapterSettings, Call
from adapters.errors import SourceTimeout, SourceUnavailable
from adapters.kit.connection import Connection
from adapters.kit.dialling import Dialler, Names
from adapters.kit.http import SourceClient, _tls
from adapters.kit.message import Address, Answer, Origin, Request
from adapters.kit.wire import Wire
from tests.adapters.kit.conftest import LoopbackServer, answer, served

PATIENT = 30.0
Open = Callable[[Dialler, Origin], Awaitable[Connection]]


@dataclass
class Resolver:
    """Answers like DNS; an address that is an exception is raised."""

    known: dict[str, list[str] | OSError]
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, host: str, port: int) -> asyncio.Future[list[str]]:
        self.asked.append(host)
        return asyncio.ensure_future(self._answer(host))

    async def _answer(self, host: str) -> list[str]:
        await self.gate.wait()
        found = self.known[host]
        if isinstance(found, OSError):
            raise found
        return found


def _resolver(**known: list[str] | OSError) -> Resolver:
    resolver = Resolver(known)
    resolver.gate.set()
    return resolver


@pytest_asyncio.fixture
async def open_() -> AsyncIterator[Open]:
    """Opens connections and ends them afterwards."""
    opened: list[Connection] = []

    async def opening(dialler: Dialler, origin: Origin) -> Connection:
        opened.append(await dialler.open(origin, PATIENT, lambda connection: None))
        return opened[-1]

    yield opening
    for connection in opened:
        connection.abort()
    for _ in range(5):  # the event loop closes sockets in its next turns
        await asyncio.sleep(0)


def _named(server: LoopbackServer, host: str) -> Origin:
    port = int(server.url.rsplit(":", 1)[1])
    return Origin("http", host, port, host)


# --- names ----------------------------------------------------------------------------------------------------------


async def test_names_are_kept_for_a_minute() -> None:
    now = 1000.0
    resolver = _resolver(shop=["192.0.2.1", "192.0.2.2"], other=["192.0.2.3"])
    names = Names(resolver, clock=lambda: now)
    for _ in range(3):
        assert await names.addresses("shop", 80) == ["192.0.2.1", "192.0.2.2"]
    assert await names.addresses("other", 80) == ["192.0.2.3"]
    assert resolver.asked == ["shop", "other"]
    resolver.known["shop"] = ["192.0.2.9"]
    now += 59
    assert await names.addresses("shop", 80) == ["192.0.2.1", "192.0.2.2"]
    now += 2
    assert await names.addresses("shop", 80) == ["192.0.2.9"]
    names.forget("shop", 80)
    await names.addresses("shop", 80)
    assert resolver.asked == ["shop", "other", "shop", "shop"]


async def test_failures_are_not_kept() -> None:
    resolver = _resolver(shop=socket.gaierror(-2, "unknown"))
    names = Names(resolver)
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await names.addresses("shop", 80)
    resolver.known["shop"] = ["192.0.2.1"]
    assert await names.addresses("shop", 80) == ["192.0.2.1"]
    assert len(resolver.asked) == 3


async def test_callers_share_one_question_and_may_give_up() -> None:
    resolver = Resolver({"shop": ["192.0.2.1"]})
    names = Names(resolver)
    asking = [asyncio.ensure_future(names.addresses("shop", 80)) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    resolver.gate.set()
    assert await asyncio.gather(*asking[1:]) == [["192.0.2.1"]] * 4
    assert resolver.asked == ["shop"]


async def test_the_number_of_names_is_bounded() -> None:
    resolver = _resolver(**{f"h{number}": ["192.0.2.1"] for number in range(500)})
    names = Names(resolver)
    for host in resolver.known:
        await names.addresses(host, 80)
    assert len(names._kept) <= 64


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_addresses_need_no_resolver(host: str) -> None:
    assert await Names(_resolver()).addresses(host, 80) == [host]


async def test_the_machines_resolver() -> None:
    assert set(await Names().addresses("localhost", 80)) & {"127.0.0.1", "::1"}


# --- connecting -----------------------------------------------------------------------------------------------------


async def test_every_address_gets_its_turn(server: LoopbackServer, open_: Open) -> None:
    resolver = _resolver(
        shop=["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"]
    )  # nobody listens at the others
    connection = await open_(Dialler(PATIENT, _tls, Names(resolver)), _named(server, "shop"))
    assert connection.fit()


async def test_an_address_that_is_silent_leaves_time_for_others(server: LoopbackServer, open_: Open) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.2", _named(server, "shop").port))
        silent.listen(0)
        others = []
        for _ in range(8):
            others.append(socket.socket())
            others[-1].setblocking(False)
            others[-1].connect_ex(silent.getsockname())
        resolver = _resolver(shop=["127.0.0.2", "127.0.0.1"])
        connection = await open_(Dialler(2.0, _tls, Names(resolver)), _named(server, "shop"))
        assert connection.fit()
        for other in others:
            other.close()


async def test_what_does_not_answer_is_asked_for_anew(server: LoopbackServer, open_: Open) -> None:
    resolver = _resolver(shop=["127.0.0.2"])
    dialler = Dialler(PATIENT, _tls, Names(resolver))
    with pytest.raises(httpx.ConnectError):
        await open_(dialler, _named(server, "shop"))
    resolver.known["shop"] = ["127.0.0.1"]  # it has moved
    assert (await open_(dialler, _named(server, "shop"))).fit()


@pytest.mark.parametrize("known", [[], socket.gaierror(-2, "unknown")])
async def test_no_address_at_all(open_: Open, known: list[str] | OSError) -> None:
    with pytest.raises(httpx.ConnectError):
        await open_(Dialler(PATIENT, _tls, Names(_resolver(shop=known))), Origin("http", "shop", 80, "shop"))


async def test_a_resolver_that_is_silent(open_: Open) -> None:
    dialler = Dialler(0.1, _tls, Names(Resolver({"shop": []})))
    with pytest.raises(httpx.ConnectTimeout):
        await open_(dialler, Origin("http", "shop", 80, "shop"))


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", "a..b"])
async def test_hosts_that_there_are_not(host: str) -> None:
    client = SourceClient("shop", f"http://{host}", AdapterSettings(retries=0, connect_timeout=PATIENT))
    with pytest.raises((SourceUnavailable, SourceTimeout)) as caught:
        await client.send("read", "GET", "/", Call(deadline=time.monotonic() + PATIENT))
    assert host not in f"{caught.value!r} {caught.value.detail}"
    await client.aclose()


# --- TLS ------------------------------------------------------------------------------------------------------------


@dataclass
class Secure:
    """A server that speaks TLS as `right.example`, and the certificate to trust."""

    server: LoopbackServer
    port: int
    certificate: Path
    named: list[str | None]  # what clients asked for by SNI

    def wire(self, *, trusting: bool = True) -> Wire:
        resolver = _resolver(**{"right.example": ["127.0.0.1"], "wrong.example": ["127.0.0.1"]})
        context = ssl.create_default_context(cafile=self.certificate) if trusting else _tls()
        return Wire(Dialler(PATIENT, lambda: context, Names(resolver)), read_timeout=PATIENT, most=5)

    async def ask(self, wire: Wire, host: str) -> Answer:
        origin = Address(f"https://{host}:{self.port}").origin
        return await wire(Request("GET", origin, "/x", {}, b"", True), time.monotonic() + PATIENT, 10**6)


@pytest_asyncio.fixture
async def secure(certificate: Path) -> AsyncIterator[Secure]:
    named: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda sock, name, context: named.append(name)
    behaving = LoopbackServer()
    behaving.answers(answer(body=b'{"id": "' + b"x" * 300_000 + b'"}'))
    listening = await asyncio.start_server(behaving.connected, "127.0.0.1", 0, ssl=context)
    yield Secure(behaving, listening.sockets[0].getsockname()[1], certificate, named)
    listening.close()
    await behaving.hang_up()
    await listening.wait_closed()


async def test_tls_with_the_right_name(secure: Secure) -> None:
    wire = secure.wire()
    for _ in range(3):
        got = await secure.ask(wire, "right.example")
        assert (got.status, len(got.body)) == (200, 300_010)
    assert secure.named == ["right.example"]  # one connection
    assert [asked.headers["host"] for asked in secure.server.asked] == [f"right.example:{secure.port}"] * 3
    await secure.server.hang_up()
    assert (await secure.ask(wire, "right.example")).status == 200
    await wire.aclose()


@pytest.mark.parametrize(
    ("host", "trusting"), [("wrong.example", True), ("right.example", False), ("127.0.0.1", True)]
)
async def test_tls_with_a_wrong_name_or_of_nobody_known(secure: Secure, host: str, trusting: bool) -> None:
    wire = secure.wire(trusting=trusting)
    with pytest.raises(httpx.ConnectError):
        await secure.ask(wire, host)
    assert not secure.server.asked
    await wire.aclose()


async def test_a_source_of_unknown_authority_is_unavailable(secure: Secure) -> None:
    settings = AdapterSettings(retries=0, connect_timeout=PATIENT, call_timeout=PATIENT)
    client = SourceClient("shop", f"https://localhost:{secure.port}", settings)
    with pytest.raises(SourceUnavailable):
        await client.send("read", "GET", "/", Call(deadline=time.monotonic() + PATIENT))
    assert not secure.server.asked
    await client.aclose()


async def test_a_handshake_that_stalls() -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with served(connected) as port:
        client = SourceClient(
            "shop", f"https://127.0.0.1:{port}", AdapterSettings(retries=0, connect_timeout=0.2)
        )
        with pytest.raises(SourceTimeout):
            await client.send("read", "GET", "/", Call(deadline=time.monotonic() + PATIENT))
        await client.aclose()
