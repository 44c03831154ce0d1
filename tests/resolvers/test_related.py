"""Related customers in one request: asked in batches however many ask, bounded, and without what the contact is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import event

from resolvers.engine import Engine
from resolvers.identity.fan_out import FanOut
from resolvers.identity.store import IdentityStore, NewLinks
from resolvers.related import MAX_RELATED
from tests.resolvers.conftest import MakeEngine, ask
from tests.resolvers.identity_log.logs import rec


def token(n: int) -> bytes:
    """Of a phone number."""
    return bytes((1, 2)) + n.to_bytes(16, "big")


async def families(store: IdentityStore, count: int, size: int, start: int = 0) -> list[str]:
    """The first customer of each of so many families, who all share a landline."""
    ids = []
    for family in range(start, start + count):
        refs = [rec(family * 1000 + n) for n in range(size)]
        for ref in refs:
            known = await store.remember(NewLinks(records=(ref,), tokens=((token(family), ref),)))
            ids += [known.customer_id] if ref == refs[0] else []
        await store.learnt({token(family): FanOut.HOUSEHOLD})
    return ids


@contextmanager
def statements(store: IdentityStore) -> Iterator[list[str]]:
    """What the store is asked meanwhile."""
    threads = store._database._threads
    assert threads is not None
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(threads.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(threads.engine, "before_cursor_execute", note)


async def households(engine: Engine, ids: list[str]) -> tuple[list[list[str]], int]:
    """The households of these customers, as one new request sees them, and how many statements that took."""
    session = ask(engine)
    with statements(engine.identity.store) as asked:
        found = await asyncio.gather(*(session.related.people(i, FanOut.HOUSEHOLD) for i in ids))
    await session.aclose()
    return [[view.id for view in views] for views in found], len(asked)


async def test_a_list_of_customers_is_one_look_up(make_engine: MakeEngine) -> None:
    engine = make_engine()
    ids = await families(engine.identity.store, 8, 3)
    _, for_one = await households(engine, ids[:1])
    found, for_all = await households(engine, ids)
    assert [len(others) for others in found] == [2] * 8
    assert for_all == for_one, "not one more statement"
    assert all(i not in others for i, others in zip(ids, found, strict=True))


async def test_what_is_asked_later_is_asked_again(make_engine: MakeEngine) -> None:
    engine = make_engine()
    one, two = await families(engine.identity.store, 2, 2)
    session = ask(engine)
    assert len(await session.related.people(one, FanOut.HOUSEHOLD)) == 1
    assert len(await session.related.contacts(two)) == 1
    assert await session.related.contacts("no such id") == ()
    assert await session.related.people(one, FanOut.COMPANY) == []


async def test_a_crowd_is_bounded(make_engine: MakeEngine) -> None:
    engine = make_engine()
    store = engine.identity.store
    [one] = await families(store, 1, MAX_RELATED + 20)
    second = [(token(7), rec(0)), (token(7), rec(5000))]
    own = (token(0), rec(0))
    await store.remember(NewLinks(records=(rec(5000),), tokens=(second[1],)))
    await store.remember(NewLinks(records=(rec(0),), tokens=(own, second[0])))
    await store.learnt({token(7): FanOut.COMPANY})
    session = ask(engine)
    contacts = await session.related.contacts(one)
    assert sum(len(c.customers) for c in contacts) == MAX_RELATED
    assert [c.fan_out for c in contacts] == [FanOut.HOUSEHOLD], "the company's other came after the bound"


async def test_nothing_of_the_key_is_told(make_engine: MakeEngine) -> None:
    engine = make_engine()
    [one] = await families(engine.identity.store, 1, 2)
    [contact] = await ask(engine).related.contacts(one)
    assert {f.name for f in msgspec.structs.fields(contact)} == {"fan_out", "key_type", "customers"}
    assert contact.key_type == "phone"
