"""Which e-mail addresses and phone numbers several people share, learnt from the records that carry them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations

import msgspec

from resolvers.identity.matching.keys import Kind, limit
from resolvers.identity.matching.levels import LEVELS, birth_date, family, given
from resolvers.identity.matching.person import Person

_MOST = limit(Kind.EMAIL)
_OTHER_GIVEN, _OTHER_FAMILY = len(LEVELS["given"]) - 1, len(LEVELS["family"]) - 1
_OTHER_BIRTH_DATE = len(LEVELS["birth_date"]) - 1


def shared(people: Iterable[Person]) -> frozenset[str]:
    """The contacts of a household, an office or nobody: carried by too many records, or by people who contradict."""
    carriers: dict[str, list[Person]] = defaultdict(list)
    for person in people:
        for contact in (*person.emails, *person.phones):
            carriers[contact].append(person)
    return frozenset(
        contact
        for contact, group in carriers.items()
        if len(group) > _MOST or any(contradict(a, b) for a, b in combinations(group, 2))
    )


def contradict(a: Person, b: Person) -> bool:
    """Different given names, or different birth dates: two people, or one who is written down very wrongly."""
    return given(a, b) == _OTHER_GIVEN or birth_date(a, b) == _OTHER_BIRTH_DATE or _initials(a, b)


def _initials(a: Person, b: Person) -> bool:
    """A different family name under no given name: nothing there says that it is one person."""
    nameless = not a.given or not b.given
    return nameless and family(a, b) == _OTHER_FAMILY


def personal(people: Sequence[Person]) -> list[Person]:
    """The same people, in whose records shared contacts are no longer evidence of one person, at most of one household."""
    common, many = shared(people), crowded(people)
    return [without(person, common, many) for person in people]


def crowded(people: Iterable[Person]) -> frozenset[str]:
    """Addresses that more people have than live in any home."""
    counts = Counter(address for person in people for address in (*person.emails, *person.shared_emails))
    return frozenset(address for address, count in counts.items() if count > _MOST)


def without(person: Person, common: frozenset[str], many: frozenset[str]) -> Person:
    """The person without the `common` contacts as evidence of one person, and without the addresses of `many` as evidence of
    one household.
    """
    if not many.isdisjoint(person.shared_emails):
        kept = tuple(e for e in person.shared_emails if e not in many)
        person = msgspec.structs.replace(person, shared_emails=kept)
    if common.isdisjoint(person.emails) and common.isdisjoint(person.phones):
        return person
    return msgspec.structs.replace(
        person,
        emails=tuple(e for e in person.emails if e not in common),
        shared_emails=(*person.shared_emails, *(e for e in person.emails if e in common - many)),
        phones=tuple(p for p in person.phones if p not in common),
    )
