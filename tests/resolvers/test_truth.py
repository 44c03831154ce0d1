"""On the sandbox's people, whose truth is known: no false link at all, and how many of the true ones are found."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from itertools import combinations
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from adapters.base import Call
from adapters.records import Profile, RecordKind
from gateway.migrations import upgrade
from resolvers.caching.customers import Customers
from resolvers.engine import Engine
from resolvers.identity.map import IdentityMap
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.tokens import Tokens
from resolvers.merge import MergeRules
from resolvers.sources import Sources
from sandbox.server import Sandbox, running
from tests.resolvers.conftest import ask
from tests.sources import SYSTEM_OF, on_sandbox

PEOPLE = int(os.environ.get("C360_TRUTH_PEOPLE", "300"))
"""The proof in CI runs on all 2,000; `make truth` does the same."""


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(people=PEOPLE, limits=False) as servers:
        yield servers


@pytest_asyncio.fixture
async def engine(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Engine]:
    sources = Sources(on_sandbox(sandbox.endpoints()))
    store = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'map.sqlite'}")
    await upgrade(store.engine)
    options = IdentityOptions(default_country="DE")
    identity = IdentityMap(store, Tokens(SecretStr("t" * 40)), Customers(), sources, options)
    made = Engine(sources=sources, identity=identity, rules=MergeRules({}, sources.rank))
    yield made
    await made.aclose()


async def every_profile(engine: Engine) -> list[Profile]:
    found: list[Profile] = []
    for adapter in engine.sources:
        cursor, done = None, False
        seen: dict[str, Profile] = {}
        while not done:
            step = await adapter.changes(RecordKind.PROFILE, cursor, Call(deadline=time.monotonic() + 60))
            seen.update({r.id: r for r in step.records if isinstance(r, Profile)})
            cursor, done = step.cursor, step.done
        found += seen.values()
    return found


@pytest.mark.timeout(600)
async def test_no_false_link_on_the_sandbox(
    engine: Engine, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    profiles = await every_profile(engine)
    truth = {(s, r.rsplit("/", 1)[-1]): p for (s, r), p in sandbox.world.truth.items()}
    person = {(p.source, p.id): truth[SYSTEM_OF[p.source], p.id] for p in profiles}
    customers = {ref for ref, who in truth.items() if not who.startswith("agent")}
    assert {(SYSTEM_OF[s], r) for s, r in person} == customers, "the adapters list every customer's record"

    owner: dict[tuple[str, str], str] = {}
    for start in range(0, len(profiles), 50):
        owner.update(
            await engine.identity.by_profiles(profiles[start : start + 50], ask(engine, 120)._loader)
        )
    current = await engine.identity.store.by_records(list(owner))
    clusters: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for ref, customer in current.items():
        clusters[customer].append(ref)

    false = [
        (a, b)
        for refs in clusters.values()
        for a, b in combinations(sorted(refs), 2)
        if person[a] != person[b]
    ]
    found = sum(len(refs) * (len(refs) - 1) // 2 for refs in clusters.values()) - len(false)
    sizes = Counter(person.values())
    possible = sum(n * (n - 1) // 2 for n in sizes.values())
    with capsys.disabled():
        print(
            f"\nidentity on the sandbox: {len(profiles)} records of {len(sizes)} people, "
            f"{found} of {possible} true links found ({found / possible:.1%}), {len(false)} false"
        )
    assert false == []
    assert found > 0
