"""The second half of training: expectation maximisation over all likely pairs, from Splink's estimate. Pure Python."""

from __future__ import annotations

import math
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from resolvers.identity.matching.index import Index
from resolvers.identity.matching.levels import LEVELS, MISSING, compare
from resolvers.identity.matching.model import Field, Level, Model, default
from resolvers.identity.matching.person import Person, Ref
from resolvers.identity.matching.scorer import CONTRADICTIONS, Scorer, probability
from resolvers.identity.tokens import Tokens
from resolvers.identity.training.settings import FREQUENT, Trained

RANDOM_PAIRS = 2e6
"""Pairs drawn for u."""
COMMON = 5
"""Records that must carry a name before it stands in the model file: a file of weights names nobody."""
LEAST = 100
"""Records below which nothing is estimated."""
_MOST_COMMON = 2000
_BELIEF = 20
"""Pairs of one person that count as much as the shipped model's belief."""

Levels = tuple[int, ...]


class Refinement:
    """Expectation maximisation of m, the prior and the household, from Splink's estimate, over all likely pairs.

    Splink's sessions each see only pairs that agree in the session's fields, which is no fair sample where one record
    has one slip. Pairs that share no match key are taken to be two people; u stays as it was sampled.
    """

    def __init__(self, trained: Trained, people: Sequence[Person], belief: Model, made: str) -> None:
        self._trained, self._people, self._base, self._made = trained, people, belief, made
        self._frequencies = {name: _frequencies(people, name) for name in FREQUENT}
        self._counts = {  # what Splink found, as if it were seen in as many pairs as the shipped model's belief
            name: [_BELIEF * (trained.get(name, {}).get(level, (None, None))[0] or 0.0) for level in levels]
            for name, levels in LEVELS.items()
        }
        self._per_record, self._household = 1.0, self._base.household
        self._overlap = self._base.place_overlap
        self._differs: dict[str, float] = {}
        self._repeats: set[Ref] = set()  # records that are somebody's who was seen before

    def model(self) -> Model:
        """Repeats until the number of matches no longer moves."""
        pairs = self._pairs()
        self._step(pairs)
        self._overlap = _place_overlap([p for p in self._people if p.ref not in self._repeats])
        for _ in range(_ROUNDS):
            before = self._per_record
            self._step(pairs)
            if abs(self._per_record - before) < 1e-4 * before:
                break
        return self._current()

    def _current(self) -> Model:
        share = self._per_record / max(1, len(self._people) - 1)
        fields = {}
        for name in LEVELS:
            frequencies, rare = self._frequencies.get(name, ({}, None))
            u = {level: u for level, (_, u) in self._trained.get(name, {}).items()}
            levels = _levels(self._counts[name], u, self._base.fields[name], share)
            fields[name] = Field(levels=levels, frequencies=frequencies, rare=rare)
        return Model(
            fields=fields,
            matches_per_record=self._per_record,
            household=self._household,
            place_overlap=self._overlap,
            differs=self._differs,
            records=len(self._people),
            made=self._made,
        )

    def _pairs(self) -> list[tuple[Person, Levels]]:
        """The pairs that share a match key and are not hopeless."""
        people, kept = self._people, []
        scorer = Scorer(self._current(), len(people))
        index = Index(Tokens(SecretStr(secrets.token_urlsafe(32))))
        index.add(enumerate(people))
        for number, person in enumerate(people):
            for other in index.candidates(person):
                if other > number:
                    levels = compare(person, people[other])
                    if scorer.prior + sum(scorer.bits(person, levels)[0]) > _HOPELESS:
                        kept.append((person, levels))
        index.close()
        return kept

    def _step(self, pairs: Sequence[tuple[Person, Levels]]) -> None:
        scorer = Scorer(self._current(), len(self._people))
        counts = {name: [0.0] * len(levels) for name, levels in LEVELS.items()}
        matches, vouched = 0.0, _Vouched()
        for person, levels in pairs:
            bits, repeated, excess = scorer.bits(person, levels)
            vouched.see(levels, at_home=excess > 0)
            if not CONTRADICTIONS.isdisjoint(scorer.doubts(levels)):
                continue
            chance = probability(scorer.prior + sum(bits) - repeated - excess)
            matches += chance
            if chance > 0.5:
                self._repeats.add(person.ref)
            for name, level in zip(LEVELS, levels, strict=True):
                if level != MISSING:
                    counts[name][level] += chance
        self._counts = counts
        self._per_record = max(2 * matches, 1.0) / len(self._people)
        self._differs = vouched.differs()
        self._household = vouched.household() or self._base.household


