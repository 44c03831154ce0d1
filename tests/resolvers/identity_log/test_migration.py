"""What the first release knew becomes a log that says the same."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from alembic import command
from sqlalchemy import Connection, text

from gateway import migrations
from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import BY

DAY = datetime(2026, 1, 1, tzinfo=UTC)
OLD, YOUNG, GONE, ALONE = (f"01a00000-0000-7000-8000-00000000000{n}" for n in range(4))


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def first_release(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IdentityStore]:
    """A store as the first release left it."""
    schema = f"c360_{uuid.uuid4().hex[:12]}"
    if request.param == "sqlite":
        opened = admin = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'old.sqlite'}")
    else:
        url = request.getfixturevalue("postgres_url")
        admin = IdentityStore(url)
        async with admin.engine.begin() as connection:
            await connection.execute(text(f"CREATE SCHEMA {schema}"))
        opened = IdentityStore(url, connect_args={"server_settings": {"search_path": schema}})
    async with opened.engine.execution_options(c360_write=True).begin() as connection:
        await connection.run_sync(lambda c: command.upgrade(migrations._config(c), "0001"))
        await connection.run_sync(fill)
    yield opened
    await opened.aclose()
    if admin is not opened:
        async with admin.engine.begin() as connection:
            await connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
        await admin.aclose()


def fill(connection: Connection) -> None:
    """Two customers that became one (by way of a third id), and one with a link that is not kept."""
    sqlite = connection.dialect.name == "sqlite"

    def day(n: int) -> Any:
        at = DAY + timedelta(days=n)
        return at.strftime("%Y-%m-%d %H:%M:%S.%f") if sqlite else at

    for customer_id, n, into in ((OLD, 0, None), (YOUNG, 1, OLD), (GONE, 2, YOUNG), (ALONE, 3, None)):
        connection.execute(
            text("INSERT INTO customer (id, created_at, merged_into) VALUES (:i, :d, :m)"),
            {"i": customer_id, "d": day(n), "m": into},
        )
    for source, record, owner, n in (
        ("crm", "1", OLD, 0), ("shop", "2", OLD, 1), ("desk", "3", OLD, 2), ("crm", "8", ALONE, 3), ("shop", "9", ALONE, 3),
    ):  # fmt: skip
        connection.execute(
            text("INSERT INTO member VALUES (:s, :r, :c, :d, 1.0)"),
            {"s": source, "r": record, "c": owner, "d": day(n)},
        )
    for a, b, n in ((("shop", "2"), ("crm", "1"), 1), (("desk", "3"), ("shop", "2"), 2)):
        connection.execute(
            text(
                "INSERT INTO evidence (a_source, a_record_id, b_source, b_record_id, rule, key_type, token, confidence, at)"
                " VALUES (:a, :b, :c, :d, 'email', 'email', '1:email:x', 0.9, :at)"
            ),
            {"a": a[0], "b": a[1], "c": b[0], "d": b[1], "at": day(n)},
        )


async def test_the_first_releases_map_becomes_a_log(first_release: IdentityStore) -> None:
    store = first_release
    await migrations.upgrade(store.engine)
    assert not await migrations.pending(store.engine)
    assert await store.rebuild() == 0, "the log says what the tables said"
    found = await store.customers([OLD, YOUNG, GONE, ALONE])
    assert {i: c.id for i, c in found.items()} == {OLD: OLD, YOUNG: OLD, GONE: OLD, ALONE: ALONE}
    assert [(m.source, m.confidence, m.linked_at) for m in found[GONE].members] == [
        ("crm", 0.9, DAY), ("desk", 0.9, DAY + timedelta(days=2)), ("shop", 0.9, DAY + timedelta(days=1)),
    ]  # fmt: skip
    evidence = await store.evidence([("crm", "1"), ("shop", "2"), ("desk", "3")])
    assert [(e.a, e.b, e.rule, e.at) for e in evidence] == [
        (("crm", "1"), ("shop", "2"), "email", DAY + timedelta(days=1)),
        (("desk", "3"), ("shop", "2"), "email", DAY + timedelta(days=2)),
    ]
    assert len(found[ALONE].members) == 2, "a customer whose links were not kept stays whole"
    done = await store.decisions.split(ALONE, [("shop", "9")], **BY)
    assert len(done.customers) == 2
    assert await store.rebuild() == 0


async def test_the_migrated_tables_are_those_of_the_code(first_release: IdentityStore) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from resolvers.identity.tables import Base

    await migrations.upgrade(first_release.engine)
    async with first_release.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c), Base.metadata)
        )
    assert differences == []
