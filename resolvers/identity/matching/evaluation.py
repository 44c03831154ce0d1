"""How well matching does on people whose truth is known: persons, keys, candidates, scores, clusters, then figures."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec
from pydantic import SecretStr

from resolvers.identity.matching.clusters import Clusters, cluster
from resolvers.identity.matching.contacts import personal
from resolvers.identity.matching.index import Index
from resolvers.identity.matching.person import Person, Ref
from resolvers.identity.matching.scorer import Band, Score, Scorer
from resolvers.identity.tokens import Tokens

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Shares between 0 and 1; 1 where there was nothing to find or nothing was claimed."""

    precision: float
    recall: float
    f1: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of a clustering. `pairwise` counts pairs of records; `cluster` counts whole people; `bcubed` averages
    over records (Bagga and Baldwin 1998). `review_recall`: pairwise recall if every pair in review were decided rightly.
    """

    pairwise: Quality
    cluster: Quality
    bcubed: Quality
    largest_cluster: int
    review: int
    review_recall: float


def match(people: Sequence[Person], scorer: Scorer, progress: Progress | None = None) -> Clusters:
    """Goes the way of production: keys become tokens, tokens find candidates, candidates are scored and joined."""
    people = personal(people)
    index = Index(Tokens(SecretStr(secrets.token_urlsafe(32))))
    try:
        index.add(enumerate(people))
        return cluster(_scores(people, index, scorer, progress))
    finally:
        index.close()


def _scores(people: Sequence[Person], index: Index, scorer: Scorer, progress: Progress | None) -> list[Score]:
    kept = []
    for number, person in enumerate(people):
        if progress and number % 500 == 0:
            progress("matching", number, len(people))
        for other in index.candidates(person):
            if other > number:
                score = scorer.score(person, people[other])
                if score.band is not Band.DIFFERENT or score.doubts:
                    kept.append(score)
    if progress:
        progress("matching", len(people), len(people))
    return kept


def figures(truth: dict[Ref, str], clusters: Clusters) -> Figures:
    """Compares the clusters with who is who; records in no cluster stand alone."""
    found = _partition(truth, clusters.people)
    real: dict[str, set[Ref]] = defaultdict(set)
    for ref, who in truth.items():
        real[who].add(ref)
    decided = _decided(truth, clusters)
    return Figures(
        pairwise=_pairwise(truth, found, real.values()),
        cluster=_whole(found, real.values()),
        bcubed=_bcubed(truth, found, real),
        largest_cluster=max((len(group) for group in found), default=0),
        review=len(clusters.review),
        review_recall=_pairwise(truth, decided, real.values()).recall,
    )


def _partition(truth: dict[Ref, str], people: Iterable[Sequence[Ref]]) -> list[set[Ref]]:
    groups = [set(person) for person in people]
    taken = {ref for group in groups for ref in group}
    return groups + [{ref} for ref in truth if ref not in taken]


def _decided(truth: dict[Ref, str], clusters: Clusters) -> list[set[Ref]]:
    """The clusters after a steward has joined what belongs together in the review band."""
    root = {ref: ref for ref in truth}

    def top(ref: Ref) -> Ref:
        while root[ref] != ref:
            root[ref] = root[root[ref]]
            ref = root[ref]
        return ref

    for person in clusters.people:
        for ref in person[1:]:
            root[top(ref)] = top(person[0])
    for doubt in clusters.review:
        if truth[doubt.a] == truth[doubt.b]:
            root[top(doubt.a)] = top(doubt.b)
    groups: dict[Ref, set[Ref]] = defaultdict(set)
    for ref in truth:
        groups[top(ref)].add(ref)
    return list(groups.values())


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _pairwise(truth: dict[Ref, str], found: Iterable[set[Ref]], real: Iterable[set[Ref]]) -> Quality:
    claimed = right = 0
    for group in found:
        claimed += _pairs(len(group))
        if len(group) > 1:
            right += sum(_pairs(n) for n in Counter(truth[ref] for ref in group).values())
    return _quality(right, claimed, sum(_pairs(len(group)) for group in real))


def _whole(found: Iterable[set[Ref]], real: Iterable[set[Ref]]) -> Quality:
    """People of two records or more that were found exactly."""
    claimed = {frozenset(group) for group in found if len(group) > 1}
    wanted = {frozenset(group) for group in real if len(group) > 1}
    return _quality(len(claimed & wanted), len(claimed), len(wanted))


def _bcubed(truth: dict[Ref, str], found: Iterable[set[Ref]], real: dict[str, set[Ref]]) -> Quality:
    precision = recall = 0.0
    for group in found:
        for who, count in Counter(truth[ref] for ref in group).items():
            precision += count * count / len(group)
            recall += count * count / len(real[who])
    total = len(truth) or 1
    return _harmonic(precision / total, recall / total) if truth else _harmonic(1.0, 1.0)


def _quality(right: int, claimed: int, wanted: int) -> Quality:
    return _harmonic(right / claimed if claimed else 1.0, right / wanted if wanted else 1.0)


def _harmonic(precision: float, recall: float) -> Quality:
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Quality(precision=precision, recall=recall, f1=f1)
