"""How many upstream calls a question costs: for one customer and for fifty, counted at the wire."""

from __future__ import annotations

from collections import Counter
from math import ceil
from pathlib import Path

import httpx

from adapters.webshop.shopify import queries
from tests.whole import gateway, world

FIND = "query($e: String!) { customer(by: {email: $e}) { id } }"
MEMBERS = "query($ids: [ID!]!) { customers(ids: $ids) { identity { members { source } } } }"
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
    found = [c.properties.get("email") for c in world().contacts]
    return [e for e in found if e][:people]


async def known_customers(client: httpx.AsyncClient, number: int) -> list[str]:
    """Ids of customers whose identity is known, most of them in several systems."""
    ids: list[str] = []
    for email in email_of(10**6):
        answer = await client.post("/graphql", json={"query": FIND, "variables": {"e": email}})
        customer = (answer.json().get("data") or {}).get("customer")
        if customer and customer["id"] not in ids:
            ids.append(customer["id"])
        if len(ids) == number:
            break
    assert len(ids) == number
    return ids


async def test_one_customers_whole_view(tmp_path: Path) -> None:
    """HubSpot: contacts, associations, companies. Shopify: customer, which orders, their lines. Zendesk: user, tickets.
    Mailchimp: member, activity. No vendor lets these be asked for with fewer."""
    counts: Counter[str] = Counter()
    async with gateway(tmp_path, lambda inner: Counting(inner, counts)) as client:
        found = await ask(client, FIND, e="ada.yilmaz@example.com")
        customer = found["customer"]
        assert isinstance(customer, dict)
        counts.clear()
        await ask(client, (QUERIES / "customer.graphql").read_text(), id=customer["id"])
    assert counts == {"hubspot": 3, "shopify": 3, "zendesk": 2, "mailchimp": 2}


async def test_fifty_customers_need_batches_not_fifty_times_as_many(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    async with gateway(tmp_path, lambda inner: Counting(inner, counts)) as client:
        ids = await known_customers(client, 50)
        members = await members_of(client, ids)
        counts.clear()
        document = (QUERIES / "customers.graphql").read_text()
        # whatever is kept from looking them up
        await ask(client, document.replace("(ids: $ids)", "(ids: $ids, maxStaleness: 0)"), ids=ids)
    assert counts["hubspot"] == 3, "a batch holds 100 contacts"
    assert counts["zendesk"] == 2, "a batch holds 100 users, a search 100 requesters"
    assert counts["mailchimp"] == 2 * members["email"], "Mailchimp reads one member a call"
    orders = sum(min(21, len(orders_of(c))) for c in world().customers)
    most = (
        ceil(members["webshop"] / queries.CUSTOMERS_PER_CALL)
        + 1
        + ceil(orders / queries.orders_per_call(True))
    )
    assert counts["shopify"] <= most, "a query may cost 1,000 points"
    assert members["webshop"] > 15, "the bound says something"


async def members_of(client: httpx.AsyncClient, ids: list[str]) -> Counter[str]:
    found = await ask(client, MEMBERS, ids=ids)
    customers = found["customers"]
    assert isinstance(customers, list)
    return Counter(m["source"] for c in customers for m in c["identity"]["members"])


def orders_of(customer: object) -> list[object]:
    return list(world().orders.find("customer", customer.id))  # type: ignore[attr-defined]
