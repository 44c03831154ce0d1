"""The IMAP adapter: its contract on a real Dovecot (or what one said), and what mail and mail servers do wrong.

To record anew, with Dovecot installed: C360_RECORD_IMAP=1 pytest tests/adapters/email/test_imap.py
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from adapters.base import Call, Found, KeyType, MatchKey, Owner, Page, Position, Window
from adapters.contract import AdapterContract, ContractCase, Fault
from adapters.email.imap import adapter as imap
from adapters.email.imap import body, mapping, query
from adapters.email.imap.client import Imap
from adapters.email.imap.settings import ImapSettings
from adapters.errors import (
    BadPayload,
    SourceAuthFailed,
    SourceRateLimited,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from adapters.records import Direction, Message, RecordKind
from tests.adapters.email import mailbox
from tests.adapters.email.conftest import Running
from tests.adapters.email.imap_server import Faulty, Place, Relay, Replay, listening, read_command

RECORDING = Path(mapping.__file__).parent / "fixtures" / "dovecot.json"
PASSWORD = 'pass\\word of the "recording"'
NONE: frozenset[str] = frozenset()
BODY = frozenset({"body"})
ADA = Owner(ref="ada", emails=(mailbox.ADA, mailbox.ADA_AT_WORK))
BEN = Owner(ref="ben", emails=(mailbox.BEN,))
JUERGEN = Owner(ref="jürgen", emails=(mailbox.JUERGEN,))
ALL = Window(limit=100)


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """A server with the test mailbox, recorded or real."""

    port: int
    password: str
    validity: dict[str, int]

    def settings(self, **changed: Any) -> ImapSettings:
        fields = {"host": "127.0.0.1", "port": self.port, "tls": "none", "username": mailbox.OWN}
        return ImapSettings.model_validate({**fields, "password": self.password, **changed})

    def source(self, **changed: Any) -> Imap:
        return Imap("mail", self.settings(**changed))


def call(seconds: float = 30.0) -> Call:
    return Call(deadline=time.monotonic() + seconds)


async def page(source: Imap, owner: Owner, window: Window = ALL, parts: frozenset[str] = NONE) -> Page:
    return (await source.page(RecordKind.MESSAGE, [owner], window, parts, call()))[owner.ref]


def threads_of(source: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"imap-{source}")]


@pytest.fixture(scope="module")
def relay(real_dovecot: Running) -> Iterator[Relay]:
    found = Relay(real_dovecot.port)
    yield found
    if os.environ.get("C360_RECORD_IMAP"):
        found.save(RECORDING, real_dovecot.validity)


@contextlib.asynccontextmanager
async def recorded() -> AsyncIterator[Served]:
    replay = Replay(RECORDING, PASSWORD)
    async with listening(replay.talk) as port:
        yield Served(port=port, password=PASSWORD, validity=replay.validity)
    assert replay.unknown == [], "asks what was not recorded: see the top of this file"


@pytest_asyncio.fixture(params=["recorded", "dovecot"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    if request.param == "recorded":
        async with recorded() as served:
            yield served
        return
    real = request.getfixturevalue("real_dovecot")
    async with listening(request.getfixturevalue("relay").talk) as port:
        yield Served(port=port, password=real.password, validity=real.validity)


@pytest_asyncio.fixture
async def source(server: Served) -> AsyncIterator[Imap]:
    found = server.source()
    yield found
    await found.aclose()


class TestContract(AdapterContract):
    @pytest_asyncio.fixture
    async def case(self, server: Served) -> AsyncIterator[ContractCase]:
        source = server.source()
        named = {owner: mailbox.stream(owner.ref, server.validity) for owner in (ADA, BEN, JUERGEN)}
        yield ContractCase(
            adapter=source,
            find={},
            find_calls=0,
            profiles={},
            owners={RecordKind.MESSAGE: named},
            calls=lambda: source.commands,
            faulty=faulty,
            missing_id="nobody",
            secrets=(server.password,),
        )
        await source.aclose()


@contextlib.asynccontextmanager
async def faulty(fault: Fault) -> AsyncIterator[Imap | None]:
    """An adapter on a server with one fault."""
    if fault in (Fault.CONNECT_TIMEOUT, Fault.RATE_LIMITED):
        yield None  # loopback always connects; IMAP has no Retry-After (its [LIMIT] has a test of its own)
        return
    changed: dict[str, Any] = {"retries": 0, "max_body_bytes": 65_536}
    if fault is Fault.READ_TIMEOUT:
        changed["read_timeout"] = 0.25
    if fault is Fault.HANG:
        changed["connect_timeout"] = 0.25
    if fault is Fault.SLOW_DRIP:
        changed["call_timeout"] = 0.25
    async with listening(Faulty(fault, Replay(RECORDING, PASSWORD)).talk) as port:
        source = Served(port=port, password=PASSWORD, validity={}).source(**changed)
        if fault is Fault.REFUSED:
            with socket.create_server(("127.0.0.1", 0)) as gone:
                source = Served(port=gone.getsockname()[1], password=PASSWORD, validity={}).source(**changed)
        try:
            yield source
        finally:
            await source.aclose()


async def test_a_mailbox_knows_no_people() -> None:
    source = Served(port=1, password=PASSWORD, validity={}).source()
    key = MatchKey(KeyType.EMAIL, mailbox.ADA)
    assert await source.find([key], call()) == {key: Found()}
    assert await source.read(["INBOX:1:1"], NONE, call()) == {}
    assert source.commands == 0
    await source.aclose()


class TestMessages:
    async def test_headers_are_decoded_and_told_as_they_are(self, server: Served, source: Imap) -> None:
        record = await self.named("with a copy to Ben", ADA, server, source)
        assert record.subject == "Größe der Röstung?"
        assert record.sender == mailbox.ADA_AT_WORK.upper()
        assert record.recipients == (mailbox.OWN, mailbox.BEN)
        assert record.direction is Direction.INBOUND
        assert record.at == datetime(2026, 3, 3, 12, tzinfo=UTC)
        assert record.sent_at == datetime(2026, 3, 3, 12, tzinfo=UTC)
        assert (record.mailbox, record.message_id) == ("INBOX", "<cc@work.example>")
        assert record.body is None
        size = next(len(letter.raw) for letter in mailbox.letters() if letter.name == "with a copy to Ben")
        assert record.size == size

    async def test_the_same_message_is_inbound_for_who_wrote_it_only(
        self, server: Served, source: Imap
    ) -> None:
        for owner, name in ((ADA, "ada"), (BEN, "ben"), (JUERGEN, "jürgen")):
            records = (await page(source, owner)).records
            ids = mailbox.ids(server.validity)
            wrote = {ids[letter.name] for letter in mailbox.letters() if name in letter.inbound}
            assert {
                r.id for r in records if isinstance(r, Message) and r.direction is Direction.INBOUND
            } == wrote

    async def test_broken_headers_do_not_hide_a_message(self, server: Served, source: Imap) -> None:
        record = await self.named("garbled", BEN, server, source)
        assert record.sender == "BEN@Mail.Example"
        assert record.sent_at is None
        assert record.message_id is None
        assert record.subject

    @pytest.mark.parametrize("name", ["with a copy to Ben", "html", "later copy", "from another zone"])
    async def test_bodies_are_plain_text(self, server: Served, source: Imap, name: str) -> None:
        letter = next(letter for letter in mailbox.letters() if letter.name == name)
        owner = ADA if "ada" in letter.of else BEN
        record = await self.named(name, owner, server, source, BODY)
        assert (record.body, record.body_truncated) == (letter.text, False)

    async def test_a_long_body_is_cut(self, server: Served) -> None:
        source = server.source(max_text_bytes=1024)
        record = await self.named("long", BEN, server, source, BODY)
        assert record.body_truncated
        assert record.body is not None
        assert 500 < len(record.body) < 1024
        assert mailbox.LONG.startswith(record.body)
        await source.aclose()

    async def test_copies_count_once_in_whichever_window(self, server: Served, source: Imap) -> None:
        ids = mailbox.ids(server.validity)
        later, earlier = ids["later copy"], ids["earlier copy"]
        everything = await page(source, ADA)
        assert later in {record.id for record in everything.records}
        between = Position(datetime(2026, 3, 5, 11, 59, 30, tzinfo=UTC), "")
        below = await page(source, ADA, Window(limit=50, before=between))
        assert earlier not in {record.id for record in below.records}
        at_the_copy = Position(datetime(2026, 3, 5, 12, 0, tzinfo=UTC), later)
        for limit in (1, 2):
            page_below = await page(source, ADA, Window(limit=limit, before=at_the_copy))
            stream = mailbox.stream("ada", server.validity)
            following = stream[stream.index(later) + 1 :]
            assert tuple(record.id for record in page_below.records) == following[:limit]
            assert page_below.has_more

    async def test_a_mailbox_that_is_read_alone_keeps_its_copy(self, server: Served) -> None:
        source = server.source(mailboxes=("Sent",))
        ids = mailbox.ids(server.validity)
        assert ids["earlier copy"] in {record.id for record in (await page(source, ADA)).records}
        await source.aclose()

    async def test_own_addresses_are_nobodys_mail(self, source: Imap) -> None:
        owner = Owner(ref="agent", emails=(mailbox.OWN, "SUPPORT@shop.example "))
        assert await page(source, owner) == Page()
        assert source.commands == 0

    async def named(
        self, name: str, owner: Owner, server: Served, source: Imap, parts: frozenset[str] = NONE
    ) -> Message:
        records = (await page(source, owner, parts=parts)).records
        record = next(record for record in records if record.id == mailbox.ids(server.validity)[name])
        assert isinstance(record, Message)
        return record


class TestCalls:
    async def test_one_customer_and_fifty_take_the_same_commands(self, server: Served, source: Imap) -> None:
        many = [ADA, BEN, *(Owner(ref=f"p{n}", emails=(f"p{n}@people.example",)) for n in range(48))]
        await page(source, ADA)
        signing_in = source.commands - 6
        before = source.commands
        await page(source, ADA)
        assert source.commands - before == 6, "EXAMINE, SORT and FETCH, in two mailboxes"
        before = source.commands
        pages = await source.page(RecordKind.MESSAGE, many, Window(limit=10), NONE, call())
        assert source.commands - before == 6
        assert [len(pages[ref].records) for ref in ("ada", "ben", "p7")] == [7, 4, 0]
        assert signing_in > 0

    async def test_bodies_take_a_command_for_each_place_of_the_text(self, source: Imap) -> None:
        await page(source, BEN)
        before = source.commands
        await page(source, BEN, parts=BODY)
        # more than without: EXAMINE and structures in both mailboxes, "1" twice and "2.1" once
        assert source.commands - before == 6 + 2 * 2 + 3

    async def test_more_addresses_than_fit_a_line_are_asked_in_turn(
        self, server: Served, source: Imap
    ) -> None:
        many = [ADA, *(Owner(ref=f"p{n}", emails=(f"person.number.{n}@people.example",)) for n in range(120))]
        pages = await source.page(RecordKind.MESSAGE, many, ALL, NONE, call())
        assert tuple(r.id for r in pages["ada"].records) == mailbox.stream("ada", server.validity)
        assert len(pages) == 121


class TestDovecot:
    """What can only be seen on a real server."""

    async def test_reading_leaves_no_trace(self, real_dovecot: Running) -> None:
        source = await self.source(real_dovecot)
        assert (await page(source, ADA, parts=BODY)).records
        await source.changes(RecordKind.MESSAGE, None, call())
        await source.aclose()
        with real_dovecot.client() as client:
            client.select("INBOX", readonly=True)
            assert client.uid("SEARCH", "SEEN")[1] == [b""]
            assert client.uid("SEARCH", "NOT", "RECENT")[1] == [b""]

    @pytest.mark.parametrize("missing", [(b"SORT",), (b"SORT", b"QRESYNC", b"CONDSTORE", b"LITERAL+", b"ID")])
    async def test_a_plainer_server_gives_the_same(
        self, real_dovecot: Running, missing: tuple[bytes, ...]
    ) -> None:
        async with listening(Relay(real_dovecot.port, without=missing).talk) as port:
            served = Served(port=port, password=real_dovecot.password, validity=real_dovecot.validity)
            source = served.source()
            assert not await self.can(source, "SORT")
            for owner in (ADA, BEN, JUERGEN):
                found = await page(source, owner)
                assert tuple(r.id for r in found.records) == mailbox.stream(owner.ref, real_dovecot.validity)
            step = await source.changes(RecordKind.MESSAGE, None, call())
            assert len(step.records) == len(mailbox.letters())
            assert "messages in INBOX, Sent" in await source.check(call())
            await source.aclose()

    async def test_more_mail_than_is_looked_at_is_read_owner_by_owner(self, real_dovecot: Running) -> None:
        with self.extra(real_dovecot, 130) as box:
            source = await self.source(real_dovecot, mailboxes=("INBOX", box), max_messages=100)
            crowd = Owner(ref="crowd", emails=("crowd@people.example",))
            pages = await source.page(RecordKind.MESSAGE, [crowd, ADA], Window(limit=5), NONE, call())
            assert len(pages["crowd"].records) == 5
            assert pages["crowd"].has_more
            expected = [id for id in mailbox.stream("ada", real_dovecot.validity) if id.startswith("INBOX")]
            assert [record.id for record in pages["ada"].records] == expected[:5]
            window = Window(limit=60)
            seen: list[str] = []
            for _ in range(3):
                found = await page(source, crowd, window)
                seen += [record.id for record in found.records]
                window = Window(limit=60, before=Position(found.records[-1].at, found.records[-1].id))
            assert len(set(seen)) == 130
            assert not found.has_more
            await source.aclose()

    async def test_what_came_and_went_is_told(self, real_dovecot: Running) -> None:
        with self.extra(real_dovecot, 3) as box:
            source = await self.source(real_dovecot, mailboxes=(box,))
            first = await source.changes(RecordKind.MESSAGE, None, call())
            assert (len(first.records), first.deleted, first.done) == (3, (), True)
            with real_dovecot.client() as client:
                client.append(
                    box, "", datetime(2026, 4, 1, tzinfo=UTC), b"From: new@people.example\r\n\r\nNeu"
                )
                client.select(box)
                client.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
                client.expunge()
            second = await source.changes(RecordKind.MESSAGE, first.cursor, call())
            assert [record.owner for record in second.records if isinstance(record, Message)] == [
                "new@people.example"
            ]
            assert second.deleted == (first.records[1].id,)
            third = await source.changes(RecordKind.MESSAGE, second.cursor, call())
            assert (third.records, third.deleted, third.done) == ((), (), True)
            await source.aclose()

    async def test_a_mailbox_that_was_made_anew_is_listed_anew(self, real_dovecot: Running) -> None:
        with self.extra(real_dovecot, 2) as box:
            source = await self.source(real_dovecot, mailboxes=(box,))
            first = await source.changes(RecordKind.MESSAGE, None, call())
        with self.extra(real_dovecot, 1, box=box):
            second = await source.changes(RecordKind.MESSAGE, first.cursor, call())
            assert len(second.records) == 1
            assert second.records[0].id not in {record.id for record in first.records}
            await source.aclose()

    async def test_long_gaps_in_the_numbering_are_crossed_in_one_step(self, real_dovecot: Running) -> None:
        with self.extra(real_dovecot, 10, doublings=7) as box:
            with real_dovecot.client() as client:
                client.select(box)
                client.uid("STORE", "1:1270", "+FLAGS.SILENT", "(\\Deleted)")
                client.expunge()
            source = await self.source(real_dovecot, mailboxes=(box,))
            step = await source.changes(RecordKind.MESSAGE, None, call())
            assert (len(step.records), step.done) == (10, True)
            await source.aclose()

    async def test_a_mailbox_that_is_not_there_is_named_in_the_log_only(self, real_dovecot: Running) -> None:
        source = await self.source(real_dovecot, mailboxes=("INBOX", "No such box"))
        with pytest.raises(SourceRejected) as caught:
            await source.check(call())
        assert caught.value.detail == "does not open the mailbox 'No such box' of the settings"
        await source.aclose()

    @pytest.mark.parametrize(
        "word",
        [
            'a"b@mail.example', "a\\@mail.example", "a) OR (ALL@mail.example", "*@mail.example", "%@mail.example",
            '" OR ALL "@mail.example', "{3}@mail.example", "a\r\nA9 LOGOUT@mail.example", "@mail.example", "@",
            "mail.example", "ada@mail.exampl", "da@mail.example", "\ud800@mail.example", "a\x00b@mail.example",
        ],
    )  # fmt: skip
    async def test_no_address_changes_the_question(self, real_dovecot: Running, word: str) -> None:
        source = await self.source(real_dovecot)
        pages = await source.page(
            RecordKind.MESSAGE, [Owner(ref="x", emails=(word,)), BEN], ALL, NONE, call()
        )
        assert pages["x"] == Page()
        assert tuple(record.id for record in pages["ben"].records) == mailbox.stream(
            "ben", real_dovecot.validity
        )
        await source.aclose()

    @staticmethod
    async def source(real: Running, **changed: Any) -> Imap:
        return Served(port=real.port, password=real.password, validity=real.validity).source(**changed)

    @staticmethod
    async def can(source: Imap, capability: str) -> bool:
        def ask(session: Any) -> bool:
            return bool(session.can(capability))

        return await source._pool.run("test", call(), ask)

    @staticmethod
    @contextlib.contextmanager
    def extra(real: Running, count: int, box: str = "Extra", doublings: int = 0) -> Iterator[str]:
        """A further mailbox with `count` messages, gone when the block is left."""
        with real.client() as client:
            client.create(box)
            for number in range(count):
                at = datetime(2026, 2, 1 + number // 60 % 27, number % 24, number % 60, tzinfo=UTC)
                raw = f"From: crowd@people.example\r\nMessage-ID: <{number}@people.example>\r\n\r\nText".encode()
                client.append(box, "", at, raw)
            client.select(box)
            for _ in range(doublings):
                client.copy("1:*", box)
        try:
            yield box
        finally:
            with real.client() as client:
                client.delete(box)


class TestConnections:
    async def test_a_wrong_password_is_told_and_not_repeated(self) -> None:
        replay = Replay(RECORDING, PASSWORD)
        async with listening(replay.talk) as port:
            source = Served(port=port, password="wrong secret", validity={}).source()
            with pytest.raises(SourceAuthFailed) as caught:
                await page(source, ADA)
            assert "wrong secret" not in repr(caught.value) + caught.value.detail
            assert replay.connections <= 2, "one for each mailbox"
            await source.aclose()

    async def test_a_password_that_is_not_ascii_is_sent_as_utf_8(self) -> None:
        replay = Replay(RECORDING, PASSWORD)
        sent: list[bytes] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(replay.greeting)
            place = Place()
            while (command := await read_command(reader, writer)) is not None:
                if command[1] == b"AUTHENTICATE PLAIN":
                    writer.write(b"+ \r\n")
                    sent.append(base64.b64decode(await reader.readline()))
                    writer.write(command[0] + b" OK Logged in\r\n")
                else:
                    writer.write(replay.answer(place, *command))

        async with listening(talk) as port:
            source = Served(port=port, password="pässword", validity={}).source()
            assert "Dovecot" in await source.check(call())
            await source.aclose()
        assert sent == [f"\0{mailbox.OWN}\0pässword".encode()]

    async def test_too_many_connections_are_a_rate_limit(self) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
            while (command := await read_command(reader, writer)) is not None:
                said = b"* CAPABILITY IMAP4rev1\r\n" if command[1] == b"CAPABILITY" else b""
                word = b" OK done" if said else b" NO [LIMIT] Too many connections"
                writer.write(said + command[0] + word + b"\r\n")

        async with listening(talk) as port:
            source = Served(port=port, password=PASSWORD, validity={}).source(retries=0)
            with pytest.raises(SourceRateLimited):
                await source.check(call())
            await source.aclose()

    async def test_a_connection_whose_time_was_up_is_never_used_again(self) -> None:
        replay = Replay(RECORDING, PASSWORD)
        ended: asyncio.Queue[int] = asyncio.Queue()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            number = replay.connections
            replay.connections += 1
            writer.write(replay.greeting)
            place = Place()
            while (command := await read_command(reader, writer)) is not None:
                if number == 0 and command[1].startswith(b"EXAMINE"):
                    continue  # it never answers
                writer.write(replay.answer(place, *command))
            ended.put_nowait(number)

        async with listening(talk) as port:
            source = Served(port=port, password=PASSWORD, validity=replay.validity).source(retries=0)
            with pytest.raises(SourceTimeout):
                await source.check(call(0.3))
            assert "Dovecot" in await source.check(call())
            await source.aclose()
            async with asyncio.timeout(10):
                assert [await ended.get(), await ended.get()] == [0, 1]
        assert replay.connections == 2

    async def test_a_server_that_hung_up_meanwhile_is_called_again(self) -> None:
        replay = Replay(RECORDING, PASSWORD)
        writers: list[asyncio.StreamWriter] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await replay.talk(reader, writer)

        async with listening(talk) as port:
            source = Served(port=port, password=PASSWORD, validity=replay.validity).source(retries=0)
            await source.check(call())
            writers[0].transport.abort()
            assert "Dovecot" in await source.check(call())
            assert len(writers) == 2
            await source.aclose()

    async def test_a_refused_connection_is_tried_again(self) -> None:
        replay = Replay(RECORDING, PASSWORD)
        tries = 0

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal tries
            tries += 1
            if tries > 1:
                await replay.talk(reader, writer)

        async with listening(talk) as port:
            source = Served(port=port, password=PASSWORD, validity=replay.validity).source()
            assert "Dovecot" in await source.check(call())
            await source.aclose()
        assert tries == 2

    async def test_the_event_loop_runs_while_a_server_is_silent(self) -> None:
        silent = Faulty(Fault.HANG, Replay(RECORDING, PASSWORD))
        async with listening(silent.talk) as port:
            settings = Served(port=port, password=PASSWORD, validity={}).settings(connect_timeout=60)
            source = Imap("silent", settings)
            waiting = asyncio.ensure_future(source.check(call(0.5)))
            for _ in range(100):
                await asyncio.sleep(0)
            (thread,) = threads_of("silent")
            assert not waiting.done()
            with pytest.raises(SourceTimeout):
                await waiting
            await source.aclose()
            await asyncio.to_thread(thread.join, 20)
            assert not thread.is_alive(), "the thread that waits for the server must be set free"

    async def test_many_calls_share_few_threads_and_connections(self) -> None:
        replay = Replay(RECORDING, PASSWORD)
        async with listening(replay.talk) as port:
            served = Served(port=port, password=PASSWORD, validity=replay.validity)
            source = Imap("crowded", served.settings(max_connections=2))
            await asyncio.gather(*(page(source, ADA) for _ in range(20)))
            assert 1 <= len(threads_of("crowded")) <= 2
            assert replay.connections <= 2
            await source.aclose()

    async def test_nothing_is_logged_of_what_is_said(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("DEBUG")
        async with recorded() as served:
            source = served.source()
            await page(source, ADA, parts=BODY)
            await source.aclose()
        said = "\n".join(record.getMessage() for record in caplog.records if record.name != "asyncio")
        assert not [
            word for word in (mailbox.ADA, mailbox.OWN, PASSWORD, "LOGIN", "Guten Tag") if word in said
        ]


class TestEncryption:
    @pytest.fixture(scope="class")
    @classmethod
    def certificate(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
        program = shutil.which("openssl")
        if program is None:
            pytest.skip("openssl is not installed")
        folder = tmp_path_factory.mktemp("certificate")
        key, cert = folder / "key.pem", folder / "cert.pem"
        made = [
            program,
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]
        names = ["-addext", "subjectAltName=DNS:localhost"]
        subprocess.run(
            [*made, *names, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
        )
        return key, cert

    @staticmethod
    def context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[1], certificate[0])
        return context

    async def test_implicit(self, certificate: tuple[Path, Path]) -> None:
        replay = Replay(RECORDING, PASSWORD)
        async with listening(replay.talk, self.context(certificate)) as port:
            served = Served(port=port, password=PASSWORD, validity=replay.validity)
            source = served.source(host="localhost", tls="implicit", ca_file=str(certificate[1]))
            assert "Dovecot" in await source.check(call())
            await source.aclose()
            for changed in ({"host": "127.0.0.1", "ca_file": str(certificate[1])}, {"host": "localhost"}):
                stranger = served.source(tls="implicit", retries=0, **changed)
                with pytest.raises(SourceUnavailable) as caught:
                    await stranger.check(call())
                assert caught.value.detail == "SSLCertVerificationError"
                await stranger.aclose()

    async def test_starttls(self, certificate: tuple[Path, Path]) -> None:
        replay = Replay(RECORDING, PASSWORD)
        in_the_clear: list[bytes] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n")
            while (command := await read_command(reader, writer)) is not None:
                in_the_clear.append(command[1])
                said = (
                    b"* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
                    if command[1] == b"CAPABILITY"
                    else b""
                )
                writer.write(said + command[0] + b" OK go on\r\n")
                if command[1] == b"STARTTLS":
                    await writer.drain()
                    await writer.start_tls(self.context(certificate))
                    break
            place = Place()
            while (command := await read_command(reader, writer)) is not None:
                writer.write(replay.answer(place, *command))

        async with listening(talk) as port:
            served = Served(port=port, password=PASSWORD, validity=replay.validity)
            source = served.source(host="localhost", tls="starttls", ca_file=str(certificate[1]))
            assert "Dovecot" in await source.check(call())
            await source.aclose()
        assert in_the_clear == [b"CAPABILITY", b"STARTTLS"]

    async def test_a_server_without_starttls_never_sees_the_password(self) -> None:
        heard: list[bytes] = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
            while (command := await read_command(reader, writer)) is not None:
                heard.append(command[1])
                writer.write(b"* CAPABILITY IMAP4rev1\r\n" + command[0] + b" OK done\r\n")

        async with listening(talk) as port:
            source = Served(port=port, password=PASSWORD, validity={}).source(tls="starttls", retries=0)
            with pytest.raises(SourceUnavailable):
                await source.check(call())
            await source.aclose()
        assert not [command for command in heard if b"LOGIN" in command or b"AUTHENTICATE" in command]


class TestHostileServer:
    """A server that answers a FETCH with what it likes."""

    async def answered(self, fetch: bytes, **changed: Any) -> Page:
        replay = Replay(RECORDING, PASSWORD)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(replay.greeting)
            place = Place()
            while (tagged := await read_command(reader, writer)) is not None:
                tag, rest = tagged
                right = replay.answer(place, tag, rest)
                writer.write(fetch + tag + b" OK done\r\n" if rest.startswith(b"UID FETCH") else right)

        async with listening(talk) as port:
            source = Served(port=port, password=PASSWORD, validity={}).source(retries=0, **changed)
            try:
                return await page(source, ADA)
            finally:
                await source.aclose()

    @pytest.mark.parametrize(
        "fetch",
        [
            b"* 1 FETCH (UID 1 INTERNALDATE \"never\" RFC822.SIZE 3 BODY[HEADER.FIELDS (FROM)]<0> \"\")\r\n",
            b"* 1 FETCH (UID 1 INTERNALDATE 7)\r\n",
            b"* 1 FETCH (UID one)\r\n",
            b"* 1 FETCH (UID 1 INTERNALDATE\r\n",
            b"* 1 FETCH UID\r\n",
            b"* 1 FETCH (UID 1 INTERNALDATE \"01-Mar-2026 09:00:00 +0000\" RFC822.SIZE \"big\")\r\n",
        ],
    )  # fmt: skip
    async def test_nonsense_is_a_bad_payload(self, fetch: bytes) -> None:
        with pytest.raises(BadPayload):
            await self.answered(fetch)

    async def test_a_literal_larger_than_allowed_is_not_read(self) -> None:
        fetch = b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM)]<0> {2000000000}\r\n"
        with pytest.raises(BadPayload) as caught:
            await self.answered(fetch)
        assert caught.value.detail == "more than max_body_bytes"

    async def test_notices_about_other_messages_are_passed_over(self) -> None:
        found = await self.answered(b"* 3 FETCH (FLAGS (\\Seen))\r\n* 99 EXISTS\r\n")
        assert found == Page()


class TestQuery:
    def test_texts_are_quoted_or_sent_as_literals(self) -> None:
        assert query.text('a"\\b') == b'"a\\"\\\\b"'
        assert query.text("ü") == "ü".encode()
        assert query.charset([b"FROM", "ü".encode()]) == b"UTF-8"

    def test_addresses_that_cannot_be_are_not_asked(self) -> None:
        for email in (
            "",
            "@",
            "ada",
            "a\nb@mail.example",
            "a" * 300 + "@mail.example",
            "\ud800@mail.example",
        ):
            assert query.wanted("x", [email], frozenset()) is None

    def test_domains_are_compared_in_ascii(self) -> None:
        found = query.wanted("x", ["Info@MÜLLER.example"], frozenset())
        assert found is not None
        assert found.addresses == {"info@xn--mller-kva.example"}
        assert set(found.spellings) == {"info@xn--mller-kva.example", "info@müller.example"}

    def test_keys_nest_no_deeper_than_they_must(self) -> None:
        owners = [query.wanted(f"{n}", [f"p{n}@mail.example"], frozenset()) for n in range(40)]
        keys = query.mail_of([owner for owner in owners if owner], None)
        assert self.depth(keys) <= 8
        assert keys.count(b"OR") == 40 * 3 - 1

    def test_dates_leave_room_for_time_zones(self) -> None:
        owner = query.wanted("x", ["ada@mail.example"], frozenset())
        assert owner is not None
        keys = query.mail_of([owner], datetime(2026, 2, 27, 23, 59, tzinfo=UTC))
        assert keys[:2] == [b"BEFORE", b"1-Mar-2026"]
        (copies,) = query.copies_of(["<1@x>"], datetime(2026, 3, 1, tzinfo=UTC))
        assert copies[:2] == [b"SINCE", b"28-Feb-2026"]

    @staticmethod
    def depth(keys: Sequence[bytes]) -> int:
        rest = iter(keys)

        def one() -> int:
            word = next(rest)
            if word == b"OR":
                return 1 + max(one(), one())
            next(rest)
            return 0

        return one()


class TestBody:
    def part(self, structure: Any) -> tuple[str, str] | None:
        found = body.text_part(structure)
        return None if found is None else (found.section, found.subtype)

    def leaf(self, kind: bytes, subtype: bytes, disposition: Any = None) -> tuple[Any, ...]:
        return (kind, subtype, (b"CHARSET", b"utf-8"), None, None, b"7BIT", 10, 1, None, disposition, None)

    def test_the_text_that_was_written_is_chosen(self) -> None:
        plain, markup = self.leaf(b"TEXT", b"PLAIN"), self.leaf(b"TEXT", b"HTML")
        named = self.leaf(b"text", b"plain", (b"attachment", (b"filename", b"x.txt")))
        picture = (b"IMAGE", b"PNG", None, None, None, b"BASE64", 99)
        assert self.part(plain) == ("1", "plain")
        assert self.part(([markup, plain], b"alternative")) == ("2", "plain")
        assert self.part(([markup], b"alternative")) == ("1", "html")
        assert self.part(([picture, ([markup, picture], b"related"), plain], b"mixed")) == ("2.1", "html")
        assert self.part(([named, picture], b"mixed")) is None
        assert self.part(picture) is None

    @pytest.mark.parametrize(
        "structure", [None, (), (b"TEXT",), (b"TEXT", b"PLAIN"), ([], b"mixed"), (7, 8, 9)]
    )
    def test_a_structure_that_makes_no_sense_has_no_text(self, structure: Any) -> None:
        assert body.text_part(structure) is None

    def test_a_structure_without_end_is_left(self) -> None:
        node: Any = self.leaf(b"TEXT", b"PLAIN")
        for _ in range(500):
            node = ([node], b"mixed")
        assert body.text_part(node) is None

    @pytest.mark.parametrize(
        ("charset", "content", "text"),
        [
            ("utf-8", "é".encode() + b"\xff", "é�"),
            ("us-ascii", "é".encode(), "é"),
            ("iso-8859-2", b"\xb1", "ą"),
            ("hex", "é".encode(), "é"),
            ("undefined", "é".encode(), "é"),
            ("iso-2022-jp", "急須".encode("iso-2022-jp"), "急須"),
        ],
    )
    def test_any_charset_is_read(self, charset: str, content: bytes, text: str) -> None:
        part = body.Part("1", "plain", charset, "8bit", len(content))
        assert body.readable(part, content, truncated=False) == text


class TestSettings:
    def test_plain_text_stays_on_loopback(self) -> None:
        fields = {"username": "u", "password": "hidden secret", "tls": "none"}
        for host in ("localhost", "127.0.0.1", "::1"):
            assert ImapSettings.model_validate({**fields, "host": host}).tcp_port == 143
        with pytest.raises(ValueError, match="loopback") as caught:
            ImapSettings.model_validate({**fields, "host": "mail.example"})
        assert "hidden secret" not in str(caught.value)
        assert (
            ImapSettings.model_validate({**fields, "tls": "implicit", "host": "mail.example"}).tcp_port == 993
        )

    def test_links_go_to_the_webmail_of_the_settings(self) -> None:
        fields = {"host": "localhost", "username": "u", "password": "p"}
        url = "https://mail.example/?box={mailbox}&uid={uid}&id={message_id}"
        settings = ImapSettings.model_validate({**fields, "message_url": url})
        head = mapping.head(
            "A&B", 1, 7, datetime(2026, 1, 1, tzinfo=UTC), 1, b"From: a@b.example\r\nMessage-ID: <x y>"
        )
        owner = query.wanted("x", ["a@b.example"], frozenset())
        assert owner is not None
        record = mapping.message("mail", head, owner, settings, frozenset())
        assert record.url == "https://mail.example/?box=A%26B&uid=7&id=%3Cx%20y%3E"

    async def test_building_opens_nothing(self) -> None:
        found = imap.build("mail", Served(port=1, password="p", validity={}).settings(), None)
        await found.aclose()
        with pytest.raises(SourceTimeout):
            await found.check(call(-1))
