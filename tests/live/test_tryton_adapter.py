"""The Tryton adapter on a real Tryton server.

With C360_RECORD=1 in the environment the answers of the contract suite are saved for the tests that need no server.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import adapters.crm.tryton
from adapters.base import FIND_LIMIT, Adapter, Call, Changes, KeyType, MatchKey
from adapters.contract import AdapterContract, ContractCase
from adapters.contract.recorded import RecordingTransport
from adapters.crm.tryton import adapter as TRYTON
from adapters.crm.tryton.settings import TrytonSettings
from adapters.errors import SourceAuthFailed
from adapters.records import Profile, RecordKind
from tests.adapters.crm.tryton_case import tryton_case
from tests.live.conftest import LiveSystems
from tests.live.systems import System

pytestmark = pytest.mark.live

RECORDED = Path(adapters.crm.tryton.__file__).parent / "fixtures" / "recorded"
CROWD = 205  # more than one of the adapter's pages; Tryton takes its time to delete them


def call(seconds: float = 60.0) -> Call:
    return Call(deadline=time.monotonic() + seconds, correlation_id="live")


def settings_of(system: System, **more: Any) -> TrytonSettings:
    values: dict[str, Any] = {"base_url": system.base_url, "database": system.extra["database"], **more}
    return TrytonSettings(
        **{"key": SecretStr(system.secret), "call_timeout": 30.0, "read_timeout": 30.0, **values}
    )


def ids_of(live_systems: LiveSystems) -> Mapping[str, str]:
    ids: dict[str, str] = {}
    for key, traces in live_systems.created.people.items():
        for number, party in enumerate(traces.parties, start=1):
            name = key if number == 1 else f"{key} {number}"
            ids |= {name: str(party.id), f"{name} code": party.code}
    return ids


@pytest.fixture
def system(live_systems: LiveSystems) -> System:
    return live_systems.systems["tryton"]


@pytest.fixture
async def tryton(system: System) -> AsyncIterator[Adapter]:
    built = TRYTON.build("crm", settings_of(system, web_url="https://erp.example"), None)
    yield built
    await built.aclose()


class Rest:
    """The server's own API, as another program would use it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._made: list[int] = []

    def make(self, *values: dict[str, Any]) -> list[int]:
        """Creates parties in one transaction; they are deleted after the test."""
        answer = self._client.post("/party.party/create", json={"vlist": list(values)})
        ids: list[int] = answer.raise_for_status().json()
        self._made += ids
        return ids

    def change(self, model: str, id: int, **values: Any) -> None:
        self._client.put(f"/{model}/{id}", json=values).raise_for_status()

    def only(self, model: str, *domain: list[Any]) -> int:
        """The id of the one record of a domain."""
        body = {"domain": domain, "fields_names": ["id"]}
        (row,) = self._client.post(f"/{model}/search_read", json=body).raise_for_status().json()
        id: int = row["id"]
        return id

    def clean(self) -> None:
        """Deletes what was made; deactivated parties are found in this context only."""
        context = base64.urlsafe_b64encode(b'{"active_test": false}').decode()
        for id in self._made:
            answer = self._client.delete(f"/party.party/{id}", headers={"X-Tryton-Context": context})
            answer.raise_for_status()


@pytest.fixture
def rest(system: System) -> Iterator[Rest]:
    headers = {"Authorization": f"Bearer {system.secret}"}
    with httpx.Client(base_url=system.extra["rest"], headers=headers, timeout=60) as client:
        made = Rest(client)
        yield made
        made.clean()


def mechanisms(*emails: str) -> list[Any]:
    return [["create", [{"type": "email", "value": email} for email in emails]]]


async def walk(tryton: Adapter, cursor: str | None) -> tuple[list[Changes], str]:
    steps: list[Changes] = []
    while not steps or not steps[-1].done:
        steps.append(await tryton.changes(RecordKind.PROFILE, cursor, call()))
        assert steps[-1].done or steps[-1].cursor != cursor
        cursor = steps[-1].cursor
        assert len(steps) < 100
    assert cursor is not None
    return steps, cursor


def ids_in(steps: list[Changes]) -> list[str]:
    return [record.id for step in steps for record in step.records]


class TestContract(AdapterContract):
    @pytest.fixture
    async def case(self, system: System, live_systems: LiveSystems) -> AsyncIterator[ContractCase]:
        transport: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(trust_env=False)
        ids = ids_of(live_systems)
        if os.environ.get("C360_RECORD") == "1":
            transport = RecordingTransport(transport, RECORDED, secrets=[system.secret])
            text = json.dumps(ids, indent=2, ensure_ascii=False)
            (RECORDED.parent / "recorded-ids.json").write_text(text + "\n", encoding="utf-8")
        case = tryton_case(settings_of(system), ids, transport)
        yield case
        await case.adapter.aclose()


