"""Tryton's adapter: parties to profiles, keys to parties in few calls, and the contract on a real server's answers."""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError

import adapters.crm.tryton
from adapters.base import FIND_LIMIT, Adapter, Call, Found, KeyType, MatchKey, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.contract.recorded import ReplayTransport
from adapters.crm.tryton import adapter as TRYTON
from adapters.crm.tryton import domains
from adapters.crm.tryton.cursor import LAG
from adapters.crm.tryton.settings import TrytonSettings
from adapters.errors import BadPayload, SourceRejected
from adapters.records import ExternalId, Preference, RecordKind
from tests.adapters.crm.parties import NOON, Parties
from tests.adapters.crm.tryton_case import tryton_case

FIXTURES = Path(adapters.crm.tryton.__file__).parent / "fixtures"
NOTHING: frozenset[str] = frozenset()
PARTY = "party.party"
STREAMS = (PARTY, "party.contact_mechanism", "party.address", "party.identifier")


def call(seconds: float = 30.0) -> Call:
    return Call(deadline=time.monotonic() + seconds, correlation_id="test")


def settings(**more: Any) -> TrytonSettings:
    values: dict[str, Any] = {"base_url": "http://tryton.example", "database": "crm", **more}
    return TrytonSettings(key=SecretStr("a-key"), **values)


def email(value: str) -> MatchKey:
    return MatchKey(KeyType.EMAIL, value)


def ids(found: Found) -> list[str]:
    return [profile.id for profile in found.profiles]


def answering(content: bytes) -> httpx.MockTransport:
    return httpx.MockTransport(lambda request: httpx.Response(200, content=content))


@pytest.fixture
def parties() -> Parties:
    return Parties()


@pytest.fixture
async def tryton(parties: Parties) -> AsyncIterator[Adapter]:
    built = TRYTON.build("crm", settings(), parties)
    yield built
    await built.aclose()


# --- payloads ---


async def test_a_full_party_becomes_a_profile() -> None:
    options = settings(web_url="https://erp.example/", database="our crm")
    built = TRYTON.build("crm", options, answering((FIXTURES / "parties.json").read_bytes()))
    jana = (await built.read(["41", "42"], NOTHING, call()))["41"]
    assert (jana.source, jana.full_name, jana.given_name) == ("crm", "Jana Vogel", None)
    assert jana.url == "https://erp.example/#our%20crm/model/party.party/41"
    assert (jana.language, jana.country, jana.customer_number) == ("pt-BR", "DE", "10041")
    assert jana.created_at == datetime(2024, 3, 7, 8, 30, 15, 482000, tzinfo=UTC)
    assert jana.updated_at == datetime(2026, 9, 20, 0, 0, 1, tzinfo=UTC), "an identifier changed last"
    assert [(e.value, e.label, e.primary) for e in jana.emails] == [
        ("Jana.Vogel@nordlicht.example", "work", True),
        ("jana@post.example", None, False),
    ]
    assert [(p.value, p.label, p.primary) for p in jana.phones] == [
        ("+49 1512 3456789", "mobile", True),
        ("030 90182001", "switchboard", False),
    ]
    (address,) = jana.addresses
    assert (address.name, address.street) == ("Nordlicht Optik", "Hufelandstraße 12\nHinterhaus")
    assert (address.postcode, address.city, address.region) == ("10407", "Berlin", "Berlin")
    assert (address.country, address.primary) == ("DE", True)
    assert jana.preferences == (Preference(name="category", value="Wholesale"),)
    assert jana.external_ids == (
        ExternalId(system="eu_vat", value="DE123456788"),
        ExternalId(system="identifier", value="W-7781"),
    )


async def test_an_empty_party_says_nothing() -> None:
    built = TRYTON.build("crm", settings(), answering((FIXTURES / "parties.json").read_bytes()))
    empty = (await built.read(["41", "42"], NOTHING, call()))["42"]
    filled = {name for name in TRYTON.manifest.profile_fields if getattr(empty, name) not in (None, ())}
    assert (filled, empty.url, empty.created_at, empty.updated_at) == (set(), None, None, None)


