"""No statement of the everyday paths reads a whole table, however large the map is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, event, text

from resolvers.identity.derivation import Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import BY, links, rec, scored, seen

SMALL = {"label", "part", "sync", "CONSTANT"}
"""A few rows each: read once a process, what a change touches, one for each source, and none."""
MAIL = bytes((1, 1)) + b"0123456789abcdef"


async def everyday(store: IdentityStore) -> None:
    """All that is done with a map but to rebuild, export and review it."""
    x, y = await seen(store, 1, 2)
    await store.remember(links((1, 3), (3, 4)))
    await store.remember(links((1, 3), (3, 4), token=b"u", rule="strong"))
    await store.remember_all([scored(1, 2, Verdict.UNSURE, 0.5), links((5, 6), token=MAIL)])
    merged = await store.decisions.merge([x, y], **BY)
    await store.decisions.split(x, [rec(4), rec(3)], **BY)
    await store.decisions.reject(rec(1), rec(2), **BY)
    assert merged.event is not None
    await store.decisions.undo(merged.event.id, **BY)
    await store.discovered({b"t": FanOut.PERSONAL, MAIL: FanOut.HOUSEHOLD})
    await store.learnt({b"u": FanOut.JUNK})
    await store.keys([b"t", b"u"])
    await store.customers([x, y])
    await store.candidates([(b"t", 10), (b"u", 1)], 300)
    await store.neighbourhood([rec(1), rec(5)])
    await store.evidence([rec(1), rec(2)])
    await store.lost([rec(4)])
    for ask in (store.chronicle.history, store.chronicle.bridges, store.chronicle.relations):
        await ask(x)
    await store.chronicle.why(rec(1), rec(3))
    await store.chronicle.as_of(x, merged.event.at)


async def test_every_look_up_uses_an_index(sqlite_store: IdentityStore) -> None:
    scans, asked = list[str](), set[str]()
    threads = sqlite_store._database._threads
    assert threads is not None

    @event.listens_for(threads.engine, "before_cursor_execute")
    def explain(
        connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if statement in asked or not statement.startswith(("SELECT", "DELETE", "UPDATE", "WITH")):
            return
        asked.add(statement)
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if many else parameters)
        for row in cursor.fetchall():
            found = re.match(r"SCAN (\w+)", row[3])
            if found and found[1] not in SMALL:
                scans.append(f"{row[3]}: {statement}")

    await everyday(sqlite_store)
    assert len(asked) > 25
    assert scans == [], "\n\n".join(scans)


async def test_every_look_up_uses_an_index_on_postgresql(postgres_store: IdentityStore) -> None:
    """Where scans are forbidden, those that are left are those that nothing else could do."""
    scans, asked = list[str](), set[str]()

    @event.listens_for(postgres_store.engine.sync_engine, "before_cursor_execute")
    def explain(
        connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if statement in asked or not re.match("SELECT|DELETE|UPDATE|WITH|INSERT", statement):
            return
        asked.add(statement)
        cursor = connection.connection.cursor()
        cursor.execute("SET enable_seqscan = off", ())
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters[0] if many else parameters)
        for node in nodes(cursor.fetchall()[0][0]):
            if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in SMALL:
                scans.append(f"{node['Relation Name']}: {statement}")

    await everyday(postgres_store)
    assert len(asked) > 25
    assert scans == [], "\n\n".join(scans)


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    for each in plan if isinstance(plan, list) else [plan]:
        here = each.get("Plan", each)
        yield here
        yield from nodes(here.get("Plans", []))


async def test_a_statement_of_a_map_of_any_size_is_planned_once(postgres_store: IdentityStore) -> None:
    async with postgres_store.engine.connect() as connection:
        for setting, value in (("jit", "off"), ("plan_cache_mode", "force_generic_plan")):
            assert (await connection.execute(text(f"SHOW {setting}"))).scalar_one() == value


async def test_decisions_are_found_among_any_number_of_links(sqlite_store: IdentityStore) -> None:
    store, plans = sqlite_store, list[str]()
    threads = store._database._threads
    assert threads is not None
    x, y = await seen(store, 1, 2)
    await store.decisions.merge([x, y], **BY)

    @event.listens_for(threads.engine, "before_cursor_execute")
    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "kind" in statement and "ORDER BY" in statement:
            cursor = connection.connection.cursor()
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in cursor.fetchall())

    await store.chronicle.decisions(5)
    await store.chronicle.decisions(5, after=100, actor="tess")
    assert len(plans) == 2
    assert all("event_decided" in plan for plan in plans), plans
