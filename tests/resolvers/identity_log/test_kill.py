"""A writer that is killed at any point leaves no half change: the log and what is derived from it agree.

C360_KILLS says how often it is killed (default 5; CI kills it 25 times).
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from resolvers.identity.store import IdentityStore

KILLS = int(os.environ.get("C360_KILLS", "5"))
ROOT = Path(__file__).parents[3]


async def killed_after(store: IdentityStore, seed: int, lines: int, pause: float) -> list[str]:
    """Starts a writer, waits for so many confirmed changes and a moment more, and kills it."""
    url = store.engine.url.render_as_string(hide_password=False)
    schema = []
    if url.startswith("postgresql"):
        async with store.engine.connect() as connection:
            schema = [str((await connection.execute(text("SELECT current_schema()"))).scalar_one())]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.resolvers.identity_log.writer", url, str(seed), *schema,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    confirmed = [(await process.stdout.readline()).decode().strip() for _ in range(lines)]
    await asyncio.sleep(pause)
    process.kill()
    rest = await process.stdout.read()
    assert await process.wait() == -9, "it ran until it was killed"
    whole = rest.decode().rpartition("\n")[0].splitlines()
    return [*confirmed, *whole]


@pytest.mark.timeout(60 + 10 * KILLS)
async def test_no_half_change_is_left(store: IdentityStore) -> None:
    chance = random.Random(360)
    events = 0
    for seed in range(KILLS):
        confirmed = await killed_after(store, seed, chance.randint(1, 6), chance.uniform(0, 0.05))
        assert await store.rebuild() == 0, "everything follows from the log"
        async with store.engine.connect() as connection:
            kept = {row.id for row in await connection.execute(text("SELECT id FROM event"))}
            stray = await connection.execute(
                text("SELECT count(*) FROM evidence WHERE event_id NOT IN (SELECT id FROM event)")
            )
            assert stray.scalar_one() == 0
        merged = {int(line.split()[1]) for line in confirmed if line.startswith("merged") and line[-1] != "-"}
        assert merged <= kept, "what was confirmed is there"
        assert len(kept) > events, "each writer went on where the one before was killed"
        events = len(kept)
