"""Random sequences of fetches, drops, ageing and failures, compared with what the source really said and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.errors import SourceError, SourceUnavailable
from tests.resolvers.caching.parts import LIFE, NO_PARTS, Bench, call, key, turns

IDS = ("1", "2", "3")
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True)
bounds = st.sampled_from([None, 0.0, 3.0, 0.0, 20.0, 500.0])
rarely = st.sampled_from([False, False, False, True])


class CacheMachine(RuleBasedStateMachine):
    """The model: the history of every record's name. A name is "ID@VERSION", so that every answer says what it was made of."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.b = self.run(self._bench())
        self.versions = dict.fromkeys(IDS, 0)
        self.since: dict[str, list[float]] = {i: [self.b.clock.now] for i in IDS}  # when each version began
        self.valid_from = dict.fromkeys(IDS, 0)  # the version at the last drop
        self.under_way: list[tuple[asyncio.Task[Any], list[str], float, dict[str, int]]] = []
        for i in IDS:
            self._write(i)

    async def _bench(self) -> Bench:
        return Bench(*IDS, max_entries=5)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(awaitable)

    def _write(self, ident: str) -> None:
        self.b.rename(ident, f"{ident}@{self.versions[ident]}")

    def _oldest(self, bound: float | None) -> float:
        return self.b.clock.now - min(LIFE.hard, LIFE.hard if bound is None else bound)

    @rule(ident=st.sampled_from(IDS))
    def change(self, ident: str) -> None:
        self.versions[ident] += 1
        self.since[ident].append(self.b.clock.now)
        self._write(ident)

    @rule(ids=some_ids, bound=bounds)
    def read(self, ids: list[str], bound: float | None) -> None:
        self._begin(ids, bound, self._read(ids, bound))

    @rule(ids=some_ids, bound=bounds)
    def find(self, ids: list[str], bound: float | None) -> None:
        self._begin(ids, bound, self._find(ids, bound))

    async def _read(self, ids: list[str], bound: float | None) -> dict[str, str | None]:
        fetched = await self.b.sourcing.read("crm", ids, NO_PARTS, call(), bound)
        return {i: p.full_name for i, p in fetched.values.items()}

    async def _find(self, ids: list[str], bound: float | None) -> dict[str, str | None]:
        fetched = await self.b.sourcing.find("crm", [key(i) for i in ids], call(), bound)
        assert set(fetched.values) == {key(i) for i in ids}
        return {i: fetched.values[key(i)].profiles[0].full_name for i in ids}

    def _begin(self, ids: list[str], bound: float | None, asking: Awaitable[Any]) -> None:
        task = self.loop.create_task(asking)  # type: ignore[arg-type]
        self.under_way.append((task, ids, self._oldest(bound), dict(self.valid_from)))
        self.run(turns(15))  # to its answer, where nothing holds it

    @rule(ident=st.sampled_from(IDS))
    def change_and_drop(self, ident: str) -> None:
        self.change(ident)
        self.drop([ident])

    @rule(ids=some_ids)
    def drop(self, ids: list[str]) -> None:
        self.run(self.b.tags.drop_records(("crm", i) for i in ids))
        for i in ids:
            self.valid_from[i] = self.versions[i]

    @rule(ident=st.sampled_from(IDS), seconds=st.sampled_from([1.0, 11.0]))
    def change_and_age(self, ident: str, seconds: float) -> None:
        self.change(ident)
        self.age(seconds)

    @rule(seconds=st.sampled_from([1.0, 4.0, 11.0, 60.0, 101.0]))
    def age(self, seconds: float) -> None:
        self.b.clock.now += seconds

    @rule(fails=rarely)
    def fail_or_mend(self, fails: bool) -> None:
        self.b.source.fail = SourceUnavailable("crm", "read") if fails else None

    @rule(held=rarely)
    def hold_or_let_go(self, held: bool) -> None:
        if self.b.source.gate is not None:
            self.b.source.gate.set()
        self.b.source.gate = asyncio.Event() if held else None
        self.run(turns())

    @rule(ids=some_ids, again=st.booleans())
    def drop_during_a_question(self, ids: list[str], again: bool) -> None:
        """What is found out by chance too seldom: the record changes and is dropped while it is being read."""
        self.hold_or_let_go(True)
        self.read(ids, 0.0)
        self.change_and_drop(ids[0])
        if again:
            self.read(ids, None)
        self.hold_or_let_go(False)
        self.read(ids, None)

    @rule()
    def forget_everything(self) -> None:
        self.b.tags.heard(None)
        self.valid_from = dict(self.versions)

    @rule()
    def leave(self) -> None:
        if self.under_way:
            task, *_ = self.under_way.pop(0)
            task.cancel()
            self.run(asyncio.wait([task]))

    @invariant()
    def every_answer_is_right(self) -> None:
        for asked in [a for a in self.under_way if a[0].done()]:
            self.under_way.remove(asked)
            task, ids, oldest, valid_from = asked
            error = task.exception()
            if error is not None:
                assert isinstance(error, SourceError)
                continue
            answer = task.result()
            assert set(answer) == set(ids)
            for i in ids:
                self._judge(i, answer[i], oldest, valid_from[i])

    def _judge(self, ident: str, name: str, oldest: float, valid_from: int) -> None:
        whose, _, version = name.partition("@")
        assert whose == ident
        assert int(version) >= valid_from  # nothing from before a drop that was before the question
        replaced = self.since[ident][int(version) + 1 :]
        assert not replaced or replaced[0] >= oldest  # it was true at some time that is young enough

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.b.store) <= 5

    def teardown(self) -> None:
        if self.b.source.gate is not None:
            self.b.source.gate.set()
        for task, *_ in self.under_way:
            task.cancel()
        self.run(turns())
        self.run(self.b.sourcing.aclose())
        assert (self.b.source.under_way, len(self.b.tags._watches), len(self.b.sourcing._flying)) == (0, 0, 0)
        self.loop.close()


TestCache = CacheMachine.TestCase
TestCache.settings = settings(max_examples=250, stateful_step_count=50, deadline=None)
