"""Linking: which of these records are one person, judged by the scorer beside what the map holds already.

Pure functions, no I/O. The *focus* are the records that are new or have changed; the others are there to be compared with.
What the map has joined stays joined unless a record has changed so that it no longer fits; a record joins a customer
only when it was compared with every record of that customer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

import msgspec

from resolvers.identity.derivation import MODEL, Contribution, Edge, Pair, Verdict, pair_of
from resolvers.identity.matching.clusters import Clusters, cluster
from resolvers.identity.matching.contacts import crowded, without
from resolvers.identity.matching.keys import Key, of_person
from resolvers.identity.matching.person import Person
from resolvers.identity.matching.scorer import CONTRADICTIONS, Band, Score, Scorer
from resolvers.identity.matching.scorer import Contribution as Bar
from resolvers.identity.members import Ref

EXTERNAL_ID = "external id"
"""The rule that links a record to the one whose number it names; it needs no score, only that nothing contradicts."""
EXTERNAL_ID_CONFIDENCE = 0.98
"""How far that rule is trusted: declared by us, not measured."""

UNREAD = "a record of this customer could not be read"
LEFT = "it is somebody else's record now"
DOUBT = "doubt"
"""Field of the contributions of no weight that say in words why a likely pair was not joined."""

MOST_JOINS = 8
"""Links from one record that are kept as evidence, the strongest: more explain nothing, and a large customer has thousands."""
_MOST_CERTAIN = 0.9999


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What is known beside the records themselves.

    `clusters`: customers of the map, whole. `forbidden` and `confirmed`: pairs that a steward holds to be different, or to
    be one person. `unread`: records of the clusters that could not be read now. `reborn`: records of the focus that carry
    nothing of what they carried before. `shared`: contacts that are no key of one person. `external`: pairs of which one
    record names the other by its number.
    """

    clusters: Sequence[tuple[Ref, ...]] = ()
    forbidden: frozenset[Pair] = frozenset()
    confirmed: frozenset[Pair] = frozenset()
    unread: frozenset[Ref] = frozenset()
    reborn: frozenset[Ref] = frozenset()
    shared: frozenset[str] = frozenset()
    external: frozenset[Pair] = frozenset()


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """The people among the records, each with all their records (also those of the map that were not given), and the edges
    from records of the focus. `open`: records of the focus that have to be judged again when all can be read.
    """

    groups: tuple[frozenset[Ref], ...]
    edges: tuple[Edge, ...]
    open: frozenset[Ref] = frozenset()


def reached(
    people: Collection[Person], focus: Collection[Ref], scorer: Scorer, shared: frozenset[str]
) -> frozenset[Ref]:
    """The records that may be somebody of the focus; their customers' other records are needed to judge that."""
    many = crowded(people)
    by_ref = {p.ref: without(p, shared, many) for p in people}
    scores = _Scores(scorer, by_ref)
    scores.see(_sharing_a_key(by_ref.values(), focus))
    return frozenset(ref for pair, s in scores.seen.items() if s.band is not Band.DIFFERENT for ref in pair)


def judge(people: Collection[Person], focus: Collection[Ref], scorer: Scorer, context: Context) -> Judged:
    """Compares the focus with everybody it shares a key with, and with all records of the people that it may be."""
    many = crowded(people)
    by_ref = {p.ref: without(p, context.shared, many) for p in people}
    scores = _Scores(scorer, by_ref)
    scores.see(_sharing_a_key(by_ref.values(), focus))
    scores.see(context.external)
    for part in _parts(scores.likely(), context):
        inside = sorted(part & by_ref.keys())
        scores.see(pair_of(a, b) for a in inside if a in focus for b in inside if b != a)
    final, open_ = _with_rules(scores.seen, context)
    clusters = cluster(
        (s for s in final.values() if s.band is not Band.DIFFERENT or s.doubts),
        forbidden=context.forbidden,
        strong_ids={p.ref: (p.national_id,) for p in by_ref.values() if p.national_id},
        joined=(standing := _Standing(context, scores.seen, focus)).units,
    )
    groups = _groups(by_ref, context, clusters)
    said = [
        *(_edge(v, scorer.version) for v in _verdicts(final, scores.seen, clusters, groups, standing)),
        *(_parted(pair, scorer.version) for pair in standing.parted(groups, by_ref.keys(), focus)),
        *_named(context.external, clusters),
    ]
    return Judged(
        groups=groups,
        edges=tuple(said),
        open=frozenset(ref for pair in open_ for ref in pair if ref in focus),
    )


class _Scores:
    """Scores by pair, each counted once."""

    def __init__(self, scorer: Scorer, people: Mapping[Ref, Person]) -> None:
        self._scorer, self._people = scorer, people
        self.seen: dict[Pair, Score] = {}

    def see(self, pairs: Iterable[Pair]) -> None:
        for a, b in pairs:
            if (a, b) not in self.seen and a in self._people and b in self._people:
                self.seen[a, b] = self._scorer.score(self._people[a], self._people[b])

    def likely(self) -> list[Pair]:
        return [pair for pair, score in self.seen.items() if score.band is not Band.DIFFERENT]


