"""HubSpot's adapter: payloads to records, keys to contacts in few calls, changes that leave nothing out."""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from pydantic import SecretStr, ValidationError

import adapters.crm.hubspot
from adapters.base import FIND_LIMIT, Adapter, Call, Found, KeyType, MatchKey, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.contract.checks import check_record
from adapters.crm.hubspot import adapter as HUBSPOT
from adapters.crm.hubspot import countries, limits
from adapters.crm.hubspot.cursor import LAG
from adapters.crm.hubspot.settings import HubSpotSettings
from adapters.errors import BadPayload, SourceAuthFailed, SourceRateLimited, SourceRejected
from adapters.kit.pace import Pace
from adapters.kit.phones import e164
from adapters.records import Account, Consent, ConsentState, ExternalId, Preference, RecordKind
from sandbox.build import build
from sandbox.controls import Controls
from sandbox.hubspot import TOKEN as SANDBOX_TOKEN
from sandbox.hubspot import create_app
from sandbox.records import HubSpotContact
from sandbox.world import World
from tests.adapters.crm.portal import Portal, iso

FIXTURES = Path(adapters.crm.hubspot.__file__).parent / "fixtures"
ACCOUNT = frozenset({"account"})
NOTHING: frozenset[str] = frozenset()
TOKEN = "pat-eu1-not-a-real-token"
SEARCH = "/crm/v3/objects/contacts/search"
CONTACTS = "/crm/v3/objects/contacts/batch/read"
COMPANIES = "/crm/v3/objects/companies/batch/read"
ASSOCIATIONS = "/crm/v4/associations/contacts/companies/batch/read"


def call(seconds: float = 30.0) -> Call:
    return Call(deadline=time.monotonic() + seconds, correlation_id="test")


def settings(**more: Any) -> HubSpotSettings:
    return HubSpotSettings(token=SecretStr(TOKEN), searches_per_second=10_000, **more)


def email(value: str) -> MatchKey:
    return MatchKey(KeyType.EMAIL, value)


def phone(value: str) -> MatchKey:
    return MatchKey(KeyType.PHONE, value)


def ids(found: Found) -> list[str]:
    return sorted(profile.id for profile in found.profiles)


def replaying(**fixture_of: str) -> httpx.MockTransport:
    """Answers each path's last word but one ("contacts", "companies") from a fixture."""

    def answer(request: httpx.Request) -> httpx.Response:
        objects = "associations" if "associations" in request.url.path else request.url.path.split("/")[4]
        body = (FIXTURES / f"{fixture_of[objects]}.json").read_bytes()
        return httpx.Response(207 if b'"numErrors"' in body else 200, content=body)

    return httpx.MockTransport(answer)


@pytest.fixture
def portal() -> Portal:
    return Portal()


@pytest.fixture
async def hubspot(portal: Portal) -> AsyncIterator[Adapter]:
    built = HUBSPOT.build("crm", settings(default_country="DE", portal_id="4711"), portal)
    yield built
    await built.aclose()


# --- payloads ---


async def test_a_full_contact_becomes_a_profile() -> None:
    transport = replaying(contacts="contacts", companies="companies", associations="associations")
    options = settings(portal_id="4711", external_ids={"webshop_id": "shop"})
    profiles = await HUBSPOT.build("crm", options, transport).read(["20100000001"], ACCOUNT, call())
    jana = profiles["20100000001"]
    assert (jana.source, jana.given_name, jana.family_name) == ("crm", "Jana", "Vogel")
    assert jana.url == "https://app.hubspot.com/contacts/4711/record/0-1/20100000001"
    assert jana.updated_at == datetime(2026, 9, 18, 14, 5, 59, 1000, tzinfo=UTC)
    assert (jana.birth_date, jana.language, jana.country) == (date(1984, 11, 2), "de-DE", "DE")
    assert [(e.value, e.primary) for e in jana.emails] == [
        ("jana.vogel@nordlicht-optik.example", True),
        ("jana.vogel@post.example", False),
        ("J.Vogel@alt.example", False),
    ]
    assert [(p.value, p.label) for p in jana.phones] == [
        ("+49 (0)30 9018-2001", "phone"),
        ("0151 2345 6789", "mobile"),
    ]
    (address,) = jana.addresses
    assert (address.street, address.postcode, address.city) == ("Hufelandstraße 12", "10407", "Berlin")
    assert (address.region, address.country, address.company) == ("Berlin", "DE", "Nordlicht Optik GmbH")
    assert jana.consents == (
        Consent(purpose="marketing", channel="email", state=ConsentState.WITHDRAWN),
        Consent(purpose="data processing", state=ConsentState.GRANTED),
    )
    assert jana.preferences == (Preference(name="marketing contact", value="no"),)
    assert jana.external_ids == (ExternalId(system="shop", value="W-7781"),)
    assert jana.account == Account(
        id="30200000001",
        name="Nordlicht Optik GmbH",
        industry="MEDICAL_DEVICES",
        employees=140,
        annual_revenue=Decimal("18500000.50"),
        url="https://app.hubspot.com/contacts/4711/record/0-2/30200000001",
    )