class _Vouched:
    """How reliable fields are in records whose person something else vouches for.

    A national id vouches for given names and birth dates, a name with a birth date for national ids: twins share no id,
    father and son no birth date. Without such a witness nothing is learnt, and the guards stay: the likeliest pairs of a
    file of families are brothers and sisters.
    """

    def __init__(self) -> None:
        self._by_id, self._by_name = 0, 0
        self._other = {"given": 0, "birth_date": 0, "national_id": 0}
        self._home, self._same_id_at_home = 0, 0

    def see(self, levels: Levels, *, at_home: bool) -> None:
        """Counts one pair."""
        level = dict(zip(LEVELS, levels, strict=True))
        if level["national_id"] == MISSING:
            return
        same_id = level["national_id"] in (0, 1)
        if same_id:
            self._by_id += 1
            for name in ("given", "birth_date"):
                self._other[name] += level[name] == len(LEVELS[name]) - 1
        if level["given"] == 0 and level["family"] == 0 and level["birth_date"] == 0:
            self._by_name += 1
            self._other["national_id"] += not same_id
        if at_home:
            self._home += 1
            self._same_id_at_home += same_id

    def differs(self) -> dict[str, float]:
        """Field -> share of pairs in which it differs; only fields with enough witnesses."""
        seen = {"given": self._by_id, "birth_date": self._by_id, "national_id": self._by_name}
        return {name: self._other[name] / n for name, n in seen.items() if n >= LEAST}

    def household(self) -> float | None:
        """The chance that two records with one family name and address are one person, by their ids."""
        if self._home < LEAST or self._by_name < LEAST:
            return None
        expected = self._home * (
            1 - self._other["national_id"] / self._by_name
        )  # if all of them were one person
        same = min(self._home, self._home * self._same_id_at_home / max(expected, 1.0))
        return (same + 1) / (self._home + 2)  # Laplace's rule of succession


_ROUNDS = 30
_HOPELESS = -20.0
"""Bits below which a pair is one person in a million at most, whatever the next round says."""


def _levels(
    counts: Sequence[float], seen_u: Mapping[str, float | None], base: Field, share: float
) -> tuple[Level, ...]:
    """What was counted, together with the shipped model's belief; fields that no record has stay as shipped."""
    if not seen_u:
        return base.levels
    total = sum(counts) + _BELIEF
    m = [(n + _BELIEF * level.m) / total for n, level in zip(counts, base.levels, strict=True)]
    u = []
    for level, share_m in zip(base.levels, m, strict=True):
        seen = seen_u.get(level.name)
        u.append(_freed(seen, share_m, share) if seen else min(level.u, 1 / RANDOM_PAIRS))
    return tuple(
        Level(name=level.name, m=x / sum(m), u=y / sum(u))
        for level, x, y in zip(base.levels, m, u, strict=True)
    )


def _freed(u: float, m: float, share: float) -> float:
    """u without the pairs of one person among the random pairs; never less than a tenth, as the rest is noise."""
    return max((u - share * m) / (1 - share), u / 10)


def _place_overlap(people: Sequence[Person]) -> float:
    """How far postcode and city say the same, by how often strangers share both, against chance; 1 where unknown."""
    places = [(p.postcode, p.city) for p in people if p.postcode and p.city]
    if len(places) < LEAST:
        return default().place_overlap
    both, postcode, city = (
        _meeting(Counter(values)) for values in (places, [p for p, _ in places], [c for _, c in places])
    )
    least = min(-math.log2(postcode), -math.log2(city))
    if least <= 0:  # everybody lives in one place
        return default().place_overlap
    return min(1.0, max(0.0, math.log2(both / (postcode * city)) / least))


def _meeting(counts: Counter[Any]) -> float:
    """The chance that two records drawn at random have the same value (with one pair more: it is never nothing)."""
    total = sum(counts.values())
    return (sum(n * (n - 1) // 2 for n in counts.values()) + 1) / (total * (total - 1) // 2 + 1)


def _frequencies(people: Sequence[Person], field: str) -> tuple[dict[str, float], float | None]:
    counts = Counter(value for p in people if (value := getattr(p, field)))
    total = sum(counts.values())
    if total < LEAST:
        return {}, None
    common = dict(sorted((v, n / total) for v, n in counts.most_common(_MOST_COMMON) if n >= COMMON))
    others = len(counts) - len(common)
    return common, max(1 - sum(common.values()), 1 / total) / max(others, 1)
