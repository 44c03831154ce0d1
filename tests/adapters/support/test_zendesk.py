"""The Zendesk adapter: the contract, its mapping, its numbers of calls, and the streams that are hard to page."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.base import Call, KeyType, MatchKey, Owner, Position, Window
from adapters.contract.case import ContractCase
from adapters.contract.suite import AdapterContract
from adapters.errors import BadPayload, SourceAuthFailed, SourceRateLimited, SourceRejected
from adapters.records import AuthorRole, RecordKind, TicketStatus
from adapters.support.zendesk import adapter as zendesk
from adapters.support.zendesk import search
from adapters.support.zendesk.client import ZendeskAdapter
from adapters.support.zendesk.settings import ZendeskSettings
from tests.adapters.support.zendesk_server import EMAIL, TOKEN, ZendeskServer

NONE: frozenset[str] = frozenset()
BASE = "https://acme.example"


def settings(**more: Any) -> ZendeskSettings:
    given = {"base_url": BASE, "email": EMAIL, "api_token": TOKEN, "default_country": "DE", "retries": 0}
    return ZendeskSettings.model_validate(given | {"exports_per_minute": 1000} | more)


def call(seconds: float = 20.0) -> Call:
    return Call(deadline=time.monotonic() + seconds)


def email(value: str) -> MatchKey:
    return MatchKey(KeyType.EMAIL, value)


@pytest.fixture
def server() -> ZendeskServer:
    return ZendeskServer()


@pytest.fixture
async def adapter(server: ZendeskServer) -> AsyncIterator[ZendeskAdapter]:
    made = zendesk.build("help", settings(), server)
    yield made  # type: ignore[misc]
    await made.aclose()


class TestContract(AdapterContract):
    @pytest.fixture
    async def case(self, server: ZendeskServer) -> AsyncIterator[ContractCase]:
        made = ContractCase.over_http(
            zendesk,
            settings(),
            server,
            find={
                email("maria.kowalska@example.com"): frozenset({"9001"}),
                email("j.mueller@old.example"): frozenset({"9002"}),
                MatchKey(KeyType.PHONE, "+48221234567"): frozenset({"9001"}),
                MatchKey(KeyType.PHONE, "+493090182001"): frozenset({"9002", "9003"}),
                MatchKey(KeyType.TICKET_NUMBER, "101"): frozenset({"9001"}),
                MatchKey(KeyType.CUSTOMER_NUMBER, "9003"): frozenset({"9003"}),
                MatchKey(KeyType.NAME, "kowalska maria"): frozenset({"9001"}),
            },
            # addresses, two identities, phones, tickets and their requesters, customer numbers, two names
            find_calls=9,
            profiles={
                "9001": {"full_name": "Maria Kowalska", "language": "pl", "customer_number": "9001"},
                "9002": {"full_name": "Jörg Müller", "account": None},
                "9003": {"emails": ()},
            },
            owners={
                RecordKind.TICKET: {
                    Owner(ref="9001"): ("103", "102", "101"),
                    Owner(ref="9002"): ("104", "99"),
                    Owner(ref="9003"): ("105",),
                },
                RecordKind.COMMENT: {
                    Owner(ref="101"): ("5006", "5005", "5004", "5003", "5002", "5001"),
                    Owner(ref="102"): ("6001",),
                    Owner(ref="103"): (),
                },
            },
        )
        server.comments["102"] = [dict(server.comments["101"][0], id=6001)]
        yield made
        await made.adapter.aclose()


# --- mapping --------------------------------------------------------------------------------------------------------


async def test_a_profile_holds_what_zendesk_says(adapter: ZendeskAdapter) -> None:
    profile = (await adapter.read(["9001"], frozenset({"account"}), call()))["9001"]
    assert profile.url == f"{BASE}/agent/users/9001"
    assert [(e.value, e.primary) for e in profile.emails] == [("Maria.Kowalska@Example.com", True)]
    assert [(p.value, p.primary) for p in profile.phones] == [("+48 22 123 45 67", True)]
    assert [(x.system, x.value) for x in profile.external_ids] == [("help.external_id", "1042")]
    assert profile.account is not None and profile.account.name == "Kowalska GmbH"
    assert profile.account.url == f"{BASE}/agent/organizations/701"
    assert profile.updated_at == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


async def test_blank_text_and_nulls_say_nothing(adapter: ZendeskAdapter) -> None:
    profile = (await adapter.read(["9004"], NONE, call()))["9004"]
    assert (profile.full_name, profile.language, profile.phones, profile.external_ids) == (None, None, (), ())
    assert [e.value for e in profile.emails] == ["lonely@example.net"]


async def test_agents_and_deleted_users_are_no_customers(adapter: ZendeskAdapter) -> None:
    assert await adapter.read(["9005", "9006"], NONE, call()) == {}
    keys = [email("sam@acme.example"), email("gone@example.com"), MatchKey(KeyType.CUSTOMER_NUMBER, "9006")]
    assert all(not found.profiles for found in (await adapter.find(keys, call())).values())


async def test_tickets_in_every_status(adapter: ZendeskAdapter, server: ZendeskServer) -> None:
    pages = await adapter.page(
        RecordKind.TICKET, [Owner(ref=r) for r in ("9001", "9002", "9003")], Window(limit=10), NONE, call()
    )
    tickets = {t.id: t for page in pages.values() for t in page.records}
    assert {i: t.status for i, t in tickets.items()} == {  # type: ignore[attr-defined]
        "101": TicketStatus.ON_HOLD,
        "102": TicketStatus.NEW,
        "103": TicketStatus.SOLVED,
        "99": TicketStatus.CLOSED,
        "104": TicketStatus.PENDING,
        "105": TicketStatus.OPEN,
    }
    one: Any = tickets["101"]
    assert (one.number, one.subject, one.priority, one.channel) == (
        "101",
        "Where is my order?",
        "high",
        "email",
    )
    assert one.tags == ("shipping", "late") and one.description == "Hello,\n\nI ordered two weeks ago."
    assert one.url == f"{BASE}/agent/tickets/101"
    assert tickets["103"].subject is None  # type: ignore[attr-defined]


async def test_comments_say_who_wrote_them_and_who_may_read_them(adapter: ZendeskAdapter) -> None:
    page = (await adapter.page(RecordKind.COMMENT, [Owner(ref="101")], Window(limit=10), NONE, call()))["101"]
    seen: Any = {c.id: c for c in page.records}
    assert [(c.role, c.author, c.public) for c in (seen["5001"], seen["5002"], seen["5003"])] == [
        (AuthorRole.CUSTOMER, "Maria Kowalska", True),
        (AuthorRole.AGENT, "Sam Agent", False),
        (AuthorRole.AGENT, "Sam Agent", True),
    ]
    assert seen["5001"].body == "Hello,\n\nI ordered two weeks ago & paid."
    assert seen["5003"].body == "It is on its way."
    assert (seen["5004"].role, seen["5004"].author) == (AuthorRole.SYSTEM, None)
    assert (seen["5005"].role, seen["5005"].body) == (AuthorRole.UNKNOWN, None)
    assert all(c.owner == "101" and c.url == f"{BASE}/agent/tickets/101" for c in page.records)


async def test_long_bodies_are_cut(server: ZendeskServer) -> None:
    made = zendesk.build("help", settings(max_body_chars=5), server)
    page = (await made.page(RecordKind.COMMENT, [Owner(ref="101")], Window(limit=10), NONE, call()))["101"]
    seen: Any = {c.id: c for c in page.records}
    assert (seen["5001"].body, seen["5001"].body_truncated) == ("Hello", True)
    assert not seen["5006"].body_truncated
    await made.aclose()


# --- look-ups -------------------------------------------------------------------------------------------------------


async def test_a_second_address_is_found_through_the_identities(
    adapter: ZendeskAdapter, server: ZendeskServer
) -> None:
    key = email("j.mueller@old.example")
    (profile,) = (await adapter.find([key], call()))[key].profiles
    assert [(e.value, e.primary) for e in profile.emails] == [
        ("jorg.muller@example.org", True),
        ("J.Mueller@Old.example", False),
    ]
    assert [p.value for p in profile.phones] == ["030 901820-01", "+4930555000"]
    assert server.paths() == ["users/search", "users/9002/identities"]


async def test_identities_are_read_only_as_often_as_allowed(server: ZendeskServer) -> None:
    made = zendesk.build("help", settings(identity_lookups=0), server)
    key = email("j.mueller@old.example")
    assert (await made.find([key], call()))[key].profiles == ()
    assert server.paths() == ["users/search"]
    await made.aclose()


async def test_a_number_without_country_is_nobodys_number(server: ZendeskServer) -> None:
    """030 901820-01 is Berlin's only in Germany."""
    made = zendesk.build("help", settings(default_country=None), server)
    key = MatchKey(KeyType.PHONE, "+493090182001")
    assert [p.id for p in (await made.find([key], call()))[key].profiles] == ["9003"]
    await made.aclose()


