"""The Request Tracker adapter: the contract on a real server's recorded answers, its mapping, queries and numbers of calls."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import msgspec
import pytest

import adapters.support.request_tracker
from adapters.base import Call, KeyType, MatchKey, Owner, Window
from adapters.contract import AdapterContract, ContractCase, ReplayTransport
from adapters.errors import BadPayload, SourceAuthFailed, SourceRejected
from adapters.records import AuthorRole, RecordKind, TicketStatus
from adapters.support.request_tracker import adapter as request_tracker
from adapters.support.request_tracker import models, queries
from adapters.support.request_tracker.client import RequestTrackerAdapter
from adapters.support.request_tracker.mapping import Mapper
from tests.adapters.support import request_tracker_scenario as scenario

NONE: frozenset[str] = frozenset()
BASE = "https://rt.acme.example"
FIXTURES = Path(adapters.support.request_tracker.__file__).with_name("fixtures")
MAPPER = Mapper(source="rt", web_url=BASE, statuses={"waiting": TicketStatus.ON_HOLD}, max_body_chars=100)


def fixture(name: str, into: Any) -> Any:
    return msgspec.json.decode((FIXTURES / f"{name}.json").read_bytes(), type=into)


def call(seconds: float = 20.0) -> Call:
    return Call(deadline=time.monotonic() + seconds)


class TestContractOnRecordedAnswers(AdapterContract):
    @pytest.fixture
    async def case(self) -> AsyncIterator[ContractCase]:
        replay = ReplayTransport(scenario.RECORDED)
        case = scenario.contract_case(
            scenario.recorded_facts(), replay, scenario.settings(BASE, "root", "x" * 12)
        )
        await case.adapter.check(call())  # reads who is an agent
        yield case
        await case.adapter.aclose()


# --- mapping --------------------------------------------------------------------------------------------------------


def test_a_user_is_a_profile() -> None:
    ada, ben, _, _ = fixture("users", list[models.User])
    profile = MAPPER.profile(ada, with_account=True)
    assert (profile.id, profile.full_name, profile.language, profile.country) == (
        "41",
        "Ada O'Neil",
        "pt-BR",
        "DE",
    )
    assert [(p.label, p.value) for p in profile.phones] == [
        ("mobile", "+49 151 23456789"),
        ("work", "030 / 901820-01"),
    ]
    assert [e.value for e in profile.emails] == ["Ada@Example.com"]
    assert (
        profile.addresses[0].street == "Hauptstr. 1\nHinterhaus" and profile.addresses[0].postcode == "10115"
    )
    assert profile.account is not None and profile.account.name == "Neil & Co"
    assert profile.url == f"{BASE}/User/Summary.html?id=41"
    assert MAPPER.profile(ada).account is None
    bare = MAPPER.profile(ben)
    assert (bare.id, bare.full_name, bare.emails, bare.updated_at, bare.country) == (
        "42",
        None,
        (),
        None,
        None,
    )


def test_a_ticket_belongs_to_each_requestor_who_is_asked_for() -> None:
    first = fixture("tickets", list[models.Ticket])[0]
    assert [t.owner for t in MAPPER.tickets(first)] == ["41", "42"]
    assert [t.owner for t in MAPPER.tickets(first, ["42", "99", "60"])] == ["42"]
    ticket = MAPPER.tickets(first)[0]
    assert (ticket.number, ticket.subject, ticket.queue, ticket.priority) == (
        "7",
        'It\'s "broken"',
        "General",
        "50",
    )
    assert ticket.url == f"{BASE}/Ticket/Display.html?id=7"
    assert ticket.at == datetime(2026, 1, 10, 10, tzinfo=UTC)


def test_statuses_of_any_lifecycle() -> None:
    tickets = [t for one in fixture("tickets", list[models.Ticket]) for t in MAPPER.tickets(one, ["41"])]
    assert {t.id: (t.status, t.solved_at is not None) for t in tickets} == {
        "7": (TicketStatus.PENDING, False),
        "8": (TicketStatus.SOLVED, True),
        "9": (TicketStatus.CLOSED, True),
        "10": (TicketStatus.ON_HOLD, False),
        "11": (TicketStatus.SOLVED, True),
    }


def test_entries_say_who_spoke_and_to_whom() -> None:
    raw = json.loads((FIXTURES / "entries.json").read_text())
    entries = msgspec.convert(raw["transactions"], list[models.Transaction])
    parts = msgspec.convert(raw["attachments"], list[models.Attachment])
    comments = [
        MAPPER.comment(e, [p for p in parts if str(p.transaction_id) == str(e.id)], frozenset({"sam"}))
        for e in entries
    ]
    assert [(c.role, c.author, c.public, c.body) for c in comments] == [
        (AuthorRole.CUSTOMER, "Ada O'Neil", True, "Hello there"),
        (AuthorRole.AGENT, "Sam", True, "Size M"),
        (AuthorRole.AGENT, "Sam Agent", False, "She always asks"),
        (AuthorRole.SYSTEM, "The RT System itself", True, None),
        (AuthorRole.SYSTEM, None, True, None),
    ]
    assert all(c.owner == "7" for c in comments)
    assert comments[1].url == f"{BASE}/Ticket/Display.html?id=7#txn-502"


# --- queries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["it's", 'a"b', "back\\slash", "' OR id > 0 OR Subject = '", "\\' OR 1=1"])
def test_literals_end_where_they_should(value: str) -> None:
    written = queries.literal(value)
    body = re.fullmatch(r"'((?:[^'\"\\]|\\.)*)'", written, re.DOTALL)
    assert body is not None
    assert re.sub(r"\\(.)", r"\1", body[1]) == value


@pytest.mark.parametrize("value", ["", "0", "007", "-1", "1 OR 1", "١٢", "4294967296", "9" * 30])
def test_what_is_no_number_is_never_asked(value: str) -> None:
    assert not queries.number(value)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("+49 30 90182001", True),
        ("0049-30-901820-01", True),
        ("030 / 901820-01", True),
        ("(030) 90 18 20 01", True),
        ("901820-01", False),
        ("+48 30 90182001", False),
        ("030 901820011", False),
    ],
)
def test_phones_are_compared_as_numbers(written: str, same: bool) -> None:
    user = models.User(id=1, work_phone=written)
    assert queries.has_phone(user, "+493090182001", "DE") == same


def test_national_numbers_need_a_country() -> None:
    assert not queries.has_phone(models.User(id=1, home_phone="030 90182001"), "+493090182001", None)


def test_a_bound_is_high_enough_for_every_zone() -> None:
    query = queries.tickets_of(["7"], datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC))
    assert query == "(Requestor.id = 7) AND Created <= '2026-01-01 14:00:00'"


# --- numbers of calls -----------------------------------------------------------------------------------------------


class BigServer(httpx.AsyncBaseTransport):
    """A server where every user exists, with one ticket and one entry each; `log` holds the paths that were asked."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.created = "2026-01-10T10:00:00Z"
        self.agents = [{"id": "sam", "type": "user"}]
        self.privileged = [{"id": 4}]
        user = json.loads((FIXTURES / "users.json").read_text())[0]
        self._user = {
            name: value for name, value in user.items() if name not in ("id", "Name", "EmailAddress")
        }
        self._ticket = json.loads((FIXTURES / "tickets.json").read_text())[0]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/REST/2.0/")
        self.log.append(path)
        items = self._items(path, await request.aread(), dict(request.url.params))
        body = (
            {"Members": self.agents, "id": 4}
            if path == "group/4"
            else {"items": items, "page": 1, "pages": 1}
        )
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))

    def _items(self, path: str, content: bytes, params: dict[str, str]) -> list[Any]:
        if path == "tickets":
            query = parse_qs(content.decode())["query"][0]
            return [self._one_ticket(n) for n in re.findall(r"\bid = (\d+)", query)]
        if path == "transactions":
            return [
                {
                    "id": n,
                    "Type": "Create",
                    "ObjectId": n,
                    "Created": self.created,
                    "Creator": self._one_user(n),
                }
                for n in re.findall(r"ObjectId = (\d+)", params["query"])
            ]
        conditions = json.loads(content) if content else []
        values = {
            c["field"]: [d["value"] for d in conditions if d["field"] == c["field"]] for c in conditions
        }
        if path == "attachments":
            return [{"id": n, "TransactionId": n, "Content": "x"} for n in values["TransactionId"]]
        if path == "groups":
            return [
                {"id": n, "Instance": self._one_user(n)} for n in values.get("Instance", [])
            ] or self.privileged
        return [self._one_user(re.sub(r"\D", "", v)) for v in values.get("EmailAddress", [])]

    def _one_user(self, number: str) -> Any:
        return {**self._user, "id": number, "Name": f"user{number}", "EmailAddress": f"p{number}@example.com"}

    def _one_ticket(self, number: str) -> Any:
        return {**self._ticket, "id": number, "Created": self.created, "Requestor": [self._one_user(number)]}