async def test_a_day_that_is_none_is_a_bad_payload() -> None:
    rows = json.loads((FIXTURES / "parties.json").read_text())
    rows[0]["create_date"]["day"] = 32
    built = TRYTON.build("crm", settings(), answering(json.dumps(rows).encode()))
    with pytest.raises(BadPayload):
        await built.read(["41"], NOTHING, call())


# --- find and read ---


async def test_keys_of_fifty_customers_of_all_types_take_one_call(parties: Parties, tryton: Adapter) -> None:
    for n in range(50):
        parties.put(f"Person {n}", emails=(f"P_{n}@example.com",))
    await tryton.find([email("p_0@example.com")], call())
    assert parties.calls == {PARTY: 1}
    keys = [email(f"p_{n}@example.com") for n in range(48)]
    keys += [MatchKey(KeyType.CUSTOMER_NUMBER, "C49"), MatchKey(KeyType.NAME, "49 person")]
    found = await tryton.find(keys, call())
    assert [ids(found[key]) for key in keys] == [[str(n + 1)] for n in range(50)]
    assert parties.calls == {PARTY: 2}


@pytest.mark.parametrize(
    ("written", "country", "found"),
    [
        ("+49 30 90182001", None, True),
        ("030 90182001", "DE", True),
        ("030 90182001", None, False),
        ("03090182001", "TR", False),
    ],
)
async def test_a_phone_that_the_server_left_as_it_was_typed(
    parties: Parties, written: str, country: str | None, found: bool
) -> None:
    """As on a server without the package phonenumbers."""
    party = int(parties.put("Ada"))
    parties.add("party.contact_mechanism", party=party, type="phone", value=written, value_compact=written)
    key = MatchKey(KeyType.PHONE, "+493090182001")
    built = TRYTON.build("crm", settings(default_country=country), parties)
    assert bool((await built.find([key], call()))[key].profiles) is found


async def test_a_crowd_is_cut_and_hides_nobody(parties: Parties, tryton: Adapter) -> None:
    for n in range(430):
        parties.put(f"Crowd {n}", emails=("info@example.com",))
    loner = parties.put("Loner", emails=("loner@example.com",))
    keys = [email("info@example.com"), email("nobody@example.com"), email("loner@example.com")]
    found = await tryton.find(keys, call())
    assert (len(ids(found[keys[0]])), found[keys[0]].truncated) == (FIND_LIMIT, True)
    assert (found[keys[1]], ids(found[keys[2]])) == (Found(), [loner])
    assert parties.calls[PARTY] <= 5


async def test_a_search_that_is_wider_than_the_key_is_read_to_its_end(
    parties: Parties, tryton: Adapter
) -> None:
    """Two hundred and fifty numbers that are spelled alike, of who knows which countries, come before the right one."""
    for spelling in ["030 90182001"] * 250 + ["+49 30 90182001"]:
        party = int(parties.put("Person"))
        parties.add(
            "party.contact_mechanism", party=party, type="phone", value=spelling, value_compact=spelling
        )
    key = MatchKey(KeyType.PHONE, "+493090182001")
    assert ids((await tryton.find([key], call()))[key]) == ["251"]
    assert parties.calls == {PARTY: 2}


@pytest.mark.parametrize(("customers", "calls"), [(0, 0), (1, 1), (50, 1), (200, 1), (201, 2)])
async def test_calls_of_a_read(parties: Parties, tryton: Adapter, customers: int, calls: int) -> None:
    known = [parties.put(f"Person {n}") for n in range(customers)]
    assert set(await tryton.read(known, NOTHING, call())) == set(known)
    assert parties.calls[PARTY] == calls


@pytest.mark.parametrize("id", ["", "0x1", "01", "+1", "1.0", "²", "2147483648", "9" * 5000])
async def test_what_is_no_id_reads_nobody_and_asks_nothing(
    parties: Parties, tryton: Adapter, id: str
) -> None:
    parties.put("Ada")
    assert await tryton.read([id], NOTHING, call()) == {}
    assert not parties.calls


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("a_b@x", "a\\_b@x"),
        ("100%", "100\\%"),
        ("a\\", "a\\\\"),
        ("\\%_", "\\\\\\%\\_"),
        ("O'Hara", "O'Hara"),
    ],
)
def test_wildcards_lose_their_meaning(value: str, pattern: str) -> None:
    assert domains.literal(value) == pattern