async def test_a_shared_number_is_truncated_and_does_not_hide_others(
    adapter: ZendeskAdapter, server: ZendeskServer
) -> None:
    server.users += [dict(server.users[2], id=20_000 + i, phone="+49301000") for i in range(150)]
    switchboard, direct = MatchKey(KeyType.PHONE, "+49301000"), MatchKey(KeyType.PHONE, "+48221234568")
    found = await adapter.find([switchboard, direct], call())
    assert len(found[switchboard].profiles) == 25 and found[switchboard].truncated
    assert [p.id for p in found[direct].profiles] == ["9007"] and not found[direct].truncated
    assert server.paths() == ["users/search"] * 3


@pytest.mark.parametrize(
    "value",
    [
        'a@b.example" role:admin "',
        "a@b.example\\",
        'x" OR email:*',
        "a@b.example\ntype:ticket",
        "*",
        "role:agent",
    ],
)
def test_keys_stay_literals(value: str) -> None:
    terms = search.terms(email(value), None)
    assert terms == "" or (terms == f'email:"{value}"' and '"' not in value and "\\" not in value)


def test_names_become_plain_words() -> None:
    assert search.words('role:admin "Ana" -María* OR <O\'Neil>') == [
        "role", "admin", "ana", "maría", "or", "o", "neil",
    ]  # fmt: skip


