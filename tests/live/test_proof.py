"""The live proof: the gateway as a process on four real servers, asked over HTTP, every field compared with what was created.

The tests stand in the order in which an operator would meet them; those that stop a server start it again.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live.conftest import LiveSystems, visible_progress
from tests.live.proof import questions
from tests.live.proof.comparing import Tally, timeless
from tests.live.proof.expected import Expectations, mailed
from tests.live.proof.gateway import (
    CRM,
    MAILBOX,
    SOURCES,
    SUPPORT,
    SYSTEM_OF,
    WEBSHOP,
    WRONG,
    Answer,
    Gateway,
    Setup,
    check,
    write_setup,
)
from tests.live.proof.people import everybody, jane_without
from tests.live.proof.privacy import facts
from tests.live.seed.callers import HOUSEHOLD
from tests.live.seed.dovecot import DovecotSeed
from tests.live.seed.people import FAMILY_ADDRESS, ROLE_ADDRESS, SWITCHBOARD
from tests.live.seed.plans import SUPPORT as OWN_ADDRESS
from tests.live.seed.plans import MailPlan
from tests.live.seed.records import Mail
from tests.live.systems import System, print_progress
from tests.live.systems.processes import Processes

pytestmark = pytest.mark.live

PEOPLE = everybody()
HEAL_SECONDS = 120.0
DOWN = frozenset({"SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"})
# An order of trust of its own, to see that it is the settings that decide.
OTHER_RULES = """
[merge.display_name]
rule = "priority"
priority = ["webshop"]

[merge.phone_numbers]
rule = "union"
priority = ["support", "webshop"]
"""
SHARED: dict[str, tuple[str, str, set[str]]] = {
    "family": ("email", FAMILY_ADDRESS, {"marta", "marta_in_shop", "tomasz", "tomasz_in_support"}),
    "role": ("email", f"Info{ROLE_ADDRESS.removeprefix('info')}", {"studio", "nils", "petra"}),
    "switchboard": ("phone", SWITCHBOARD, {"anna", "erik"}),
    "household": ("phone", HOUSEHOLD, {"helga", "rudolf"}),
}


@dataclass(kw_only=True)
class Proof:
    """What all tests share: the servers, the gateway on them, and what is known of the customers so far."""

    systems: Mapping[str, System]
    expect: Expectations
    setup: Setup
    gateway: Gateway
    processes: Processes
    folder: Path
    tally: Tally
    started: list[Gateway] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def start(self, setup: Setup, name: str) -> Gateway:
        """Another gateway."""
        gateway = Gateway(setup, self.processes, self.folder / f"{name}.log")
        self.started.append(gateway)
        return gateway

    def stop(self) -> None:
        """Stops all gateways."""
        for gateway in (self.gateway, *self.started):
            gateway.stop()

    def id_of(self, key: str) -> str:
        """A customer's id; finds the customer first where no test did."""
        if key not in self.ids:
            known = PEOPLE[key]
            by = self.expect.by(known, known.first)
            self.ids[key] = self.gateway.ask(questions.WHO, by=by).whole["customer"]["id"]
        return self.ids[key]


@pytest.fixture(scope="module")
def proof(
    live_systems: LiveSystems, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Proof]:
    """The gateway on the seeded servers, knowing nobody yet."""
    begun = time.monotonic()
    folder = tmp_path_factory.mktemp("proof")
    systems = live_systems.systems
    setup = write_setup(folder, systems)
    tally = Tally()
    with contextlib.closing(Processes()) as processes:
        since = datetime.now(UTC)
        expect = Expectations(created=live_systems.created, systems=systems, since=since)
        proof = Proof(
            systems=systems,
            expect=expect,
            setup=setup,
            gateway=Gateway(setup, processes, folder / "gateway.log"),
            processes=processes,
            folder=folder,
            tally=tally,
        )
        yield proof
        proof.stop()
    with visible_progress(request.config):
        seconds = time.monotonic() - begun
        print_progress(
            f"proof: {tally.fields} fields of {len(tally.people)} customers compared in {seconds:.0f} s"
        )