async def test_a_sparse_contact_says_nothing_where_hubspot_says_nothing() -> None:
    transport = replaying(contacts="contacts", companies="companies", associations="associations")
    profiles = await HUBSPOT.build("crm", settings(), transport).read(["20100000002"], ACCOUNT, call())
    lukasz = profiles["20100000002"]
    assert (lukasz.given_name, lukasz.family_name, lukasz.account, lukasz.url) == ("Łukasz", None, None, None)
    assert (lukasz.birth_date, lukasz.language, lukasz.country) == (None, "zh-Hans", "PL")
    assert (lukasz.emails, lukasz.consents, lukasz.preferences, lukasz.external_ids) == ((), (), (), ())
    assert [address.country for address in lukasz.addresses] == ["PL"]


async def test_ids_that_are_not_there_are_missing_and_no_error() -> None:
    built = HUBSPOT.build("crm", settings(), replaying(contacts="contacts-207"))
    assert set(await built.read(["20100000003", "20199999999"], NOTHING, call())) == {"20100000003"}


async def test_a_partial_answer_for_any_other_reason_is_an_error() -> None:
    built = HUBSPOT.build("crm", settings(), replaying(contacts="contacts-207-refused"))
    with pytest.raises(SourceRejected) as caught:
        await built.read(["20100000003"], NOTHING, call())
    assert caught.value.detail == "HTTP 207 MISSING_SCOPES"


async def test_a_number_that_is_none_is_a_bad_payload_that_keeps_quiet_about_it(
    portal: Portal, hubspot: Adapter
) -> None:
    portal.put("1")
    portal.put_company("7", name="Nordlicht", numberofemployees="about fifty")
    portal.companies_of["1"] = [("7", True)]
    with pytest.raises(BadPayload) as caught:
        await hubspot.read(["1"], ACCOUNT, call())
    assert "fifty" not in f"{caught.value} {caught.value.detail}"


async def test_the_old_id_of_a_merged_contact_is_not_another_contacts_id() -> None:
    """HubSpot answers for the old id with the contact that it was merged into, which has another id."""
    built = HUBSPOT.build("crm", settings(), replaying(contacts="contacts"))
    assert await built.read(["20100000777"], NOTHING, call()) == {}


# --- find ---


async def test_email_finds_main_and_additional_addresses_in_one_call(
    portal: Portal, hubspot: Adapter
) -> None:
    portal.put("1", email="ada@example.com")
    portal.put("2", email="old@example.com", hs_additional_emails="x@example.com;ADA@example.com")
    portal.put("3", email="adam@example.com")
    keys = [email("ada@example.com"), email("adam@example.com"), email("nobody@example.com")]
    found = await hubspot.find(keys, call())
    assert [ids(found[key]) for key in keys] == [["1", "2"], ["3"], []]
    assert portal.paths == {SEARCH: 1}


@pytest.mark.parametrize(
    ("written", "properties"),
    [
        ("+49 30 90182001", {}),
        ("(030) 90 18 - 20 01", {}),
        ("0049 30 90182001", {}),
        ("030 90182001", {"hs_country_region_code": "DE"}),
    ],
)
async def test_phone_is_found_however_it_is_written(
    portal: Portal, hubspot: Adapter, written: str, properties: dict[str, str]
) -> None:
    portal.put("1", phone=written, hs_searchable_calculated_phone_number="3090182001", **properties)
    key = phone("+493090182001")
    assert ids((await hubspot.find([key], call()))[key]) == ["1"]


