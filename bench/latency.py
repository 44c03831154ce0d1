"""The whole customer view with slow sources: the answer's time against the slowest chain of calls, memory, CPU and calls.

    python -m bench.latency [--people N] [--rounds N]

HubSpot, Shopify, Zendesk and Mailchimp answer after 20, 40, 60 and 30 ms. The slowest chain is measured, not assumed: in each round
one bare request to the slowest source is timed right after the gateway's answer, so both see the same machine at the same moment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import httpx

from bench.gateway import Running, document, running

LATENCY = {"hubspot": 20, "shopify": 40, "zendesk": 60, "mailchimp": 30}
EMAIL = "ada.yilmaz@example.com"


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
    found = gateway.ask('query($e: String!) { customer(by: {email: $e}) { id } }', e=EMAIL)
    customer_id = found["customer"]["id"]
    query = document("customer")
    for _ in range(5):
        gateway.ask(query, id=customer_id)
    zendesk = gateway.endpoints["zendesk"]
    bare = httpx.Client(
        auth=(f"{zendesk['email']}/token", zendesk["token"]), trust_env=False, base_url=zendesk["url"]
    )
    answers, chains = [], []
    cpu = gateway.cpu_s()
    for _ in range(rounds):
        answers.append(_timed(lambda: gateway.ask(query, id=customer_id)))
        chains.append(_timed(lambda: bare.get("/api/v2/users/show_many", params={"ids": "1"})))
    cpu = gateway.cpu_s() - cpu
    ratios = [a / c for a, c in zip(answers, chains, strict=True)]
    return {
        "answer ms (median)": round(statistics.median(answers) * 1e3, 1),
        "slowest chain ms (median)": round(statistics.median(chains) * 1e3, 1),
        "ratio (median)": round(statistics.median(ratios), 3),
        "ratio (quartiles)": [round(q, 3) for q in statistics.quantiles(ratios, n=4)],
        "gateway CPU ms a request": round(cpu / rounds * 1e3, 1),
        "gateway RSS MB": round(gateway.rss_mb(), 1),
        "rounds": rounds,
    }


def _timed(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
