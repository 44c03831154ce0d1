"""How many upstream calls a question costs: for one customer and for fifty, counted at the wire."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import httpx

from tests.whole import gateway, world

QUERIES = Path(__file__).parents[2] / "bench" / "queries"


class Counting(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport, counts: Counter[str]) -> None:
        self._inner, self._counts = inner, counts

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._counts[request.url.host.removesuffix(".test")] += 1
        return await self._inner.handle_async_request(request)


async def ask(client: httpx.AsyncClient, query: str, **variables: object) -> dict[str, object]:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    body = answer.json()
    assert "errors" not in body, body["errors"][:3]
    data: dict[str, object] = body["data"]
    return data


def email_of(people: int) -> list[str]:
    """Addresses of people who have a contact in the CRM, one each."""
    found = [c.properties.get("email") for c in world().contacts.rows.values()]
    return [e for e in found if e][:people]


async def known_customers(client: httpx.AsyncClient, number: int) -> list[str]:
    """Ids of customers whose identity is known, most of them in several systems."""
    ids: list[str] = []
    query = "query($e: String!) { customer(by: {email: $e}) { id } }"
    for email in email_of(10**6):
        answer = await client.post("/graphql", json={"query": query, "variables": {"e": email}})
        customer = (answer.json().get("data") or {}).get("customer")
        if customer and customer["id"] not in ids:
            ids.append(customer["id"])
        if len(ids) == number:
            break
    assert len(ids) == number
    return ids
