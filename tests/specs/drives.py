"""Makes each adapter send every request that it can: all keys, parts, kinds, pages and cursors, and hostile values."""

from __future__ import annotations

import copy
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from adapters.base import Adapter, AdapterType, Call, Changes, KeyType, MatchKey, Owner, Position, Window
from adapters.crm.hubspot import adapter as HUBSPOT
from adapters.email.mailchimp import adapter as MAILCHIMP
from adapters.errors import SourceRejected
from adapters.records import RecordKind
from adapters.support.zendesk import adapter as ZENDESK
from tests.specs.wire import Exchange, Wire
from tests.specs.worlds import CROWD_PHONE, TIE, Crowded

NONE: frozenset[str] = frozenset()
STEPS = 40
WRONG: dict[str, tuple[str, str, Any]] = {
    "contacts": ("POST", "/crm/v3/objects/contacts/search", {"limit": "many"}),
    "companies": ("POST", "/crm/v3/objects/companies/batch/read?archived=perhaps", {"inputs": "all"}),
    "associations": ("POST", "/crm/v4/associations/contacts/companies/batch/read", {"inputs": [{"id": 7}]}),
    "support": ("GET", "/api/v2/incremental/users/cursor?start_time=yesterday", None),
    "marketing": ("GET", "/3.0/lists?count=many", None),
}
"""For each document a request that it forbids."""
HOSTILE = (
    "", " ", '"', "'", "\\", "*", "\n", "\x00", "\ud800", "-", "0", "null", "[]", "{}", "%00", "%2e%2e%2f", "../../users",
    "?per_page=1&x=y#z", "a OR email:*", 'a" type:ticket "', "'; DROP TABLE contacts;--", "<script>alert(1)</script>",
    "a,b", "a b", "Zoë Müller-Łukasz", "山田 太郎", "محمد", "𝔘𝔫𝔦", "x" * 400, "9" * 30, "+49", "+" + "1" * 40,
    "{{7*7}}", "${x}", "a\r\nx-injected: 1", "\u202e\u200b",
)  # fmt: skip


def settings_of(kind: AdapterType, **values: Any) -> Any:
    """The adapter's settings with waits that a busy machine needs, and without repeats that would hide a refusal."""
    waits = {"call_timeout": 100.0, "read_timeout": 60.0, "connect_timeout": 20.0, "retries": 0}
    return kind.settings(**{**waits, **values})


def call() -> Call:
    return Call(deadline=time.monotonic() + 110, correlation_id="specs")


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def keys_of(adapter: AdapterType, values: Mapping[KeyType, Sequence[str]]) -> list[MatchKey]:
    """The given values as keys; every type that the adapter declares must be among them."""
    assert set(values) == set(adapter.manifest.lookups), "a declared key type is not tried"
    return [MatchKey(type, value) for type, some in values.items() for value in some]


async def find_each_way(adapter: Adapter, keys: Sequence[MatchKey]) -> None:
    """Each key alone, all of each type, and all at once; then every hostile value as every type, alone and together.

    A value that no request can carry may be refused before anything is sent.
    """
    for key in keys:
        await adapter.find([key], call())
    types = list(dict.fromkeys(key.type for key in keys))
    for type in types:
        await adapter.find([key for key in keys if key.type is type], call())
    await adapter.find(keys, call())
    for type in types:
        hostile = [MatchKey(type, value) for value in HOSTILE]
        if type is KeyType.EMAIL:
            hostile += [MatchKey(type, f"{value}@example.com") for value in HOSTILE]
        sendable = [key for key in hostile if await _tried(adapter, key)]
        await adapter.find(sendable, call())
        await adapter.find([*sendable, *keys], call())


async def read_each_way(adapter: Adapter, ids: Sequence[str], parts: frozenset[str]) -> None:
    """One and many ids, known and unknown and hostile ones, with and without the costly parts."""
    for some in (NONE, parts):
        await adapter.read(ids[:1], some, call())
        await adapter.read([*ids, "999999999"], some, call())
        await adapter.read([value for value in HOSTILE if value.isprintable()], some, call())


