"""The harness itself: every real server answers, holds what was put in, and goes away when told to."""

from __future__ import annotations

import email
import imaplib
import os
import socket
from email.policy import default as modern
from pathlib import Path

import httpx
import pytest

from tests.live.conftest import LiveSystems
from tests.live.seed.dovecot import DovecotSeed
from tests.live.seed.people import FAMILY_ADDRESS, ROLE_ADDRESS
from tests.live.seed.request_tracker import RequestTrackerSeed
from tests.live.seed.tryton import TrytonSeed
from tests.live.seed.vendure import VendureSeed
from tests.live.systems import NAMES, System, start
from tests.live.systems.base import HOST
from tests.live.systems.processes import group_lives
from tests.live.systems.vendure import sign_in

pytestmark = pytest.mark.live


def test_every_system_is_up(live_systems: LiveSystems) -> None:
    assert set(live_systems.systems) == set(NAMES)
    assert all(system.server.running for system in live_systems.systems.values())


def test_secrets_stay_out_of_the_representation(live_systems: LiveSystems) -> None:
    for system in live_systems.systems.values():
        assert system.secret not in repr(system)
        assert system.describe()["secret"] == system.secret


def test_wrong_credentials_are_refused(live_systems: LiveSystems) -> None:
    systems = live_systems.systems
    parties = f"{systems['tryton'].extra['rest']}/party.party"
    assert httpx.get(parties, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert (
        httpx.get(f"{systems['request_tracker'].extra['api']}/rt", auth=("root", "wrong")).status_code == 401
    )
    assert sign_in(systems["vendure"].base_url, "superadmin", "wrong") is None
    with imaplib.IMAP4(HOST, systems["dovecot"].port) as mailbox, pytest.raises(imaplib.IMAP4.error):
        mailbox.login(systems["dovecot"].username, "wrong")


def test_crm_holds_every_party(live_systems: LiveSystems) -> None:
    parties = [party for traces in live_systems.created.people.values() for party in traces.parties]
    with TrytonSeed(live_systems.systems["tryton"]) as crm:
        assert crm.count_parties() == len(parties)
        assert [crm.read_party(party.id) for party in parties] == parties
    assert live_systems.created["ayse"].parties[0].name == "Ayşe Yıldırım"
    assert live_systems.created["ayse"].parties[0].language == "tr"
    # Two parties share one address, and two others one number.
    assert live_systems.created["marta"].parties[0].emails == (FAMILY_ADDRESS,)
    assert live_systems.created["tomasz"].parties[0].emails == (FAMILY_ADDRESS,)
    assert live_systems.created["anna"].parties[0].phones == live_systems.created["erik"].parties[0].phones


def test_shop_holds_every_customer_and_order(live_systems: LiveSystems) -> None:
    traces = live_systems.created.people.values()
    customers = {customer.id: customer for each in traces for customer in each.customers}
    orders = {order.code: order for each in traces for order in each.orders}
    with VendureSeed(live_systems.systems["vendure"]) as shop:
        assert shop.counts() == (len(customers), len(orders))
        assert {customer_id: shop.read_customer(customer_id) for customer_id in customers} == customers
        assert {order.code: shop.read_order(order.id) for order in orders.values()} == orders
    for each in traces:
        plans = each.person.orders
        assert [order.state for order in each.orders] == [plan.outcome.value for plan in plans]
        assert [order.currency for order in each.orders] == [plan.currency for plan in plans]


def test_shop_keeps_guests_apart_from_accounts(live_systems: LiveSystems) -> None:
    created = live_systems.created
    assert [customer.has_account for customer in created["jane"].customers] == [True]
    assert [customer.has_account for customer in created["olivia"].customers] == [False]
    assert {customer.email for customer in created["studio_nord"].customers} == {ROLE_ADDRESS}


def test_helpdesk_holds_every_requester_and_ticket(live_systems: LiveSystems) -> None:
    traces = live_systems.created.people.values()
    requesters = [each.requester for each in traces if each.requester is not None]
    with RequestTrackerSeed(live_systems.systems["request_tracker"]) as helpdesk:
        assert [helpdesk.read_requester(requester.login) for requester in requesters] == requesters
        for each in traces:
            if each.requester is not None:
                expected = {ticket.id: (ticket.subject, ticket.status) for ticket in each.tickets}
                assert helpdesk.tickets_of(each.requester.email) == expected
                for ticket in each.tickets:
                    said = {message.transaction_id: message.text for message in ticket.messages}
                    # RT also keeps the notices that it sends; they are no part of the conversation.
                    assert said.items() <= helpdesk.texts_in(ticket.id).items()
    messages = live_systems.created["jane"].tickets[0].messages
    assert [message.inbound for message in messages] == [True, False, True, False]


def test_helpdesk_keeps_its_mail_to_itself(live_systems: LiveSystems) -> None:
    outbox = Path(live_systems.systems["request_tracker"].extra["outbox"]).read_text(errors="replace")
    assert "X-RT-Ticket: helpdesk.example #" in outbox


def test_mailbox_holds_every_mail(live_systems: LiveSystems) -> None:
    system = live_systems.systems["dovecot"]
    mails = [mail for traces in live_systems.created.people.values() for mail in traces.mails]
    with DovecotSeed(system) as mailbox:
        for folder in ("INBOX", "Sent"):
            assert mailbox.count(folder) == sum(mail.folder == folder for mail in mails)
    with imaplib.IMAP4(HOST, system.port) as client:
        client.login(system.username, system.secret)
        for mail in mails:
            client.select(mail.folder, readonly=True)
            raw = _fetch(client, mail.uid)
            message = email.message_from_bytes(raw, policy=modern)
            assert len(raw) == mail.size
            assert message["Message-ID"] == mail.message_id
            assert message["Subject"] == mail.subject
            assert message["From"].addresses[0].display_name == mail.sender_name
            assert message["From"].addresses[0].addr_spec == mail.sender
            assert message["Date"].datetime == mail.sent_at
            body = message.get_body(("plain",))
            assert body is not None
            assert body.get_content().replace("\r\n", "\n") == mail.text
            assert tuple(part.get_filename() for part in message.iter_attachments()) == mail.attachments


def test_one_mailbox_stops_and_leaves_nothing(tmp_path: Path) -> None:
    with start(["dovecot"], workdir=tmp_path) as systems:
        system = systems["dovecot"]
        group = os.getpgid(system.server.pid)
        system.stop()
        assert not system.server.running
        _assert_gone(system, group)
        system.stop()


def test_a_failing_run_stops_its_servers(tmp_path: Path) -> None:
    seen: dict[int, System] = {}

    def run() -> None:
        with start(["dovecot"], workdir=tmp_path) as systems:
            seen[os.getpgid(systems["dovecot"].server.pid)] = systems["dovecot"]
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        run()
    for group, system in seen.items():
        _assert_gone(system, group)
    assert seen


def test_two_runs_do_not_see_each_other(live_systems: LiveSystems, tmp_path: Path) -> None:
    with start(["dovecot"], workdir=tmp_path) as systems, DovecotSeed(systems["dovecot"]) as mailbox:
        assert systems["dovecot"].port != live_systems.systems["dovecot"].port
        assert mailbox.count("INBOX") == 0


def _fetch(client: imaplib.IMAP4, uid: int) -> bytes:
    _, answer = client.uid("FETCH", str(uid), "(BODY.PEEK[])")
    part = answer[0]
    assert isinstance(part, tuple)
    return bytes(part[1])


def _assert_gone(system: System, group: int) -> None:
    assert not group_lives(group)
    with pytest.raises(ConnectionRefusedError), socket.create_connection((HOST, system.port), timeout=5):
        pass
