"""No statement of the everyday paths reads a whole table, however large the map is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import BY, links, rec, seen


async def test_every_look_up_uses_an_index(sqlite_store: IdentityStore) -> None:
    store, scans, asked = sqlite_store, list[str](), set[str]()
    threads = store._database._threads
    assert threads is not None

    @event.listens_for(threads._engine, "before_cursor_execute")
    def explain(
        connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if statement in asked or not statement.startswith(("SELECT", "DELETE", "UPDATE")):
            return
        asked.add(statement)
        cursor = connection.connection.cursor()
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters[0] if many else parameters)
        scans.extend(f"{row[3]}: {statement}" for row in cursor.fetchall() if row[3].startswith("SCAN"))

    x, y = await seen(store, 1, 2)
    await store.remember(links((1, 3), (3, 4)))
    await store.remember(links((1, 3), (3, 4), token=b"u", rule="strong"))
    merged = await store.decisions.merge([x, y], **BY)
    await store.decisions.split(x, [rec(4), rec(3)], **BY)
    await store.decisions.reject(rec(1), rec(2), **BY)
    assert merged.event is not None
    await store.decisions.undo(merged.event.id, **BY)
    await store.keys([b"t", b"u"])
    await store.evidence([rec(1), rec(2)])
    await store.chronicle.history(x)
    await store.chronicle.bridges(x)
    await store.chronicle.as_of(x, merged.event.at)
    assert len(asked) > 15
    assert scans == []