@pytest.mark.parametrize(
    "properties",
    [
        {"hs_country_region_code": "TR"},
        {"country": "Türkiye"},
        {"country": "Entenhausen"},  # a country, though nobody knows which
        {"phone": "+48 30 90182001"},
    ],
)
async def test_the_same_digits_in_another_country_are_another_number(
    portal: Portal, hubspot: Adapter, properties: dict[str, str]
) -> None:
    written = {"phone": "030 90182001", "hs_searchable_calculated_phone_number": "3090182001", **properties}
    portal.put("1", **written)
    key = phone("+493090182001")
    assert (await hubspot.find([key], call()))[key] == Found()


async def test_a_shared_key_stops_at_the_limit_and_leaves_its_neighbours_whole(
    portal: Portal, hubspot: Adapter
) -> None:
    for n in range(450):
        portal.put(str(n + 1), email="info@example.com", phone="+49 30 90182000")
    portal.put("900", email="ada@example.com")
    keys = [email("info@example.com"), email("ada@example.com"), email("ben@example.com")]
    found = await hubspot.find(keys, call())
    assert found[keys[0]].truncated and len(found[keys[0]].profiles) == FIND_LIMIT
    assert (ids(found[keys[1]]), found[keys[1]].truncated, found[keys[2]]) == (["900"], False, Found())
    assert portal.paths[SEARCH] <= 5


async def test_keys_of_fifty_customers_take_few_calls(portal: Portal, hubspot: Adapter) -> None:
    for n in range(50):
        portal.put(str(n + 1), email=f"c{n}@example.com", phone=f"+49 30 901820{n:02d}")
    await hubspot.find([email("c0@example.com")], call())
    assert portal.paths == {SEARCH: 1}
    found = await hubspot.find([email(f"c{n}@example.com") for n in range(50)], call())
    assert all(len(one.profiles) == 1 for one in found.values()) and portal.paths == {SEARCH: 2}
    found = await hubspot.find([phone(f"+4930901820{n:02d}") for n in range(50)], call())
    assert all(len(one.profiles) == 1 for one in found.values()) and portal.paths == {SEARCH: 4}
    numbers = [MatchKey(KeyType.CUSTOMER_NUMBER, str(n + 1)) for n in range(50)]
    found = await hubspot.find(numbers, call())
    assert all(len(one.profiles) == 1 for one in found.values()) and portal.paths == {SEARCH: 4, CONTACTS: 1}


async def test_name_finds_by_name_only(portal: Portal, hubspot: Adapter) -> None:
    portal.put("1", firstname="Aylin", lastname="Öztürk")
    portal.put("2", firstname="Ben", lastname="Meyer", company="Öztürk GmbH")
    key = MatchKey(KeyType.NAME, "öztürk")
    assert ids((await hubspot.find([key], call()))[key]) == ["1"]


async def test_what_cannot_be_looked_up_is_refused(hubspot: Adapter) -> None:
    with pytest.raises(SourceRejected):
        await hubspot.find([MatchKey(KeyType.ORDER_NUMBER, "1001")], call())
    with pytest.raises(SourceRejected):
        await hubspot.page(RecordKind.ORDER, [], Window(limit=1), NOTHING, call())
    with pytest.raises(SourceRejected):
        await hubspot.changes(RecordKind.ORDER, None, call())


# --- read ---


@pytest.mark.parametrize(("customers", "batches"), [(1, 1), (50, 1), (100, 1), (101, 2)])
async def test_calls_of_a_read(portal: Portal, hubspot: Adapter, customers: int, batches: int) -> None:
    portal.put_company("7", name="Nordlicht")
    for n in range(customers):
        portal.put(str(n + 1))
        portal.companies_of[str(n + 1)] = [("7", True)]
    wanted = [str(n + 1) for n in range(customers)]
    assert len(await hubspot.read(wanted, NOTHING, call())) == customers
    assert portal.paths == {CONTACTS: batches}
    profiles = await hubspot.read(wanted, ACCOUNT, call())
    assert {p.account.name for p in profiles.values() if p.account} == {"Nordlicht"}
    assert portal.paths == {CONTACTS: 2 * batches, ASSOCIATIONS: batches, COMPANIES: batches}