async def test_what_cannot_be_asked_is_refused(tryton: Adapter) -> None:
    with pytest.raises(SourceRejected):
        await tryton.find([MatchKey(KeyType.ORDER_NUMBER, "1001")], call())
    with pytest.raises(SourceRejected):
        await tryton.page(RecordKind.ORDER, [], Window(limit=1), NOTHING, call())
    with pytest.raises(SourceRejected):
        await tryton.changes(RecordKind.ORDER, None, call())


@pytest.mark.parametrize("cursor", ["", "{}", "[1", '[["x"]]', "null", "[[[1,2]]]"])
async def test_a_foreign_cursor_is_refused(tryton: Adapter, cursor: str) -> None:
    with pytest.raises(SourceRejected):
        await tryton.changes(RecordKind.PROFILE, cursor, call())


# --- changes ---


async def walk(tryton: Adapter, cursor: str | None = None) -> tuple[list[str], list[str], str, int]:
    seen: list[str] = []
    gone: list[str] = []
    for steps in range(1, 200):
        step = await tryton.changes(RecordKind.PROFILE, cursor, call())
        seen += [record.id for record in step.records]
        gone += step.deleted
        assert step.done or step.cursor != cursor
        cursor = step.cursor
        if step.done:
            return seen, gone, cursor, steps
    raise AssertionError("the walk does not end")


async def test_changes_pass_runs_of_one_time_in_every_model(parties: Parties, tryton: Adapter) -> None:
    """Whatever one transaction writes has the same time to the microsecond."""
    dice = random.Random(5)
    times = [NOON + timedelta(seconds=dice.choice([0, 0, 0, 1, 2, 3])) for _ in range(1_300)]
    for n, at in enumerate(times):
        parties.put(f"Person {n}", at, emails=(f"p{n}@example.com",) * dice.choice([0, 1, 3]))
    seen, gone, _, steps = await walk(tryton)
    assert set(seen) == {str(n + 1) for n in range(1_300)} and not gone
    assert steps < 25


async def test_a_change_of_what_belongs_to_a_party_is_a_change_of_the_party(
    parties: Parties, tryton: Adapter
) -> None:
    for n in range(5):
        parties.put(f"Person {n}")
    _, _, cursor, _ = await walk(tryton)
    later = NOON + timedelta(hours=1)
    parties.add("party.address", later, party=3)
    parties.add("party.identifier", later, party=4)
    parties.tables[PARTY][2] |= {"last_modified_at": later, "active": False}
    seen, gone, _, _ = await walk(tryton, cursor)
    assert seen[-2:] == ["3", "4"] and gone == ["2"]


async def test_the_next_walk_begins_before_what_was_not_committed_yet(
    parties: Parties, tryton: Adapter
) -> None:
    parties.put("First")
    parties.put("Last", NOON + timedelta(hours=1))
    _, _, cursor, _ = await walk(tryton)
    slow = NOON + timedelta(hours=1) - LAG + timedelta(seconds=1)
    late = parties.put("Of a slow transaction", slow)
    seen, _, cursor, _ = await walk(tryton, cursor)
    assert seen == [late, "2"]
    assert (await walk(tryton, cursor))[2] == cursor, "nothing new, no move"


async def test_calls_of_a_step(parties: Parties, tryton: Adapter) -> None:
    parties.put("Ada")
    await walk(tryton)
    assert parties.calls == {model: 2 if model == PARTY else 1 for model in STREAMS}


# --- settings, and the contract on recorded answers ---


def test_settings_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValidationError):
        settings(passwort="x")
    with pytest.raises(ValidationError):
        settings(default_country="Germany")


class TestContract(AdapterContract):
    """On what a real Tryton 8.2 server answered to these very tests (tests/live/test_tryton_adapter.py)."""

    @pytest.fixture
    async def case(self) -> AsyncIterator[ContractCase]:
        ids = json.loads((FIXTURES / "recorded-ids.json").read_text())
        how = "C360_RECORD=1 pytest --live tests/live/test_tryton_adapter.py"
        case = tryton_case(settings(), ids, ReplayTransport(FIXTURES / "recorded", how_to_record=how))
        yield case
        await case.adapter.aclose()
