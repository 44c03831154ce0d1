"""A process of its own that asks the same thing many times at once: started by test_processes.py."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from tests.resolvers.caching.redis_parts import Replica


async def main(url: str, secret: str, questions: int, begin: float) -> None:
    replica = Replica(url, secret, "1", "2")
    replica.clock.now = begin  # both processes have the same time
    try:
        await replica.names("none of both")  # connections and code are warm
        await asyncio.sleep(max(0.0, begin - time.time()))
        replica.source.calls.clear()
        replica.source.delay = 0.2
        answers = await asyncio.gather(*(replica.names("1", "2") for _ in range(questions)))
        await replica.sourcing.settled()
    finally:
        await replica.aclose()
    right = sum(answer == {"1": "Ada", "2": "Ada"} for answer in answers)
    print(json.dumps({"right": right, "calls": replica.calls}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