def test_check_finds_nothing_wrong(proof: Proof) -> None:
    done = check(proof.setup, "--json")
    findings = {each["part"]: each for each in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert set(findings) == {"settings", "store", "cache", *(f"sources.{name}" for name in SOURCES)}
    assert all(each["ok"] for each in findings.values())


def test_nobody_is_answered_without_a_key(proof: Proof) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        body = {"query": questions.SOURCES}
        answer = httpx.post(f"{proof.gateway.url}/graphql", json=body, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["UNAUTHENTICATED"]
        assert "data" not in answer.json()


def test_all_sources_answer(proof: Proof) -> None:
    sources = proof.gateway.ask(questions.SOURCES).whole["sources"]
    assert [(each["name"], each["kind"], each["health"]) for each in sources] == [
        (name, kind, {"ok": True, "code": None})
        for name, kind in zip(SOURCES, ("CRM", "WEBSHOP", "SUPPORT", "EMAIL"), strict=True)
    ]


@pytest.mark.parametrize("key", PEOPLE)
def test_every_field_is_what_was_created(proof: Proof, key: str) -> None:
    known = PEOPLE[key]
    answer = proof.gateway.ask(questions.CUSTOMER, by=proof.expect.by(known, known.first))
    customer = answer.whole["customer"]
    assert customer is not None
    assert customer["id"] not in proof.ids.values()
    proof.ids[key], proof.answers[key] = customer["id"], customer
    proof.tally.customer(key, proof.expect.customer(known), customer)


@pytest.mark.parametrize("key", PEOPLE)
def test_every_way_to_ask_finds_the_same_customer(proof: Proof, key: str) -> None:
    known = PEOPLE[key]
    ways = [proof.expect.by(known, look_up) for look_up in (known.first, *known.then)]
    for by in (*ways, {"id": proof.id_of(key)}):
        assert proof.gateway.ask(questions.WHO, by=by).whole["customer"] == {"id": proof.id_of(key)}


@pytest.mark.parametrize("shared", SHARED)
def test_a_shared_key_is_nobodys_and_search_lists_everybody(proof: Proof, shared: str) -> None:
    kind, value, keys = SHARED[shared]
    answer = proof.gateway.ask(questions.WHO, by={kind: value})
    assert answer.data == {"customer": None}
    extensions = [error["extensions"] for error in answer.errors]
    assert extensions == [{"code": "BAD_USER_INPUT", "argument": f"by.{kind}"}]
    found = proof.gateway.ask(questions.SEARCH, text=value).whole["search"]
    assert {node["id"]: node["displayName"] for node in found["nodes"]} == {
        proof.id_of(key): PEOPLE[key].profile.display.value for key in keys
    }
    assert not found["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize(
    ("text", "key"),
    [("groß", "juergen"), ("田中", "haruka"), ("Doe Jane", "jane"), ("lucía", "lucia"), ("Yıldırım", "ayse")],
)
def test_search_finds_by_name(proof: Proof, text: str, key: str) -> None:
    found = proof.gateway.ask(questions.SEARCH, text=text).whole["search"]["nodes"]
    assert [node["id"] for node in found] == [proof.id_of(key)]


def test_search_finds_by_order_and_ticket_number(proof: Proof) -> None:
    for order in proof.expect.created["olivia"].orders:
        found = proof.gateway.ask(questions.SEARCH, text=order.code).whole["search"]["nodes"]
        assert [node["id"] for node in found] == [proof.id_of("olivia")]
    (ticket,) = proof.expect.created["lucia"].tickets
    found = proof.gateway.ask(questions.SEARCH, text=f"#{ticket.id}").whole["search"]["nodes"]
    assert proof.id_of("lucia") in {node["id"] for node in found}


@pytest.mark.parametrize(
    "by",
    [
        {"email": "nobody@nowhere.example"},
        {"email": "maryjane.doe@example.org"},
        {"email": "doe@example.org"},
        {"phone": "+49 30 901820"},
        {"source": {"name": CRM, "id": "987654"}},
        {"source": {"name": WEBSHOP, "id": "987654"}},
        {"source": {"name": SUPPORT, "id": "987654"}},
        {"id": "01890a5d-ac96-774b-bcce-b302099a8057"},
    ],
    ids=lambda by: f"{next(iter(by))}-{str(next(iter(by.values())))[:12]}",
)
def test_an_unknown_customer_is_null_without_an_error(proof: Proof, by: dict[str, Any]) -> None:
    assert proof.gateway.ask(questions.CUSTOMER, by=by).whole == {"customer": None}


@pytest.mark.parametrize(
    ("by", "argument"),
    [
        ({"email": "jane.doe"}, "by.email"),
        ({"phone": "12"}, "by.phone"),
        ({"id": "jane"}, "by.id"),
        ({"source": {"name": "erp", "id": "1"}}, "by.source.name"),
        ({"source": {"name": MAILBOX, "id": "1"}}, "by.source.name"),
    ],
)
def test_a_malformed_key_is_named(proof: Proof, by: dict[str, Any], argument: str) -> None:
    answer = proof.gateway.ask(questions.WHO, by=by)
    extensions = [error["extensions"] for error in answer.errors]
    assert extensions == [{"code": "BAD_USER_INPUT", "argument": argument}]
    assert answer.data == {"customer": None}


def test_nobody_gets_what_only_looks_like_theirs(proof: Proof) -> None:
    strangers = proof.expect.created["maryjane"].mails
    family = proof.expect.created["marta"].mails
    assert proof.answers.keys() == PEOPLE.keys()
    for customer in proof.answers.values():
        messages = {node["messageId"] for node in customer["messages"]["nodes"]}
        assert messages.isdisjoint(mail.message_id for mail in (*strangers, *family))


def test_a_second_question_within_the_fresh_life_asks_no_source(proof: Proof) -> None:
    by = {"id": proof.id_of("jane")}
    now, calls = _counted(proof, lambda: proof.gateway.ask(questions.CUSTOMER, by=by))
    assert calls
    again, none = _counted(proof, lambda: proof.gateway.ask(questions.KEPT, by=by))
    assert none == {}
    customer = again.whole["customer"]
    proof.tally.compare(timeless(now.whole["customer"]), timeless(customer))
    assert {s["state"] for s in customer["sources"]} == {"FRESH"}
    assert customer["sources"] == now.whole["customer"]["sources"], "fetched when it was fetched"


def test_many_customers_answer_like_each_alone_and_cost_no_more(proof: Proof) -> None:
    ids = [proof.id_of(key) for key in PEOPLE]
    alone = [proof.gateway.ask(questions.BRIEF, by={"id": each}).whole["customer"] for each in ids]
    one, one_calls = _counted(proof, lambda: proof.gateway.ask(questions.MANY, ids=ids[:1]))
    many, many_calls = _counted(proof, lambda: proof.gateway.ask(questions.MANY, ids=ids))
    proof.tally.compare(timeless(alone), timeless(many.whole["customers"]))
    assert timeless(one.whole["customers"]) == timeless(alone[:1])
    assert set(one_calls) == {
        (CRM, "read"),
        (WEBSHOP, "read"),
        (WEBSHOP, "page order"),
        (SUPPORT, "read"),
        (SUPPORT, "page ticket"),
        (MAILBOX, "page message"),
    }
    assert many_calls == one_calls


def test_many_keeps_the_order_and_leaves_unknown_ones_null(proof: Proof) -> None:
    ids = [
        proof.id_of("bob"),
        "01890a5d-ac96-774b-bcce-b302099a8057",
        proof.id_of("jane"),
        proof.id_of("bob"),
    ]
    found = proof.gateway.ask(questions.MANY, ids=ids).whole["customers"]
    assert [customer and customer["id"] for customer in found] == [ids[0], None, ids[2], ids[0]]


@pytest.mark.parametrize("key", ["jane", "bob"])
def test_the_timeline_pages_without_gap_or_repeat(proof: Proof, key: str) -> None:
    pages = list(_pages(proof, key))
    edges = [edge for page in pages for edge in page["edges"]]
    expected = proof.expect.happenings(PEOPLE[key])
    proof.tally.compare(expected, [edge["node"] for edge in edges])
    assert len({edge["cursor"] for edge in edges}) == len(edges)
    assert [len(page["edges"]) for page in pages[:-1]] == [3] * (len(pages) - 1)
    for number, page in enumerate(pages):
        info = page["pageInfo"]
        assert info["hasNextPage"] == (number < len(pages) - 1)
        assert info["hasPreviousPage"] == (number > 0)
        assert (info["startCursor"], info["endCursor"]) == (
            page["edges"][0]["cursor"],
            page["edges"][-1]["cursor"],
        )
        assert page["missing"] == []


def test_what_arrives_between_two_pages_moves_nothing(proof: Proof) -> None:
    expected = proof.expect.happenings(PEOPLE["bob"])
    pages = _pages(proof, "bob")
    seen = next(pages)["edges"]
    with _new_mail(proof, "Bob Miller <bob.miller@example.org>") as mail:
        seen += [edge for page in pages for edge in page["edges"]]
        proof.tally.compare(expected, [edge["node"] for edge in seen])
        again = [edge["node"] for edge in next(_pages(proof, "bob"))["edges"]]
        proof.tally.compare([mailed(mail), *expected][:3], again)


def test_a_thread_pages_in_order(proof: Proof) -> None:
    ticket = proof.expect.created["jane"].tickets[0]
    found: list[str] = []
    after = None
    for _ in range(len(ticket.messages)):
        answer = proof.gateway.ask(questions.THREAD, id=proof.id_of("jane"), first=1, after=after)
        nodes = answer.whole["customer"]["tickets"]["nodes"]
        thread = next(node["comments"] for node in nodes if node["recordId"] == str(ticket.id))
        found += [node["recordId"] for node in thread["nodes"]]
        after = thread["pageInfo"]["endCursor"]
        assert thread["pageInfo"]["hasNextPage"] == (len(found) < len(ticket.messages))
    newest_first = sorted(ticket.messages, key=lambda m: (m.created_at, str(m.transaction_id)), reverse=True)
    assert found == [str(message.transaction_id) for message in newest_first]


def test_deep_links_lead_to_the_record(proof: Proof) -> None:
    """Request Tracker is the one of the four that brings its own web interface."""
    helpdesk = proof.systems[SYSTEM_OF[SUPPORT]]
    with httpx.Client(trust_env=False, timeout=60, follow_redirects=True) as browser:
        browser.post(
            f"{helpdesk.base_url}/NoAuth/Login.html",
            data={"user": helpdesk.username, "pass": helpdesk.secret},
        )
        tickets = proof.answers["jane"]["tickets"]["nodes"]
        assert tickets
        for ticket in tickets:
            page = browser.get(ticket["url"])
            assert page.status_code == 200
            assert ticket["subject"] in page.text
            # the page loads its history from here
            history = browser.get(
                f"{helpdesk.base_url}/Helpers/TicketHistory", params={"id": ticket["number"]}
            )
            for comment in ticket["comments"]["nodes"]:
                address, _, anchor = comment["url"].partition("#")
                assert address == ticket["url"]
                assert f'"{anchor}"' in history.text


@pytest.fixture(scope="module")
def other(proof: Proof) -> Gateway:
    """A gateway with another order of trust, and a store of its own that knows nobody."""
    setup = write_setup(proof.folder, proof.systems, name="other", merge=OTHER_RULES, store="other.db")
    return proof.start(setup, "other")


@pytest.mark.parametrize("shared", SHARED)
def test_a_shared_key_does_not_become_the_first_ones(proof: Proof, other: Gateway, shared: str) -> None:
    """Once one of them has been found, the others are as unknown as before, and still there."""
    kind, value, keys = SHARED[shared]
    known = PEOPLE[min(keys)]
    by = proof.expect.by(known, known.first)
    assert other.ask(questions.WHO, by=by).whole["customer"] is not None
    answer = other.ask(questions.WHO, by={kind: value})
    assert answer.data == {"customer": None}
    assert [error["extensions"]["code"] for error in answer.errors] == ["BAD_USER_INPUT"]


def test_the_settings_decide_which_source_is_trusted(proof: Proof, other: Gateway) -> None:
    asked = """
    query($email: String!) {
      customer(maxStaleness: 0, by: { email: $email }) {
        displayName phoneNumbers { value source alsoIn }
        provenance(fields: ["displayName"]) { value source rule agreeing conflicts { value source } }
      }
    }"""
    customer = other.ask(asked, email="bob.miller@example.org").whole["customer"]
    expected = {
        "displayName": "Robert Miller",
        "phoneNumbers": [{"value": "5035550147", "source": WEBSHOP, "alsoIn": [CRM]}],
        "provenance": [
            {
                "value": "Robert Miller",
                "source": WEBSHOP,
                "rule": "priority",
                "agreeing": [CRM],
                "conflicts": [
                    {"value": "Bob Miller", "source": CRM},
                    {"value": "Bob Miller", "source": SUPPORT},
                ],
            }
        ],
    }
    proof.tally.compare(expected, customer)


def test_a_wrong_secret_costs_its_own_source_only(proof: Proof) -> None:
    """One gateway for each source, all with the store of the first: they know who is who."""
    jane = proof.id_of("jane")

    def ask(source: str) -> Answer:
        gateway = proof.start(proof.setup.with_wrong_secret(source), f"wrong-{source}")
        answer = gateway.ask(questions.CUSTOMER, by={"id": jane})
        gateway.stop()
        return answer

    with ThreadPoolExecutor(2) as pool:
        answers = dict(zip(SOURCES, pool.map(ask, SOURCES), strict=True))
    for source, answer in answers.items():
        assert answer.blamed() == {("SOURCE_AUTH_FAILED", source)}
        _compare_without(proof, source, "SOURCE_AUTH_FAILED", answer)


def test_check_names_the_sources_with_a_wrong_secret(proof: Proof) -> None:
    all_wrong = proof.setup
    for source in SOURCES:
        all_wrong = all_wrong.with_wrong_secret(source)
    with ThreadPoolExecutor(2) as pool:
        one, all_four = pool.map(check, (proof.setup.with_wrong_secret(WEBSHOP), all_wrong))
    for done, wrong in ((one, (WEBSHOP,)), (all_four, SOURCES)):
        assert done.returncode == 1
        assert _failed(done.stdout) == {f"sources.{source}": "SOURCE_AUTH_FAILED" for source in wrong}
        assert not any(secret in done.stdout + done.stderr for secret in (*proof.setup.secrets, WRONG))


@pytest.mark.parametrize("source", SOURCES)
def test_a_stopped_server_costs_its_own_fields_only(proof: Proof, source: str) -> None:
    ids = [proof.id_of(key) for key in PEOPLE]
    jane = {"id": proof.id_of("jane")}
    before = proof.gateway.ask(questions.CUSTOMER, by=jane).whole["customer"]
    with _stopped(proof, source):
        answer = proof.gateway.ask(questions.CUSTOMER, by=jane)
        _, code = _blame(answer, source)
        _compare_without(proof, source, code, answer)
        one, many = (proof.gateway.ask(questions.MANY, ids=some) for some in (ids[:1], ids))
        _blame(many, source)
        assert len(many.errors) == len(one.errors)
        if source != MAILBOX:
            unknown = proof.gateway.ask(questions.WHO, by={"email": f"nobody@{source}.example"})
            assert unknown.partial == {"customer": None}
            _blame(unknown, source)
        if source == WEBSHOP:
            done = check(proof.setup)
            assert done.returncode == 1
            assert _failed(done.stdout).keys() == {f"sources.{source}"}
    after = proof.gateway.ask(questions.CUSTOMER, by=jane).whole["customer"]
    proof.tally.compare(timeless(before), timeless(after))


def test_the_log_tells_nothing_of_anybody(proof: Proof) -> None:
    """Last, when everything has been asked and everything has failed once."""
    proof.gateway.ask(questions.SOURCES)
    proof.stop()
    log = "\n".join(gateway.log.read_text() for gateway in (proof.gateway, *proof.started)).casefold()
    assert log.count('"event":"request"') >= len(proof.started)
    told = sorted(fact for fact in facts(proof.expect.created, proof.setup.secrets) if fact.casefold() in log)
    assert told == []
    assert "traceback" not in log


def _failed(printed: str) -> dict[str, str]:
    """What `c360 check` found wrong: the error's code by part."""
    lines = [line.split() for line in printed.splitlines() if line.startswith("FAIL")]
    return {part: code.rstrip(":") for _, part, code, *_ in lines}


def _counted(proof: Proof, ask: Callable[[], Answer]) -> tuple[Answer, dict[tuple[str, str], int]]:
    """An answer and how many operations of the sources it took."""
    before = proof.gateway.calls()
    answer = ask()
    after = proof.gateway.calls()
    return answer, {place: n - before.get(place, 0) for place, n in after.items() if n > before.get(place, 0)}


def _pages(proof: Proof, key: str) -> Iterator[dict[str, Any]]:
    """A customer's timeline, three at a time, until the end."""
    after = None
    while True:
        answer = proof.gateway.ask(questions.TIMELINE, id=proof.id_of(key), first=3, after=after)
        page = answer.whole["customer"]["timeline"]
        yield page
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


@contextlib.contextmanager
def _new_mail(proof: Proof, sender: str) -> Iterator[Mail]:
    """A mail that arrives now, and is gone again afterwards: others count what is in the mailbox."""
    system = proof.systems[SYSTEM_OF[MAILBOX]]
    plan = MailPlan(
        subject="One more thing",
        sender=sender,
        recipients=(OWN_ADDRESS,),
        sent_at=datetime.now(UTC).replace(microsecond=0),
        text="It arrived between two pages.\n",
    )
    with DovecotSeed(system) as mailbox:
        mail = mailbox.deliver(plan)
        try:
            yield mail
        finally:
            mailbox.remove(mail)


@contextlib.contextmanager
def _stopped(proof: Proof, source: str) -> Iterator[None]:
    """One server is down meanwhile; afterwards the gateway is given time to find it again."""
    server = proof.systems[SYSTEM_OF[source]].server
    server.stop()
    try:
        yield
    finally:
        server.restart()
        server.wait_until(lambda: _healthy(proof, source), HEAL_SECONDS)


def _healthy(proof: Proof, source: str) -> bool:
    sources = proof.gateway.ask(questions.SOURCES).whole["sources"]
    return any(each["name"] == source and each["health"]["ok"] for each in sources)


def _blame(answer: Answer, source: str) -> tuple[str, str]:
    """Who is blamed, and for what: one source only, each of its failed batches once."""
    ((code, blamed),) = answer.blamed()
    assert blamed == source
    assert code in DOWN
    paths = [json.dumps(error.get("path")) for error in answer.errors]
    assert len(set(paths)) == len(paths)
    return blamed, code


def _compare_without(proof: Proof, source: str, code: str, answer: Answer) -> None:
    known = PEOPLE["jane"]
    expected = proof.expect.customer(known, missing=source, code=code, profile=jane_without(source))
    proof.tally.customer("jane", expected, answer.partial["customer"])
