"""The Zendesk adapter against the sandbox's Zendesk: the contract, and everybody in it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from adapters.base import Call, KeyType, MatchKey, Owner, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.records import AuthorRole, RecordKind
from adapters.support.zendesk import adapter as zendesk
from adapters.support.zendesk.client import ZendeskAdapter
from adapters.support.zendesk.settings import ZendeskSettings
from sandbox.build import build
from sandbox.controls import Controls
from sandbox.records import ZendeskTicket, ZendeskUser
from sandbox.world import World
from sandbox.zendesk import EMAIL, TOKEN, create_app

NONE: frozenset[str] = frozenset()


@pytest.fixture(scope="module")
def world() -> World:
    return build(150, 7)


@pytest.fixture
def transport(world: World) -> httpx.ASGITransport:
    controls = Controls()
    app = create_app(world, controls)
    controls.set_settings({"per_minute": None, "incremental_per_minute": None})
    return httpx.ASGITransport(app)


@pytest.fixture
async def adapter(transport: httpx.ASGITransport) -> AsyncIterator[ZendeskAdapter]:
    made: Any = zendesk.build("help", settings(), transport)
    yield made
    await made.aclose()


def settings() -> ZendeskSettings:
    fields = {
        "base_url": "http://sandbox.example",
        "email": EMAIL,
        "api_token": TOKEN,
        "default_country": "DE",
    }
    return ZendeskSettings.model_validate(fields | {"exports_per_minute": 1000, "retries": 0})


def call() -> Call:
    return Call(deadline=time.monotonic() + 60)


def customers(world: World) -> list[ZendeskUser]:
    return [user for user in world.users if user.role == "end-user"]


def addresses(world: World) -> dict[str, set[str]]:
    """The users behind each address, further addresses included."""
    found: dict[str, set[str]] = defaultdict(set)
    for user in customers(world):
        for identity in user.identities:
            if identity.kind == "email":
                found[identity.value.lower()].add(user.id)
    return found


def streams(world: World) -> dict[str, tuple[str, ...]]:
    """Each customer's tickets, newest first."""
    owned: dict[str, list[ZendeskTicket]] = {user.id: [] for user in customers(world)}
    for ticket in world.tickets:
        owned[ticket.requester].append(ticket)
    return {
        ref: tuple(t.id for t in sorted(some, key=lambda t: (t.created, t.id), reverse=True))
        for ref, some in owned.items()
    }


def thread(ticket: ZendeskTicket) -> tuple[str, ...]:
    return tuple(c.id for c in sorted(ticket.comments, key=lambda c: (c.created, c.id), reverse=True))


class TestContract(AdapterContract):
    @pytest.fixture
    async def case(self, world: World, transport: httpx.ASGITransport) -> AsyncIterator[ContractCase]:
        busiest = sorted(streams(world).items(), key=lambda item: len(item[1]), reverse=True)[:5]
        longest = sorted(world.tickets, key=lambda ticket: len(ticket.comments), reverse=True)[:3]
        known = [user for user in customers(world) if user.email and user.name][:3]
        phone = next(u.phone for u in customers(world) if (u.phone or "").startswith("+49"))
        case = ContractCase.over_http(
            zendesk,
            settings(),
            transport,
            find={
                **{
                    MatchKey(KeyType.EMAIL, a): frozenset(ids)
                    for a, ids in list(addresses(world).items())[:20]
                },
                MatchKey(KeyType.PHONE, str(phone)): frozenset(
                    u.id for u in customers(world) if u.phone == phone
                ),
                MatchKey(KeyType.TICKET_NUMBER, longest[0].id): frozenset({longest[0].requester}),
                MatchKey(KeyType.CUSTOMER_NUMBER, known[0].id): frozenset({known[0].id}),
                MatchKey(KeyType.NAME, known[1].name): frozenset({known[1].id}),
            },
            # addresses with at most 5 identities, phones, tickets and requesters, customer numbers, two names
            find_calls=12,
            profiles={user.id: {"full_name": user.name, "language": user.locale} for user in known},
            owners={
                RecordKind.TICKET: {Owner(ref=ref): ids for ref, ids in busiest},
                RecordKind.COMMENT: {Owner(ref=ticket.id): thread(ticket) for ticket in longest},
            },
        )
        yield case
        await case.adapter.aclose()


async def test_every_address_finds_its_users_and_nobody_else(adapter: ZendeskAdapter, world: World) -> None:
    truth = addresses(world)
    for address, ids in truth.items():
        key = MatchKey(KeyType.EMAIL, address)
        found = (await adapter.find([key], call()))[key]
        assert {profile.id for profile in found.profiles} == ids


async def test_everybodys_tickets_at_once(adapter: ZendeskAdapter, world: World) -> None:
    truth = streams(world)
    owners = [Owner(ref=ref) for ref in truth]
    for limit in (1, 3, 50):
        pages = await adapter.page(RecordKind.TICKET, owners, Window(limit=limit), NONE, call())
        assert {ref: tuple(t.id for t in p.records) for ref, p in pages.items()} == {
            ref: ids[:limit] for ref, ids in truth.items()
        }
        assert all(page.has_more == (len(truth[ref]) > limit) for ref, page in pages.items())


async def test_every_comment_has_its_authors_role(adapter: ZendeskAdapter, world: World) -> None:
    roles = {user.id: user.role for user in world.users}
    tickets = list(world.tickets)[:40]
    pages = await adapter.page(
        RecordKind.COMMENT, [Owner(ref=t.id) for t in tickets], Window(limit=200), NONE, call()
    )
    for ticket in tickets:
        seen: dict[str, Any] = {comment.id: comment for comment in pages[ticket.id].records}
        assert set(seen) == {comment.id for comment in ticket.comments}
        for comment in ticket.comments:
            customer = roles[comment.author] == "end-user"
            assert (seen[comment.id].role is AuthorRole.CUSTOMER) == customer
            assert seen[comment.id].public == comment.public
