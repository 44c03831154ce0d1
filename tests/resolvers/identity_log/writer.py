"""A process that links, merges, splits and takes back without end, to be killed at any point: `writer.py URL SEED [SCHEMA]`."""

from __future__ import annotations

import asyncio
import random
import sys

from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import BY, links, rec


async def write(url: str, seed: int, schema: str | None) -> None:
    """Prints a line for each change that was confirmed."""
    options = {"server_settings": {"search_path": schema}} if schema else {}
    store = IdentityStore(url, connect_args=options)
    chance = random.Random(seed)
    while True:
        a, b = chance.sample(range(40), 2)
        await store.remember(links((a, b), token=b"%d" % chance.randrange(3)))
        print("linked", a, b, flush=True)
        ids = sorted(set((await store.by_records([rec(n) for n in range(40)])).values()))
        if len(ids) > 1:
            done = await store.decisions.merge(chance.sample(ids, 2), **BY)
            print("merged", done.event.id if done.event else "-", flush=True)
            if done.event and chance.random() < 0.7:
                await store.decisions.undo(done.event.id, **BY)
        customer = (await store.customers(ids[:1]))[ids[0]]
        if len(customer.members) > 2:
            away = [(m.source, m.record_id) for m in customer.members[1::2]]
            await store.decisions.split(ids[0], away, **BY)
            print("split", ids[0], flush=True)


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
