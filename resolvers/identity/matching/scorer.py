"""Scores a pair of people with a model: bits of evidence field by field, a probability, and one of three bands."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

from resolvers.identity.matching.levels import LEVELS, MISSING, compare
from resolvers.identity.matching.model import SMALLEST, Model
from resolvers.identity.matching.person import Person, Ref, is_mobile
from resolvers.identity.names import name_in_address

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
_MAILBOX = LEVELS["email"].index("mailbox")
_SWAPPED, _VARIANT, _CLOSE, _SIMILAR = (
    LEVELS["given"].index(n) for n in ("swapped", "variant", "close", "similar")
)
_LAST = tuple(len(levels) - 1 for levels in LEVELS.values())
_HOUSEHOLD = tuple(_AT[n] for n in ("family", "street", "house_number", "postcode", "city", "state"))
_STREET, _NUMBER = _AT["street"], _AT["house_number"]
_PLACE = tuple(_AT[n] for n in ("postcode", "city", "state"))
"""Say the same thing three times, as far as training has not seen otherwise."""
_STREETS = (_AT["street"], *_PLACE)
"""So does a street where the numbers of the houses differ: it names a quarter."""
_SHARED_BY_FEW = (_ID, _EMAIL, _PHONE)
"""Exact agreement gets rarer as the map grows: those who share a contact are a household, however many others there are."""
_VARIANTS = {name: LEVELS[name].index("variant") for name in ("given", "family")}
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
        self._knows_names = model.fields["family"].rare is not None
        self._overlap = model.place_overlap
        self._most = model.household_bits - self.prior
        self._same, self._review = (math.log2(p / (1 - p)) for p in (SAME, REVIEW))

    def score(self, a: Person, b: Person) -> Score:
        """Symmetric in its arguments. Raises nothing."""
        if b.ref < a.ref:
            a, b = b, a
        levels = compare(a, b)
        bits, repeated, excess = self.bits(a, levels, b=b, home=self._home(a, b, levels))
        weight = self.prior + sum(bits) - repeated - excess
        doubts = self.doubts(levels) + self._pair_doubts(a, b, levels, weight)
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
        return self._contributions(levels, *self.bits(a, levels, b=b, home=self._home(a, b, levels)))

    def bits(
        self, a: Person, levels: tuple[int, ...], *, b: Person | None = None, home: bool = False
    ) -> tuple[list[float], float, float]:
        """The weight of each field, and what is to be taken off again: what a place says twice, and what family name
        and address say beyond naming a household (below zero where a shared address says it: see `_home`).
        """
        bits = [weights[level] for weights, level in zip(self._weights, levels, strict=True)]
        for index, name, frequencies, rare, m in self._frequent:
            if levels[index] == 0:
                bits[index] = math.log2(m / frequencies.get(getattr(a, name), rare or 1.0))
            elif b and a.latin != b.latin and levels[index] == _VARIANTS.get(name):
                latin = getattr(a if a.latin else b, name)  # in another script a name is no rarer
                bits[index] = min(bits[index], math.log2(m / frequencies.get(latin, rare or 1.0)))
        where = _PLACE if levels[_NUMBER] != _LAST[_NUMBER] else _STREETS
        place = [bits[i] for i in where if bits[i] > 0]
        repeated = (sum(place) - max(place)) * self._overlap if len(place) > 1 else 0.0
        household = sum([bits[i] for i in _HOUSEHOLD]) - repeated
        if home and household < self._most:
            return bits, repeated, household - min(household + self._weights[_EMAIL][0], self._most)
        return bits, repeated, max(0.0, household - self._most)

    @staticmethod
    def _home(a: Person, b: Person, levels: tuple[int, ...]) -> bool:
        """One family name at one shared e-mail address: as good as a street and a number."""
        return levels[_FAMILY] in (0, 1, 2) and not set(a.shared_emails).isdisjoint(b.shared_emails)

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
            says = "an address is no person" if excess > 0 else "a shared address"
            bars.append(Contribution(field="household", agreement=says, weight=-excess))
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

    def _pair_doubts(self, a: Person, b: Person, levels: tuple[int, ...], weight: float) -> tuple[str, ...]:
        """Doubts that the levels do not show."""
        if levels[_ID] in (0, 1) or levels[_BORN] == 0:
            return ()
        if a.latin != b.latin:
            unread = levels[_GIVEN] == MISSING and a.given and b.given
            other = levels[_GIVEN] == _VARIANT and levels[_FAMILY] == MISSING and a.family and b.family
            if unread or (other and levels[_EMAIL] != 0):
                return (OTHER_SCRIPT,)
        if weight < self._same or levels[_PHONE] != 0 or self._born(levels) or not _other_address(a, levels):
            return ()
        return () if any(is_mobile(n) for n in set(a.phones) & set(b.phones)) else (HOME_PHONE,)

    def _born(self, levels: tuple[int, ...]) -> bool:
        """Whether the birth date names a person. With a slip in it and another family name it may be a couple.

        Where it is not known how frequent names are, namesakes are many: there a slip, or a family name that is not the
        same, needs another witness.
        """
        if levels[_BORN] not in (0, 1, 2):
            return False
        exact, same_family = levels[_BORN] == 0, levels[_FAMILY] in (0, 1, 2) or levels[_GIVEN] == _SWAPPED
        if not exact and levels[_FAMILY] in (MISSING, _LAST[_FAMILY]) and levels[_GIVEN] != _SWAPPED:
            return False
        if self._knows_names or (exact and same_family):
            return True
        return levels[_PHONE] in (0, 1) or levels[_EMAIL] in (0, 1, 2) or _at_home(levels)

    def _personal(self, levels: tuple[int, ...]) -> bool:
        """Whether something agrees that few people share. Name and address are no such thing: father and son."""
        if levels[_GIVEN] == _SIMILAR:  # Ramesh and Mahesh share what twins share
            return False
        if levels[_EMAIL] == 0:
            return True
        if levels[_GIVEN] in (MISSING, _LAST[_GIVEN]):
            return False
        if levels[_PHONE] == 0:
            return True
        other_contact = levels[_EMAIL] == _LAST[_EMAIL] or levels[_PHONE] == _LAST[_PHONE]
        if levels[_GIVEN] == _VARIANT and (other_contact or levels[_EMAIL] != MISSING):
            return False  # Elisabeth and Lisa: twins, or one person
        if levels[_GIVEN] == _CLOSE and other_contact:
            return False
        return self._born(levels)


def _other_address(a: Person, levels: tuple[int, ...]) -> bool:
    """Two e-mail addresses; also where they only share a mailbox that is a name, as namesakes do."""
    named = levels[_EMAIL] == _MAILBOX and all(name_in_address(e).family for e in a.emails)
    return levels[_EMAIL] == _LAST[_EMAIL] or named


def _at_home(levels: tuple[int, ...]) -> bool:
    return levels[_STREET] in (0, 1) and levels[_NUMBER] != _LAST[_NUMBER]


OTHER_ID = "two different national ids"
OTHER_GIVEN = "different given names: a twin, a parent, a partner?"
OTHER_BIRTH_DATE = "different birth dates"
OTHER_PERSON = "different given names and birth dates"
OTHER_SCRIPT = "names in two scripts that are not found to be one"
HOME_PHONE = "the phone may be a home's, and the e-mail addresses differ"
NOT_PERSONAL = "nothing personal agrees"

CONTRADICTIONS = frozenset({OTHER_ID, OTHER_GIVEN, OTHER_BIRTH_DATE, OTHER_PERSON})
"""Doubts that say that it may be somebody else, not only that too little is known."""