@pytest.fixture
def server() -> BigServer:
    return BigServer()


@pytest.fixture
async def adapter(server: BigServer) -> AsyncIterator[RequestTrackerAdapter]:
    made: Any = request_tracker.build("rt", scenario.settings(BASE, "root", "x", retries=0), server)
    yield made
    await made.aclose()


@pytest.mark.parametrize("customers", [1, 50])
async def test_calls_for_one_and_for_fifty_customers(
    adapter: RequestTrackerAdapter, server: BigServer, customers: int
) -> None:
    ids = [str(1000 + i) for i in range(customers)]
    assert len(await adapter.read(ids, frozenset({"account"}), call())) == customers
    assert server.log == ["groups", "groups", "group/4"]  # the last two only every ten minutes
    server.log.clear()
    found = await adapter.find([MatchKey(KeyType.EMAIL, f"p{i}@example.com") for i in ids], call())
    assert all(len(f.profiles) == 1 for f in found.values()) and server.log == ["users"]
    server.log.clear()
    found = await adapter.find([MatchKey(KeyType.TICKET_NUMBER, i) for i in ids], call())
    assert all(len(f.profiles) == 1 for f in found.values()) and server.log == ["tickets"]
    server.log.clear()
    owners = [Owner(ref=i) for i in ids]
    pages = await adapter.page(RecordKind.TICKET, owners, Window(limit=10), NONE, call())
    assert all(len(p.records) == 1 and not p.has_more for p in pages.values()) and server.log == ["tickets"]
    server.log.clear()
    pages = await adapter.page(RecordKind.COMMENT, owners, Window(limit=10), NONE, call())
    assert all(len(p.records) == 1 for p in pages.values()) and server.log == ["transactions", "attachments"]