async def page_each_way(
    adapter: Adapter, kind: RecordKind, owners: Sequence[Owner], positions: Sequence[Position], deepest: int
) -> None:
    """First and later windows, short and deep, for one owner and for all; and owners that do not exist."""
    parts = adapter.manifest.kinds[kind].parts
    strangers = [Owner(ref=value) for value in ("999999999", "", "../x", "a b", "9" * 30)]
    for some in {NONE, parts}:
        for before in (None, *positions):
            for limit in (1, 20):
                await adapter.page(kind, owners, Window(limit=limit, before=before), some, call())
            await adapter.page(kind, owners[:1], Window(limit=deepest, before=before), some, call())
        await adapter.page(kind, [*owners, *strangers], Window(limit=5), some, call())


async def follow_changes(adapter: Adapter, kind: RecordKind) -> int:
    """From the beginning to the end, and once more from the last cursor; gives the number of steps."""
    cursor, steps = None, 0
    while steps < STEPS:
        step: Changes = await adapter.changes(kind, cursor, call())
        cursor, steps = step.cursor, steps + 1
        if step.done:
            await adapter.changes(kind, cursor, call())
            return steps
    raise AssertionError(f"the changes of {kind.value} do not end in {STEPS} steps")


async def _tried(adapter: Adapter, key: MatchKey) -> bool:
    try:
        await adapter.find([key], call())
    except SourceRejected as error:
        if "not sent" in error.detail:
            return False
        raise
    return True


async def drive_hubspot(wire: Wire, endpoint: Mapping[str, str], crowd: Crowded) -> None:
    """Contacts, their companies, and changes with a tie that is longer than a page."""
    settings = settings_of(
        HUBSPOT, token=SecretStr(endpoint["token"]), base_url=wire.vendor.address, default_country="DE",
        searches_per_second=1_000, external_ids={"webshop_id": "shop"},
    )  # fmt: skip
    adapter = HUBSPOT.build("crm", settings, wire)
    contacts = list(crowd.world.contacts)
    await adapter.check(call())
    keys = keys_of(
        HUBSPOT,
        {
            KeyType.EMAIL: [c.properties.get("email", "").lower() for c in contacts[:130]],
            KeyType.PHONE: [CROWD_PHONE, "+493090182017", "+48221234567"],
            KeyType.CUSTOMER_NUMBER: [c.id for c in contacts[:3]],
            KeyType.NAME: ["Ada Yilmaz", "Crowd", "Jürgen Müller"],
        },
    )
    await find_each_way(adapter, [key for key in keys if key.type is not KeyType.EMAIL] + keys[:4])
    await adapter.find(keys[:130], call())
    ids = [contact.id for contact in contacts[:105]]
    await read_each_way(adapter, ids, frozenset({"account"}))
    wire.alter = _more_companies()
    await adapter.read(ids[:5], frozenset({"account"}), call())
    wire.alter = None
    assert await follow_changes(adapter, RecordKind.PROFILE) > 4
    await adapter.aclose()


def _more_companies() -> Callable[[Exchange], Any]:
    """Once, an answer that says a contact has further companies, which the sandbox's never have."""
    left = [1]

    def alter(exchange: Exchange) -> Any:
        if "associations" not in exchange.url.path or not left:
            return None
        left.pop()
        body = copy.deepcopy(exchange.answer)
        for result in body["results"]:
            for to in result["to"]:
                to["associationTypes"] = to["associationTypes"][1:]
            result["paging"] = {"next": {"after": "500", "link": "?after=500"}}
        return exchange.status, body

    return alter


