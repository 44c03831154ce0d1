"""Random histories of sources and stewards: records come, change and go, are synced and looked up at once, are merged, split,
confirmed, rejected and taken back. No stranger ever joins, no id dangles, what is taken back leaves no trace.

C360_HISTORIES says how many histories are tried (default 8). What the log makes of its edges is held against a model of its
own in tests/resolvers/identity_log/test_machine.py; here the model is the truth: who each record really is.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Coroutine
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.base import KeyType, MatchKey, SourceKind
from adapters.records import Profile
from gateway.migrations import upgrade
from resolvers.asker import Asker
from resolvers.caching.customers import Customers
from resolvers.identity.decisions import Decided
from resolvers.identity.map import IdentityMap
from resolvers.identity.members import Ref
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.tokens import Tokens
from resolvers.loading import Loader
from resolvers.sources import Sources
from tests.resolvers.conftest import SECRET
from tests.resolvers.memory import MemorySource
from tests.resolvers.people import profile

HISTORIES = int(os.environ.get("C360_HISTORIES", "8"))
NAMES = ("Ada Weber", "Bruno Weber", "Cem Kaya", "Dora Lang", "Emil Stark")
SHARED = (
    "+493090182001",
    "weber@example.net",
)  # the family's telephone and mailbox, which the first two carry
BY: dict[str, Any] = {"actor": "tess", "reason": "a test"}
PERSON = st.integers(0, len(NAMES) - 1)
SOURCE = st.sampled_from(["crm", "shop", "desk"])
PICK = st.integers(0, 999)


def record(source: str, record_id: str, person: int) -> Profile:
    """Somebody as any source knows them: enough to be told from all others by."""
    own = f"{NAMES[person].split()[0].lower()}@example.com"
    phone, house = SHARED if person < 2 else ("", "")
    return profile(
        source,
        record_id,
        NAMES[person],
        f"{own} {house}".strip(),
        phone,
        birth_date=date(1960 + 7 * person, 3, 4 + person),
    )


class Histories(RuleBasedStateMachine):
    template: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.store = self._opened()
        kinds = {"crm": SourceKind.CRM, "shop": SourceKind.WEBSHOP, "desk": SourceKind.SUPPORT}
        self.systems = {name: MemorySource(name, kind) for name, kind in kinds.items()}
        self.sources = Sources(self.systems.values())
        options = IdentityOptions(default_country="DE", rediscover_after=0)
        self.map = IdentityMap(self.store, Tokens(SECRET), Customers(), self.sources, options)
        self.who: dict[Ref, int] = {}  # of every record that there is or was, as it is now or was last
        self.unseen: set[Ref] = set()
        self.synced = True
        self.ever_decided = False
        self.decided: dict[int, list[tuple[str, frozenset[Ref]]]] = {}  # standing decisions by event
        self.ids: dict[str, None] = {}
        self.number = 0

    def _opened(self) -> IdentityStore:
        if Histories.template is None:
            Histories.template = Path(tempfile.mkdtemp()) / "empty.sqlite"
            empty = IdentityStore(f"sqlite+aiosqlite:///{Histories.template}")
            self.run(upgrade(empty.engine))
            self.run(empty.aclose())
        shutil.copy(Histories.template, self.folder / "map.sqlite")
        return IdentityStore(f"sqlite+aiosqlite:///{self.folder / 'map.sqlite'}")

    def teardown(self) -> None:
        self.sync()
        assert self.run(self.store.rebuild()) == 0
        self.run(self.store.aclose())
        self.runner.close()
        shutil.rmtree(self.folder)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def loader(self) -> Loader:
        return Loader(self.sources, Asker(principal="test", deadline=time.monotonic() + 60))

    # --- what happens at the sources ----------------------------------------------------------------------------------

    @rule(source=SOURCE, person=PERSON)
    def appear(self, source: str, person: int) -> None:
        self.number += 1
        self._put(record(source, str(self.number), person), person)

    @rule(pick=PICK, person=PERSON)
    def change(self, pick: int, person: int) -> None:
        """Mostly the number is given to somebody else; a source does not tell."""
        if there := self._there():
            source, record_id = there[pick % len(there)]
            self._put(record(source, record_id, person), person)

    @rule(pick=PICK)
    def vanish(self, pick: int) -> None:
        # what nobody has seen before it went, nobody can know
        if there := sorted(set(self._there()) - self.unseen):
            source, record_id = there[pick % len(there)]
            self.systems[source].records = [r for r in self.systems[source].records if r.id != record_id]
            self.synced = False

    # --- what is asked ------------------------------------------------------------------------------------------------

    @rule()
    def sync(self) -> None:
        """All records, as `c360 identity sync` hands them on; what is gone is said to be gone."""

        async def all_of_them() -> None:
            for system in self.systems.values():
                await self.map.learn([r for r in system.records if isinstance(r, Profile)], self.loader())
            gone = set(self.who) - set(self._there())
            await self.store.lost(gone)

        self.run(all_of_them())
        self.synced = True
        self.unseen.clear()

    @rule(people=st.lists(PERSON, min_size=1, max_size=4), pick=PICK)
    def look_ups(self, people: list[int], pick: int) -> None:
        """Several at once, while a source is synced."""
        there = self._there()

        async def at_once() -> None:
            keys = [MatchKey(KeyType.EMAIL, f"{NAMES[p].split()[0].lower()}@example.com") for p in people]
            asked = [self.map.by_key(k, self.loader()) for k in (*keys, MatchKey(KeyType.PHONE, SHARED[0]))]
            if there:
                asked.append(self.map.by_record(there[pick % len(there)], self.loader()))  # type: ignore[arg-type]
            some = [r for r in self.systems["shop"].records if isinstance(r, Profile)]
            await asyncio.gather(*asked, self.map.learn(some, self.loader()))

        self.run(at_once())

    # --- what is decided ----------------------------------------------------------------------------------------------

    @rule(a=PICK, b=PICK, take_back=st.booleans())
    def merge(self, a: int, b: int, take_back: bool) -> None:
        ids = sorted(self._customers())
        if len(ids) > 1:
            two = {ids[a % len(ids)], ids[b % len(ids)]}
            refs = [ref for i in two for ref in self._customers()[i]]
            if len(two) > 1:
                self._decide(lambda: self.map.merge(sorted(two), **BY), "same", refs, take_back)

    @rule(pick=PICK, cut=st.integers(1, 3), take_back=st.booleans())
    def split(self, pick: int, cut: int, take_back: bool) -> None:
        large = sorted((i, sorted(refs)) for i, refs in self._customers().items() if len(refs) > cut)
        if large:
            customer, refs = large[pick % len(large)]
            self._decide(lambda: self.map.split(customer, refs[:cut], **BY), "different", refs, take_back)

    @rule(a=PICK, b=PICK, same=st.booleans(), take_back=st.booleans())
    def decide(self, a: int, b: int, same: bool, take_back: bool) -> None:
        known = sorted(ref for refs in self._customers().values() for ref in refs)
        if len(known) > 1 and (pair := sorted({known[a % len(known)], known[b % len(known)]}))[1:]:
            how = self.map.confirm if same else self.map.reject
            self._decide(
                lambda: how(pair[0], pair[1], **BY), "same" if same else "different", pair, take_back
            )

    @rule(pick=PICK)
    def undo(self, pick: int) -> None:
        if self.decided:
            event = sorted(self.decided)[pick % len(self.decided)]
            self.run(self.map.undo(event, **BY))
            del self.decided[event]
            self.synced = False

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def every_id_that_ever_was_resolves(self) -> None:
        self.ids |= dict.fromkeys(self._customers())
        found = self.run(self.store.customers(list(self.ids)))
        assert set(found) == set(self.ids)
        assert all(found[c.id].redirected_from is None for c in found.values() if c.id in found)

    @invariant()
    def nobody_is_shown_a_stranger(self) -> None:
        """As soon as the sources were read: whoever stands together is one person, or a steward said so."""
        if not self.synced:
            return
        for refs in self._customers().values():
            people = {self.who[ref] for ref in refs}
            joined = [names for said in self.decided.values() for verdict, names in said if verdict == "same"]
            links = [{self.who[ref] for ref in names} for names in joined if names & set(refs)]
            assert len(_closure(people, links)) == 1, f"{refs} are {people}"

    @invariant()
    def without_decisions_everybody_is_found(self) -> None:
        # what was kept apart because of a decision is a steward's, also when the decision is taken back
        if self.synced and not self.ever_decided:
            there = set(self._there())
            for refs in self._customers().values():
                other = {r for r in there if self.who[r] in {self.who[x] for x in set(refs) & there}}
                assert other <= set(refs), "one person, two customers"

    # --- bookkeeping --------------------------------------------------------------------------------------------------

    def _put(self, new: Profile, person: int) -> None:
        system = self.systems[new.source]
        system.records = [*(r for r in system.records if r.id != new.id), new]
        self.who[new.source, new.id] = person
        self.unseen.add((new.source, new.id))
        self.synced = False

    def _there(self) -> list[Ref]:
        return sorted((r.source, r.id) for s in self.systems.values() for r in s.records)

    def _customers(self) -> dict[str, list[Ref]]:
        owners = self.run(self.store.by_records(sorted(self.who)))
        found: dict[str, list[Ref]] = {}
        for ref, owner in owners.items():
            found.setdefault(owner, []).append(ref)
        return found

    def _decide(self, how: Any, verdict: str, refs: list[Ref], take_back: bool) -> None:
        before = self.run(self.store.export())
        done: Decided = self.run(how())
        if done.event is None:
            return
        if take_back:
            self.run(self.map.undo(done.event.id, **BY))
            self._as_before(before)
        else:
            self.decided[done.event.id] = [(verdict, frozenset(refs))]
            self.ever_decided = True
            self.synced = False

    def _as_before(self, before: bytes) -> None:
        """Nothing has changed but for redirects of ids that the decision minted."""
        lines, after = set(before.splitlines()), self.run(self.store.export()).splitlines()
        assert lines <= set(after)
        assert all(b'"merged_into":"' in line for line in set(after) - lines)


def _closure(people: set[int], links: list[set[int]]) -> list[set[int]]:
    groups = [{p} for p in people]
    for link in links:
        touched = [g for g in groups if g & link]
        groups = [g for g in groups if not g & link] + ([set().union(*touched)] if touched else [])
    return groups


TestHistories = Histories.TestCase
TestHistories.pytestmark = [pytest.mark.timeout(120 + 20 * HISTORIES)]
TestHistories.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
