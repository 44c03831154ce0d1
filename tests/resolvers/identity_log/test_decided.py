"""Who decided what, which pairs wait for whom, and whom a customer is related to: the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from resolvers.identity.chronicle import Wanted
from resolvers.identity.decided import MAX_EDGES
from resolvers.identity.derivation import Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.log import Kind
from resolvers.identity.relations import Relation
from resolvers.identity.store import IdentityStore, NewLinks
from tests.resolvers.identity_log.logs import BY, links, rec, scored, seen

EMAIL, PHONE = b"\1\1", b"\1\2"
"""How tokens of the two begin."""
LANDLINE, SWITCHBOARD = PHONE + b"landline", PHONE + b"switchboard"
OWN, NOBODYS = EMAIL + b"own", EMAIL + b"nobody's"


async def test_decisions_are_listed_newest_first_in_pages(store: IdentityStore) -> None:
    x, y, _ = await seen(store, 1, 2, 3)
    await store.remember(links((3, 4)))
    merged = await store.decisions.merge([x, y], **BY)
    rejected = await store.decisions.reject(rec(2), rec(3), actor="uma", reason="twins")
    assert merged.event is not None
    assert rejected.event is not None
    undo = await store.decisions.undo(merged.event.id, actor="uma", reason="mixed up")
    assert undo.event is not None
    found, more = await store.chronicle.decisions(2)
    assert more
    assert [(d.event.kind, d.event.actor, d.pairs) for d in found] == [
        (Kind.UNDO, "uma", 1),
        (Kind.REJECT, "uma", 1),
    ], "links are no decisions of anybody"
    assert found[0].about == merged.event
    assert [e.verdict for e in found[0].edges] == [Verdict.SAME], "what the undo takes back"
    assert found[1].about == found[1].event == rejected.event
    assert [(e.pair, e.verdict) for e in found[1].edges] == [((rec(2), rec(3)), Verdict.DIFFERENT)]
    rest, more = await store.chronicle.decisions(2, after=found[-1].event.id)
    assert [(d.event, d.undone_by) for d in rest] == [(merged.event, undo.event.id)]
    assert not more
    again = await store.decisions.undo(undo.event.id, **BY)
    assert again.event is not None
    everything, _ = await store.chronicle.decisions(9)
    assert [(d.event.id, d.undone_by, d.about.id) for d in everything] == [
        (again.event.id, None, merged.event.id),
        (undo.event.id, again.event.id, merged.event.id),
        (rejected.event.id, None, rejected.event.id),
        (merged.event.id, None, merged.event.id),
    ], "an undo that was undone no longer counts"
    mine, _ = await store.chronicle.decisions(9, actor="uma")
    assert [d.event.id for d in mine] == [undo.event.id, rejected.event.id]
    assert await store.chronicle.decisions(9, actor="nobody") == ([], False)


async def test_of_a_large_decision_some_pairs_are_shown_and_all_are_counted(store: IdentityStore) -> None:
    x = (await store.remember(links(*((1, n) for n in range(2, 13))))).customer_id
    await store.decisions.split(x, [rec(n) for n in range(1, 7)], **BY)
    [decision], _ = await store.chronicle.decisions(9)
    assert len(decision.edges) == MAX_EDGES
    assert decision.pairs > 36, "six records from six, and what holds each part together"


async def test_the_review_of_one_source_and_of_some_confidence(store: IdentityStore) -> None:
    await seen(store, 1, 2, 3)
    await store.remember(NewLinks(records=(("shop", "9"),), tokens=((b"own9", ("shop", "9")),)))
    await store.remember(scored(1, 2, Verdict.UNSURE, 0.5))
    await store.remember(scored(2, 3, Verdict.UNSURE, 0.7))
    [edge] = scored(1, 1, Verdict.UNSURE, 0.9).edges
    across = msgspec.structs.replace(edge, b=("shop", "9"))
    await store.remember(NewLinks(records=(rec(1),), edges=(across,)))

    async def waiting(wanted: Wanted | None) -> list[float]:
        return sorted(r.confidence for r in (await store.chronicle.review(9, None, wanted))[0])

    assert await waiting(None) == [0.5, 0.7, 0.9]
    assert await waiting(Wanted(source="shop")) == [0.9]
    assert await waiting(Wanted(source="crm")) == [0.5, 0.7, 0.9]
    assert await waiting(Wanted(source="nobody's")) == []
    assert await waiting(Wanted(least=0.6)) == [0.7, 0.9]
    assert await waiting(Wanted(least=0.5, most=0.7, source="crm")) == [0.5, 0.7]
    first, more = await store.chronicle.review(1, None, Wanted(most=0.8))
    assert more
    rest, more = await store.chronicle.review(1, first[0].place, Wanted(most=0.8))
    assert not more
    assert {r.confidence for r in (*first, *rest)} == {0.5, 0.7}


async def related(store: IdentityStore, *ids: str) -> Mapping[str, tuple[Relation, ...]]:
    return {i: tuple(found) for i, found in (await store.chronicle.relations_of(ids)).items()}


async def carrying(store: IdentityStore, n: int, *tokens: bytes) -> str:
    """A record that carries these keys, and links to nothing."""
    new = NewLinks(records=(rec(n),), tokens=tuple((t, rec(n)) for t in tokens))
    return (await store.remember(new)).customer_id


async def test_people_are_related_by_the_contacts_of_households_and_companies(store: IdentityStore) -> None:
    anna = await carrying(store, 1, LANDLINE, SWITCHBOARD, OWN, NOBODYS)
    bruno = await carrying(store, 2, LANDLINE, NOBODYS)
    uma = await carrying(store, 3, SWITCHBOARD, OWN)
    alone = await carrying(store, 4, b"another")
    assert await related(store, anna, bruno) == {}, "nobody has said what these keys are"
    await store.learnt(
        {
            LANDLINE: FanOut.HOUSEHOLD,
            SWITCHBOARD: FanOut.COMPANY,
            OWN: FanOut.PERSONAL,
            NOBODYS: FanOut.JUNK,
        }
    )
    family = Relation(fan_out=FanOut.HOUSEHOLD, key_type="phone", customers=(bruno,))
    work = Relation(fan_out=FanOut.COMPANY, key_type="phone", customers=(uma,))
    found = await related(store, anna, bruno, uma, alone, "no such id")
    assert found[anna] == (family, work)
    assert found[bruno] == (Relation(fan_out=FanOut.HOUSEHOLD, key_type="phone", customers=(anna,)),)
    assert set(found) == {anna, bruno, uma}
    await store.decisions.merge([anna, bruno], **BY)
    assert await related(store, anna) == {anna: (work,)}, "nobody is related to themselves"
    await store.lost([rec(3)])
    assert await related(store, anna) == {}
