"""A rotation that is killed at any point is a rotation that is not over yet: everybody is found, nothing has changed its meaning.

C360_KILLS says how often it is killed on each engine (default 3).
"""

from __future__ import annotations

import pytest

from adapters.records import Profile
from resolvers.identity.carried import keys_of
from resolvers.identity.store import IdentityStore
from resolvers.identity.tokens import Tokens
from sandbox.server import running
from tests.chaos.killing import KILLS, check_whole, runs_on
from tests.chaos.sync_process import OPTIONS, tokens
from tests.chaos.test_sync_kill import PEOPLE, every_profile


async def found(store: IdentityStore, held: Tokens, profiles: list[Profile]) -> list[tuple[str, ...]]:
    """Whom each key of these people leads to."""
    pairs = sorted({pair for p in profiles for pair in keys_of(p, OPTIONS.default_country)})
    forms = [held.forms_of(*pair) for pair in pairs]
    known = await store.keys([form for each in forms for form in each])
    return [tuple(sorted({c for form in each for c in known[form].customers})) for each in forms]


@pytest.mark.timeout(120 + 3 * KILLS)
async def test_a_killed_rotation_goes_on(store: IdentityStore) -> None:
    async with running(people=PEOPLE, limits=False) as sandbox:
        profiles = await every_profile(sandbox)
        async with runs_on(store, sandbox.endpoints()) as runs:
            await runs.whole("sync")
            before, people = await store.export(), await found(store, tokens(1), profiles)
            assert any(people)
            version = 1
            while runs.kills < KILLS:
                version += 1
                while runs.kills < KILLS and await runs.killed(f"rotate {version}"):
                    await check_whole(store)
                    assert await store.export() == before
                    assert await found(store, tokens(version, moving=True), profiles) == people
                await runs.killed(f"finish {version}")
                await runs.whole(f"finish {version}")
                await check_whole(store)
                assert await store.export() == before
                assert await found(store, tokens(version), profiles) == people
                assert (await store.rekeying.left(version)).nothing
                assert not any(await found(store, tokens(version - 1), profiles))
    print(f"killed {runs.kills} times in {version - 1} rotations")
