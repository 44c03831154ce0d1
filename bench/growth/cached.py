"""Customers in the cache of one process: how many stay, what they take, what keeping and finding one costs.

    python -m bench.growth.cached --customers 100000 --bound 10000

prints one JSON object. Each measurement is a process of its own: memory that was used once seldom goes back to the system.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.growth.place import say
from bench.peers import data
from bench.peers.ours.sources import Contact, profile_of
from bench.peers.servers import ROOT
from gateway.settings import Cache as CacheSettings
from resolvers.caching.asks import ReadAsk
from resolvers.caching.local import Entry, Store

COUNTS = (1000, 10_000, 100_000, 1_000_000)
SHIPPED = int(CacheSettings().max_entries)
BOUNDS = (SHIPPED, 10 * SHIPPED)
TTL = 3600.0
WITHIN = 600.0
"""Seconds that one measurement may take."""


def target(bound: int) -> Store:
    """The store that is measured: the process's layer of the source cache, here bounded by entries alone."""
    return Store(max_entries=bound, max_bytes=10**12)


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def measured(customers: int, bound: int) -> dict[str, Any]:
    """Keeps the profiles of so many customers, one after the other, and asks for all of them again."""
    store, ask, now = target(bound), ReadAsk(source="crm", kind="profile"), time.time()
    payload = json.dumps(data.person(1, 1).contact).encode()
    decode = msgspec.json.Decoder(Contact).decode
    before, rss, kept, making = time.process_time(), _rss(), 0, 0.0
    for number in range(customers):
        began = time.process_time()
        profile = profile_of("crm", decode(payload))  # objects of its own for each, as sources give them
        making += time.process_time() - began
        item = f"p{number:08}"
        tags = ask.tags(item, profile)
        entry = Entry(value=profile, at=now, until=now + TTL, tags=tags, size=ask.size(profile))
        store.put(ask.ident(item), entry)
    put, grown = time.process_time() - before - making, _rss() - rss
    before = time.process_time()
    for number in range(customers):
        kept += store.get(ask.ident(f"p{number:08}")) is not None
    got = time.process_time() - before
    store.close()
    return {
        "x": customers,
        "bound": bound,
        "kept": kept,
        "payload_bytes": len(payload),
        "grown_mb": grown / 1e6,
        "put_us": put / customers * 1e6,
        "get_us": got / customers * 1e6,
    }


def run(repetitions: int, core: int, counts: Sequence[int] = COUNTS) -> list[dict[str, Any]]:
    """A row for each number of customers and each bound: medians over the repetitions, which go round all points."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for repetition in range(repetitions):
        for bound in BOUNDS:
            for customers in counts:
                one = _apart(customers, bound, core)
                found.setdefault((bound, customers), []).append(one)
                say(
                    f"cached {customers} of bound {bound}, {repetition + 1}/{repetitions}: {one['kept']} kept, "
                    f"{one['grown_mb']:.1f} MB, {one['put_us']:.1f} µs"
                )
    return [_median(each) for each in found.values()]


def _median(repeated: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: round(statistics.median(one[name] for one in repeated), 2) for name in repeated[0]}


def _apart(customers: int, bound: int, core: int) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "bench.growth.cached", "--customers", str(customers), "--bound", str(bound),
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, timeout=WITHIN, check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )  # fmt: skip
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, required=True)
    parser.add_argument("--bound", type=int, required=True)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measured(options.customers, options.bound))))


if __name__ == "__main__":
    main()
