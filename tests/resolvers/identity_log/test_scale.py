"""What the bench of scale loads is what `remember` would have written, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench.identity import loading
from bench.identity.population import SOURCES, links, somebody
from gateway.migrations import upgrade
from resolvers.identity.fan_out import FanOut
from resolvers.identity.store import IdentityStore
from resolvers.identity.tables import Base

PEOPLE = 60


async def dump(store: IdentityStore) -> dict[str, list[tuple[Any, ...]]]:
    """All rows but for times; customers by the record that they are anchored at, labels by their texts."""
    found: dict[str, list[Any]] = {}
    async with store.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            found[table.name] = [dict(row._mapping) for row in await connection.execute(select(table))]
    anchors = {row["id"]: row["member_id"] for row in found["customer"]}
    labels = {row["id"]: row["text"] for row in found.pop("label")}
    for rows in found.values():
        for row in rows:
            row.pop("at", None)
            for name, value in row.items():
                if name in ("customer_id", "merged_into") or (name == "id" and value in anchors):
                    row[name] = anchors.get(value)
                elif name in ("source", "origin", "key_type") and value is not None:
                    row[name] = labels[value]
    for row in found["evidence"]:
        row["contributions"] = len(row["contributions"] or b"")
    return {name: sorted(map(str, rows)) for name, rows in found.items()}


async def test_loading_is_remembering(store: IdentityStore, tmp_path: Path) -> None:
    other = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'other.sqlite'}")
    await upgrade(other.engine)
    for number in range(PEOPLE):
        for new in links(number):
            await other.remember(new)
        await other.discovered(dict.fromkeys(somebody(number).asked, FanOut.PERSONAL))
    expected = await dump(other)
    await other.aclose()
    assert len(expected["member"]) == PEOPLE * len(SOURCES)
    assert expected["review"]
    assert expected["discovery"]
    url, settings = store.engine.url.render_as_string(hide_password=False), {}
    if store.engine.dialect.name == "postgresql":
        async with store.engine.connect() as connection:
            schema = (await connection.exec_driver_sql("SELECT current_schema()")).scalar_one()
            settings["search_path"] = str(schema)
    await store.aclose()  # loading has a file for itself
    await loading.load([await loading.open_writer(url, settings)], range(PEOPLE), page=25)
    loaded = IdentityStore(url, connect_args={"server_settings": settings} if settings else {})
    assert await dump(loaded) == expected
    assert await loaded.rebuild() == 0
    assert len((await loaded.remember(links(3)[1])).customers) == 1
    await loaded.remember(links(PEOPLE)[0])
    assert await loaded.size() == PEOPLE * len(SOURCES) + 1, "the next numbers are free ones"
    await loaded.aclose()
