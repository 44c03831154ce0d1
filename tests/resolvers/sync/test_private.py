"""Nothing of a person is at rest: after a whole sync neither the database nor what was said holds a contact or a name.

C360_TRUTH_PEOPLE says how many people the sandbox has (default 300).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import make_url, text

from adapters.base import Call
from adapters.records import Profile, RecordKind
from gateway.migrations import upgrade
from resolvers.identity.store import IdentityStore
from resolvers.identity.tables import Base
from sandbox.server import Sandbox, running
from tests.gateway.test_cli import Result, c360
from tests.gateway.test_sync_command import ENV, settings
from tests.resolvers.sync.leaks import Index, Values, add_profiles, needles, of_world
from tests.sources import on_sandbox

PEOPLE = int(os.environ.get("C360_TRUTH_PEOPLE", "300"))
LOG = '[log]\nlevel = "debug"'


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(people=PEOPLE, limits=False) as servers:
        yield servers


async def everybody(sandbox: Sandbox) -> Values:
    """All values of all people, as they are and as the sources write them."""
    found = of_world(sandbox.world)
    for adapter in on_sandbox(sandbox.endpoints()):
        cursor, done = None, False
        while not done:
            step = await adapter.changes(RecordKind.PROFILE, cursor, Call(deadline=time.monotonic() + 60))
            add_profiles(found, (r for r in step.records if isinstance(r, Profile)))
            cursor, done = step.cursor, step.done
        await adapter.aclose()
    return found


async def index(sandbox: Sandbox, empty: bytes) -> Index:
    wanted = needles(await everybody(sandbox))
    assert len(wanted) > 50 * PEOPLE
    for everyday in Index(wanted).found(empty):
        wanted = {n: what for n, what in wanted.items() if n.lower() != everyday.lower()}
    return Index(wanted)


def check_said(result: Result, wanted: Index) -> None:
    assert result.status == 0, result.err
    assert '"stage": "done"' in result.out
    assert wanted.found(result.out.encode()) == {}
    assert wanted.found(result.err.encode()) == {}


def files(folder: Path) -> bytes:
    return b"".join(f.read_bytes() for f in sorted(folder.glob("identity.sqlite*")))


async def empty(folder: Path) -> bytes:
    """A store that holds nobody, elsewhere: to read a file of this process would drop SQLite's locks on it."""
    store = IdentityStore(f"sqlite+aiosqlite:///{folder}/identity.sqlite")
    await upgrade(store.engine)
    await store.aclose()
    return files(folder)


@pytest.mark.timeout(1800)
async def test_a_sqlite_file_holds_nobody(
    sandbox: Sandbox, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wanted = await index(sandbox, await empty(tmp_path_factory.mktemp("empty")))
    store = IdentityStore(f"sqlite+aiosqlite:///{tmp_path}/identity.sqlite")
    await upgrade(store.engine)
    file = settings(tmp_path, sandbox, more=LOG)
    async with store.engine.connect() as connection:  # keeps the write-ahead log from being folded in
        await connection.execute(text("SELECT 1 FROM member"))
        check_said(await c360("identity", "sync", "-c", file, "--json", env=ENV), wanted)
        hay = files(tmp_path)
        assert (tmp_path / "identity.sqlite-wal").stat().st_size > 0
    assert await store.size() > PEOPLE
    await store.aclose()
    assert wanted.found(hay) == {}


@pytest.mark.timeout(1800)
async def test_a_dump_of_postgresql_holds_nobody(sandbox: Sandbox, tmp_path: Path, database: str) -> None:
    store = IdentityStore(database)
    await upgrade(store.engine)
    wanted = await index(sandbox, await dump(store))
    file = settings(tmp_path, sandbox, store=database, more=LOG)
    check_said(await c360("identity", "sync", "-c", file, "--json", env=ENV), wanted)
    assert await store.size() > PEOPLE
    hay = await dump(store)
    await store.aclose()
    assert b"match_key" in hay
    assert wanted.found(hay) == {}


@pytest_asyncio.fixture
async def database(postgres_url: str) -> AsyncIterator[str]:
    """A PostgreSQL database of its own."""
    name = f"c360_{uuid.uuid4().hex[:12]}"
    admin = IdentityStore(postgres_url)
    autocommit = admin.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with autocommit.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        async with autocommit.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await admin.aclose()


async def dump(store: IdentityStore) -> bytes:
    """The whole database as text: pg_dump's where there is one, else every row of every table."""
    if shutil.which("pg_dump"):
        url = store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        process = await asyncio.create_subprocess_exec(
            "pg_dump", "--dbname", url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        if process.returncode == 0:
            return out
    parts = []
    async with store.engine.connect() as connection:
        for table in Base.metadata.tables:
            rows = await connection.execute(text(f"SELECT '{table}', t::text FROM {table} t"))  # bytes as hex
            parts += [f"{name} {row}" for name, row in rows]
    return "\n".join(parts).encode()


def planted(value: str) -> list[bytes]:
    """The value as somebody careless might keep it."""
    raw = value.encode()
    return [
        raw, raw.upper(), raw.lower(), value.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode(),
        value.replace("@", "%40").replace("+", "%2B").replace(" ", "%20").encode(),
        base64.b64encode(raw), base64.b64encode(b"x" + raw + b"yz"), base64.b64encode(b"ab" + raw),
    ]  # fmt: skip


def hashes(value: str) -> list[bytes]:
    digests = [hashlib.new(name, value.encode()) for name in ("sha256", "sha1", "md5")]
    return [
        form
        for d in digests
        for form in (d.digest(), d.hexdigest().encode(), d.hexdigest().upper().encode(), base64.b64encode(d.digest()))
    ]  # fmt: skip


def test_the_search_finds_what_it_looks_for() -> None:
    values = Values()
    values.name("Odile", "Lindqvist")
    values.email("Odile.L@Mail.example")
    values.phone("030 23125 001", "DE")
    wanted = Index(needles(values))
    lying = [
        f
        for v in ("Odile Lindqvist", "Lindqvist", "odile.l@mail.example", "+493023125001")
        for f in planted(v)
    ]
    lying += hashes("odile.l@mail.example") + hashes("+493023125001")
    missed = [form for form in lying if not wanted.found(b"\x00\x01" + form + b"\xff\x00")]
    assert missed == []
    assert wanted.found(os.urandom(200_000) + b"noise of a customer, an evidence, a review") == {}
