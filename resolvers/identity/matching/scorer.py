"""Scores a pair of people with a model: bits of evidence field by field, a probability, and one of three bands."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

from resolvers.identity.matching.levels import LEVELS, MISSING, compare
from resolvers.identity.matching.model import SMALLEST, Model
from resolvers.identity.matching.person import Person, Ref

SAME = 0.99
"""Probability from which a pair is joined without a person: a wrong join is taken to cost 99 times a missed one."""
REVIEW = 0.1
"""Probability from which a pair is worth a steward's look: one real match in ten looks at most."""

RARELY = 0.02
"""A field whose values differ for at most this share of one person's record pairs contradicts when they do."""

_NAMES = tuple(LEVELS)
_AT = {name: index for index, name in enumerate(_NAMES)}
_GIVEN, _FAMILY, _BORN, _ID = (_AT[n] for n in ("given", "family", "birth_date", "national_id"))
_EMAIL, _PHONE = _AT["email"], _AT["phone"]
_LAST = tuple(len(levels) - 1 for levels in LEVELS.values())
_HOUSEHOLD = tuple(_AT[n] for n in ("family", "street", "house_number", "postcode", "city", "state"))
_PLACE = tuple(_AT[n] for n in ("postcode", "city", "state"))
"""Say the same thing three times, as far as training has not seen otherwise."""
_SHARED_BY_FEW = (_ID, _EMAIL, _PHONE)
"""Exact agreement gets rarer as the map grows: those who share a contact are a household, however many others there are."""
_FREQUENT = ("given", "family", "city")
"""Fields whose exact agreement weighs more for a rare value."""


class Band(StrEnum):
    """What is done with a pair."""

    SAME = "same"
    REVIEW = "review"
    DIFFERENT = "different"


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of the waterfall: bits for (above 0) or against one person. The prior and the cap are bars too."""

    field: str
    agreement: str
    weight: float


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What is believed of a pair. `weight` is the sum of the bits, prior included; `doubts` are why it was not joined."""

    a: Ref
    b: Ref
    weight: float
    band: Band
    doubts: tuple[str, ...]
    contributions: tuple[Contribution, ...]

    @property
    def probability(self) -> float:
        """The chance of one person under the model."""
        return probability(self.weight)


def probability(weight: float) -> float:
    """From bits (log2 of the odds) to a chance."""
    return 1 / (1 + 2.0**-weight) if weight > -1000 else 0.0