async def test_every_field_is_what_was_created(tryton: Adapter, live_systems: LiveSystems) -> None:
    parties = [party for traces in live_systems.created.people.values() for party in traces.parties]
    profiles = await tryton.read([str(party.id) for party in parties], frozenset(), call())
    assert len(profiles) == len(parties)
    for party in parties:
        profile = profiles[str(party.id)]
        assert profile.full_name == party.name
        assert tuple(email.value for email in profile.emails) == party.emails
        assert tuple(phone.value for phone in profile.phones) == party.phones
        assert (profile.language, profile.customer_number) == (party.language, party.code)
        assert (profile.created_at, profile.updated_at) == (party.created_at, party.updated_at)
        assert profile.url == f"https://erp.example/#crm/model/party.party/{party.id}"
        addresses = [(a.street, a.city, a.postal_code, a.country) for a in party.addresses]
        assert [(a.street, a.city, a.postcode, a.country) for a in profile.addresses] == addresses


async def test_a_wrong_key_is_refused(system: System) -> None:
    built = TRYTON.build("crm", settings_of(system, key=SecretStr("wrong")), None)
    with pytest.raises(SourceAuthFailed):
        await built.check(call())
    await built.aclose()


async def test_a_crowd_is_cut_and_hides_nobody(tryton: Adapter, rest: Rest) -> None:
    shared = "everybody_1@crowd.example.com"
    values = [{"name": f"Crowd {n}", "contact_mechanisms": mechanisms(shared)} for n in range(CROWD)]
    made = rest.make(*values, {"name": "Loner", "contact_mechanisms": mechanisms("loner@crowd.example.com")})
    keys = [
        MatchKey(KeyType.EMAIL, v)
        for v in (shared, "loner@crowd.example.com", "everybodyx1@crowd.example.com")
    ]
    found = await tryton.find(keys, call())
    assert len(found[keys[0]].profiles) == FIND_LIMIT and found[keys[0]].truncated
    assert [profile.full_name for profile in found[keys[1]].profiles] == ["Loner"]
    assert not found[keys[2]].profiles
    steps, _ = await walk(tryton, None)
    assert len({*ids_in(steps)} & {str(id) for id in made}) == CROWD + 1
    changed = [record.updated_at for step in steps for record in step.records if record.updated_at]
    assert changed == sorted(changed)


async def test_changes_of_what_belongs_to_a_party_are_changes_of_the_party(
    tryton: Adapter, rest: Rest
) -> None:
    address = {"street": "Weg 1", "city": "Bonn"}
    identifier = [["create", [{"code": "4711"}]]]
    values = {
        "contact_mechanisms": mechanisms("before@change.example.com"),
        "addresses": [["create", [address]]],
        "identifiers": identifier,
    }
    (id,) = rest.make({"name": "Changing", **values})
    _, cursor = await walk(tryton, None)

    async def latest() -> Profile | None:
        steps, _ = await walk(tryton, cursor)
        found = [r for step in steps for r in step.records if r.id == str(id)]
        assert all(isinstance(record, Profile) for record in found)
        return found[-1] if found else None  # type: ignore[return-value]

    first = await latest()
    assert first is not None and [i.value for i in first.external_ids] == ["4711"]
    seen = first.updated_at
    for model, change in (
        ("party.contact_mechanism", {"value": "after@change.example.com"}),
        ("party.address", {"city": "Köln"}),
        ("party.identifier", {"code": "4712"}),
    ):
        rest.change(model, rest.only(model, ["party", "=", id]), **change)
        profile = await latest()
        assert profile is not None and profile.updated_at is not None and seen is not None
        assert profile.updated_at > seen, f"a change of {model} does not show"
        seen = profile.updated_at
    profile = await latest()
    assert profile is not None
    assert [email.value for email in profile.emails] == ["after@change.example.com"]
    assert [a.city for a in profile.addresses] == ["Köln"]
    assert [i.value for i in profile.external_ids] == ["4712"]


async def test_a_deactivated_party_is_gone(tryton: Adapter, rest: Rest) -> None:
    email = MatchKey(KeyType.EMAIL, "leaving@change.example.com")
    (id,) = rest.make({"name": "Leaving", "contact_mechanisms": mechanisms(email.value)})
    _, cursor = await walk(tryton, None)
    assert [p.id for p in (await tryton.find([email], call()))[email].profiles] == [str(id)]
    rest.change("party.party", id, active=False)
    assert not (await tryton.find([email], call()))[email].profiles
    assert not await tryton.read([str(id)], frozenset(), call())
    steps, _ = await walk(tryton, cursor)
    assert str(id) in {gone for step in steps for gone in step.deleted} and str(id) not in ids_in(steps)


async def test_what_is_deactivated_in_a_party_no_longer_finds_it(tryton: Adapter, rest: Rest) -> None:
    old = MatchKey(KeyType.EMAIL, "old@change.example.com")
    (id,) = rest.make(
        {"name": "Moved", "contact_mechanisms": mechanisms(old.value, "new@change.example.com")}
    )
    mechanism = rest.only("party.contact_mechanism", ["party", "=", id], ["value", "=", old.value])
    rest.change("party.contact_mechanism", mechanism, active=False)
    assert not (await tryton.find([old], call()))[old].profiles
    profile = (await tryton.read([str(id)], frozenset(), call()))[str(id)]
    assert [email.value for email in profile.emails] == ["new@change.example.com"]
