"""Comparison levels: how far two people agree in each field, from best to worst; the same words as in a model file.

`training` writes these conditions a second time in SQL, and a test holds both against each other. One thing SQL leaves
out: names in two scripts, which are missing there; the refinement that follows counts them.
"""

from __future__ import annotations

from collections.abc import Callable

from rapidfuzz.distance import OSA, JaroWinkler

from resolvers.identity.matching.person import Person
from resolvers.identity.scripts import may_be

MISSING = -1
"""One side says nothing, or the two cannot be compared: no evidence either way."""

NEARLY, LIKE = 0.9199, 0.7999
NEARLY_STREET, LIKE_STREET = 0.9399, 0.8399
"""Jaro-Winkler similarities. Not round: texts that reach a round one exactly are rounded differently here and in SQL."""

LEVELS: dict[str, tuple[str, ...]] = {
    "given": ("exact", "swapped", "variant", "close", "similar", "initial", "different"),
    "family": ("exact", "variant", "close", "similar", "different"),
    "birth_date": ("exact", "swapped", "close", "partial", "different"),
    "email": ("exact", "mailbox", "close", "different"),
    "phone": ("exact", "close", "different"),
    "national_id": ("exact", "close", "different"),
    "street": ("exact", "close", "similar", "different"),
    "house_number": ("exact", "close", "different"),
    "postcode": ("exact", "close", "different"),
    "city": ("exact", "close", "different"),
    "state": ("exact", "close", "different"),
}
"""Field -> its levels, best first; the last is always "different"."""

_NATIONAL = 9
"""Digits at the end of a phone number that are the same where a country was guessed wrongly."""
_GENDER = frozenset("ae")


def compare(a: Person, b: Person) -> tuple[int, ...]:
    """The level of each field in the order of LEVELS; MISSING where there is nothing to compare."""
    return tuple([each(a, b) for each in _COMPARE])


def typo(a: str, b: str) -> bool:
    """One slip of the keyboard: a character left out, added, replaced, or two swapped."""
    return OSA.distance(a, b, score_cutoff=1) <= 1


def alike(a: str, b: str, least: float, shortest: int = 4) -> bool:
    """Nearly the same text: by Jaro-Winkler similarity, or one slip in at least four letters (`shortest`)."""
    return JaroWinkler.similarity(a, b, score_cutoff=least) >= least or (
        min(len(a), len(b)) >= shortest and typo(a, b)
    )


def _swapped_names(a: Person, b: Person) -> bool:
    """Given and family name stand in each other's place; one slip in either changes nothing."""
    if not (a.given and a.family and b.given and b.family) or a.latin != b.latin:
        return False
    if a.given == b.family and not a.swapped_forms.isdisjoint(b.given_forms):
        return True
    if a.family == b.given and not b.swapped_forms.isdisjoint(a.given_forms):
        return True
    if a.given != b.family and a.family != b.given:
        return False
    return alike(a.given, b.family, NEARLY) and alike(a.family, b.given, NEARLY)


def _across(a: Person, b: Person) -> tuple[bool, bool, bool]:
    """In two scripts: whether the given names can be one, the family names, and both in each other's place.

    Nothing is said against one person: there are many ways from one script into another.
    """
    foreign, latin = (b, a) if a.latin else (a, b)
    return (
        _may_be(foreign.given, latin.given),
        _may_be(foreign.family, latin.family),
        _may_be(foreign.given, latin.family) and _may_be(foreign.family, latin.given),
    )


def _may_be(foreign: str, latin: str) -> bool:
    return bool(foreign and latin) and may_be(foreign, latin)


def other_gender(a: str, b: str) -> bool:
    """Julian and Juliana, Gabriel and Gabriele: two names, though one letter apart."""
    short, long = (a, b) if len(a) < len(b) else (b, a)
    return len(long) == len(short) + 1 and long[-1] in _GENDER and long.startswith(short)


