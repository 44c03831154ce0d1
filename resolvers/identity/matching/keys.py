"""Match keys for retrieval: cheap texts that two records of one person probably share, stored only as tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import lru_cache

import msgspec

from resolvers.identity.matching.person import Person, unaccented


class Kind(StrEnum):
    """What a match key is made of; the order is the priority in which keys are asked."""

    NATIONAL_ID = "national_id"
    EMAIL = "email"
    PHONE = "phone"
    NAME_BORN = "name_born"
    GIVEN_BORN = "given_born"
    FAMILY_BORN = "family_born"
    NAME = "name"
    FAMILY_PLACE = "family_place"
    GIVEN_PLACE = "given_place"
    HOUSE = "house"
    BORN_PLACE = "born_place"
    MAILBOX = "mailbox"


LIMITS: dict[Kind, int] = {
    Kind.NATIONAL_ID: 50,
    Kind.EMAIL: 50,
    Kind.PHONE: 50,
}
"""Records that may carry one key before it is too crowded to say anything."""
LIMIT = 30
"""The same for all other kinds."""

MAX_CANDIDATES = 300
"""Records that one look-up compares at most; the keys of the highest priority are asked first."""


class Key(msgspec.Struct, frozen=True):
    """A match key in the clear: personal data, which is never stored or logged. See `tokens.Tokens.token`."""

    kind: Kind
    value: str


def limit(kind: Kind) -> int:
    """How many records may carry a key of this kind."""
    return LIMITS.get(kind, LIMIT)


def of_person(person: Person) -> Iterator[Key]:
    """The keys of a record in order of priority, each once."""
    seen: set[Key] = set()
    for kind, make in _MAKERS.items():
        for value in make(person):
            if (key := Key(kind, value)) not in seen:
                seen.add(key)
                yield key


def _born(person: Person) -> str:
    """A birth date in which day and month are no longer told apart."""
    text = person.birth_date
    return text and text[:4] + min(text[4:6], text[6:8]) + max(text[4:6], text[6:8])


_CODES = {c: str(n) for n, group in enumerate(("bfpvw", "cgjkqsxz", "dt", "l", "mn", "r"), 1) for c in group}


@lru_cache(maxsize=20_000)
def sound(word: str, length: int = 5) -> str:
    """How a word roughly sounds: its consonants by class, doubled ones once (after Soundex, without its cut)."""
    coded = [_CODES.get(c, "") for c in unaccented(word)]
    kept = [c for i, c in enumerate(coded) if c and (i == 0 or c != coded[i - 1])]
    return "".join(kept[:length]) or word[:2]


def _spelled(person: Person) -> tuple[str, str]:
    """Given and family name in Latin letters, as far as that can be told."""
    return person.given_read or person.given, person.family_read or person.family


def _name(person: Person) -> Iterator[str]:
    """Both names in no order, so that swapped ones meet; a nickname meets the name it stands for."""
    if not (person.given and person.family):
        return
    given, family = map(sound, _spelled(person))
    yield "|".join(sorted((given, family)))
    short = (form for form in person.given_forms if form.startswith("#"))
    yield from (f"{form}|{family}" for form in sorted(short))
    yield from (f"{form}|{given}" for form in sorted(person.swapped_forms))


def _name_born(person: Person) -> Iterator[str]:
    if person.given and person.family and person.birth_date:
        yield "|".join(sorted(map(sound, _spelled(person)))) + "|" + _born(person)


def _given_born(person: Person) -> Iterator[str]:
    for name in _spelled(person):  # either may stand in the other's place
        if name and person.birth_date:
            yield f"{sound(name)}|{person.birth_date[:4]}|{person.birth_date[6:8]}"


def _family_born(person: Person) -> Iterator[str]:
    for name in _spelled(person):
        if name and person.birth_date:
            yield f"{sound(name)}|{person.birth_date[4:8]}"


def _family_place(person: Person) -> Iterator[str]:
    if person.family and (person.postcode or person.city):
        yield f"{sound(_spelled(person)[1])}|{person.postcode or person.city}"


def _given_place(person: Person) -> Iterator[str]:
    if person.given and (person.postcode or person.city):
        yield f"{sound(_spelled(person)[0])}|{person.postcode or person.city}"


def _house(person: Person) -> Iterator[str]:
    if person.house_number and person.street:
        initial = "".join(_spelled(person))[:1]
        yield f"{person.house_number}|{sound(person.street.replace(' ', ''))}|{initial}"


def _born_place(person: Person) -> Iterator[str]:
    if person.birth_date and (person.postcode or person.city):
        yield f"{_born(person)}|{person.postcode or person.city}"
    elif person.birth_date:
        yield _born(person)


def _mailbox(person: Person) -> Iterator[str]:
    """How the part before the @ sounds: many people keep it when they change their provider, or mistype it."""
    for address in person.emails:
        local = "".join(c for c in address.partition("@")[0] if c.isalnum())
        if len(local) >= 6:
            yield sound(local, 12) + "".join(c for c in local if c.isdigit())


def _values(of: Callable[[Person], tuple[str, ...]]) -> Callable[[Person], Iterator[str]]:
    return lambda person: iter(of(person))


_MAKERS: dict[Kind, Callable[[Person], Iterator[str]]] = {
    Kind.NATIONAL_ID: _values(lambda p: (p.national_id,) if p.national_id else ()),
    Kind.EMAIL: _values(lambda p: (*p.emails, *p.shared_emails)),
    Kind.PHONE: _values(lambda p: tuple(n[-9:] for n in p.phones)),
    Kind.NAME_BORN: _name_born,
    Kind.GIVEN_BORN: _given_born,
    Kind.FAMILY_BORN: _family_born,
    Kind.NAME: _name,
    Kind.FAMILY_PLACE: _family_place,
    Kind.GIVEN_PLACE: _given_place,
    Kind.HOUSE: _house,
    Kind.BORN_PLACE: _born_place,
    Kind.MAILBOX: _mailbox,
}
