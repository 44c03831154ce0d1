"""The benchmark's four sources, with long histories for some customers and a CRM that finds people by their addresses.

    python -m bench.growth.stub --seed 1 --customers 4000

As bench.peers.stub; besides, `/crm/found?emails=a,b` gives the people who have these addresses, and the first LONG customers have
MOST_ORDERS orders.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from bench.peers import data
from bench.peers.stub import Pages, World, serve

MOST_ORDERS = 250
LONG = 400
"""Customers with a long history."""
_AGE = timedelta(seconds=400_000 * data.ORDERS)
"""More than the time between the first and the last of the orders that `data.person` gives."""


def history(one: data.Person) -> Iterator[data.Record]:
    """MOST_ORDERS orders, newest first: the person's own, again and again, each time longer ago and under other ids."""
    for number in range(MOST_ORDERS):
        ago, place = divmod(number, data.ORDERS)
        order = one.orders[place]
        at = datetime.fromisoformat(order["at"]) - ago * _AGE
        yield {**order, "id": f"{one.id}-o{number}", "at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}


class Longer(World):
    """The sources of the benchmark against peers, and what growth needs of them besides."""

    def __init__(self, seed: int, customers: int) -> None:
        super().__init__(seed, customers)
        self._long = Pages()
        for number in range(min(LONG, customers)):
            one = data.person(seed, number)
            self._long.add(one.id, list(history(one)))

    def answer(self, target: str) -> tuple[bytes, float]:
        path, _, query = target.partition("?")
        if path == "/crm/found":
            emails = parse_qs(query).get("emails", [""])[0].split(",")
            ids = ",".join(email.partition("@")[0] for email in emails)
            return super().answer(f"/crm/contacts?ids={ids}")
        if path == "/shop/orders":
            asked = {name: values[0] for name, values in parse_qs(query).items()}
            limit = int(asked.get("limit", data.ORDERS))
            if limit > data.ORDERS:
                return self._histories(asked.get("customers", "").split(","), limit)
        return super().answer(target)

    def _histories(self, owners: list[str], limit: int) -> tuple[bytes, float]:
        self.calls["shop"] += 1
        pages = [page for owner in owners if (page := self._long.page(owner, limit)) is not None]
        body = b"[" + b",".join(pages) + b"]"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body, self.latency["shop"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--customers", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(serve(Longer(options.seed, options.customers)))


if __name__ == "__main__":
    main()
