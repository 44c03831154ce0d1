"""The IMAP adapter on a real Dovecot: everybody's correspondence, field by field, as it was delivered."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from adapters.base import Call, Owner, Position, Window
from adapters.email.imap.client import Imap
from adapters.email.imap.settings import ImapSettings
from adapters.errors import SourceAuthFailed
from adapters.records import Direction, Message, RecordKind
from tests.live.conftest import LiveSystems
from tests.live.seed.dovecot import DovecotSeed
from tests.live.seed.records import Mail
from tests.live.systems import System

pytestmark = pytest.mark.live

NONE: frozenset[str] = frozenset()
BODY = frozenset({"body"})
MOST = ImapSettings.model_fields["max_text_bytes"].default


def call() -> Call:
    return Call(deadline=time.monotonic() + 60, correlation_id="live")


def settings(system: System, **changed: object) -> ImapSettings:
    fields = {"host": "127.0.0.1", "port": system.port, "tls": "none", "username": system.username}
    return ImapSettings.model_validate({**fields, "password": system.secret, "call_timeout": 30.0, **changed})


def delivered(live_systems: LiveSystems) -> dict[str, Mail]:
    """Every message of the mailbox, by the record id that it must have."""
    mails = [mail for traces in live_systems.created.people.values() for mail in traces.mails]
    return {f"{mail.folder}:{mail.uid_validity}:{mail.uid}": mail for mail in mails}


def addresses(mail: Mail) -> set[str]:
    return {address.lower() for address in (mail.sender, *mail.recipients, *mail.copied)}


def owners(live_systems: LiveSystems) -> list[Owner]:
    """One for each address that ever wrote or was written to, the mailbox's own excepted."""
    system = live_systems.systems["dovecot"]
    everybody = {address for mail in delivered(live_systems).values() for address in addresses(mail)}
    return [Owner(ref=address, emails=(address,)) for address in sorted(everybody - {system.username})]


@pytest_asyncio.fixture
async def source(live_systems: LiveSystems) -> AsyncIterator[Imap]:
    found = Imap("mail", settings(live_systems.systems["dovecot"]))
    yield found
    await found.aclose()


async def test_everybodys_mail_is_told_as_it_was_delivered(live_systems: LiveSystems, source: Imap) -> None:
    mails, people = delivered(live_systems), owners(live_systems)
    assert len(mails) > 10
    pages = await source.page(RecordKind.MESSAGE, people, Window(limit=100), BODY, call())
    for owner in people:
        expected = {id for id, mail in mails.items() if owner.ref in addresses(mail)}
        records = [record for record in pages[owner.ref].records if isinstance(record, Message)]
        assert {record.id for record in records} == expected
        assert records == sorted(records, key=lambda record: (record.at, record.id), reverse=True)
        for record in records:
            check(record, mails[record.id], owner)


def check(record: Message, mail: Mail, owner: Owner) -> None:
    assert record.subject == mail.subject
    assert record.sender == mail.sender
    assert record.recipients == (*mail.recipients, *mail.copied)
    assert record.direction is (Direction.INBOUND if mail.sender.lower() == owner.ref else Direction.OUTBOUND)
    assert (record.at, record.sent_at) == (mail.internal_date, mail.sent_at)
    assert (record.mailbox, record.message_id, record.size) == (mail.folder, mail.message_id, mail.size)
    check_body(record, mail.text.replace("\r\n", "\n").strip())


def check_body(record: Message, text: str) -> None:
    """Whole where it fits into what the settings read of a body, else its beginning."""
    assert record.body
    if record.body_truncated:
        assert len(text.encode()) > MOST
        assert text.startswith(record.body)
        assert len(record.body) > MOST // 2
    else:
        assert record.body == text


async def test_windows_of_one_give_the_same_stream(live_systems: LiveSystems, source: Imap) -> None:
    mails = delivered(live_systems)
    busiest = max(owners(live_systems), key=lambda one: sum(one.ref in addresses(m) for m in mails.values()))
    whole = await source.page(RecordKind.MESSAGE, [busiest], Window(limit=100), NONE, call())
    ids: list[str] = []
    before = None
    more = True
    while more:
        window = Window(limit=1, before=before)
        page = (await source.page(RecordKind.MESSAGE, [busiest], window, NONE, call()))[busiest.ref]
        ids += [record.id for record in page.records]
        before, more = Position(page.records[-1].at, page.records[-1].id), page.has_more
    assert ids == [record.id for record in whole[busiest.ref].records]
    assert len(ids) > 2


async def test_all_in_as_few_commands_as_one(live_systems: LiveSystems, source: Imap) -> None:
    people = owners(live_systems)
    await source.page(RecordKind.MESSAGE, people[:1], Window(limit=100), NONE, call())
    before = source.commands
    await source.page(RecordKind.MESSAGE, people, Window(limit=100), NONE, call())
    assert source.commands - before == 6


async def test_changes_name_every_message_and_what_comes_later(
    live_systems: LiveSystems, source: Imap
) -> None:
    first = await source.changes(RecordKind.MESSAGE, None, call())
    assert first.done
    assert {record.id for record in first.records} == set(delivered(live_systems))
    again = await source.changes(RecordKind.MESSAGE, first.cursor, call())
    assert (again.records, again.deleted, again.done) == ((), (), True)


async def test_nothing_is_marked_as_read(live_systems: LiveSystems, source: Imap) -> None:
    await source.page(RecordKind.MESSAGE, owners(live_systems), Window(limit=100), BODY, call())
    with DovecotSeed(live_systems.systems["dovecot"]) as mailbox:
        client = mailbox._client
        for folder in ("INBOX", "Sent"):
            client.select(folder, readonly=True)
            assert client.uid("SEARCH", "SEEN")[1] == [b""]


async def test_check_and_a_wrong_password(live_systems: LiveSystems, source: Imap) -> None:
    answer = await source.check(call())
    assert answer.startswith("Dovecot")
    assert f"{len(delivered(live_systems))} messages" in answer
    system = live_systems.systems["dovecot"]
    stranger = Imap("mail", settings(system, password="not the password"))
    with pytest.raises(SourceAuthFailed):
        await stranger.check(call())
    await stranger.aclose()
