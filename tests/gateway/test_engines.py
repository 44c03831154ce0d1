"""The same gateway on the engines people run: PostgreSQL for the identity map, Redis for the cache."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.whole import gateway

QUERY = """
query($e: String!) {
  customer(by: {email: $e}) { id displayName identity { members { source recordId } } orders(first: 3) { nodes { number } } }
}
"""


@pytest_asyncio.fixture
async def own_database(postgres_url: str) -> AsyncIterator[str]:
    """A database of this test's own, gone afterwards."""
    name = f"c360_{uuid.uuid4().hex[:12]}"
    admin = create_async_engine(postgres_url, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    async with admin.connect() as connection:
        await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await admin.dispose()


async def test_postgresql_and_redis_answer_like_sqlite_and_memory(
    tmp_path: Path, own_database: str, redis_url: str
) -> None:
    body = {"query": QUERY, "variables": {"e": "ada.yilmaz@example.com"}}
    async with gateway(tmp_path) as client:
        embedded = (await client.post("/graphql", json=body)).json()
    async with gateway(tmp_path, store=own_database, cache_url=redis_url) as client:
        assert (await client.get("/readyz")).json() == {"status": "ready", "store": "ok", "cache": "ok"}
        first = (await client.post("/graphql", json=body)).json()
        again = (await client.post("/graphql", json=body)).json()
    assert first == again
    for answer in (embedded, first):
        answer["data"]["customer"].pop("id")
    assert first == embedded
