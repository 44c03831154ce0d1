"""The identity map at rest behaves the same on SQLite and PostgreSQL, with several writers too."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import msgspec
from sqlalchemy import func, select

from gateway.migrations import pending, upgrade
from resolvers.identity.fan_out import FanOut
from resolvers.identity.store import Edge, IdentityStore, NewLinks, Verdict
from resolvers.identity.tables import CustomerRow, EvidenceRow
from tests.resolvers.identity_log.tables import differences

A, B, C = ("crm", "1"), ("shop", "2"), ("desk", "3")


def linked(*refs: tuple[str, str], token: bytes = b"t") -> NewLinks:
    edges = tuple(
        Edge(event=0, a=a, b=b, verdict=Verdict.SAME, origin="email", confidence=0.9, token=token)
        for a, b in pairwise(refs)
    )
    return NewLinks(records=refs, edges=edges, tokens=tuple((token, r) for r in refs))


async def test_the_migrations_make_what_the_tables_say(store: IdentityStore) -> None:
    assert not await pending(store.engine)
    await upgrade(store.engine)  # again: nothing to do

    async with store.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_records_become_a_customer_that_all_keys_find(store: IdentityStore) -> None:
    done = await store.remember(linked(A, B))
    assert (await store.by_records([A, B, C])) == {A: done.customer_id, B: done.customer_id}
    assert (await store.keys([b"t", b"u"]))[b"t"].customers == (done.customer_id,)
    assert (await store.keys([b"t", b"u"]))[b"u"].customers == ()
    found = (await store.customers([done.customer_id]))[done.customer_id]
    assert {(m.source, m.record_id) for m in found.members} == {A, B}
    assert await store.customers(["01890000-0000-7000-8000-000000000000"]) == {}


async def test_a_merge_leaves_a_redirect_that_later_merges_keep(store: IdentityStore) -> None:
    ids = [(await store.remember(linked(ref))).customer_id for ref in (A, B, C)]
    second = await store.remember(linked(B, C))
    assert (second.customer_id, second.merged) == (ids[1], (ids[2],))
    first = await store.remember(linked(A, B))
    assert (first.customer_id, first.merged) == (ids[0], (ids[1],))
    found = await store.customers(ids)
    assert {c.id for c in found.values()} == {ids[0]}
    assert [found[i].redirected_from for i in ids] == [None, ids[1], ids[2]]


async def test_remembering_again_changes_nothing(store: IdentityStore) -> None:
    first = await store.remember(linked(A, B))
    assert first.joins == 1
    assert await store.remember(linked(A, B)) == msgspec.structs.replace(first, joins=0)
    async with store.engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(EvidenceRow))).scalar() == 1
        assert (await connection.execute(select(func.count()).select_from(CustomerRow))).scalar() == 1


async def test_a_key_that_a_record_lost_finds_it_no_more(store: IdentityStore) -> None:
    await store.remember(linked(A, token=b"old"))
    await store.remember(linked(A, token=b"new"))
    known = await store.keys([b"old", b"new"])
    assert known[b"old"].customers == ()
    assert len(known[b"new"].customers) == 1


async def test_discovery_is_remembered_with_its_verdict(store: IdentityStore) -> None:
    await store.discovered({b"a": FanOut.PERSONAL, b"b": FanOut.JUNK})
    await store.discovered({b"a": FanOut.HOUSEHOLD})
    known = await store.keys([b"a", b"b", b"c"])
    assert (known[b"a"].shared, known[b"b"].shared, known[b"c"].discovered_at) == (True, True, None)
    assert known[b"a"].discovered_at is not None
    assert known[b"a"].discovered_at.tzinfo is not None


async def test_concurrent_writers_agree_on_one_customer(store: IdentityStore) -> None:
    pairs = [linked(A, B), linked(B, C), linked(A, C), linked(A, B, C)] * 4
    await asyncio.gather(
        *(store.remember(p) for p in pairs), *(store.discovered({b"t": FanOut.PERSONAL}) for _ in range(8))
    )
    owners = set((await store.by_records([A, B, C])).values())
    assert len(owners) == 1
    found = await store.customers(list(owners))
    assert len(next(iter(found.values())).members) == 3
