"""What a drop takes out of the cache of one process, and what it leaves."""

from __future__ import annotations

import asyncio

import pytest

from adapters.base import Owner, Window
from adapters.records import RecordKind
from tests.resolvers.caching.parts import NO_PARTS, Bench, call, key, order, turns


@pytest.mark.parametrize("operation", ["read", "find"])
async def test_what_was_fetched_before_a_drop_is_not_kept_after_it(operation: str) -> None:
    b = Bench("1")
    b.source.gate = asyncio.Event()

    async def name() -> str | None:
        if operation == "read":
            return (await b.names("1"))["1"]
        found = await b.sourcing.find("crm", [key("1")], call())
        return found.values[key("1")].profiles[0].full_name

    before = asyncio.ensure_future(name())
    await turns()
    b.rename("1", "Grace")
    await b.tags.drop_records([("crm", "1")])
    after = asyncio.ensure_future(name())
    await turns()
    b.source.gate.set()
    assert (await before, await after) == ("Ada", "Grace")
    assert await name() == "Grace"
    assert b.calls == 2


async def test_a_drop_is_remembered_by_a_fetch_even_if_nobody_asks_meanwhile() -> None:
    b = Bench("1", "2")
    b.source.gate = asyncio.Event()
    before = b.asking("1", "2")
    await turns()
    b.rename("1", "Grace")
    await b.tags.drop_records([("crm", "1")])
    b.source.gate.set()
    assert await before == {"1": "Ada", "2": "Ada"}
    assert await b.names("1", "2") == {"1": "Grace", "2": "Ada"}
    assert b.source.calls == [("read", 2), ("read", 1)]
    assert b.told.of["dropped"] == 1


async def test_a_drop_takes_the_record_its_pages_and_the_lookups_that_found_it_and_nobody_elses() -> None:
    b = Bench("1", "2")
    b.source.records += [order("1", 1), order("2", 1)]
    await b.sourcing.find("crm", [key("1"), key("2")], call())
    await b.names("1", "2")
    owners = [Owner(ref="1"), Owner(ref="2")]
    await b.sourcing.page("crm", RecordKind.ORDER, owners, Window(limit=5), NO_PARTS, call())
    asked = b.calls
    await b.tags.drop_records([("crm", "1"), ("elsewhere", "2")])
    await b.names("2")
    await b.sourcing.find("crm", [key("2")], call())
    await b.sourcing.page("crm", RecordKind.ORDER, owners[1:], Window(limit=5), NO_PARTS, call())
    assert b.calls == asked
    await b.names("1")
    await b.sourcing.find("crm", [key("1")], call())
    await b.sourcing.page("crm", RecordKind.ORDER, owners[:1], Window(limit=5), NO_PARTS, call())
    assert b.calls == asked + 3
