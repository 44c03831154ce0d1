"""The whole customer view with slow sources: the answer's time against the slowest chain of calls, memory, CPU and calls.

    python -m bench.latency [--people N] [--rounds N]

HubSpot, Shopify, Zendesk and Mailchimp answer after 20, 40, 60 and 30 ms. The slowest chain is measured, not assumed: in each
round every adapter is asked alone for what the view needs of it, and the slowest of these is what the answer is compared with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial

from adapters.base import Call, KeyType, MatchKey, Owner, Window
from adapters.records import RecordKind
from bench.gateway import Running, document, running
from tests.sources import on_sandbox

LATENCY = {"hubspot": 20, "shopify": 40, "zendesk": 60, "mailchimp": 30}
Chain = Callable[[Call], Awaitable[object]]

EMAIL = "ada.yilmaz@example.com"


LOOK_UP = {
    "crm": MatchKey(KeyType.EMAIL, EMAIL),
    "webshop": MatchKey(KeyType.PHONE, "+493090182017"),
    "support": MatchKey(KeyType.EMAIL, EMAIL),
    "email": MatchKey(KeyType.EMAIL, EMAIL),
}


def main() -> None:
    """Prints a table, and the same as JSON in its last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    with running(people=options.people, latency=LATENCY) as gateway:
        result = measure(gateway, options.rounds)
    for name, value in result.items():
        print(f"{name:<28} {value}")
    print(json.dumps(result))


def measure(gateway: Running, rounds: int) -> dict[str, object]:
    """Medians and quartiles over the rounds."""
    found = gateway.ask("query($e: String!) { customer(by: {email: $e}) { id } }", e=EMAIL)
    customer_id = found["customer"]["id"]
    query = document("customer")
    with asyncio.Runner() as runner:
        chains = runner.run(_chains(gateway))
        for _ in range(5):
            gateway.ask(query, id=customer_id)
            _slowest(runner, chains)
        answers, slowest = [], []
        cpu = gateway.cpu_s()
        for _ in range(rounds):
            answers.append(_timed(lambda: gateway.ask(query, id=customer_id)))
            slowest.append(_slowest(runner, chains))
        cpu = gateway.cpu_s() - cpu
    ratios = [a / c for a, c in zip(answers, slowest, strict=True)]
    return {
        "answer ms (median)": round(statistics.median(answers) * 1e3, 1),
        "slowest chain ms (median)": round(statistics.median(slowest) * 1e3, 1),
        "ratio (median)": round(statistics.median(ratios), 3),
        "ratio (quartiles)": [round(q, 3) for q in statistics.quantiles(ratios, n=4)],
        "gateway CPU ms a request": round(cpu / rounds * 1e3, 1),
        "gateway RSS MB": round(gateway.rss_mb(), 1),
        "rounds": rounds,
    }


async def _chains(gateway: Running) -> list[Chain]:
    """What each source is asked in the whole view, alone: the adapter's own calls, for the record that Ada has there."""
    chains: list[Chain] = []
    for adapter in on_sandbox(gateway.endpoints):
        found = await adapter.find([LOOK_UP[adapter.name]], _call())
        record = next(iter(found.values())).profiles[0].id
        chains.append(partial(adapter.read, [record], adapter.manifest.kinds[RecordKind.PROFILE].parts))
        for kind, support in adapter.manifest.kinds.items():
            if kind not in (RecordKind.PROFILE, RecordKind.COMMENT):
                window = Window(limit=20)
                chains.append(partial(adapter.page, kind, [Owner(ref=record)], window, support.parts))
    return chains


def _slowest(runner: asyncio.Runner, chains: list[Chain]) -> float:
    """Seconds that the slowest of the chains takes, each run alone."""

    async def run(chain: Chain) -> float:
        started = time.perf_counter()
        await chain(_call())
        return time.perf_counter() - started

    return max(runner.run(run(chain)) for chain in chains)


def _call() -> Call:
    return Call(deadline=time.monotonic() + 30)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
