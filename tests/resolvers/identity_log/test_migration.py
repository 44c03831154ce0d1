"""What the first release knew becomes a log that says the same."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from alembic import command
from sqlalchemy import Connection, text

from gateway import migrations
from resolvers.identity.fan_out import FanOut
from resolvers.identity.log import Kind
from resolvers.identity.store import Edge, IdentityStore, NewLinks, Verdict
from tests.resolvers.identity_log.logs import BY
from tests.resolvers.identity_log.tables import differences

DAY = datetime(2026, 1, 1, tzinfo=UTC)
OLD, YOUNG, GONE, ALONE, NEW = (f"01a00000-0000-7000-8000-00000000000{n}" for n in range(5))


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def first_release(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IdentityStore]:
    """A store as the first release left it."""
    async with _old(request, tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def second_release(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IdentityStore]:
    """A store that the first release made and the second one wrote to."""
    async with _old(request, tmp_path) as opened:
        async with opened.engine.execution_options(c360_write=True).begin() as connection:
            await connection.run_sync(lambda c: command.upgrade(migrations._config(c), "0002"))
            await connection.run_sync(go_on)
        yield opened


@asynccontextmanager
async def _old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[IdentityStore]:
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


def _token(text_: str) -> str:
    digest = hashlib.sha256(text_.encode()).digest()
    return f"1:email:{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _now(text_: str) -> bytes:
    return bytes((1, 1)) + hashlib.sha256(text_.encode()).digest()[:16]


def _ground(*tokens: str) -> str:
    return hashlib.sha256("\n".join(sorted(tokens)).encode()).hexdigest()[:32]


def go_on(connection: Connection) -> None:
    """A rejection that rests on keys that both still carry, one on keys of earlier, and a doubt that a model had."""
    both = [_token("ada@example.org"), _token("ada@example.net")]
    for source, record, tokens in (("crm", "1", both), ("crm", "8", both), ("desk", "3", both[:1])):
        for token in tokens:
            connection.execute(
                text("INSERT INTO match_key (token, source, record_id) VALUES (:t, :s, :r)"),
                {"t": token, "s": source, "r": record},
            )
    sqlite = connection.dialect.name == "sqlite"
    at = "2026-01-09 10:00:00.000007" if sqlite else datetime(2026, 1, 9, 10, 0, 0, 7, tzinfo=UTC)
    connection.execute(
        text("INSERT INTO discovery (token, at, shared) VALUES (:t, :at, :s)"),
        {"t": both[0], "at": at, "s": True},
    )
    prior = {"field": "prior", "agreement": "", "weight": -12.3456}
    bars = json.dumps([prior, {"field": "email", "agreement": "exact", "weight": 13.5}])
    for kind, actor, a, b, verdict, origin, confidence, rests_on, contributions in (
        ("reject", "tess", "1", "8", "different", "steward", 1.0, _ground(*both), None),
        ("reject", "tess", "7", "8", "different", "steward", 1.0, _ground("gone"), None),
        ("link", "linking", "7", "1", "unsure", "model v1", 0.6, _ground(), bars),
    ):  # fmt: skip
        event = connection.execute(
            text(
                "INSERT INTO event (kind, actor, reason, at, detail) VALUES (:k, :a, :r, :at, '{}') RETURNING id"
            ),
            {"k": kind, "a": actor, "r": "why" if kind == "reject" else None, "at": at},
        ).scalar_one()
        if (a, kind) == ("7", "reject"):  # a record of its own
            connection.execute(
                text(
                    "INSERT INTO customer (id, created_at, source, record_id, event_id) VALUES (:i, :at, 'crm', '7', :e)"
                ),
                {"i": NEW, "at": at, "e": event},
            )
            connection.execute(
                text("INSERT INTO member VALUES ('crm', '7', :c, :at, 1.0, :e)"),
                {"c": NEW, "at": at, "e": event},
            )
        pair = sorted([("crm", a), ("crm", b)])
        connection.execute(
            text(
                "INSERT INTO evidence (event_id, a_source, a_record_id, b_source, b_record_id, verdict, origin, confidence,"
                " weight, contributions, rests_on) VALUES (:e, :a, :b, :c, :d, :v, :o, :p, 1.5, :bars, :r)"
            ),
            {
                "e": event, "a": pair[0][0], "b": pair[0][1], "c": pair[1][0], "d": pair[1][1], "v": verdict, "o": origin,
                "p": confidence, "bars": contributions, "r": rests_on,
            },
        )  # fmt: skip
    connection.execute(text("INSERT INTO review VALUES ('crm', '1', 'crm', '7', 0.6, :no)"), {"no": False})


async def test_the_second_releases_log_is_taken_over(second_release: IdentityStore) -> None:
    store = second_release
    await migrations.upgrade(store.engine)
    assert await store.rebuild() == 0
    known = await store.keys([_now("ada@example.org"), _now("ada@example.net")])
    assert {t: k.customers for t, k in known.items()} == {
        _now("ada@example.org"): (OLD, ALONE), _now("ada@example.net"): (OLD, ALONE),
    }  # fmt: skip
    asked = known[_now("ada@example.org")]
    assert (asked.fan_out, asked.discovered_at) == (
        FanOut.HOUSEHOLD,
        datetime(2026, 1, 9, 10, 0, 0, 7, tzinfo=UTC),
    )
    page, _ = await store.chronicle.review(10)
    assert [(r.a, r.b, r.confidence, r.records) for r in page] == [(("crm", "1"), ("crm", "7"), 0.6, 4)]
    assert [(c.field, c.agreement, c.weight) for c in page[0].evidence[0].contributions] == [
        ("prior", "", -12.346), ("email", "exact", 13.5),
    ]  # fmt: skip
    rejected = [e for e in await store.chronicle.history(ALONE) if e.event.kind is Kind.REJECT]
    assert {(e.event.actor, e.event.reason) for e in rejected} == {("tess", "why")}


async def test_what_was_decided_on_the_same_keys_is_not_asked_again(second_release: IdentityStore) -> None:
    store = second_release
    await migrations.upgrade(store.engine)
    mail, other = _now("ada@example.org"), _now("ada@example.net")
    both = ((mail, ("crm", "1")), (other, ("crm", "1")), (mail, ("crm", "8")), (other, ("crm", "8")))
    found = Edge(
        event=0, a=("crm", "1"), b=("crm", "8"), verdict=Verdict.SAME, origin="email", confidence=0.9,
        key_type="email", token=mail,
    )  # fmt: skip
    await store.remember(NewLinks(records=(("crm", "1"), ("crm", "8")), edges=(found,), tokens=both))
    reopened = [(r.a, r.b) for r in (await store.chronicle.review(10))[0] if r.reopened]
    assert reopened == [], "both carry the keys that the rejection rested on"
    gone = msgspec.structs.replace(found, a=("crm", "7"), b=("crm", "8"))
    carried = (*both[2:], (mail, ("crm", "7")))
    await store.remember(NewLinks(records=(("crm", "7"), ("crm", "8")), edges=(gone,), tokens=carried))
    reopened = [(r.a, r.b) for r in (await store.chronicle.review(10))[0] if r.reopened]
    assert reopened == [(("crm", "7"), ("crm", "8"))], "this one rested on keys that are no longer carried"
    assert await store.rebuild() == 0


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
    await migrations.upgrade(first_release.engine)
    async with first_release.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