def test_queries_stay_short() -> None:
    keys = [email(f"{'x' * 60}{i}@{'y' * 60}.example") for i in range(100)]
    pieces = list(search.batches(keys, None, 100))
    assert [key for piece in pieces for key in piece] == keys
    assert all(len(" ".join(search.terms(k, None) for k in p)) <= search.MAX_QUERY for p in pieces)


# --- numbers of calls -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("customers", [1, 50])
async def test_calls_for_one_and_for_fifty_customers(
    adapter: ZendeskAdapter, server: ZendeskServer, customers: int
) -> None:
    template, ticket = server.users[0], server.tickets[0]
    server.users = [
        dict(template, id=1000 + i, email=f"p{i}@example.com", organization_id=701) for i in range(customers)
    ]
    server.tickets = [dict(ticket, id=i, requester_id=1000 + i) for i in range(customers)]
    keys = [email(f"p{i}@example.com") for i in range(customers)]
    found = await adapter.find(keys, call())
    assert all(len(f.profiles) == 1 for f in found.values()) and server.paths() == ["users/search"]
    server.log.clear()
    ids = [str(1000 + i) for i in range(customers)]
    assert len(await adapter.read(ids, frozenset({"account"}), call())) == customers
    assert server.paths() == ["users/show_many", "organizations/show_many"]
    server.log.clear()
    pages = await adapter.page(RecordKind.TICKET, [Owner(ref=i) for i in ids], Window(limit=10), NONE, call())
    assert all(len(p.records) == 1 and not p.has_more for p in pages.values())
    assert server.paths() == ["search"]
    server.log.clear()
    numbers = [MatchKey(KeyType.TICKET_NUMBER, f"{i}") for i in range(1, customers + 1)]
    await adapter.find(numbers, call())
    assert len(server.paths()) <= 2


# --- windows --------------------------------------------------------------------------------------------------------


