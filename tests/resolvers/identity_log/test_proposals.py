"""Proposals wait for a steward: they join nobody, part nobody, and come once."""

from __future__ import annotations

from resolvers.identity.derivation import MODEL, Edge, Verdict
from resolvers.identity.log import RECONCILING, Kind
from resolvers.identity.store import IdentityStore
from tests.resolvers.identity_log.logs import BY, links, rec, seen, together


def proposed(a: int, b: int, confidence: float = 0.6) -> Edge:
    return Edge(
        event=0,
        a=rec(a),
        b=rec(b),
        verdict=Verdict.UNSURE,
        origin=f"{MODEL}v1",
        confidence=confidence,
        weight=1.0,
    )


async def test_a_proposal_waits_and_is_made_once(store: IdentityStore) -> None:
    one, _ = await seen(store, 1, 2)
    before = await store.by_records([rec(1), rec(2)])
    assert await store.propose([proposed(1, 2)]) == 1
    assert await store.propose([proposed(2, 1)]) == 0, "it was made already"
    assert await store.by_records([rec(1), rec(2)]) == before
    (waiting,), _ = await store.chronicle.review(10)
    assert (waiting.a, waiting.b, waiting.evidence[0].actor) == (rec(1), rec(2), RECONCILING)
    (*_, last) = await store.chronicle.history(one)
    assert last.event.kind is Kind.PROPOSE
    assert await store.rebuild() == 0


async def test_what_is_joined_or_unknown_is_no_proposal(store: IdentityStore) -> None:
    await store.remember(links((1, 2)))
    assert await store.propose([proposed(1, 2), proposed(1, 9)]) == 0
    assert await together(store, 1, 2)
    assert await store.chronicle.review(10) == ([], False)


async def test_a_stewards_decision_stands(store: IdentityStore) -> None:
    await seen(store, 1, 2)
    await store.decisions.reject(rec(1), rec(2), **BY)
    await store.propose([proposed(1, 2)])
    assert not await together(store, 1, 2)
    assert await store.chronicle.review(10) == ([], False), "the keys that both carry are what they were"


async def test_taking_a_proposal_back_takes_it_off_the_list(store: IdentityStore) -> None:
    one, _ = await seen(store, 1, 2)
    before = await store.export()
    await store.propose([proposed(1, 2)])
    (*_, last) = await store.chronicle.history(one)
    await store.decisions.undo(last.event.id, **BY)
    assert await store.export() == before
