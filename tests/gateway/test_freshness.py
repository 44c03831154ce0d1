"""How fresh an answer is: asked once, answered from what is kept, stale while it is renewed, and newer for those who want it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
import pytest_asyncio

from adapters.errors import SourceTimeout
from gateway import variables
from gateway.context import Context
from gateway.execution.documents import Documents, core_schema
from gateway.execution.executor import executed
from gateway.schema import build_schema
from gateway.settings import Limits
from resolvers.caching.life import Life, Lives
from resolvers.caching.sourcing import Sourcing
from tests.property.compiled.odd import OddWorld, asker, odd_world

SCHEMA = core_schema(build_schema())
DOCUMENTS = Documents(SCHEMA, Limits())
QUERY = """
query($id: ID!, $most: Int) {
  customer(by: {id: $id}, maxStaleness: $most) {
    displayName orders { nodes { number } } sources { source state fetchedAt error { code } }
  }
}
"""
LIFE = Life(soft=30, hard=600, negative=5)
START = 1_750_000_000.0


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


class World:
    """One customer, whose answers are timed by a clock of the test."""

    def __init__(self, odd: OddWorld, clock: Clock) -> None:
        self.odd, self.clock = odd, clock

    async def ask(self, most: int | None = None) -> dict[str, Any]:
        operation = DOCUMENTS.operation(QUERY, None)
        values = variables.coerce(SCHEMA, operation.node, {"id": self.odd.customers[0], "most": most})
        assert not isinstance(values, list)
        session = self.odd.engine.session(asker())
        result = await executed(SCHEMA, operation, values, Context(session=session, asker=session.asker))
        await session.aclose()
        assert result.data is not None, result.errors
        found: dict[str, Any] = {
            **orjson.loads(orjson.dumps(result.data))["customer"],
            "keep": session.fresh_for(),
            "errors": session.errors,
        }
        return found

    def calls(self) -> int:
        return sum(len(source.calls) for source in self.odd.sources.values())

    def states(self, answer: dict[str, Any]) -> set[str]:
        return {s["state"] for s in answer["sources"]}

    def live(self, life: Life) -> None:
        """Lets everything live so long from now on."""
        caching = self.odd.engine.caching
        lives = Lives(defaults=dict.fromkeys(("find", "profile", "order"), life))
        caching.sourcing = Sourcing(
            self.odd.engine.sources, lives, caching.store, caching.tags, clock=self.clock
        )

    async def renewed(self) -> None:
        await self.odd.engine.sourcing.settled()


ASKED_FIRST = Life(soft=30, hard=600, negative=5, renewing=0)
"""As the gateway ships: what is past its fresh life is served only where the source fails."""


async def test_by_default_the_source_is_asked_again_and_what_is_kept_helps_only_when_it_fails(
    world: World,
) -> None:
    world.live(ASKED_FIRST)
    await world.ask()
    world.clock.now += 31
    again = await world.ask()
    assert world.states(again) == {"FRESH"}
    assert {s["fetchedAt"] for s in again["sources"]} == {_time(START + 31)}
    world.clock.now += 31
    for source in world.odd.sources.values():
        source.fail = SourceTimeout(source.name, "read", "slow")
    calls = world.calls()
    kept = await world.ask()
    assert {(s["state"], s["error"]["code"]) for s in kept["sources"]} == {("STALE", "SOURCE_TIMEOUT")}
    assert kept["orders"] == again["orders"]
    assert (kept["errors"], kept["keep"]) == ([], 0)
    assert world.calls() == calls + 8
    await world.ask()
    assert world.calls() == calls + 8, "a source that has just failed is left in peace"
    newer = await world.ask(10)
    assert world.states(newer) == {"UNAVAILABLE"}, "who wants it newer than it is gets nothing older"
    world.clock.now += 570
    assert world.states(await world.ask()) == {"UNAVAILABLE"}


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    odd = await odd_world(tmp_path, 1, Random(1), wrong=False)
    for source in odd.sources.values():
        source.calls.clear()
    world = World(odd, Clock())
    world.live(LIFE)
    yield world
    await odd.engine.aclose()


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


async def test_a_second_question_within_the_fresh_life_asks_nobody(world: World) -> None:
    first = await world.ask()
    asked = world.calls()
    world.clock.now += 29
    second = await world.ask()
    assert world.calls() == asked == 8, "a profile and a page of orders from each of four sources"
    assert second["orders"] == first["orders"]
    assert {(s["state"], s["fetchedAt"]) for s in second["sources"]} == {("FRESH", _time(START))}


async def test_what_is_stale_is_served_as_such_and_renewed(world: World) -> None:
    await world.ask()
    world.clock.now += 31
    stale = await world.ask()
    assert world.states(stale) == {"STALE"}
    assert {s["fetchedAt"] for s in stale["sources"]} == {_time(START)}
    assert stale["keep"] == 0, "no answer is kept of it"
    await world.renewed()
    assert world.calls() == 16
    again = await world.ask()
    assert {(s["state"], s["fetchedAt"]) for s in again["sources"]} == {("FRESH", _time(START + 31))}


@pytest.mark.parametrize(("most", "calls"), [(0, 16), (10, 16), (30, 8), (None, 8)])
async def test_who_wants_it_newer_gets_it_newer(world: World, most: int | None, calls: int) -> None:
    await world.ask()
    world.clock.now += 20
    answer = await world.ask(most)
    assert world.calls() == calls
    assert {s["fetchedAt"] for s in answer["sources"]} == {_time(START + 20 if calls == 16 else START)}
    if most is not None:
        assert answer["keep"] == 0


async def test_a_source_that_fails_is_answered_from_what_is_kept_with_the_reason(world: World) -> None:
    await world.ask()
    world.clock.now += 31
    for source in world.odd.sources.values():
        source.fail = SourceTimeout(source.name, "read", "slow")
    await world.ask()
    await world.renewed()
    world.clock.now += 1
    answer = await world.ask()
    assert answer["displayName"]
    assert {(s["state"], s["error"]["code"]) for s in answer["sources"]} == {("STALE", "SOURCE_TIMEOUT")}
    assert answer["errors"] == [], "nothing is missing"
    world.clock.now += 600
    gone = await world.ask()
    assert world.states(gone) == {"UNAVAILABLE"}
    assert gone["displayName"] is None


async def test_a_dropped_record_is_asked_for_again_and_nothing_else(world: World) -> None:
    await world.ask()
    await world.odd.engine.tags.drop_records([("shop", "p0")])
    await world.ask()
    assert world.calls() == 8 + 2
