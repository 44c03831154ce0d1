"""Doubts read from what the model noted are those that the scorer had."""

from __future__ import annotations

import itertools

import pytest

from resolvers.identity import derivation
from resolvers.identity.doubts import doubts
from resolvers.identity.matching import model
from resolvers.identity.matching.scorer import (
    NOT_PERSONAL,
    OTHER_GIVEN,
    OTHER_ID,
    OTHER_PERSON,
    Contribution,
    Scorer,
)
from tests.resolvers.matching.people import drawn, person


def noted(found: tuple[Contribution, ...]) -> list[derivation.Contribution]:
    """As the log keeps them."""
    return [derivation.Contribution(field=c.field, agreement=c.agreement, weight=c.weight) for c in found]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(model.default(), 10_000)


def test_they_are_the_scorers(scorer: Scorer) -> None:
    people = drawn(80)
    kinds = set()
    for a, b in itertools.combinations(people, 2):
        wanted = tuple(d for d in scorer.score(a, b).doubts if d != OTHER_PERSON)
        assert doubts(noted(scorer.explain(a, b))) == wanted
        kinds |= set(wanted)
    assert len(kinds) > 2, "pairs of many kinds were seen"


def test_what_they_say(scorer: Scorer) -> None:
    home = {"family_name": "Weber", "street": "Lindenweg", "house_number": "5", "postcode": "10115"}
    a = person("1", given_name="Anna", **home)
    b = person("2", given_name="Bruno", **home)
    assert doubts(noted(scorer.explain(a, b))) == (OTHER_GIVEN, NOT_PERSONAL)
    assert doubts([]) == (), "no model spoke"
    one, other = (
        {**home, "given_name": n, "national_id": i} for n, i in (("Anna", "A1234567"), ("Bruno", "B7654321"))
    )
    assert doubts(noted(scorer.explain(person("1", **one), person("2", **other)))) == (
        OTHER_ID,
        OTHER_GIVEN,
        NOT_PERSONAL,
    )
    same = {**other, "national_id": one["national_id"]}
    assert doubts(noted(scorer.explain(person("1", **one), person("2", **same)))) == (), (
        "an authority says who it is"
    )
