"""A sync that is killed at any point loses nothing: the next one goes on, and in the end the map is as if nothing had been.

C360_KILLS says how often it is killed on each engine (default 3).
"""

from __future__ import annotations

import asyncio
import time

import pytest

from adapters.base import Call
from adapters.records import Profile, RecordKind
from resolvers.identity.members import Ref
from resolvers.identity.store import IdentityStore
from sandbox.server import Sandbox, running
from tests.chaos.killing import KILLS, check_whole, emptied, runs_on
from tests.sources import on_sandbox

PEOPLE = 30


async def every_profile(sandbox: Sandbox) -> list[Profile]:
    """What the sources hold, as they say themselves."""
    found: dict[Ref, Profile] = {}
    for adapter in on_sandbox(sandbox.endpoints()):
        cursor, done = None, False
        while not done:
            step = await adapter.changes(RecordKind.PROFILE, cursor, Call(deadline=time.monotonic() + 60))
            found |= {(r.source, r.id): r for r in step.records if isinstance(r, Profile)}
            cursor, done = step.cursor, step.done
        await adapter.aclose()
    return list(found.values())


async def every_record(sandbox: Sandbox) -> set[Ref]:
    """The same, as references."""
    return {(p.source, p.id) for p in await every_profile(sandbox)}


async def people(store: IdentityStore, refs: set[Ref]) -> set[frozenset[Ref]]:
    """Who is who among these records; all of them must be known."""
    owners = await store.by_records(refs)
    assert set(owners) == refs
    customers: dict[str, set[Ref]] = {}
    for ref, customer in owners.items():
        customers.setdefault(customer, set()).add(ref)
    return {frozenset(members) for members in customers.values()}


@pytest.mark.timeout(120 + 3 * KILLS)
async def test_a_killed_sync_loses_nothing(store: IdentityStore) -> None:
    async with running(people=PEOPLE, limits=False) as sandbox:
        refs = await every_record(sandbox)
        async with runs_on(store, sandbox.endpoints()) as runs:
            await runs.whole()
            undisturbed = await people(store, refs)
            rounds = 0
            while runs.kills < KILLS:
                await emptied(store)
                while await runs.killed():
                    await check_whole(store)
                    if runs.kills >= KILLS:
                        await runs.whole()
                        break
                rounds += 1
                await check_whole(store)
                states = await store.sync_states()
                assert len(states) == 4
                assert all(state.complete for state in states.values())
                assert await people(store, refs) == undisturbed
    print(f"killed {runs.kills} times in {rounds} rounds")


@pytest.mark.timeout(240)
async def test_two_syncs_at_once_end_as_one_would(store: IdentityStore) -> None:
    async with running(people=PEOPLE, limits=False) as sandbox:
        refs = await every_record(sandbox)
        async with runs_on(store, sandbox.endpoints()) as one, runs_on(store, sandbox.endpoints()) as other:
            await one.whole()
            undisturbed = await people(store, refs)
            await emptied(store)
            await asyncio.gather(one.whole(), other.whole())
            await check_whole(store)
            assert await people(store, refs) == undisturbed
