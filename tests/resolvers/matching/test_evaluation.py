"""The whole way from persons to figures, and weights that nobody labelled."""

from __future__ import annotations

import pytest

from bench.identity import hard_tables
from resolvers.identity.matching import evaluation, model
from resolvers.identity.matching.clusters import Clusters
from resolvers.identity.matching.person import Person, from_row
from resolvers.identity.matching.scorer import Scorer
from tests.resolvers.matching.people import drawn, person


def matched(people: list[Person], weights: model.Model | None = None) -> Clusters:
    return evaluation.match(people, Scorer(weights or model.default(), len(people)))


def truth(people: list[Person]) -> dict[tuple[str, str], str]:
    return {p.ref: p.ref[1] for p in people}


def test_drawn_people_are_found_and_nobody_else() -> None:
    people = drawn(1000)
    figures = evaluation.figures(truth(people), matched(people))
    assert figures.pairwise.precision == 1.0
    assert figures.pairwise.recall > 0.9


def test_the_order_of_the_records_does_not_matter() -> None:
    people = drawn(300)
    assert matched(people) == matched(people[::-1])


def test_ten_thousand_records_with_one_address_are_not_one_person() -> None:
    people = [person(str(n), email="sales.team@mail.example", family_name=f"Name{n}") for n in range(10_000)]
    assert matched(people).people == ()


def test_a_contact_that_two_people_share_joins_nobody_to_either() -> None:
    shared = {"email": "the.webers@mail.example", "phone": "030 23125100"}
    people = [
        person("1", given_name="Anna", family_name="Weber", **shared),
        person("2", given_name="Bruno", family_name="Weber", **shared),
        person("3", **shared),
    ]
    assert matched(people).people == ()


def test_the_figures_of_a_known_clustering() -> None:
    who = {("s", c): c.upper() if c < "d" else "D" for c in "abcdef"}
    clusters = Clusters(people=((("s", "a"), ("s", "b")), (("s", "d"), ("s", "e"))), review=())
    figures = evaluation.figures(who, clusters)
    assert figures.pairwise == evaluation.Quality(precision=1 / 2, recall=1 / 3, f1=2 / 5)
    assert figures.cluster == evaluation.Quality(precision=0.0, recall=0.0, f1=0.0)
    assert figures.bcubed.precision == pytest.approx(5 / 6)
    assert figures.bcubed.recall == pytest.approx((1 + 1 + 1 + 2 / 3 + 2 / 3 + 1 / 3) / 6)
    assert figures.largest_cluster == 2


def test_colleagues_and_families_of_an_address_that_is_crowded_are_no_household() -> None:
    people = [
        person(
            str(n), given_name="James" if n < 2 else "", family_name="Smith", email="the.office@mail.example"
        )
        for n in range(60)
    ]
    assert matched(people).people == ()


@pytest.mark.parametrize("name", ["nobody_twice", "offices", "contacts"])
def test_hard_tables_join_nobody_wrongly(name: str) -> None:
    rows = hard_tables.TABLES[name](3)[:1500]
    people = [from_row(row, ("file", str(n)), "US") for n, row in enumerate(rows)]
    figures = evaluation.figures(
        {p.ref: row["truth"] for p, row in zip(people, rows, strict=True)}, matched(people)
    )
    assert figures.pairwise.precision > 0.99


def test_bad_input_is_neither_joined_nor_fatal() -> None:
    bad = {
        "family_name": "\u202e\u0000" + "x" * 1_000_000,
        "email": "a@b@mail.example",
        "phone": "please call after five",
        "date_of_birth": "2999-01-01",
    }
    assert matched([person("1", **bad), person("2", **bad), person("3"), person("4")]).people == ()
