"""Merge, split, confirm, reject, undo: the same on SQLite and PostgreSQL, and always reversible."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from resolvers.errors import InvalidArgument
from resolvers.identity.derivation import Verdict
from resolvers.identity.log import Kind
from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import BY, groups, links, rec, scored, seen, together


async def counted(store: IdentityStore, table: str) -> int:
    async with store.engine.connect() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_a_merge_is_undone_byte_for_byte(store: IdentityStore) -> None:
    x, y, z = await seen(store, 1, 2, 3)
    await store.remember(links((3, 4)))
    before = await store.export()
    done = await store.decisions.merge([z, x, y], **BY)
    assert done.customers == (x,)
    assert done.touched == {x, y, z}
    found = await store.customers([x, y, z])
    assert {c.id for c in found.values()} == {x}
    assert [found[i].redirected_from for i in (x, y, z)] == [None, y, z]
    assert len(found[x].members) == 4
    merged = await store.export()
    assert merged != before
    assert done.event is not None
    undo = await store.decisions.undo(done.event.id, **BY)
    assert undo.customers == (x, y, z)
    assert await store.export() == before
    assert undo.event is not None
    await store.decisions.undo(undo.event.id, **BY)
    assert await store.export() == merged, "an undo can be undone"
    assert await store.rebuild() == 0


async def test_what_is_decided_already_changes_nothing(store: IdentityStore) -> None:
    x, y = await seen(store, 1, 2)
    first = await store.decisions.merge([x, y], **BY)
    assert (await store.decisions.merge([y, x], **BY)).event is None
    assert (await store.decisions.merge([x, x], **BY)).event is None
    await store.decisions.split(x, [rec(2)], **BY)
    again = await store.decisions.split(x, [rec(2)], **BY)
    assert (again.event, again.customers) == (None, (x, y))
    assert (await store.decisions.reject(rec(2), rec(1), **BY)).event is None
    confirmed = await store.decisions.confirm(rec(1), rec(2), **BY)
    assert confirmed.event is not None
    assert (await store.decisions.confirm(rec(2), rec(1), **BY)).event is None
    await store.decisions.undo(confirmed.event.id, **BY)
    assert (await store.decisions.undo(confirmed.event.id, **BY)).event is None
    assert first.event is not None
    events = await counted(store, "event")
    assert events == 2 + 4, "two records seen, a merge, a split, a confirmation and its undo"


async def test_a_split_keeps_the_parts_whole_and_apart_whatever_links_them(store: IdentityStore) -> None:
    x = (await store.remember(links((1, 2), (1, 3), (3, 4)))).customer_id
    done = await store.decisions.split(x, [rec(3), rec(2)], **BY)
    assert await groups(store, 1, 2, 3, 4) == [[1, 4], [2, 3]], (
        "each part is one customer, though 3 held 4 and 1 held 2"
    )
    assert (await store.by_records([rec(1)]))[rec(1)] == x, "the part with the oldest record keeps the id"
    minted = next(i for i in done.customers if i != x)
    rerun = await store.remember(links((1, 2), (1, 3), (3, 4), (2, 4), token=b"another"))
    assert await groups(store, 1, 2, 3, 4) == [[1, 4], [2, 3]], "nothing automatic joins them again"
    assert rerun.customers == {rec(1): x, rec(4): x, rec(2): minted, rec(3): minted}
    await store.remember(links((1, 5), (5, 3), rule="strong", token=b"third"))
    assert not await together(store, 1, 3), "nor does a record in between"
    assert await store.rebuild() == 0


async def test_an_undone_split_leaves_the_new_id_as_a_redirect(store: IdentityStore) -> None:
    x = (await store.remember(links((1, 2)))).customer_id
    before = await store.export()
    done = await store.decisions.split(x, [rec(2)], **BY)
    minted = next(i for i in done.customers if i != x)
    assert done.event is not None
    await store.decisions.undo(done.event.id, **BY)
    found = await store.customers([x, minted])
    assert (found[minted].id, found[minted].redirected_from) == (x, minted)
    after = (await store.export()).splitlines()
    assert [
        line for line in after if not line.startswith(f'{{"id":"{minted}"'.encode())
    ] == before.splitlines()
    again = await store.decisions.split(x, [rec(2)], **BY)
    assert again.customers == done.customers, "the same part gets the same id again"


async def test_the_weakest_connection_is_cut(store: IdentityStore) -> None:
    await store.remember(links((1, 2), rule="strong", token=b"a"))
    await store.remember(links((2, 3), rule="middle", token=b"b"))
    await store.remember(links((3, 4), rule="strong", token=b"c"))
    assert await together(store, 1, 4)
    await store.decisions.reject(rec(4), rec(1), **BY)
    assert await groups(store, 1, 2, 3, 4) == [[1, 2], [3, 4]]
    assert await store.rebuild() == 0


async def test_the_newest_decision_wins(store: IdentityStore) -> None:
    x = (await store.remember(links((1, 2)))).customer_id
    await store.decisions.split(x, [rec(2)], **BY)
    ids = sorted((await store.by_records([rec(1), rec(2)])).values())
    merged = await store.decisions.merge(ids, **BY)
    assert await together(store, 1, 2)
    await store.decisions.reject(rec(1), rec(2), **BY)
    assert not await together(store, 1, 2)
    await store.decisions.confirm(rec(1), rec(2), **BY)
    assert await together(store, 1, 2)
    assert merged.event is not None
    await store.decisions.undo(merged.event.id, **BY)
    assert await together(store, 1, 2), "the newer confirmation stands by itself"


async def test_an_undone_link_does_not_come_back_with_the_same_evidence(store: IdentityStore) -> None:
    await seen(store, 1, 2)
    await store.remember(links((1, 2)))
    customer = (await store.by_records([rec(1)]))[rec(1)]
    link = next(e.event for e in await store.chronicle.history(customer) if e.edges)
    assert link.kind is Kind.LINK
    await store.decisions.undo(link.id, **BY)
    assert not await together(store, 1, 2)
    await store.remember(links((1, 2)))
    assert not await together(store, 1, 2)
    await store.remember(links((1, 2), token=b"new evidence"))
    assert await together(store, 1, 2)


async def test_doubts_wait_for_review_until_they_are_decided(store: IdentityStore) -> None:
    await store.remember(links((1, 2)))
    await seen(store, 3, 4, 5)
    await store.remember(scored(3, 1, Verdict.UNSURE, 0.6))
    await store.remember(scored(4, 5, Verdict.UNSURE, 0.6))
    page, more = await store.chronicle.review(10)
    assert [(r.a, r.b, r.records) for r in page] == [(rec(1), rec(3), 3), (rec(4), rec(5), 2)]
    assert not more
    head, more = await store.chronicle.review(1)
    tail, _ = await store.chronicle.review(1, head[0].place)
    assert more
    assert [*head, *tail] == list(page)
    assert page[0].evidence[0].weight == 1.5
    decided = await store.decisions.confirm(rec(3), rec(1), **BY)
    await store.decisions.reject(rec(5), rec(4), **BY)
    assert (await store.chronicle.review(10))[0] == []
    assert decided.event is not None
    await store.decisions.undo(decided.event.id, **BY)
    assert [r.a for r in (await store.chronicle.review(10))[0]] == [rec(1)]
    assert await store.rebuild() == 0


async def test_a_rejected_match_comes_back_only_when_its_evidence_changes(store: IdentityStore) -> None:
    await store.remember(links((1, 2), token=b"mail"))
    await store.decisions.reject(rec(1), rec(2), **BY)
    await store.remember(links((1, 2), token=b"mail"))
    await store.remember(links((1, 2), token=b"mail", rule="strong"))
    assert (await store.chronicle.review(10))[0] == [], (
        "another rule, but the keys that both carry are the same"
    )
    await store.remember(links((1, 2), token=b"phone", rule="middle"))
    page, _ = await store.chronicle.review(10)
    assert [(r.a, r.b, r.reopened) for r in page] == [(rec(1), rec(2), True)]
    assert not await together(store, 1, 2)
    assert (await store.decisions.reject(rec(1), rec(2), **BY)).event is not None
    assert (await store.chronicle.review(10))[0] == []
    assert await store.rebuild() == 0


async def test_a_newer_score_replaces_the_older_one(store: IdentityStore) -> None:
    await seen(store, 1, 2)
    await store.remember(scored(1, 2, Verdict.SAME, 0.99))
    assert await together(store, 1, 2)
    await store.remember(scored(1, 2, Verdict.SAME, 0.99))
    assert await counted(store, "evidence") == 1
    await store.remember(scored(1, 2, Verdict.UNSURE, 0.5, model="v2"))
    assert not await together(store, 1, 2)
    assert await store.rebuild() == 0


async def test_the_log_tells_why_since_when_and_what_hangs_by_a_thread(store: IdentityStore) -> None:
    x = (await store.remember(links((1, 2), (2, 3), (1, 3), token=b"a"))).customer_id
    y = (await store.remember(links((4, 5), token=b"b"))).customer_id
    alone = (await store.chronicle.history(y))[0].event.at
    done = await store.decisions.merge([x, y], **BY)
    assert done.event is not None
    why = await store.chronicle.why(rec(5), rec(2))
    assert [e.rule for e in why] == ["weak", "steward", "weak"]
    assert {why[1].a, why[1].b} == {rec(1), rec(4)}
    assert (why[1].actor, why[1].reason) == ("tess", "a test")
    bridges = await store.chronicle.bridges(x)
    assert {(b.a, b.b, b.a_side, b.b_side) for b in bridges} == {
        (rec(1), rec(4), 3, 2),
        (rec(4), rec(5), 4, 1),
    }
    then = await store.chronicle.as_of(y, alone)
    assert then is not None
    assert (then.customer.id, [m.record_id for m in then.customer.members]) == (y, ["4", "5"])
    now = await store.chronicle.as_of(y, done.event.at)
    assert now is not None
    assert (now.customer.id, now.customer.redirected_from, len(now.customer.members)) == (x, y, 5)
    before_all = (await store.chronicle.history(x))[0].event.at
    assert await store.chronicle.as_of(y, before_all) is None
    await store.decisions.undo(done.event.id, **BY)
    entries = await store.chronicle.history(y)
    assert [(e.event.kind, e.undone_by is not None) for e in entries] == [
        (Kind.LINK, False),
        (Kind.MERGE, True),
        (Kind.UNDO, False),
    ]
    assert await store.chronicle.why(rec(5), rec(2)) == []
    assert await store.chronicle.as_of("01890000-0000-7000-8000-000000000000", alone) is None


async def test_what_is_not_there_cannot_be_decided(store: IdentityStore) -> None:
    x = (await store.remember(links((1, 2)))).customer_id
    (y,) = await seen(store, 3)
    unknown = "01890000-0000-7000-8000-000000000000"
    events = await counted(store, "event")
    for argument, attempt in (
        ("ids", store.decisions.merge([x, unknown], **BY)),
        ("ids", store.decisions.merge([x], **BY)),
        ("id", store.decisions.split(unknown, [rec(1)], **BY)),
        ("members", store.decisions.split(x, [], **BY)),
        ("members", store.decisions.split(x, [rec(1), rec(2)], **BY)),
        ("members", store.decisions.split(x, [rec(3)], **BY)),
        ("members", store.decisions.split(x, [rec(99)], **BY)),
        ("b", store.decisions.confirm(rec(1), rec(99), **BY)),
        ("b", store.decisions.reject(rec(1), rec(1), **BY)),
        ("id", store.decisions.undo(99_999, **BY)),
        ("id", store.decisions.undo(2**70, **BY)),
        ("id", store.decisions.undo((await store.chronicle.history(y))[0].event.id, **BY)),
        ("reason", store.decisions.merge([x, y], actor="tess", reason=" ")),
        ("reason", store.decisions.merge([x, y], actor="tess", reason="x" * 501)),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await attempt
        assert refused.value.argument == argument
    assert await counted(store, "event") == events


async def test_writers_at_once_leave_what_the_log_says(store: IdentityStore) -> None:
    ids = await seen(store, *range(8))
    await asyncio.gather(
        *(store.decisions.merge([ids[n], ids[(n + 1) % 8]], **BY) for n in range(8)),
        *(store.remember(links((n, (n + 3) % 8), token=b"k%d" % n)) for n in range(8)),
        *(store.decisions.reject(rec(n), rec(n + 4), **BY) for n in range(4)),
    )
    assert await store.rebuild() == 0
    found = await store.customers(ids)
    assert len(found) == 8
    members = {c.id: len(c.members) for c in found.values()}
    assert sum(members.values()) == 8
    for n in range(4):
        assert await counted(store, "event") >= 8
        history = await store.chronicle.history(ids[n])
        assert any(e.event.kind is Kind.REJECT for e in history)


async def test_the_same_new_person_found_at_once_is_one_customer(store: IdentityStore) -> None:
    done = await asyncio.gather(*(store.remember(links((1, 2), (2, 3))) for _ in range(12)))
    assert len({d.customer_id for d in done}) == 1
    assert await counted(store, "customer") == 1
    assert await counted(store, "event") == 1
    assert await store.rebuild() == 0


async def test_of_two_confirmations_the_older_one_gives_way(store: IdentityStore) -> None:
    await seen(store, 1, 2, 3)
    await store.decisions.confirm(rec(1), rec(2), **BY)
    await store.decisions.confirm(rec(2), rec(3), **BY)
    await store.decisions.reject(rec(1), rec(3), **BY)
    assert await groups(store, 1, 2, 3) == [[1], [2, 3]]
