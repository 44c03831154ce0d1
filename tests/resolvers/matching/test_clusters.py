"""Clusters: independent of order, and never over-merged."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from resolvers.identity.matching import clusters
from resolvers.identity.matching.clusters import cluster
from resolvers.identity.matching.person import Ref
from resolvers.identity.matching.scorer import NOT_PERSONAL, Band, Score


def ref(name: str | int) -> Ref:
    return ("crm", str(name))


def pair(a: str | int, b: str | int, weight: float = 10.0, *doubts: str, band: Band = Band.SAME) -> Score:
    left, right = sorted((ref(a), ref(b)))
    return Score(a=left, b=right, weight=weight, band=band, doubts=doubts, contributions=())


_scores = st.lists(
    st.builds(
        lambda a, b, weight, band: pair(a, b + 10, weight, *(("doubt",) if band is Band.DIFFERENT else ()), band=band),
        st.integers(0, 12), st.integers(0, 12), st.floats(-5, 30), st.sampled_from(Band),
    ),
    unique_by=lambda s: (s.a, s.b), max_size=40,
)  # fmt: skip


@given(_scores, st.randoms(use_true_random=False))
def test_the_order_of_the_scores_does_not_matter(scores: list[Score], dice: random.Random) -> None:
    scores = [s for s in scores if s.a != s.b]
    shuffled = list(scores)
    dice.shuffle(shuffled)
    assert cluster(scores) == cluster(shuffled)


@given(_scores)
def test_what_somebody_has_forbidden_never_stands_together(scores: list[Score]) -> None:
    forbidden = {(s.b, s.a) for s in scores[::3]}
    people = cluster(scores, forbidden=forbidden).people
    assert not any(a in group and b in group for group in people for a, b in forbidden if a != b)


def test_different_strong_ids_never_join_not_even_through_a_third_record() -> None:
    ids = {ref("a"): {"cus_1"}, ref("b"): {"cus_2"}}
    found = cluster([pair("a", "x", 20), pair("b", "x", 10)], strong_ids=ids)
    assert found.people == ((ref("a"), ref("x")),)
    assert [d.reasons for d in found.review] == [(clusters.STRONG_IDS,)]


def test_records_that_contradict_each_other_are_not_joined_through_a_third() -> None:
    found = cluster(
        [pair("son", "x", 12), pair("father", "x", 11), pair("father", "son", 9, "dates", band=Band.REVIEW)]
    )
    assert found.people == ((ref("son"), ref("x")),)
    assert [(d.a, d.b, d.reasons) for d in found.review] == [
        (ref("father"), ref("x"), (clusters.CONTRADICTED,))
    ]


def test_two_groups_are_one_question() -> None:
    found = cluster(
        [
            pair(1, 2, 30),
            pair(3, 4, 29),
            *(pair(a, b, a + b, band=Band.REVIEW) for a in (1, 2) for b in (3, 4)),
        ]
    )
    assert [(d.a, d.b) for d in found.review] == [(ref(2), ref(4))]


def test_too_little_known_is_no_contradiction() -> None:
    scores = [pair(1, 2, 20), pair(2, 3, 19), pair(1, 3, 3, NOT_PERSONAL, band=Band.REVIEW)]
    assert cluster(scores).people == ((ref(1), ref(2), ref(3)),)


def test_a_single_link_between_two_groups_goes_to_review() -> None:
    found = cluster([pair(1, 2, 30), pair(3, 4, 29), pair(2, 3, 8)])
    assert len(found.people) == 2
    assert [(d.a, d.b, d.reasons) for d in found.review] == [(ref(2), ref(3), (clusters.BRIDGE,))]


def test_a_cluster_has_a_largest_size() -> None:
    found = cluster([pair(0, n) for n in range(1, 50)], max_size=10)
    assert max(len(group) for group in found.people) == 10
    assert {d.reasons for d in found.review} == {(clusters.TOO_LARGE,)}
