"""The Request Tracker adapter on a real server: the whole contract, and what only a server can show.

`C360_RECORD=1` also saves every exchange, from which `make test` replays the contract without a server.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.base import Call, KeyType, MatchKey, Owner, Position, Window
from adapters.contract import AdapterContract, ContractCase, RecordingTransport
from adapters.errors import SourceAuthFailed
from adapters.records import RecordKind
from adapters.support.request_tracker import adapter as request_tracker
from tests.adapters.support import request_tracker_scenario as scenario
from tests.live.conftest import LiveSystems
from tests.live.systems import System

pytestmark = pytest.mark.live

RECORD = os.environ.get("C360_RECORD") == "1"
REPLAYED_URL = "https://rt.acme.example"


@pytest.fixture(scope="session")
def server(live_systems: LiveSystems) -> System:
    return live_systems.systems["request_tracker"]


@pytest.fixture(scope="session")
def facts(server: System) -> scenario.Json:
    """What was put into the server, once for all tests."""
    seeded = scenario.seed(server.base_url, server.username, server.secret)
    if RECORD:
        shutil.rmtree(scenario.RECORDED, ignore_errors=True)
        scenario.RECORDED.mkdir(parents=True)
        scenario.CASE.write_text(json.dumps(seeded, indent=2, ensure_ascii=False) + "\n")
    return seeded


# The others need no server, or ask what the recorded answers show as well: `make test` replays them all.
LIVE = {
    "test_find_each_key",
    "test_find_all_keys_at_once",
    "test_find_tells_near_keys_apart",
    "test_read_profiles",
    "test_page_chains_without_gap_or_repeat",
    "test_page_of_many_owners_is_each_owners_own",
    "test_page_of_many_owners_in_few_calls",
    "test_changes_name_every_record",
    "test_changes_resume_from_each_cursor",
}


class TestContract(AdapterContract):
    @pytest.fixture(autouse=True)
    def _what_a_server_shows(self, request: pytest.FixtureRequest) -> None:
        if not RECORD and request.node.originalname not in LIVE:
            pytest.skip("replayed by make test; C360_RECORD=1 runs it on the server")

    @pytest.fixture
    async def case(self, server: System, facts: scenario.Json) -> AsyncIterator[ContractCase]:
        given = scenario.settings(
            server.base_url, server.username, server.secret, read_timeout=60.0, call_timeout=60.0
        )
        transport: httpx.AsyncBaseTransport = httpx.AsyncHTTPTransport(trust_env=False)
        if RECORD:
            transport = RecordingTransport(
                transport, scenario.RECORDED, secrets=[server.secret], replace={server.base_url: REPLAYED_URL}
            )
        case = scenario.contract_case(facts, transport, given)
        await case.adapter.check(Call(deadline=time.monotonic() + 60))  # reads who is an agent
        yield case
        await case.adapter.aclose()


async def test_a_wrong_password_is_refused(server: System) -> None:
    adapter = request_tracker.build(
        "rt", scenario.settings(server.base_url, server.username, "not the password"), None
    )
    with pytest.raises(SourceAuthFailed):
        await adapter.check(Call(deadline=time.monotonic() + 30))
    await adapter.aclose()


async def test_agents_are_customers_only_where_that_is_wanted(server: System, facts: scenario.Json) -> None:
    key = MatchKey(KeyType.EMAIL, facts["named"]["agent"])
    for wanted, found in ((False, 0), (True, 1)):
        given = scenario.settings(
            server.base_url, server.username, server.secret, read_timeout=60.0, call_timeout=60.0,
            include_privileged=wanted,
        )  # fmt: skip
        adapter = request_tracker.build("rt", given, None)
        answer = await adapter.find([key], Call(deadline=time.monotonic() + 60))
        assert len(answer[key].profiles) == found
        await adapter.aclose()


async def test_a_new_entry_changes_its_ticket(server: System, facts: scenario.Json) -> None:
    given = scenario.settings(
        server.base_url, server.username, server.secret, read_timeout=60.0, call_timeout=60.0
    )
    adapter = request_tracker.build("rt", given, None)
    cursor, done, deleted = None, False, set()
    while not done:
        step = await adapter.changes(RecordKind.TICKET, cursor, Call(deadline=time.monotonic() + 120))
        cursor, done = step.cursor, step.done
        deleted |= set(step.deleted)
    assert facts["named"]["gone"] in deleted
    with scenario.Seeder(server.base_url, server.username, server.secret) as rt:
        rt.say(facts["named"]["call"], "correspond", "Called back.")
    step = await adapter.changes(RecordKind.TICKET, cursor, Call(deadline=time.monotonic() + 120))
    assert facts["named"]["call"] in {record.id for record in step.records}
    await adapter.aclose()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_times_do_not_depend_on_the_zone_of_the_user(
    server: System, facts: scenario.Json, zone: str
) -> None:
    """RT reads times in a query in the zone of the user who asks, whatever zone is written with them."""
    ada = facts["named"]["ada"]
    given = scenario.settings(
        server.base_url, server.username, server.secret, read_timeout=60.0, call_timeout=60.0
    )
    adapter = request_tracker.build("rt", given, None)
    seen: list[str] = []
    window = Window(limit=1)
    with scenario.Seeder(server.base_url, server.username, server.secret) as rt, rt.in_zone(zone):
        while True:
            call = Call(deadline=time.monotonic() + 60)
            page = (await adapter.page(RecordKind.TICKET, [Owner(ref=ada)], window, frozenset(), call))[ada]
            seen += [record.id for record in page.records]
            if not page.has_more:
                break
            window = Window(limit=1, before=Position(page.records[-1].at, page.records[-1].id))
    assert seen == facts["tickets"][ada]
    await adapter.aclose()