@pytest.mark.parametrize(
    ("companies", "chosen"),
    [
        ([("7", False), ("8", True)], "8"),
        ([("7", False), ("8", False)], "7"),
        ([("7", False), ("8", False), ("9", True)], "9"),  # on the second page
        ([("6", True)], None),  # not readable
    ],
)
async def test_the_primary_company_counts_or_else_the_first(
    portal: Portal, hubspot: Adapter, companies: list[tuple[str, bool]], chosen: str | None
) -> None:
    portal.associations_page = 2
    portal.put("1")
    for id in ("7", "8", "9"):
        portal.put_company(id, name=f"Company {id}")
    portal.companies_of["1"] = companies
    account = (await hubspot.read(["1"], ACCOUNT, call()))["1"].account
    assert (account.id if account else None) == chosen


async def test_no_company_needs_no_company_call(portal: Portal, hubspot: Adapter) -> None:
    portal.put("1")
    assert (await hubspot.read(["1"], ACCOUNT, call()))["1"].account is None
    assert portal.paths == {CONTACTS: 1, ASSOCIATIONS: 1}


# --- changes ---


async def walk(hubspot: Adapter, cursor: str | None = None) -> tuple[list[str], str, int]:
    seen: list[str] = []
    for steps in range(1, 500):
        step = await hubspot.changes(RecordKind.PROFILE, cursor, call())
        seen += [record.id for record in step.records]
        assert step.done or step.cursor != cursor
        cursor = step.cursor
        if step.done:
            return seen, cursor, steps
    raise AssertionError("the walk does not end")


async def test_changes_pass_a_long_run_of_one_millisecond_and_the_cap(
    portal: Portal, hubspot: Adapter
) -> None:
    dice = random.Random(3)
    portal.reach = 800
    for n in range(1_800):
        portal.put(str(n + 1), 1_700_000_000_000 + (0 if n < 1_050 else dice.randrange(40)))
    seen, _, steps = await walk(hubspot)
    assert set(seen) == set(portal.contacts)
    assert len(seen) < len(portal.contacts) + 600 and steps < 20


async def test_changes_resume_and_see_what_is_new(portal: Portal, hubspot: Adapter) -> None:
    now = time.time_ns() // 1_000_000
    for n in range(450):
        portal.put(str(n + 1), now - 10_000_000 + n * 1000)
    _, cursor, _ = await walk(hubspot)
    portal.put("7", now)
    seen, _, _ = await walk(hubspot, cursor)
    assert "7" in seen and len(seen) <= LAG / 1000 + 5


async def test_changes_wait_for_what_search_does_not_show_yet(portal: Portal, hubspot: Adapter) -> None:
    """A contact that is indexed late, while newer ones are shown already, comes with a later walk."""
    now = time.time_ns() // 1_000_000
    portal.put("1", now - 60_000)
    portal.put("2", now - 50_000)
    portal.put("3", now - 40_000)
    portal.hidden = {"2"}
    seen, cursor, _ = await walk(hubspot)
    assert set(seen) == {"1", "3"}
    portal.hidden = set()
    seen, cursor, _ = await walk(hubspot, cursor)
    assert "2" in seen
    again, later, _ = await walk(hubspot, cursor)
    assert later == cursor and set(again) == {"1", "2", "3"}


