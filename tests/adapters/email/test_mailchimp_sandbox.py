"""The Mailchimp adapter against the sandbox's Mailchimp: the contract, and everybody in it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from adapters.base import Call, KeyType, MatchKey, Owner, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.email.mailchimp import adapter as mailchimp
from adapters.email.mailchimp.client import Mailchimp
from adapters.email.mailchimp.settings import MailchimpSettings
from adapters.records import ConsentState, EmailEvent, RecordKind
from sandbox.build import build
from sandbox.controls import Controls
from sandbox.mailchimp import KEY, LIST_ID, create_app
from sandbox.records import MailMember
from sandbox.world import World

NONE: frozenset[str] = frozenset()
STATES = {
    "subscribed": ConsentState.GRANTED,
    "unsubscribed": ConsentState.WITHDRAWN,
    "pending": ConsentState.PENDING,
}


@pytest.fixture(scope="module")
def world() -> World:
    return build(150, 7)


@pytest.fixture
def transport(world: World) -> httpx.ASGITransport:
    return httpx.ASGITransport(create_app(world, Controls()))


def settings() -> MailchimpSettings:
    fields = {"api_key": KEY, "base_url": "http://sandbox.example/3.0", "list_ids": (LIST_ID,)}
    return MailchimpSettings.model_validate(fields)


def call() -> Call:
    return Call(deadline=time.monotonic() + 60)


def shared(world: World) -> dict[str, set[str]]:
    """The contact ids behind each address."""
    found: dict[str, set[str]] = {}
    for member in world.members:
        found.setdefault(member.email.lower(), set()).add(member.id)
    return found


class TestContract(AdapterContract):
    @pytest_asyncio.fixture
    async def case(self, world: World, transport: httpx.ASGITransport) -> AsyncIterator[ContractCase]:
        alone = shared(world)
        rich = sorted(world.members, key=lambda m: (-len(m.events), m.id))
        rich = [member for member in rich if len(alone[member.email.lower()]) == 1]
        first, second, third = rich[:3]
        reader = Mailchimp("reader", settings(), transport)
        pages = await reader.page(
            RecordKind.EMAIL_EVENT,
            [Owner(ref=member.id) for member in rich[:3]],
            Window(limit=200),
            NONE,
            call(),
        )
        for member in rich[:3]:
            assert len(pages[member.id].records) == len(member.events)
        named = next(member for member in rich if len(str(member.merge.get("LNAME", ""))) >= 3)
        case = ContractCase.over_http(
            mailchimp,
            settings(),
            transport,
            find={
                MatchKey(KeyType.EMAIL, first.email.lower()): frozenset({first.id}),
                MatchKey(KeyType.CUSTOMER_NUMBER, second.id): frozenset({second.id}),
                MatchKey(KeyType.NAME, str(named.merge["LNAME"])): frozenset({named.id}),
            },
            find_calls=6,  # one for each key, the suite's unknown ones too
            profiles={member.id: {"given_name": given_name(member)} for member in (first, second, third)},
            owners={
                RecordKind.EMAIL_EVENT: {
                    Owner(ref=ref): tuple(record.id for record in page.records) for ref, page in pages.items()
                }
            },
        )
        yield case
        await case.adapter.aclose()


def given_name(member: MailMember) -> str | None:
    return str(member.merge.get("FNAME") or "").strip() or None


async def test_everybody_is_found_by_address_and_read_as_written(
    world: World, transport: httpx.ASGITransport
) -> None:
    source = Mailchimp("news", settings(), transport)
    members = list(world.members)
    keys = {member.id: MatchKey(KeyType.EMAIL, member.email.lower()) for member in members}
    found = await source.find(list(keys.values()), call())
    profiles = await source.read([member.id for member in members], NONE, call())
    for member in members:
        if len(shared(world)[member.email.lower()]) == 1:
            assert [p.id for p in found[keys[member.id]].profiles] == [member.id]
        profile = profiles[member.id]
        assert [email.value for email in profile.emails] == [member.email]
        assert profile.given_name == given_name(member)
        marketing = [c.state for c in profile.consents if (c.purpose, c.channel) == ("marketing", "email")]
        assert marketing == ([STATES[member.status]] if member.status in STATES else [])
    await source.aclose()


async def test_everybodys_events_come_and_all_changes_are_listed(
    world: World, transport: httpx.ASGITransport
) -> None:
    source = Mailchimp("news", settings().model_copy(update={"page_size": 40}), transport)
    members = list(world.members)
    owners = [Owner(ref=member.id) for member in members]
    pages = await source.page(RecordKind.EMAIL_EVENT, owners, Window(limit=500), NONE, call())
    for member in members:
        records = [record for record in pages[member.id].records if isinstance(record, EmailEvent)]
        assert [int(r.at.timestamp()) for r in records] == sorted((e.at for e in member.events), reverse=True)
    seen, cursor, done = set[str](), None, False
    while not done:
        step = await source.changes(RecordKind.PROFILE, cursor, call())
        seen, cursor, done = seen | {record.id for record in step.records}, step.cursor, step.done
    assert seen == {member.id for member in members}
    await source.aclose()


@pytest.mark.parametrize("list_ids", [(), (LIST_ID,)])
async def test_check_counts_audiences_and_members(
    world: World, transport: httpx.ASGITransport, list_ids: tuple[str, ...]
) -> None:
    source = Mailchimp("news", settings().model_copy(update={"list_ids": list_ids}), transport)
    subscribed = sum(member.status == "subscribed" for member in world.members)
    assert await source.check(call()) == f"Mailchimp Marketing API 3.0, 1 audience, {subscribed} members"
    await source.aclose()
