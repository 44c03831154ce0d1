"""From scored pairs to people: joins what is the same, under constraints, and hands what is in doubt to review."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from resolvers.identity.matching.person import Ref
from resolvers.identity.matching.scorer import NOT_PERSONAL, Band, Score

MAX_SIZE = 100
"""Records of one person: more are a sign of a value that many share."""

BRIDGE = "a single weak link between two groups"
CONTRADICTED = "it would bring records together that contradict each other"
TOO_LARGE = "the group would be too large"
FORBIDDEN = "somebody decided that two of the records are different people"
STRONG_IDS = "two different strong ids in one group"


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """A pair for a steward. `reasons` say why it was not joined by itself; none: the evidence was too little."""

    a: Ref
    b: Ref
    weight: float
    reasons: tuple[str, ...] = ()


class Clusters(msgspec.Struct, frozen=True, kw_only=True):
    """The people with two records or more, and the review band: of two groups the strongest pair. In a fixed order."""

    people: tuple[tuple[Ref, ...], ...]
    review: tuple[Doubt, ...]


def cluster(
    scores: Iterable[Score],
    *,
    forbidden: Collection[tuple[Ref, Ref]] = (),
    strong_ids: Mapping[Ref, Collection[str]] | None = None,
    joined: Iterable[Collection[Ref]] = (),
    max_size: int = MAX_SIZE,
) -> Clusters:
    """Joins the strongest pairs first; the order in which the scores come does not matter.

    `forbidden`: pairs that never stand in one cluster (a steward's "different"), in any order. `strong_ids`: per record
    what names a person for certain; records that have one each and share none never stand in one cluster. `joined`:
    clusters that stand already, whatever their scores.
    """
    ranked = sorted(scores, key=lambda s: (-s.weight, s.a, s.b))
    groups = _Groups(ranked, forbidden, strong_ids or {}, max_size)
    for refs in joined:
        groups.unite(refs)
    refused = {s: reason for s in ranked if s.band is Band.SAME and (reason := groups.join(s))}
    review = [
        Doubt(a=s.a, b=s.b, weight=s.weight, reasons=(refused[s],) if s in refused else s.doubts)
        for s in ranked
        if s.band is Band.REVIEW or s in refused
    ]
    people = sorted(tuple(sorted(m)) for m in groups.members.values() if len(m) > 1)
    between: dict[frozenset[Ref], Doubt] = {}
    for doubt in sorted(review, key=lambda d: (-d.weight, d.a, d.b)):
        between.setdefault(groups.pair(doubt.a, doubt.b), doubt)  # one answer joins or parts the two groups
    return Clusters(people=tuple(people), review=tuple(d for pair, d in between.items() if len(pair) == 2))


class _Groups:
    """Disjoint groups of records that know what may not stand together."""

    def __init__(
        self,
        scores: Sequence[Score],
        forbidden: Collection[tuple[Ref, Ref]],
        strong_ids: Mapping[Ref, Collection[str]],
        max_size: int,
    ) -> None:
        self.members: dict[Ref, set[Ref]] = {}
        self._root: dict[Ref, Ref] = {}
        self._max_size, self._strong_ids = max_size, strong_ids
        self._barred: dict[Ref, set[Ref]] = defaultdict(set)
        self._linked: dict[Ref, set[Ref]] = defaultdict(set)
        self._contradicting: dict[Ref, set[Ref]] = defaultdict(set)
        for a, b in forbidden:
            self._barred[a].add(b)
            self._barred[b].add(a)
        for score in scores:
            against = any(
                doubt != NOT_PERSONAL for doubt in score.doubts
            )  # too little known is no contradiction
            linked = self._contradicting if against else self._linked
            linked[score.a].add(score.b)
            linked[score.b].add(score.a)

    def pair(self, a: Ref, b: Ref) -> frozenset[Ref]:
        """What names the two groups, or the one, that the records are in."""
        return frozenset((self._of(a), self._of(b)))

    def unite(self, refs: Collection[Ref]) -> None:
        """Joins without asking."""
        for ref in refs:
            self._join(self._of(next(iter(refs))), self._of(ref))

    def _of(self, ref: Ref) -> Ref:
        if ref not in self._root:
            self._root[ref] = ref
            self.members[ref] = {ref}
        return self._root[ref]

    def join(self, score: Score) -> str | None:
        """Joins the groups of a pair; gives the reason where they must stay apart."""
        a, b = self._of(score.a), self._of(score.b)
        if a == b:
            return None
        if reason := self._objection(self.members[a], self.members[b], score):
            return reason
        self._join(a, b)
        return None

    def _join(self, a: Ref, b: Ref) -> None:
        if a == b:
            return
        small, large = sorted((a, b), key=lambda root: (len(self.members[root]), root))
        for ref in self.members[small]:
            self._root[ref] = large
        self.members[large] |= self.members.pop(small)

    def _objection(self, left: set[Ref], right: set[Ref], score: Score) -> str | None:
        if any(self._barred[ref] & right for ref in left if ref in self._barred):
            return FORBIDDEN
        if len(left) + len(right) > self._max_size:
            return TOO_LARGE
        if self._strong_ids and self._ids_conflict(left, right):
            return STRONG_IDS
        if len(left) > 1 or len(right) > 1:
            return self._bridge(left, right)
        return None

    def _ids_conflict(self, left: set[Ref], right: set[Ref]) -> bool:
        mine = {i for ref in left for i in self._strong_ids.get(ref, ())}
        other = {i for ref in right for i in self._strong_ids.get(ref, ())}
        return bool(mine and other and mine.isdisjoint(other))

    def _bridge(self, left: set[Ref], right: set[Ref]) -> str | None:
        """A link over which records meet that contradict each other, or that alone holds two groups, is not followed."""
        links = sum(len(self._linked[ref] & right) for ref in left)
        against = sum(len(self._contradicting[ref] & right) for ref in left)
        alone = links == 1 and len(left) > 1 and len(right) > 1
        return CONTRADICTED if against else BRIDGE if alone else None
