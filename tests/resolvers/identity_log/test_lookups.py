"""What can be looked up, and that a key which many records carry costs no more than its limit."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import msgspec
import pytest
from sqlalchemy import event, text

from resolvers.identity.database import Tx
from resolvers.identity.derivation import Contribution, Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.lookup import MOST_CARRIERS
from resolvers.identity.store import IdentityStore, NewLinks
from tests.resolvers.identity_log.logs import BY, links, rec, scored, seen

MAIL, PHONE, SWITCHBOARD, NAME = (bytes((1, kind)) + b"0123456789abcdef" for kind in (1, 2, 2, 19))
SWITCHBOARD += b"s"


def carrying(n: int, *tokens: bytes) -> NewLinks:
    return NewLinks(records=(rec(n),), tokens=tuple((t, rec(n)) for t in tokens))


async def test_candidates_come_by_key_and_a_crowded_key_says_nothing(store: IdentityStore) -> None:
    await store.remember_all(
        [carrying(n, b"a" if n < 3 else b"b", *([b"c"] if n > 1 else [])) for n in range(6)]
    )
    assert await store.candidates([(b"b", 3), (b"a", 3)], 300) == [rec(n) for n in (3, 4, 5, 0, 1, 2)]
    assert await store.candidates([(b"b", 2), (b"a", 3)], 300) == [rec(n) for n in (0, 1, 2)]
    assert await store.candidates([(b"c", 4), (b"a", 3)], 5) == [rec(n) for n in (2, 3, 4, 5, 0)]
    assert await store.candidates([(b"none", 3)], 300) == []
    assert await store.candidates([], 300) == []
    many = [(b"%d" % n, 5) for n in range(250)]
    assert await store.candidates([*many, (b"a", 3)], 300) == [rec(n) for n in (0, 1, 2)]


async def test_a_key_of_everybody_is_read_up_to_a_bound(store: IdentityStore) -> None:
    await store.remember_all([carrying(n, b"all", b"own%d" % n) for n in range(MOST_CARRIERS + 20)])
    known = await store.keys([b"all", b"own1", b"own1"])
    assert len(known[b"all"].customers) == MOST_CARRIERS
    assert len(known[b"own1"].customers) == 1
    assert await store.keys([]) == {}
    many = await store.keys([b"own%d" % n for n in range(MOST_CARRIERS + 20)])
    assert len({k.customers for k in many.values()}) == MOST_CARRIERS + 20


async def test_the_neighbourhood_is_whole_customers_and_what_keeps_them_apart(store: IdentityStore) -> None:
    x = (await store.remember(links((1, 2), (2, 3)))).customer_id
    await store.remember(links((4, 5), token=b"u"))
    await store.remember(scored(4, 1, Verdict.DIFFERENT, 0.2))
    await store.remember(scored(5, 1, Verdict.UNSURE, 0.4))
    around = await store.neighbourhood([rec(2), rec(4), rec(99)])
    assert sorted(around.clusters) == [(rec(1), rec(2), rec(3)), (rec(4), rec(5))]
    assert around.forbidden == frozenset(), "only a steward forbids"
    rejected = await store.decisions.reject(rec(5), rec(3), **BY)
    split = await store.decisions.split(x, [rec(1)], **BY)
    around = await store.neighbourhood([rec(3), rec(1)])
    assert sorted(around.clusters) == [(rec(1),), (rec(2), rec(3))]
    assert around.forbidden == {(rec(1), rec(2)), (rec(1), rec(3)), (rec(3), rec(5))}
    for decided in (rejected, split):
        assert decided.event is not None
        await store.decisions.undo(decided.event.id, **BY)
    assert (await store.neighbourhood([rec(3)])).forbidden == frozenset()
    assert (await store.neighbourhood([])).clusters == ()


async def test_relations_are_who_else_carries_what_a_household_or_company_shares(
    store: IdentityStore,
) -> None:
    tokens = ((PHONE, MAIL), (PHONE,), (PHONE, SWITCHBOARD), (SWITCHBOARD,), (MAIL, NAME), (NAME,))
    await store.remember_all([carrying(n, *carries) for n, carries in enumerate(tokens)])
    ids = await store.by_records([rec(n) for n in range(6)])
    who = [ids[rec(n)] for n in range(6)]
    assert await store.chronicle.relations(who[0]) == [], "as long as nothing says that a key is shared"
    await store.discovered({PHONE: FanOut.HOUSEHOLD, MAIL: FanOut.JUNK, NAME: FanOut.PERSONAL})
    await store.learnt({SWITCHBOARD: FanOut.COMPANY})

    async def related(customer: str) -> list[Any]:
        return [(r.fan_out, r.key_type, r.customers) for r in await store.chronicle.relations(customer)]

    assert await related(who[0]) == [(FanOut.HOUSEHOLD, "phone", (who[1], who[2]))]
    assert await related(who[2]) == [
        (FanOut.HOUSEHOLD, "phone", (who[0], who[1])),
        (FanOut.COMPANY, "phone", (who[3],)),
    ]
    assert await related(who[4]) == [], "neither junk nor a person's own key relates"
    merged = await store.decisions.merge([who[0], who[1]], **BY)
    assert await related(who[1]) == [(FanOut.HOUSEHOLD, "phone", (who[2],))], "asked by the older id"
    assert await related(who[2]) == [
        (FanOut.HOUSEHOLD, "phone", (who[0],)),
        (FanOut.COMPANY, "phone", (who[3],)),
    ]
    assert merged.event is not None
    for unknown in ("01890000-0000-7000-8000-000000000000", "nobody"):
        assert await store.chronicle.relations(unknown) == []


async def test_a_shared_key_of_many_names_fifty(store: IdentityStore) -> None:
    await store.remember_all([carrying(n, PHONE) for n in range(80)])
    await store.discovered({PHONE: FanOut.HOUSEHOLD})
    (first,) = await seen(store, 99)
    await store.remember(carrying(99, PHONE))
    (relation,) = await store.chronicle.relations(first)
    assert len(relation.customers) == 50
    assert list(relation.customers) == sorted(relation.customers)


async def test_the_size_is_counted_while_it_is_small(store: IdentityStore) -> None:
    assert await store.size() == 0
    await store.remember_all([carrying(n, b"t") for n in range(7)])
    assert await store.size() == 7


async def test_contributions_are_kept_to_a_thousandth_of_a_bit(store: IdentityStore) -> None:
    bars = (
        Contribution(field="prior", agreement="", weight=-19.93157),
        Contribution(field="given", agreement="exact", weight=11.0),
        Contribution(field="household", agreement="an address is no person", weight=-0.0004),
        Contribution(field="email", agreement="different", weight=1000.5),
    )
    found = scored(1, 2, Verdict.UNSURE, 0.5)
    edges = tuple(msgspec.structs.replace(e, contributions=bars, key_type="email") for e in found.edges)
    await seen(store, 1, 2)
    await store.remember(msgspec.structs.replace(found, edges=edges))
    (waiting,) = (await store.chronicle.review(10))[0]
    (evidence,) = waiting.evidence
    assert [(c.field, c.agreement, c.weight) for c in evidence.contributions] == [
        ("prior", "", -19.932), ("given", "exact", 11.0), ("household", "an address is no person", 0.0),
        ("email", "different", 1000.5),
    ]  # fmt: skip
    assert (evidence.rule, evidence.key_type, evidence.weight) == ("model v1", "email", 1.5)


async def test_a_weight_that_is_the_sum_of_its_bars_is_told_as_their_sum(store: IdentityStore) -> None:
    bars = (
        Contribution(field="a", agreement="b", weight=2.25),
        Contribution(field="c", agreement="d", weight=-0.75),
    )
    found = scored(1, 2, Verdict.UNSURE, 0.5)
    edges = tuple(msgspec.structs.replace(e, contributions=bars) for e in found.edges)
    await seen(store, 1, 2)
    await store.remember(msgspec.structs.replace(found, edges=edges))
    async with store.engine.connect() as connection:
        assert (await connection.execute(text("SELECT weight FROM evidence"))).scalar_one() is None
    (waiting,) = (await store.chronicle.review(10))[0]
    assert waiting.evidence[0].weight == 1.5


async def test_a_rebuild_mends_what_does_not_follow_from_the_log(store: IdentityStore) -> None:
    x = (await store.remember(links((1, 2), (2, 3)))).customer_id
    y, _ = await seen(store, 4, 5)
    await store.remember(scored(4, 5, Verdict.UNSURE, 0.6))
    merged = await store.decisions.merge([x, y], **BY)
    assert merged.event is not None
    good = await store.export()
    async with store.engine.execution_options(c360_write=True).begin() as connection:
        await connection.execute(text("UPDATE member SET confidence = 0.1 WHERE record_id IN ('1', '5')"))
        await connection.execute(text("UPDATE customer SET merged_into = NULL"))
        await connection.execute(text("UPDATE review SET reopened = :yes"), {"yes": True})
    assert await store.export() != good
    assert await store.rebuild() == 4
    assert await store.export() == good
    async with store.engine.execution_options(c360_write=True).begin() as connection:
        await connection.execute(text("DELETE FROM review"))
        await connection.execute(text("INSERT INTO review VALUES (1, 2, 0.5, :no)"), {"no": False})
    assert await store.rebuild() == 2
    assert await store.export() == good
    assert await store.rebuild() == 0


async def test_an_export_names_records_not_their_numbers(store: IdentityStore) -> None:
    await store.remember(links((2, 1)))
    lines = [json.loads(line) for line in (await store.export()).splitlines()]
    assert [line.get("ref") for line in lines] == [["crm", "1"], ["crm", "1"], ["crm", "2"]]


@pytest.mark.parametrize("text_", ["", "nobody", "01890000-0000-7000-8000-00000000000G", "0189" * 8, "'; --"])
async def test_what_is_no_id_is_an_unknown_one(store: IdentityStore, text_: str) -> None:
    assert await store.customers([text_]) == {}
    assert await store.chronicle.history(text_) == []


def backend(tx: Tx) -> int:
    """The number of the server's process; there is one for look-ups and one for the rest."""
    return int(tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


async def test_a_connection_that_the_server_closed_is_replaced(
    postgres_store: IdentityStore, postgres_url: str
) -> None:
    store = postgres_store
    await store.remember(links((1, 2)))
    admin = IdentityStore(postgres_url)
    for again in (
        lambda: store.keys([b"t"]),
        lambda: store.export(),
        lambda: store.remember(links((2, 3))),
        lambda: store.decisions.reject(rec(1), rec(3), **BY),
    ):
        for own in (await store._database.look(backend), await store._database.write(backend)):
            async with admin.engine.connect() as connection:
                await connection.execute(text("SELECT pg_terminate_backend(:own, 10000)"), {"own": own})
        assert await again()
    await admin.aclose()


async def test_the_log_file_does_not_grow_without_end(sqlite_store: IdentityStore) -> None:
    """Checkpoints are made beside the writers: the file has what was written long before it is closed."""
    threads = sqlite_store._database._threads
    assert threads is not None
    asked: list[str] = []

    @event.listens_for(threads.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "wal_checkpoint" in statement:
            asked.append(statement)

    file = str(sqlite_store.engine.url.database)
    before = await asyncio.to_thread(os.path.getsize, file)
    for n in range(130):
        await sqlite_store.remember(carrying(n, *(b"%d/%d" % (n, k) for k in range(8))))
    assert threads._keeping is not None
    await asyncio.to_thread(threads._keeping.result)
    assert asked
    assert await asyncio.to_thread(os.path.getsize, file) > before
    assert await sqlite_store.size() == 130


async def test_only_links_of_known_customers_are_confirmed_before_they_are_on_disk(
    postgres_store: IdentityStore,
) -> None:
    sent: list[str] = []

    @event.listens_for(postgres_store.engine.sync_engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("WITH") and "INSERT INTO event" in statement:
            sent.append("at once" if "synchronous_commit" in statement else "lasting")

    x, y = await seen(postgres_store, 1, 2)
    await postgres_store.remember(links((1, 3)))
    await postgres_store.decisions.merge([x, y], **BY)
    assert sent == ["lasting", "lasting", "at once", "lasting"], "a new id may be given to somebody at once"
    async with postgres_store.engine.connect() as connection:
        setting = (await connection.execute(text("SHOW synchronous_commit"))).scalar_one()
    assert setting == "on", "it was for those transactions only"