async def drive_zendesk(wire: Wire, endpoint: Mapping[str, str], crowd: Crowded) -> None:
    """Users, organizations, tickets up to the search's cap within one second, comments, both exports."""
    settings = settings_of(
        ZENDESK, base_url=wire.vendor.address, email=endpoint["email"], api_token=SecretStr(endpoint["token"]),
        default_country="DE", exports_per_minute=1_000,
    )  # fmt: skip
    adapter = ZENDESK.build("support", settings, wire)
    await adapter.check(call())
    users = [user for user in crowd.world.users if user.role == "end-user"]
    other, _ = crowd.user_with_second_address()
    keys = keys_of(
        ZENDESK,
        {
            KeyType.EMAIL: [other, *(u.email.lower() for u in users[:120] if u.email)],
            KeyType.PHONE: [CROWD_PHONE, "+493090182017", "+48221234567"],
            KeyType.CUSTOMER_NUMBER: [u.id for u in users[:3]],
            KeyType.TICKET_NUMBER: [crowd.talk.id, f"#{crowd.tied[0].id}", "999999999"],
            KeyType.NAME: ["Ada Yilmaz", "Crowd", "Jürgen Müller"],
        },
    )
    emails = [key for key in keys if key.type is KeyType.EMAIL]
    await find_each_way(adapter, [key for key in keys if key.type is not KeyType.EMAIL] + emails[:4])
    await adapter.find(emails, call())
    await read_each_way(adapter, [user.id for user in users[:105]], frozenset({"account"}))
    owners = [Owner(ref=crowd.requester.id), *(Owner(ref=user.id) for user in users[:104])]
    places = [Position(moment(TIE), ""), Position(moment(TIE + 1), crowd.talk.id)]
    await page_each_way(adapter, RecordKind.TICKET, owners, places, 60)
    talks = [Owner(ref=crowd.talk.id), *(Owner(ref=ticket.id) for ticket in list(crowd.world.tickets)[:3])]
    newest = crowd.talk.comments[-50]
    places = [Position(moment(newest.created), newest.id)]
    await page_each_way(adapter, RecordKind.COMMENT, talks, places, 200)
    assert await follow_changes(adapter, RecordKind.PROFILE) >= 1
    assert await follow_changes(adapter, RecordKind.TICKET) > 1
    await adapter.aclose()


async def drive_mailchimp(wire: Wire, endpoint: Mapping[str, str], crowd: Crowded) -> None:
    """One account three times: all its audiences, one that is named, and one whose feed takes only hashes."""
    root = f"{wire.vendor.address}/3.0"
    members = list(crowd.world.members)
    keys = keys_of(
        MAILCHIMP,
        {
            KeyType.EMAIL: [member.email.lower() for member in members[:12]],
            KeyType.CUSTOMER_NUMBER: [member.id for member in members[:3]],
            KeyType.NAME: ["Ada Yilmaz", "Jürgen Müller"],
        },
    )
    owners = [Owner(ref=crowd.reader.id), *(Owner(ref=member.id) for member in members[:10])]
    async for adapter in _mailchimps(wire, root, endpoint):
        await adapter.check(call())
        await find_each_way(adapter, keys)
        await read_each_way(adapter, [member.id for member in members[:12]], NONE)
        places = [Position(moment(TIE + 1_100), ""), Position(moment(TIE + 2), "")]
        await page_each_way(adapter, RecordKind.EMAIL_EVENT, owners, places, 60)
        assert await follow_changes(adapter, RecordKind.PROFILE) > 3
    settings = settings_of(MAILCHIMP, api_key=SecretStr(endpoint["key"]), base_url=root)
    adapter = MAILCHIMP.build("email", settings, wire)
    wire.alter = _no_feed_by(crowd.reader.id)
    await adapter.page(RecordKind.EMAIL_EVENT, owners[:1], Window(limit=80), NONE, call())
    wire.alter = None
    await adapter.aclose()


async def _mailchimps(wire: Wire, root: str, endpoint: Mapping[str, str]) -> AsyncIterator[Adapter]:
    own: dict[str, Any] = {"base_url": root, "api_key": SecretStr(endpoint["key"]), "page_size": 25}
    audiences: list[dict[str, Any]] = [{}, {"list_ids": (endpoint["list_id"],)}]
    for more in audiences:
        adapter = MAILCHIMP.build("email", settings_of(MAILCHIMP, **own, **more), wire)
        yield adapter
        await adapter.aclose()


def _no_feed_by(contact: str) -> Callable[[Exchange], Any]:
    """Answers that a feed is unknown by contact id: what Mailchimp's description leaves open."""

    def alter(exchange: Exchange) -> Any:
        if exchange.url.path.endswith(f"/{contact}/activity-feed"):
            return 404, {"type": "about:blank", "title": "Resource Not Found", "status": 404, "detail": ""}
        return None

    return alter