def _sharing_a_key(people: Iterable[Person], focus: Collection[Ref]) -> list[Pair]:
    carriers: dict[Key, list[Ref]] = defaultdict(list)
    for person in people:
        for key in of_person(person):
            carriers[key].append(person.ref)
    pairs = {
        pair_of(a, b)
        for group in carriers.values()
        for a, b in combinations(group, 2)
        if a in focus or b in focus
    }
    return sorted(pairs)


def _parts(likely: Iterable[Pair], context: Context) -> list[set[Ref]]:
    """Records that may come to stand in one customer, by whatever way."""
    part_of: dict[Ref, set[Ref]] = {}
    chains = [*context.clusters, *likely, *context.external]
    for chain in chains:
        whole = set(chain).union(*(part_of.get(ref, ()) for ref in chain))
        part_of |= dict.fromkeys(whole, whole)
    return list({id(part): part for part in part_of.values()}.values())


def _with_rules(seen: Mapping[Pair, Score], context: Context) -> tuple[dict[Pair, Score], list[Pair]]:
    """The scores as clustering is to see them: an external id joins what does not contradict, and nothing joins a
    customer of whom a record could not be read. Also the pairs that the latter holds back.
    """
    customer = {ref: n for n, refs in enumerate(context.clusters) for ref in refs}
    partial = {ref for refs in context.clusters if not context.unread.isdisjoint(refs) for ref in refs}
    final, held = dict(seen), []
    for pair in context.external & seen.keys():
        if CONTRADICTIONS.isdisjoint(seen[pair].doubts):
            final[pair] = msgspec.structs.replace(seen[pair], band=Band.SAME, doubts=())
    for pair, score in final.items():
        apart = customer.get(pair[0], -1) != customer.get(pair[1], -2)
        if score.band is Band.SAME and apart and not partial.isdisjoint(pair):
            final[pair] = msgspec.structs.replace(score, band=Band.REVIEW, doubts=(UNREAD,))
            held.append(pair)
    return final, held


class _Standing:
    """The customers as they stand. One is *in question* when its records contradict each other now, or when one of them
    carries nothing of what it carried and fits to none of the others: a number that was given to somebody else. Of such a
    customer the changed records stand for themselves, but for what a steward has joined.
    """

    def __init__(self, context: Context, seen: Mapping[Pair, Score], focus: Collection[Ref]) -> None:
        self._confirmed = _Connected(context.confirmed)
        self._reborn, self._seen = context.reborn, seen
        self._customer = {ref: refs for refs in context.clusters for ref in refs}
        self.questioned = {refs for refs in context.clusters if self._in_question(refs)}
        self.units: list[tuple[Ref, ...]] = [refs for refs in context.clusters if refs not in self.questioned]
        for refs in sorted(self.questioned):
            self.units.append(tuple(ref for ref in refs if ref not in focus))
            self.units += [pair for pair in context.confirmed if set(pair) <= set(refs)]

    def were(self, pair: Pair) -> bool:
        """Whether the two were one customer before."""
        return pair[1] in self._customer.get(pair[0], ())

    def keeps(self, pair: Pair) -> bool:
        """Whether nothing speaks against that: what joined them once still counts."""
        return self.were(pair) and self._customer[pair[0]] not in self.questioned

    def parted(
        self, groups: Iterable[frozenset[Ref]], read: Collection[Ref], focus: Collection[Ref]
    ) -> list[Pair]:
        """Pairs of a record that has left its customer and one that could not be read, so that no score parts them."""
        group = {ref: g for g in groups for ref in g}
        return [
            pair_of(ref, other)
            for refs in sorted(self.questioned)
            for ref in refs
            if ref in focus and ref in read
            for other in refs
            if other not in read and other not in group[ref]
        ]

    def _in_question(self, refs: Sequence[Ref]) -> bool:
        against = any(
            score.band is Band.DIFFERENT
            and not CONTRADICTIONS.isdisjoint(score.doubts)
            and not self._confirmed.together(pair)
            for pair in combinations(sorted(refs), 2)
            if (score := self._seen.get(pair))
        )
        return against or any(self._fits_nobody(ref, refs) for ref in self._reborn.intersection(refs))

    def _fits_nobody(self, ref: Ref, refs: Sequence[Ref]) -> bool:
        scores = (self._seen.get(pair_of(ref, other)) for other in refs if other != ref)
        confirmed = any(other != ref and self._confirmed.together((ref, other)) for other in refs)
        return not confirmed and all(score is None or score.band is Band.DIFFERENT for score in scores)


