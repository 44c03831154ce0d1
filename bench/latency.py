"""The whole customer view with slow sources: the answer's time against the slowest chain of calls, memory, CPU and calls.

    python -m bench.latency [--people N] [--rounds N]

HubSpot, Shopify, Zendesk and Mailchimp answer after 20, 40, 60 and 30 ms. The slowest chain is measured, not assumed: in each
round bare clients make the calls that must wait for one another, right after the gateway's answer, on the same machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import httpx

from bench.gateway import Running, document, running

LATENCY = {"hubspot": 20, "shopify": 40, "zendesk": 60, "mailchimp": 30}
CHAINS = {"hubspot": 2, "shopify": 2, "zendesk": 1, "mailchimp": 1}
"""Calls that wait for one another: contacts before companies, which orders before their lines."""

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
    found = gateway.ask("query($e: String!) { customer(by: {email: $e}) { id } }", e=EMAIL)
    customer_id = found["customer"]["id"]
    query = document("customer")
    for _ in range(5):
        gateway.ask(query, id=customer_id)
    chains = [_chain(gateway, system, length) for system, length in CHAINS.items()]
    answers, slowest = [], []
    cpu = gateway.cpu_s()
    for _ in range(rounds):
        answers.append(_timed(lambda: gateway.ask(query, id=customer_id)))
        slowest.append(max(_timed(chain) for chain in chains))
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


def _chain(gateway: Running, system: str, length: int) -> Callable[[], None]:
    """A bare client that makes as many calls, one after the other, as the adapter's longest chain has."""
    place = gateway.endpoints[system]
    secret = place.get("token") or place["key"]
    headers = {
        "hubspot": {"authorization": f"Bearer {secret}"},
        "shopify": {"x-shopify-access-token": secret},
        "zendesk": {"authorization": httpx.BasicAuth(f"{place.get('email')}/token", secret)._auth_header},
        "mailchimp": {"authorization": f"Bearer {secret}"},
    }[system]
    client = httpx.Client(base_url=place["url"], headers=headers, trust_env=False)
    call: dict[str, Callable[[], httpx.Response]] = {
        "hubspot": lambda: client.get("/crm/v3/objects/contacts", params={"limit": 1}),
        "shopify": lambda: client.post(
            "/admin/api/2026-10/graphql.json", json={"query": "{ shop { name } }"}
        ),
        "zendesk": lambda: client.get("/api/v2/users/show_many", params={"ids": "1"}),
        "mailchimp": lambda: client.get("/3.0/ping"),
    }

    def chain() -> None:
        for _ in range(length):
            call[system]().raise_for_status()

    return chain


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
