"""Two processes on one Redis: what both are asked at once is fetched once."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from tests.resolvers.caching.redis_parts import a_secret

BEGIN_IN = 4.0
"""Seconds that the processes have to start; one that is late finds the answer in Redis, which proves less but not wrongly."""


async def _run(*arguments: str) -> dict[str, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.resolvers.caching.replica_process",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0
    return dict(json.loads(out))


async def test_64_identical_cold_requests_at_two_processes_are_one_call(redis_url: str) -> None:
    secret, begin = a_secret(), str(time.time() + BEGIN_IN)
    done = await asyncio.gather(*(_run(redis_url, secret, "32", begin) for _ in range(2)))
    assert [d["right"] for d in done] == [32, 32]
    assert sum(d["calls"] for d in done) == 1