def add_tickets(server: ZendeskServer, owner: int, count: int, *, every: float = 60.0) -> None:
    """Tickets of one owner from 2026-06-01 on, `every` seconds one."""
    start, first = datetime(2026, 6, 1, tzinfo=UTC), 10_000 * (owner % 100) + 1000
    for i in range(count):
        at = (start + timedelta(seconds=int(i * every))).strftime("%Y-%m-%dT%H:%M:%SZ")
        server.tickets.append(dict(server.tickets[0], id=first + i, requester_id=owner, created_at=at))


async def whole_stream(adapter: ZendeskAdapter, owner: str, size: int) -> list[str]:
    ids: list[str] = []
    window = Window(limit=size)
    while True:
        page = (await adapter.page(RecordKind.TICKET, [Owner(ref=owner)], window, NONE, call()))[owner]
        ids += [t.id for t in page.records]
        if not page.has_more:
            return ids
        window = Window(limit=size, before=Position(page.records[-1].at, page.records[-1].id))


def expected(server: ZendeskServer, owner: int) -> list[str]:
    mine = [t for t in server.tickets if t["requester_id"] == owner and t["status"] != "deleted"]
    return [str(t["id"]) for t in sorted(mine, key=lambda t: (t["created_at"], str(t["id"])), reverse=True)]


async def test_a_window_larger_than_the_vendors_page(adapter: ZendeskAdapter, server: ZendeskServer) -> None:
    """The gateway asks for 250 at most; a search gives 100."""
    add_tickets(server, 9007, 300)
    window = Window(limit=250)
    page = (await adapter.page(RecordKind.TICKET, [Owner(ref="9007")], window, NONE, call()))["9007"]
    assert [t.id for t in page.records] == expected(server, 9007)[:250] and page.has_more


async def test_one_busy_owner_costs_the_others_one_page(
    adapter: ZendeskAdapter, server: ZendeskServer
) -> None:
    add_tickets(server, 9007, 5000)
    owners = [Owner(ref=r) for r in ("9001", "9002", "9007")]
    pages = await adapter.page(RecordKind.TICKET, owners, Window(limit=10), NONE, call())
    assert [t.id for t in pages["9007"].records] == expected(server, 9007)[:10] and pages["9007"].has_more
    assert [t.id for t in pages["9001"].records] == expected(server, 9001)
    assert not pages["9001"].has_more and not pages["9002"].has_more
    assert len(server.log) == 2
    assert "requester:9007" not in server.log[1][1]["query"]


async def test_a_stream_longer_than_the_search_cap_is_read_to_its_end(
    adapter: ZendeskAdapter, server: ZendeskServer
) -> None:
    add_tickets(server, 9007, 2300, every=0.7)
    assert await whole_stream(adapter, "9007", 400) == expected(server, 9007)


async def test_one_second_with_more_tickets_than_the_search_cap(
    adapter: ZendeskAdapter, server: ZendeskServer
) -> None:
    add_tickets(server, 9007, 1300, every=0)
    add_tickets(server, 9008, 3, every=60)
    server.tickets[-3]["created_at"] = "2026-05-01T00:00:00Z"
    server.tickets.append(
        dict(server.tickets[0], id=77, requester_id=9007, created_at="2026-05-31T23:59:59Z")
    )
    assert await whole_stream(adapter, "9007", 700) == expected(server, 9007)
    assert "search/export" in server.paths()


async def test_owners_that_cannot_be_cost_no_call(adapter: ZendeskAdapter, server: ZendeskServer) -> None:
    for kind in (RecordKind.TICKET, RecordKind.COMMENT):
        pages = await adapter.page(kind, [Owner(ref="1 OR 2"), Owner(ref="")], Window(limit=1), NONE, call())
        assert [p.records for p in pages.values()] == [(), ()]
    assert server.log == []


# --- changes --------------------------------------------------------------------------------------------------------


async def test_changes_name_what_was_deleted(adapter: ZendeskAdapter) -> None:
    deleted: list[str] = []
    for kind in (RecordKind.PROFILE, RecordKind.TICKET):
        cursor, done = None, False
        while not done:
            step = await adapter.changes(kind, cursor, call())
            deleted += step.deleted
            cursor, done = step.cursor, step.done
    assert deleted == ["9006", "106"]