def _verdicts(
    final: Mapping[Pair, Score],
    seen: Mapping[Pair, Score],
    clusters: Clusters,
    groups: Iterable[frozenset[Ref]],
    standing: _Standing,
) -> Iterable[Verdicted]:
    """What is said of each pair, the strongest first.

    Left out: links beyond the first ones of both records, unless they are what holds two groups together; and doubts about
    two groups of which a stronger pair is asked about.
    """
    group = {ref: n for n, refs in enumerate(groups) for ref in refs}
    refused = {pair_of(d.a, d.b): d.reasons for d in clusters.review}
    connected, joins = _Connected(standing.units), Counter[Ref]()
    for pair, score in sorted(final.items(), key=lambda item: (-item[1].weight, item[0])):
        if score.band is Band.SAME and seen[pair].band is not Band.SAME:
            connected.join(pair)  # a rule joined the two, and says so by an edge of its own
            score = seen[pair]
        together = group[pair[0]] == group[pair[1]]
        if not together or score.band is not Band.SAME:
            if standing.keeps(pair) or not (
                pair in refused or score.band is Band.DIFFERENT or standing.were(pair)
            ):
                continue
            verdict = Verdict.UNSURE if score.band is not Band.DIFFERENT else Verdict.DIFFERENT
            yield Verdicted(pair=pair, score=score, verdict=verdict, reasons=refused.get(pair, score.doubts))
        elif connected.join(pair) or any(joins[ref] < MOST_JOINS for ref in pair):
            joins.update(pair)
            yield Verdicted(pair=pair, score=score, verdict=Verdict.SAME)


class Verdicted(msgspec.Struct, frozen=True, kw_only=True):
    """A pair, what is said of it, and why it was not joined."""

    pair: Pair
    score: Score
    verdict: Verdict
    reasons: tuple[str, ...] = ()


class _Connected:
    """Which records hang together by the links so far."""

    def __init__(self, groups: Iterable[Iterable[Ref]]) -> None:
        self._root: dict[Ref, Ref] = {}
        for group in groups:
            for ref in (members := tuple(group))[1:]:
                self.join((members[0], ref))

    def join(self, pair: Pair) -> bool:
        """Whether they did not before."""
        a, b = (self._top(ref) for ref in pair)
        self._root[b] = a
        return a != b

    def together(self, pair: Pair) -> bool:
        """Whether they do."""
        return self._top(pair[0]) == self._top(pair[1])

    def _top(self, ref: Ref) -> Ref:
        while (above := self._root.setdefault(ref, ref)) != ref:
            ref = above
        return ref


def _edge(found: Verdicted, version: str) -> Edge:
    score = found.score
    made = proposed(
        (score.a, score.b), version, weight=score.weight, probability=score.probability,
        contributions=score.contributions, doubts=found.reasons,
    )  # fmt: skip
    return msgspec.structs.replace(made, verdict=found.verdict)


def proposed(
    pair: Pair,
    version: str,
    *,
    weight: float,
    probability: float,
    contributions: Iterable[Contribution | Bar],
    doubts: Iterable[str],
) -> Edge:
    """The edge of a scored pair, as a question. `version` names the model, `weight` is in bits."""
    bars = [
        Contribution(field=c.field, agreement=c.agreement, weight=round(c.weight, 2)) for c in contributions
    ]
    bars += [Contribution(field=DOUBT, agreement=reason, weight=0.0) for reason in doubts]
    return Edge(
        event=0, a=pair[0], b=pair[1], verdict=Verdict.UNSURE, origin=f"{MODEL}{version}", weight=round(weight, 2),
        confidence=min(_MOST_CERTAIN, round(probability, 4)), contributions=tuple(bars),
    )  # fmt: skip


def _parted(pair: Pair, version: str) -> Edge:
    return Edge(
        event=0, a=pair[0], b=pair[1], verdict=Verdict.DIFFERENT, origin=f"{MODEL}{version}", confidence=0.0,
        contributions=(Contribution(field=DOUBT, agreement=LEFT, weight=0.0),),
    )  # fmt: skip


def _named(external: Iterable[Pair], clusters: Clusters) -> list[Edge]:
    """The edges of records that name each other and stand together now."""
    group = {ref: n for n, refs in enumerate(clusters.people) for ref in refs}
    return [
        Edge(event=0, a=a, b=b, verdict=Verdict.SAME, origin=EXTERNAL_ID, confidence=EXTERNAL_ID_CONFIDENCE)
        for a, b in sorted(external)
        if group.get(a, -1) == group.get(b, -2)
    ]


def _groups(people: Mapping[Ref, Person], context: Context, clusters: Clusters) -> tuple[frozenset[Ref], ...]:
    groups = [frozenset(refs) for refs in clusters.people]
    taken = frozenset().union(*groups)
    alone = sorted({*people, *(ref for refs in context.clusters for ref in refs)} - taken)
    return (*groups, *(frozenset([ref]) for ref in alone))
