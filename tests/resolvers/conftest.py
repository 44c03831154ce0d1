"""A whole engine on memory sources and a real store."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from adapters.base import Adapter
from gateway.migrations import upgrade
from resolvers.asker import Asker
from resolvers.caching.whole import Caching
from resolvers.engine import Engine, Session
from resolvers.identity.map import IdentityMap
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.tokens import Tokens
from resolvers.merge import MergeRules
from resolvers.sources import Sources

SECRET = SecretStr("a secret of the tests, long enough")


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IdentityStore]:
    """An empty, migrated store on each engine; PostgreSQL in a schema of its own."""
    if request.param == "sqlite":
        opened = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'map.sqlite'}")
        await upgrade(opened.engine)
        yield opened
        await opened.aclose()
        return
    async with _in_a_schema(request.getfixturevalue("postgres_url")) as opened:
        yield opened


@pytest_asyncio.fixture
async def postgres_store(postgres_url: str) -> AsyncIterator[IdentityStore]:
    async with _in_a_schema(postgres_url) as opened:
        yield opened


@asynccontextmanager
async def _in_a_schema(url: str) -> AsyncIterator[IdentityStore]:
    schema = f"c360_{uuid.uuid4().hex[:12]}"
    admin = IdentityStore(url)
    async with admin.engine.begin() as connection:
        await connection.execute(text(f"CREATE SCHEMA {schema}"))
    opened = IdentityStore(url, connect_args={"server_settings": {"search_path": schema}})
    try:
        await upgrade(opened.engine)
        yield opened
    finally:
        await opened.aclose()
        async with admin.engine.begin() as connection:
            await connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        await admin.aclose()


@pytest_asyncio.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[IdentityStore]:
    opened = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'map.sqlite'}")
    await upgrade(opened.engine)
    yield opened
    await opened.aclose()


MakeEngine = Callable[..., Engine]


@pytest_asyncio.fixture
async def make_engine(sqlite_store: IdentityStore) -> AsyncIterator[MakeEngine]:
    """`make_engine(*sources, **identity options)`."""
    made: list[Caching] = []

    def make(*adapters: Adapter, **options: object) -> Engine:
        sources = Sources(adapters)
        caching = Caching(sources, customer_ttl=30.0, max_entries=1000)
        made.append(caching)
        chosen = IdentityOptions(**{"default_country": "DE", **options})  # type: ignore[arg-type]
        identity = IdentityMap(sqlite_store, Tokens(SECRET), caching.customers, sources, chosen)
        return Engine(sources=sources, identity=identity, rules=MergeRules({}, sources.rank), caching=caching)

    yield make
    for caching in made:
        await caching.aclose()


def ask(engine: Engine, seconds: float = 30.0) -> Session:
    """A new request."""
    return engine.session(Asker(principal="test", deadline=time.monotonic() + seconds))
