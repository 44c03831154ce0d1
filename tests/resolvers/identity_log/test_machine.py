"""Random histories against a simple model: states agree, ids never dangle, what is taken back is what it was.

C360_HISTORIES says how many histories are tried (default 25).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import text

from gateway.migrations import upgrade
from resolvers.identity.decisions import Decided
from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import BY, CONFIDENCE, links, rec
from tests.resolvers.identity_log.model import Model, Said

HISTORIES = int(os.environ.get("C360_HISTORIES", "8"))
NUMBERS = st.integers(min_value=0, max_value=7)
RULES = st.sampled_from(["weak", "strong"])
TOKENS = st.sampled_from([b"s", b"t"])
PICKS = st.lists(st.integers(0, 999), min_size=2, max_size=4)
"""Chosen from what there is by remainder: what there is may differ from run to run, what is drawn may not."""
LINK = st.tuples(NUMBERS, NUMBERS, RULES, TOKENS)


class Template:
    """A migrated, empty database, made once and copied for each history."""

    file: Path | None = None

    @classmethod
    def copy(cls, runner: asyncio.Runner, folder: Path) -> IdentityStore:
        if cls.file is None:
            cls.file = Path(tempfile.mkdtemp()) / "empty.sqlite"
            store = IdentityStore(f"sqlite+aiosqlite:///{cls.file}")
            runner.run(upgrade(store.engine))
            runner.run(store.aclose())
        shutil.copy(cls.file, folder / "map.sqlite")
        return IdentityStore(f"sqlite+aiosqlite:///{folder / 'map.sqlite'}")


class Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.store = Template.copy(self.runner, self.folder)
        self.model = Model()
        self.last = 0

    def teardown(self) -> None:
        assert self.run(self.store.rebuild()) == 0
        self.run(self.store.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    # --- what happens -------------------------------------------------------------------------------------------------

    @rule(link=LINK)
    def remember(self, link: tuple[int, int, str, bytes]) -> None:
        self.run(self.store.remember(self._links(link)))
        self._linked([link])

    @rule(found=st.lists(LINK, min_size=2, max_size=4))
    def remember_at_once(self, found: list[tuple[int, int, str, bytes]]) -> None:
        async def all_of_them() -> None:
            await asyncio.gather(*(self.store.remember(self._links(link)) for link in found))

        self.run(all_of_them())
        self._linked(found)

    @rule(picks=PICKS, take_back=st.booleans())
    def merge(self, picks: list[int], take_back: bool) -> None:
        known = sorted(self.model.anchor)
        ids = [known[n % len(known)] for n in picks] if known else []
        current = sorted({self.model.current(i) for i in ids})
        if len(ids) < 2:
            return
        said = self.model.merging([self.model.cluster(self.model.anchor[i]) for i in current])
        before = self.run(self.store.export())
        done = self.run(self.store.decisions.merge(ids, **BY))
        self._noted(done, said if len(current) > 1 else None)
        if take_back and done.event:
            self._taken_back(done)
            assert self.run(self.store.export()) == before, "a merge that is undone leaves no trace"

    @rule(picks=PICKS, take_back=st.booleans())
    def split(self, picks: list[int], take_back: bool) -> None:
        large = sorted(sorted(c) for c in self.model.clusters() if len(c) > 1)
        if not large:
            return
        numbers = large[picks[0] % len(large)]
        members = {numbers[n % len(numbers)] for n in picks[1:]}
        rest = set(numbers) - members
        if not rest:
            return
        ids = sorted(i for i, n in self.model.anchor.items() if n in numbers)
        said = self.model.splitting(members, rest)
        before = self.run(self.store.export())
        refs = [rec(n) for n in members]
        done = self.run(self.store.decisions.split(ids[picks[0] % len(ids)], refs, **BY))
        self._noted(done, said)
        if take_back:
            self._taken_back(done)
            self._as_before(before)

    @rule(a=NUMBERS, b=NUMBERS, same=st.booleans(), take_back=st.booleans())
    def decide(self, a: int, b: int, same: bool, take_back: bool) -> None:
        if a == b or not {a, b} <= self.model.born.keys():
            return
        pair = (min(a, b), max(a, b))
        verdict = self.model.decided().get(pair, ("none", 0))[0]
        before = self.run(self.store.export())
        if same:
            together = b in self.model.cluster(a)
            done = self.run(self.store.decisions.confirm(rec(a), rec(b), **BY))
            self._noted(done, None if together and verdict == "same" else self.model.confirming(a, b))
        else:
            done = self.run(self.store.decisions.reject(rec(a), rec(b), **BY))
            if verdict == "different" and done.event is None:
                return  # a rejection may be repeated where the evidence is new; otherwise it changes nothing
            self._noted(done, self.model.steward(different={pair}))
        if done.event and take_back:
            self._taken_back(done)
            self._as_before(before)

    @rule(pick=st.integers(0, 999))
    def undo(self, pick: int) -> None:
        events = sorted(n for n, e in self.model.events.items() if e.edges or e.undoes)
        if not events:
            return
        event = events[pick % len(events)]
        done = self.run(self.store.decisions.undo(event, **BY))
        self._noted(done, Said(undoes=event) if self.model.counts(event) else None)

    @rule()
    def rebuild(self) -> None:
        assert self.run(self.store.rebuild()) == 0

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def every_record_is_where_the_model_says(self) -> None:
        owners = self.run(self.store.by_records([rec(n) for n in range(8)]))
        assert set(owners) == {rec(n) for n in self.model.born}
        for cluster in self.model.clusters():
            assert len({owners[rec(n)] for n in cluster}) == 1
        assert len(set(owners.values())) == len(self.model.clusters())

    @invariant()
    def every_id_that_ever_was_resolves(self) -> None:
        owners = self.run(self.store.by_records([rec(n) for n in range(8)]))
        assert set(owners.values()) <= self.model.anchor.keys()
        found = self.run(self.store.customers(sorted(self.model.anchor)))
        for customer_id, record in self.model.anchor.items():
            now = found[customer_id]
            assert now.id == self.model.current(customer_id)
            assert now.redirected_from == (None if now.id == customer_id else customer_id)
            assert {int(m.record_id) for m in now.members} == self.model.cluster(record)

    # --- bookkeeping --------------------------------------------------------------------------------------------------

    def _links(self, link: tuple[int, int, str, bytes]) -> Any:
        a, b, by, token = link
        return links((a, b), rule=by, token=token)

    def _linked(self, found: list[tuple[int, int, str, bytes]]) -> None:
        """Takes over what the log says came first; that nothing is missing or too much is checked here."""
        wanted = {
            ((min(a, b), max(a, b)), f"{by}/{token.decode()}", CONFIDENCE[by])
            for a, b, by, token in found
            if a != b
        }
        expected = {(p, e) for p, e, _ in wanted if not self.model.knows(p, e)}
        fresh = {n for a, b, *_ in found for n in (a, b)} - self.model.born.keys()
        strength = {(p, e): s for p, e, s in wanted}
        for event, edges, records in self._new_events():
            self.model.events[event] = Said([(p, "same", strength[p, e], e) for p, e in edges])
            expected -= set(edges)
            for n in records:
                assert n in fresh, "a record is new once"
                self.model.born[n] = (event, n)
            fresh -= set(records)
            self._minted(event)
        assert not expected
        assert not fresh

    def _new_events(self) -> list[tuple[int, list[tuple[tuple[int, int], str]], list[int]]]:
        async def read() -> tuple[list[Any], list[Any], list[Any]]:
            async with self.store.engine.connect() as connection:
                last = {"last": self.last}
                events = await connection.execute(
                    text("SELECT id FROM event WHERE id > :last ORDER BY id"), last
                )
                edges = await connection.execute(
                    text(
                        "SELECT e.event_id, a.record_id AS a, b.record_id AS b, label.text AS origin, token FROM evidence e"
                        " JOIN member a ON a.id = e.a JOIN member b ON b.id = e.b JOIN label ON label.id = e.origin"
                        " WHERE e.event_id > :last"
                    ),
                    last,
                )
                members = await connection.execute(
                    text("SELECT event_id, record_id FROM member WHERE event_id > :last ORDER BY record_id"),
                    last,
                )
                return list(events), list(edges), list(members)

        events, edges, members = self.run(read())
        self.last = max([self.last, *(e.id for e in events)])
        return [
            (
                event.id,
                [
                    ((int(e.a), int(e.b)), f"{e.origin}/{e.token.decode()}")
                    for e in edges
                    if e.event_id == event.id
                ],
                [int(m.record_id) for m in members if m.event_id == event.id],
            )
            for event in events
        ]

    def _noted(self, done: Decided, said: Said | None) -> None:
        assert (done.event is None) == (said is None)
        if done.event is not None and said is not None:
            self.model.events[done.event.id] = said
            self.last = done.event.id
            self._minted(done.event.id)

    def _minted(self, event: int) -> None:
        """The event minted ids for the parts that had none, each at its oldest record, and no others."""

        async def read() -> list[Any]:
            async with self.store.engine.connect() as connection:
                query = text(
                    "SELECT customer.id, record_id FROM customer JOIN member ON member.id = member_id"
                    " WHERE customer.event_id = :event"
                )
                return list(await connection.execute(query, {"event": event}))

        minted = {int(row.record_id): str(UUID(bytes=row.id)) for row in self.run(read())}
        anchored = set(self.model.anchor.values())
        assert set(minted) == {self.model.oldest(c) for c in self.model.clusters() if not c & anchored}
        self.model.anchor |= {customer: record for record, customer in minted.items()}

    def _taken_back(self, done: Decided) -> None:
        assert done.event is not None
        undo = self.run(self.store.decisions.undo(done.event.id, **BY))
        self._noted(undo, Said(undoes=done.event.id))

    def _as_before(self, before: bytes) -> None:
        """Nothing has changed but for redirects of ids that the decision minted."""
        lines = set(before.splitlines())
        after = self.run(self.store.export()).splitlines()
        assert lines <= set(after)
        assert all(line.startswith(b'{"id":') and b'"merged_into":"' in line for line in set(after) - lines)


TestHistories = Histories.TestCase
TestHistories.pytestmark = [pytest.mark.timeout(60 + 10 * HISTORIES)]
TestHistories.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