class Scorer:
    """A model made ready for a map of `records` records."""

    def __init__(self, model: Model, records: int) -> None:
        self.model = model
        self.version = model.version
        prior = model.prior(records)
        self.prior = math.log2(prior / (1 - prior))
        fields = [model.fields[name] for name in _NAMES]
        self._weights = [
            [level.weight for level in field.levels] + [0.0] for field in fields
        ]  # [-1]: missing
        larger = math.log2(max(records, SMALLEST) / max(model.records, SMALLEST))
        for index in _SHARED_BY_FEW:
            self._weights[index][0] += larger
        self._frequent = [
            (_AT[name], name, field.frequencies, field.rare, field.levels[0].m)
            for name in _FREQUENT
            if (field := model.fields[name]).rare is not None
        ]
        self._reliable = {
            name: model.differs.get(name, 0.0) <= RARELY for name in ("given", "birth_date", "national_id")
        }
        # training has seen that name and address are one person
        self._at_home_alone = model.household >= SAME
        self._overlap = model.place_overlap
        self._most = model.household_bits - self.prior
        self._same, self._review = (math.log2(p / (1 - p)) for p in (SAME, REVIEW))

    def score(self, a: Person, b: Person) -> Score:
        """Symmetric in its arguments. Raises nothing."""
        if b.ref < a.ref:
            a, b = b, a
        levels = compare(a, b)
        bits, repeated, excess = self.bits(a, levels)
        weight = self.prior + sum(bits) - repeated - excess
        doubts = self.doubts(levels)
        return Score(
            a=a.ref,
            b=b.ref,
            weight=weight,
            band=self._band(weight, doubts),
            doubts=doubts,
            contributions=self._contributions(levels, bits, repeated, excess)
            if weight >= self._review
            else (),
        )

    def evidence(self, a: Person, b: Person) -> float:
        """The model's bare sum in bits: prior and fields, no cap. What Splink calls the match weight."""
        return self.prior + sum(self.bits(a, compare(a, b))[0])

    def explain(self, a: Person, b: Person) -> tuple[Contribution, ...]:
        """The waterfall of any pair, also of one that is far apart; sums to the score's weight."""
        levels = compare(a, b)
        return self._contributions(levels, *self.bits(a, levels))

    def bits(self, a: Person, levels: tuple[int, ...]) -> tuple[list[float], float, float]:
        """The weight of each field, and what is to be taken off again: what a place says twice, and what family name
        and address say beyond naming a household.
        """
        bits = [weights[level] for weights, level in zip(self._weights, levels, strict=True)]
        for index, name, frequencies, rare, m in self._frequent:
            if levels[index] == 0:
                bits[index] = math.log2(m / frequencies.get(getattr(a, name), rare or 1.0))
        place = [bits[i] for i in _PLACE if bits[i] > 0]
        repeated = (sum(place) - max(place)) * self._overlap if len(place) > 1 else 0.0
        return bits, repeated, max(0.0, sum([bits[i] for i in _HOUSEHOLD]) - repeated - self._most)

    def _band(self, weight: float, doubts: tuple[str, ...]) -> Band:
        if weight < self._review or OTHER_PERSON in doubts:
            return Band.DIFFERENT
        return Band.SAME if weight >= self._same and not doubts else Band.REVIEW

    def _contributions(
        self, levels: tuple[int, ...], bits: list[float], repeated: float, excess: float
    ) -> tuple[Contribution, ...]:
        bars = [Contribution(field="prior", agreement="", weight=self.prior)]
        bars += [
            Contribution(field=name, agreement=LEVELS[name][level], weight=weight)
            for name, level, weight in zip(_NAMES, levels, bits, strict=True)
            if level != MISSING
        ]
        if repeated:
            bars.append(Contribution(field="place", agreement="counts once", weight=-repeated))
        if excess:
            bars.append(Contribution(field="household", agreement="an address is no person", weight=-excess))
        return tuple(bars)

    def doubts(self, levels: tuple[int, ...]) -> tuple[str, ...]:
        """What speaks against joining, however much agrees.

        A field whose values often differ in one person's records (as training has seen) is left to its weight.
        """
        same_id = levels[_ID] in (0, 1)
        given, born = levels[_GIVEN] == _LAST[_GIVEN], levels[_BORN] == _LAST[_BORN]
        doubts = []
        if levels[_ID] == _LAST[_ID] and self._reliable["national_id"]:
            doubts.append(OTHER_ID)
        if same_id:
            return tuple(doubts)
        if given and self._reliable["given"]:
            doubts.append(OTHER_GIVEN)
        if born and self._reliable["birth_date"]:
            doubts.append(OTHER_BIRTH_DATE)
        if given and born:
            doubts.append(OTHER_PERSON)
        if not self._at_home_alone and not self._personal(levels):
            doubts.append(NOT_PERSONAL)
        return tuple(doubts)

    @staticmethod
    def _personal(levels: tuple[int, ...]) -> bool:
        """Whether something agrees that few people share. Name and address are no such thing: father and son."""
        if levels[_EMAIL] == 0:
            return True
        named = levels[_GIVEN] not in (MISSING, _LAST[_GIVEN])
        return named and (levels[_BORN] in (0, 1, 2) or levels[_PHONE] == 0)


OTHER_ID = "two different national ids"
OTHER_GIVEN = "different given names: a twin, a parent, a partner?"
OTHER_BIRTH_DATE = "different birth dates"
OTHER_PERSON = "different given names and birth dates"
NOT_PERSONAL = "nothing personal agrees"

CONTRADICTIONS = frozenset({OTHER_ID, OTHER_GIVEN, OTHER_BIRTH_DATE, OTHER_PERSON})
"""Doubts that say that it may be somebody else, not only that too little is known."""
