"""A process that finds twenty new people when it is told to, and prints their customers: `finder.py URL [SCHEMA]`."""

from __future__ import annotations

import asyncio
import sys

from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import links


async def find(url: str, schema: str | None) -> None:
    store = IdentityStore(url, connect_args={"server_settings": {"search_path": schema}} if schema else {})
    await store.ping()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for n in range(0, 60, 3):
        done = await store.remember(links((n, n + 1), (n + 1, n + 2), token=b"person %d" % n))
        print(done.customer_id, flush=True)
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(find(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
