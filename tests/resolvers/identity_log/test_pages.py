"""Several people taken in at once: an event for each, all of them or none, and the same as one after the other."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from resolvers.identity.derivation import Verdict
from resolvers.identity.store import IdentityStore, NewLinks, Outdated
from tests.resolvers.identity_log.logs import BY, CONFIDENCE, groups, links, rec, scored, seen, together

ROOT = Path(__file__).parents[3]


async def counted(store: IdentityStore, table: str) -> int:
    async with store.engine.connect() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


async def test_a_page_is_an_event_for_each(store: IdentityStore) -> None:
    page = [links((1, 2), token=b"a"), links((3, 3), token=b"b"), links((2, 3), token=b"c"), links((4, 5))]
    done = await store.remember_all(page)
    assert await counted(store, "event") == 4
    assert await groups(store, 1, 2, 3, 4, 5) == [[1, 2, 3], [4, 5]]
    x, y = done[0].customer_id, done[1].customer_id
    assert [d.customer_id for d in done[:3]] == [x, y, x], "each as it was when it had been taken in"
    assert (done[2].merged, done[2].touched) == ((y,), {x, y})
    assert (await store.customers([y]))[y].id == x
    assert (await store.candidates([(b"b", 5), (b"c", 5)], 10)) == [rec(2), rec(3)]
    assert await store.rebuild() == 0
    assert await store.remember_all(page) != done, "the answer is how it is now"
    assert await counted(store, "event") == 4, "and nothing is new"
    assert await store.remember_all([]) == []


async def test_a_page_leaves_what_one_after_the_other_would(
    sqlite_store: IdentityStore, postgres_store: IdentityStore
) -> None:
    """Random pages on one engine, the same links one by one on the other; steward's decisions in between."""
    one, other = sqlite_store, postgres_store
    chance = random.Random(3)
    for _ in range(12):
        page = [
            chance.choice([
                links((a, b), rule=chance.choice(list(CONFIDENCE)), token=chance.choice([b"s", b"t"])),
                scored(a, b, chance.choice(list(Verdict)), chance.uniform(0.3, 0.99)),
            ])
            for a, b in (chance.sample(range(12), 2) for _ in range(6))
        ]  # fmt: skip
        await one.remember_all(page)
        for new in page:
            await other.remember(new)
        a, b = chance.sample(sorted(await one.by_records([rec(n) for n in range(12)])), 2)
        same = chance.random() < 0.3
        for store in (one, other):
            await (store.decisions.confirm if same else store.decisions.reject)(a, b, **BY)
        known = [int(record) for _, record in await one.by_records([rec(n) for n in range(12)])]
        assert await groups(one, *known) == await groups(other, *known)
        asked = [
            [(r.a, r.b, r.confidence, r.reopened) for r in (await store.chronicle.review(100))[0]]
            for store in (one, other)
        ]
        assert asked[0] == asked[1]
    for store in (one, other):
        assert await store.rebuild() == 0
    for table in ("event", "evidence", "member", "match_key"):
        assert await counted(one, table) == await counted(other, table), table


async def test_an_outdated_page_writes_nothing_and_says_which_it_was(store: IdentityStore) -> None:
    await store.remember(links((1, 2)))
    before = await store.export()
    late = links((2, 4), token=b"x")
    judged = NewLinks(
        records=late.records, edges=late.edges, tokens=late.tokens, considered=frozenset({rec(2), rec(4)})
    )
    with pytest.raises(Outdated) as refused:
        await store.remember_all([links((5, 6), token=b"y"), judged])
    assert refused.value.news == 1
    assert await store.export() == before
    assert await counted(store, "event") == 1
    await store.remember_all([links((5, 6), token=b"y")])
    assert await together(store, 5, 6)


async def test_a_page_sees_what_it_brought_itself(store: IdentityStore) -> None:
    """The second one was judged before the first one brought a third record in."""
    first = links((1, 2), token=b"x")
    second = links((2, 3), token=b"y")
    judged = NewLinks(
        records=second.records,
        edges=second.edges,
        tokens=second.tokens,
        considered=frozenset({rec(2), rec(3)}),
    )
    with pytest.raises(Outdated) as refused:
        await store.remember_all([first, judged])
    assert refused.value.news == 1
    assert await counted(store, "member") == 0


async def test_writers_of_pages_at_once_leave_what_the_log_says(store: IdentityStore) -> None:
    await seen(store, *range(6))
    pages = [[links((n, (n + k) % 12), token=b"k%d" % k) for n in range(k, k + 6)] for k in (1, 2, 3, 5)]
    await asyncio.gather(*(store.remember_all(page) for page in pages))
    assert await store.rebuild() == 0
    assert len(await store.by_records([rec(n) for n in range(12)])) == 12


async def test_two_processes_that_find_one_new_person_make_one_customer(store: IdentityStore) -> None:
    url = store.engine.url.render_as_string(hide_password=False)
    schema = []
    if url.startswith("postgresql"):
        async with store.engine.connect() as connection:
            schema = [str((await connection.execute(text("SELECT current_schema()"))).scalar_one())]
    finders = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.resolvers.identity_log.finder", url, *schema,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(2)
    ]  # fmt: skip
    for finder in finders:  # both are ready before either begins
        assert finder.stdout is not None
        assert await finder.stdout.readline() == b"ready\n"
    answers = [
        found.decode().split()
        for found, _ in await asyncio.gather(*(f.communicate(b"go\n") for f in finders))
    ]
    assert [f.returncode for f in finders] == [0, 0]
    assert answers[0] == answers[1], "both were told the same ids"
    assert len(set(answers[0])) == 20
    assert await counted(store, "customer") == 20
    assert await counted(store, "event") == 20
    assert await store.rebuild() == 0
