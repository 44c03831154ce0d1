"""Starts runs in processes of their own, and kills them at random points."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import text

from resolvers.identity.store import IdentityStore
from resolvers.identity.tables import Base, LabelRow
from tests.chaos.sync_process import Endpoints

KILLS = int(os.environ.get("C360_KILLS", "3"))
ROOT = Path(__file__).parents[2]


class Runs:
    """Runs of one store, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process, chance: random.Random) -> None:
        self._process, self._chance = process, chance
        self.kills = 0

    async def killed(self, order: str = "sync") -> bool:
        """Starts a run and kills it after some pages, few or many, and a moment; False where it was done before."""
        pid = await self._start(order)
        for _ in range(self._chance.randrange(self._chance.choice((3, 10, 40)))):
            if (line := await self._line()) != "page":
                return self._done(line)
        await asyncio.sleep(self._chance.uniform(0, 0.04))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while (line := await self._line()) == "page":
            pass
        return self._done(line)

    async def whole(self, order: str = "sync") -> None:
        """A run that nobody kills."""
        await self._start(order)
        while (line := await self._line()) == "page":
            pass
        assert line == "ended 0", line

    async def _start(self, order: str) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n".encode())
        word, pid = (await self._line()).split()
        assert word == "pid"
        return int(pid)

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    def _done(self, line: str) -> bool:
        assert line in ("ended 0", "ended -9"), line
        self.kills += line == "ended -9"
        return line == "ended -9"


@contextlib.asynccontextmanager
async def runs_on(store: IdentityStore, endpoints: Endpoints, seed: int = 360) -> AsyncIterator[Runs]:
    """Runs that write to this store. Nothing outlives the block."""
    url = store.engine.url.render_as_string(hide_password=False)
    schema = []
    if url.startswith("postgresql"):
        async with store.engine.connect() as connection:
            schema = [str((await connection.execute(text("SELECT current_schema()"))).scalar_one())]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.sync_process", url, json.dumps(endpoints), *schema, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        yield Runs(process, random.Random(seed))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def emptied(store: IdentityStore) -> None:
    """A store as on its first day, but for the labels: processes that have read them know them for good."""
    async with store.engine.execution_options(c360_write=True).begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            if table is not LabelRow.__table__:
                await connection.execute(table.delete())


async def check_whole(store: IdentityStore) -> None:
    """Nothing is half there."""
    assert await store.rebuild() == 0, "everything follows from the log"
    async with store.engine.connect() as connection:
        stray = text("SELECT count(*) FROM evidence WHERE event_id NOT IN (SELECT id FROM event)")
        assert (await connection.execute(stray)).scalar_one() == 0