async def test_a_cursor_goes_on_where_it_stopped(adapter: ZendeskAdapter, server: ZendeskServer) -> None:
    cursor, done = None, False
    while not done:
        step = await adapter.changes(RecordKind.TICKET, cursor, call())
        cursor, done = step.cursor, step.done
    server.tickets.append(dict(server.tickets[0], id=900, updated_at="2026-09-01T00:00:00Z"))
    step = await adapter.changes(RecordKind.TICKET, cursor, call())
    assert [r.id for r in step.records] == ["900"] and step.done
    start = int(server.log[-1][1]["start_time"])
    assert 0 < start <= time.time() - 60


async def test_changes_of_an_empty_account_can_be_resumed(
    adapter: ZendeskAdapter, server: ZendeskServer
) -> None:
    server.tickets = []
    step = await adapter.changes(RecordKind.TICKET, None, call())
    assert step.done and step.records == ()
    again = await adapter.changes(RecordKind.TICKET, step.cursor, call())
    assert again.done and again.cursor == step.cursor


async def test_a_foreign_cursor_is_refused(adapter: ZendeskAdapter, server: ZendeskServer) -> None:
    with pytest.raises(SourceRejected):
        await adapter.changes(RecordKind.TICKET, "not ours", call())
    assert server.log == []


async def test_exports_have_their_own_allowance(server: ZendeskServer) -> None:
    made = zendesk.build("help", settings(exports_per_minute=2), server)
    for _ in range(2):
        await made.changes(RecordKind.TICKET, None, call())
    with pytest.raises(SourceRateLimited) as refused:
        await made.changes(RecordKind.TICKET, None, call(5.0))
    assert refused.value.retry_after is not None and 50 < refused.value.retry_after <= 60
    assert await made.read(["9001"], NONE, call())
    await made.aclose()


# --- errors ---------------------------------------------------------------------------------------------------------


async def test_the_accounts_allowance_is_honoured(adapter: ZendeskAdapter, server: ZendeskServer) -> None:
    server.headers = {"x-rate-limit": "700", "x-rate-limit-remaining": "0", "ratelimit-reset": "30"}
    await adapter.read(["9001"], NONE, call())
    with pytest.raises(SourceRateLimited) as refused:
        await adapter.read(["9001"], NONE, call(5.0))
    assert refused.value.retry_after == pytest.approx(30, abs=2)
    assert len(server.log) == 1


async def test_unreadable_rate_headers_are_ignored(adapter: ZendeskAdapter, server: ZendeskServer) -> None:
    server.headers = {"x-rate-limit-remaining": "0", "ratelimit-reset": "soon"}
    for _ in range(2):
        assert await adapter.read(["9001"], NONE, call(5.0))


async def test_the_anonymous_user_is_a_failed_sign_in(adapter: ZendeskAdapter, server: ZendeskServer) -> None:
    assert await adapter.check(call()) == "Zendesk Support, signed in as admin"
    server.me = {"id": None, "name": "Anonymous user", "role": "end-user"}
    with pytest.raises(SourceAuthFailed):
        await adapter.check(call())


async def test_an_agent_is_told_that_changes_need_an_admin(
    adapter: ZendeskAdapter, server: ZendeskServer
) -> None:
    server.me = {"id": 1, "role": "agent"}
    assert "changes need an admin" in await adapter.check(call())


async def test_a_ticket_without_a_date_is_a_bad_payload(
    adapter: ZendeskAdapter, server: ZendeskServer
) -> None:
    server.tickets = [dict(server.tickets[0], updated_at="2026-01-01T00:00:00Z")]
    server.tickets[0]["status"] = None
    with pytest.raises(BadPayload):
        await adapter.page(RecordKind.TICKET, [Owner(ref="9001")], Window(limit=1), NONE, call())


@pytest.mark.parametrize(
    "base", ["acme.zendesk.com", "https://acme.zendesk.com/api/v2", "https://u:p@acme.example"]
)
def test_the_address_must_be_bare(base: str) -> None:
    with pytest.raises(ValueError, match="like https"):
        settings(base_url=base)