def given(a: Person, b: Person) -> int:
    x, y = a.given, b.given
    if not x or not y:
        return MISSING
    if x == y:
        return 0
    if a.latin != b.latin:
        same, _, swapped = _across(a, b)
        return 2 if same else 1 if swapped else MISSING
    if _swapped_names(a, b):
        return 1
    if not a.given_forms.isdisjoint(b.given_forms):
        return 2
    if len(x) == 1 or len(y) == 1:
        return 5 if x[0] == y[0] else 6
    if (a.given_known and b.given_known) or other_gender(x, y):
        return 6  # two known names that share no form are two names: Anna, Hanna
    # Fang and Yang are two names; Annx is none, and so a slip of Anna
    if alike(x, y, NEARLY, 4 if a.given_known != b.given_known else 5):
        return 3
    return 4 if JaroWinkler.similarity(x, y) >= LIKE else 6


def family(a: Person, b: Person) -> int:
    x, y = a.family, b.family
    if not x or not y:
        return MISSING
    if x == y:
        return 0
    if a.latin != b.latin:
        return 1 if _across(a, b)[1] else MISSING
    if a.given != b.given and _swapped_names(a, b):
        return MISSING  # one event, which the given name's level tells already
    if not a.family_forms.isdisjoint(b.family_forms):
        return 1
    if alike(x, y, NEARLY):
        return 2
    return 3 if JaroWinkler.similarity(x, y) >= LIKE else 4


def birth_date(a: Person, b: Person) -> int:
    x, y = a.birth_date, b.birth_date
    if not x or not y:
        return MISSING
    if x == y:
        return 0
    if x[:4] == y[:4] and x[4:6] == y[6:8] and x[6:8] == y[4:6]:
        return 1
    if typo(x, y):
        return 2
    parts = (x[:4] == y[:4]) + (x[4:6] == y[4:6]) + (x[6:8] == y[6:8])
    return 3 if parts == 2 else 4


def email(a: Person, b: Person) -> int:
    if not a.emails or not b.emails:
        return MISSING
    return min(_email(x, y) for x in a.emails for y in b.emails)


def _email(x: str, y: str) -> int:
    if x == y:
        return 0
    (mine, _, my_domain), (other, _, other_domain) = x.partition("@"), y.partition("@")
    if mine == other and len(mine) >= 6:
        return 1
    return 2 if my_domain == other_domain and len(mine) >= 6 and typo(mine, other) else 3


def phone(a: Person, b: Person) -> int:
    if not a.phones or not b.phones:
        return MISSING
    if not set(a.phones).isdisjoint(b.phones):
        return 0
    return 1 if any(x[-_NATIONAL:] == y[-_NATIONAL:] or typo(x, y) for x in a.phones for y in b.phones) else 2


def _text(field: str) -> Callable[[Person, Person], int]:
    """Exact, one slip, or different."""

    def level(a: Person, b: Person) -> int:
        x, y = getattr(a, field), getattr(b, field)
        if not x or not y:
            return MISSING
        if x == y:
            return 0
        return 1 if min(len(x), len(y)) >= 3 and typo(x, y) else 2

    return level


def house_number(a: Person, b: Person) -> int:
    x, y = a.house_number, b.house_number
    if not x or not y:
        return MISSING
    if x == y:
        return 0
    return 1 if typo(x, y) else 2


def street(a: Person, b: Person) -> int:
    x, y = a.street, b.street
    if not x or not y:
        return MISSING
    if x == y:
        return 0
    if alike(x, y, NEARLY_STREET):
        return 1
    return 2 if JaroWinkler.similarity(x, y) >= LIKE_STREET else 3


def city(a: Person, b: Person) -> int:
    x, y = a.city, b.city
    if not x or not y:
        return MISSING
    if x == y:
        return 0
    return 1 if alike(x, y, NEARLY) else 2


_COMPARE: tuple[Callable[[Person, Person], int], ...] = (
    given,
    family,
    birth_date,
    email,
    phone,
    _text("national_id"),
    street,
    house_number,
    _text("postcode"),
    city,
    _text("state"),
)
