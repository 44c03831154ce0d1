"""What records carry: everything that the map keeps of them, in the clear, and what it keeps instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adapters.records import Profile
from resolvers.identity import keys as match_keys
from resolvers.identity.matching.keys import of_person
from resolvers.identity.matching.person import Person, from_profile
from resolvers.identity.members import Ref
from resolvers.identity.tokens import Token


def keys_of(
    profile: Profile, default_country: str | None, person: Person | None = None
) -> Iterator[tuple[str, str]]:
    """Kind and value of each key that a record can be found by: its keys for comparison, and its look-up keys. Some may come
    twice. `person`: what is compared of the profile, where that is known already.
    """
    for key in of_person(person or from_profile(profile, default_country)):
        yield key.kind.value, key.value
    for asked in match_keys.of_profile(profile, default_country):
        canonical = match_keys.canonical(asked)
        yield canonical.type.value, canonical.value


def renewed(
    known: Mapping[Ref, frozenset[Token]], renewals: Mapping[Token, Token]
) -> Mapping[Ref, frozenset[Token]]:
    """Tokens by the names that they have now: who carries a key under the previous secret carries the key."""
    if not renewals:
        return known
    return {ref: frozenset(renewals.get(t, t) for t in tokens) for ref, tokens in known.items()}