class Switchboard(BigServer):
    """Everybody has the same number; a page of tickets shows one of those who are not left out."""

    def __init__(self, people: int) -> None:
        super().__init__()
        self._people = [str(i) for i in range(1, people + 1)]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/tickets"):
            return await super().handle_async_request(request)
        self.log.append("tickets")
        left_out = set(re.findall(r"id != (\d+)", parse_qs((await request.aread()).decode())["query"][0]))
        rest = [one for one in self._people if one not in left_out]
        body = {"items": [self._one_ticket(one) for one in rest[:1]], "page": 1, "pages": max(1, len(rest))}
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))


@pytest.mark.parametrize(("people", "found", "truncated"), [(1, 1, False), (3, 3, False), (9, 5, True)])
async def test_a_busy_number_does_not_hide_the_others_who_have_it(
    people: int, found: int, truncated: bool
) -> None:
    made = request_tracker.build("rt", scenario.settings(BASE, "root", "x"), Switchboard(people))
    key = MatchKey(KeyType.PHONE, "+4915123456789")
    answer = (await made.find([key], call()))[key]
    assert (len(answer.profiles), answer.truncated) == (found, truncated)
    await made.aclose()


# --- errors and settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["soon", "", "2026-13-45T00:00:00Z", "1970-01-01T00:00:00Z"])
async def test_a_time_that_cannot_be_read_is_a_bad_payload(
    adapter: RequestTrackerAdapter, server: BigServer, written: str
) -> None:
    server.created = written
    for kind in (RecordKind.TICKET, RecordKind.COMMENT):
        with pytest.raises(BadPayload):
            await adapter.page(kind, [Owner(ref="7")], Window(limit=1), NONE, call())


async def test_who_cannot_see_groups_is_told_so(adapter: RequestTrackerAdapter, server: BigServer) -> None:
    server.privileged = []
    with pytest.raises(SourceAuthFailed):
        await adapter.read(["7"], NONE, call())


async def test_agents_are_no_customers(adapter: RequestTrackerAdapter, server: BigServer) -> None:
    server.agents = [{"id": "USER7", "type": "user"}]
    assert set(await adapter.read(["7", "8"], NONE, call())) == {"8"}


@pytest.mark.parametrize(
    "cursor", ["", "x", "log:", "log:1:2", "list:1", "log:-1", "log:1 OR 1=1", "list:1:²"]
)
async def test_a_foreign_cursor_is_refused(
    adapter: RequestTrackerAdapter, server: BigServer, cursor: str
) -> None:
    with pytest.raises(SourceRejected):
        await adapter.changes(RecordKind.TICKET, cursor, call())
    assert server.log == []


@pytest.mark.parametrize(
    "more",
    [
        {"username": None, "password": None},
        {"token": "t"},
        {"password": None},
        {"base_url": "rt.acme.example"},
        {"base_url": f"{BASE}/REST/2.0"},
        {"base_url": "https://u:p@rt.acme.example"},
        {"statuses": {"waiting": "nonsense"}},
    ],
)
def test_settings_that_cannot_work_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        scenario.settings(**({"base_url": BASE, "username": "u", "password": "p"} | more))


async def test_a_token_is_sent_as_rt_wants_it() -> None:
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(401)

    settings = request_tracker.settings.model_validate({"base_url": f"{BASE}/rt", "token": "1-14-abc"})
    made = request_tracker.build("rt", settings, httpx.MockTransport(handler))
    with pytest.raises(SourceAuthFailed):
        await made.check(call())
    assert seen == ["token 1-14-abc"]
    await made.aclose()