async def test_a_time_that_is_newer_than_its_place_leaves_nobody_out(
    portal: Portal, hubspot: Adapter
) -> None:
    now = time.time_ns() // 1_000_000
    for n in range(900):
        portal.put(str(n + 1), 1_700_000_000_000 + n // 3 * 1000)
    for id in ("198", "199", "200", "399"):
        portal.fresher[id] = now + 60_000
    seen, _, _ = await walk(hubspot)
    assert set(seen) == set(portal.contacts)


async def test_changes_of_an_empty_account_end_where_they_began(hubspot: Adapter) -> None:
    step = await hubspot.changes(RecordKind.PROFILE, None, call())
    assert step.done and step.records == ()


@pytest.mark.parametrize("cursor", ["", "{}", "[1", '["x"]', "null", "page 2"])
async def test_a_foreign_cursor_is_refused(hubspot: Adapter, cursor: str) -> None:
    with pytest.raises(SourceRejected):
        await hubspot.changes(RecordKind.PROFILE, cursor, call())


# --- limits, sign-in, settings ---


@pytest.mark.parametrize(
    ("headers", "pauses"),
    [
        ({"max": "100", "remaining": "0", "interval-milliseconds": "10000"}, True),
        ({"max": "100", "remaining": "3", "interval-milliseconds": "10000"}, True),
        ({"max": "100", "remaining": "60", "interval-milliseconds": "10000"}, False),
        ({"daily": "250000", "daily-remaining": "0"}, True),
        ({"remaining": "soon", "interval-milliseconds": "-1"}, False),
        ({}, False),
    ],
)
async def test_the_vendors_headers_pause_the_next_call(headers: dict[str, str], pauses: bool) -> None:
    pace = Pace("crm")
    limits.heed(
        httpx.Headers({f"X-HubSpot-RateLimit-{name}": value for name, value in headers.items()}), pace
    )
    if not pauses:
        await pace.wait("read", time.monotonic() + 0.01)
        return
    with pytest.raises(SourceRateLimited):
        await pace.wait("read", time.monotonic() + 0.01)


async def test_an_exhausted_allowance_is_said_at_once_and_leaves_searches_alone(
    portal: Portal, hubspot: Adapter
) -> None:
    portal.put("1", email="ada@example.com")
    portal.headers = {
        "X-HubSpot-RateLimit-Remaining": "0",
        "X-HubSpot-RateLimit-Interval-Milliseconds": "60000",
    }
    await hubspot.read(["1"], NOTHING, call())
    with pytest.raises(SourceRateLimited) as caught:
        await hubspot.read(["1"], NOTHING, call())
    assert caught.value.retry_after is not None and 50 < caught.value.retry_after <= 60
    assert (await hubspot.find([email("ada@example.com")], call()))[email("ada@example.com")].profiles


async def test_searches_have_a_pace_of_their_own(portal: Portal) -> None:
    slow = HubSpotSettings(token=SecretStr(TOKEN), searches_per_second=0.001)
    built = HUBSPOT.build("crm", slow, portal)
    await built.find([email("a@example.com")], call())
    await built.find([email("b@example.com")], call())
    with pytest.raises(SourceRateLimited):
        await built.find([email("c@example.com")], call())
    assert await built.read(["1"], NOTHING, call()) == {}


async def test_the_token_travels_as_bearer_and_shows_nowhere() -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(401, json={"message": f"the token {TOKEN} expired"})

    built = HUBSPOT.build("crm", settings(), httpx.MockTransport(answer))
    with pytest.raises(SourceAuthFailed) as caught:
        await built.check(call())
    assert seen == [f"Bearer {TOKEN}"]
    assert TOKEN not in f"{caught.value} {caught.value.detail} {settings()!r}"


async def test_check_says_how_many_contacts_answered(portal: Portal, hubspot: Adapter) -> None:
    portal.put("1")
    assert await hubspot.check(call()) == "HubSpot CRM v3, 1 contacts"
    assert portal.requests[0][1]["limit"] == 1


def test_settings_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        settings(tokn="x")
    with pytest.raises(ValidationError):
        settings(default_country="Germany")


def test_the_vendors_times_are_milliseconds() -> None:
    assert iso(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
    assert json.loads((FIXTURES / "contacts.json").read_text())["results"][0]["updatedAt"].endswith("Z")


# --- the contract, on the sandbox's HubSpot ---


@pytest.fixture(scope="module")
def world() -> World:
    """Six hundred contacts and more: several search pages."""
    return build(people=1_000, seed=7)


class TestContract(AdapterContract):
    @pytest.fixture
    async def case(self, world: World) -> AsyncIterator[ContractCase]:
        controls = Controls(settings={"search_per_second": None, "per_ten_seconds": None})
        contacts = list(world.contacts)
        first = next(c for c in contacts if c.company and c.properties.get("phone", "").startswith("+"))
        other = next(c for c in contacts if c.properties.get("hs_additional_emails"))
        by_phone = e164(first.properties["phone"], None) or ""
        case = ContractCase.over_http(
            HUBSPOT,
            HubSpotSettings(token=SecretStr(SANDBOX_TOKEN), searches_per_second=1e6, default_country="DE"),
            httpx.ASGITransport(create_app(world, controls)),
            find={
                email(first.properties["email"]): frozenset({first.id}),
                email(other.properties["hs_additional_emails"].lower()): frozenset({other.id}),
                phone(by_phone): frozenset(c.id for c in contacts if _has_phone(c, by_phone)),
                MatchKey(KeyType.CUSTOMER_NUMBER, other.id): frozenset({other.id}),
                MatchKey(KeyType.NAME, _name(first)): frozenset({first.id}),
            },
            find_calls=5,  # e-mails, phones, numbers, and two names with the unknown one
            profiles={
                first.id: {"family_name": first.properties["lastname"]},
                other.id: {"given_name": other.properties["firstname"]},
            },
            owners={},
        )
        yield case
        await case.adapter.aclose()

    async def test_read_profiles(self, case: ContractCase) -> None:
        """As in the suite, which grants one more call a part: `account` takes two, for whose and for which."""
        for parts, most in ((NOTHING, 1), (ACCOUNT, 3)):
            before = case.calls()
            profiles = await case.adapter.read(list(case.profiles), parts, call())
            assert case.calls() - before == most
            for id, fields in case.profiles.items():
                check_record(profiles[id], case.adapter)
                assert {name: getattr(profiles[id], name) for name in fields} == fields

    async def test_changes_name_every_contact(self, case: ContractCase, world: World) -> None:
        seen, _, _ = await walk(case.adapter)
        assert set(seen) == {contact.id for contact in world.contacts}

    async def test_accounts_are_the_companies_of_the_world(self, case: ContractCase, world: World) -> None:
        company_of = {c.id: c.company for c in world.contacts}
        profiles = await case.adapter.read(list(company_of), ACCOUNT, call())
        assert {id: p.account.id if p.account else None for id, p in profiles.items()} == company_of


# --- the vendor's description ---

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "hubspot"
DESCRIBED = {
    SEARCH: ("contacts-v3.json", "PublicObjectSearchRequest"),
    CONTACTS: ("contacts-v3.json", "BatchReadInputSimplePublicObjectId"),
    COMPANIES: ("companies-v3.json", "BatchReadInputSimplePublicObjectId"),
    ASSOCIATIONS: ("associations-v4.json", "BatchInputPublicFetchAssociationsBatchRequest"),
}


@pytest.mark.skipif(
    not SPECS.is_dir(), reason="the vendor's descriptions are not here (../shared/specs/hubspot)"
)
async def test_every_request_is_as_the_vendor_describes_it(portal: Portal, hubspot: Adapter) -> None:
    for n in range(450):
        portal.put(str(n + 1), email="info@example.com", firstname="Ada")
        portal.companies_of[str(n + 1)] = [(str(7 + m), False) for m in range(3)]
    portal.associations_page = 2
    portal.put_company("7", name="Nordlicht")
    await hubspot.check(call())
    await hubspot.read([str(n + 1) for n in range(150)], ACCOUNT, call())
    keys = {KeyType.EMAIL: "info@example.com", KeyType.PHONE: "+493090182001", KeyType.NAME: "Ada"}
    await hubspot.find([MatchKey(type, value) for type, value in keys.items()], call())
    await walk(hubspot)
    assert set(portal.paths) == set(DESCRIBED)
    for path, body in portal.requests:
        file, name = DESCRIBED[path]
        document = json.loads((SPECS / file).read_text())
        described = document["components"]["schemas"][name]
        assert path in document["paths"] or "associations" in path
        assert set(body) <= set(described["properties"]), "a field that the vendor does not describe"
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema.Draft4Validator(schema).validate(body)


def _name(contact: HubSpotContact) -> str:
    return f"{contact.properties['firstname']} {contact.properties['lastname']}"


def _has_phone(contact: HubSpotContact, number: str) -> bool:
    written = [contact.properties.get(name, "") for name in ("phone", "mobilephone")]
    region = countries.code_of(contact.properties.get("country", "Germany"))
    return any(e164(text, region) == number for text in written if text)
