"""Deterministic linking: which of these records are one person. Pure functions, no I/O.

A key links two records when nothing speaks against it; what is in doubt stays apart:

* an e-mail address links by itself, unless it is a role or household address, or people with contradicting names carry it;
* a phone number links only records whose given and family names agree;
* an external id (one system's number in another) links unless the names contradict;
* on a shared key only records that agree in name and birth date link: a family may have two of one name;
* contradicting names or birth dates keep two groups apart, however they are connected.

The identity map's scored evidence (a later release) replaces this module behind the same two functions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import combinations

import msgspec

from adapters.base import KeyType, MatchKey
from adapters.records import Profile
from resolvers.identity import keys as match_keys
from resolvers.identity.members import Ref
from resolvers.identity.names import Agreement, PersonName, compare, fold, name_of


class Rule(StrEnum):
    """What made a link."""

    EMAIL_AND_NAME = "email and name"
    EMAIL = "email"
    EXTERNAL_ID = "external id"
    PHONE_AND_NAME = "phone and name"


CONFIDENCE: Mapping[Rule, float] = {
    Rule.EMAIL_AND_NAME: 0.99,
    Rule.EXTERNAL_ID: 0.98,
    Rule.PHONE_AND_NAME: 0.95,
    Rule.EMAIL: 0.9,
}
"""How far each rule is trusted. An order of strength declared by us, not a measured probability."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Two records that are one person, why, and by which canonical key."""

    a: Ref
    b: Ref
    rule: Rule
    key: MatchKey | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A record as linking sees it."""

    profile: Profile
    name: PersonName
    keys: frozenset[MatchKey]

    @property
    def ref(self) -> Ref:
        return (self.profile.source, self.profile.id)


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Records that are one person, and the links that say so."""

    candidates: tuple[Candidate, ...]
    links: tuple[Link, ...]

    @property
    def refs(self) -> frozenset[Ref]:
        return frozenset(c.ref for c in self.candidates)

    @property
    def keys(self) -> frozenset[MatchKey]:
        return frozenset(k for c in self.candidates for k in c.keys)


def candidate(profile: Profile, default_country: str | None) -> Candidate:
    """A record's name and canonical keys."""
    found = match_keys.of_profile(profile, default_country)
    return Candidate(
        profile=profile, name=name_of(profile), keys=frozenset(match_keys.canonical(k) for k in found)
    )


def clusters(
    candidates: Sequence[Candidate], *, crowded: frozenset[MatchKey], external: Iterable[tuple[Ref, Ref]] = ()
) -> tuple[list[Cluster], frozenset[MatchKey]]:
    """The people among the candidates, and the keys that several of them share.

    `crowded` are keys that more records carry than a source would list. `external` are pairs where one record names the other.
    """
    carriers: dict[MatchKey, list[Candidate]] = defaultdict(list)
    for each in candidates:
        for key in each.keys:
            carriers[key].append(each)
    shared = crowded | {k for k, group in carriers.items() if match_keys.is_role(k) or _several_people(group)}
    by_ref = {c.ref: c for c in candidates}
    proposed = [
        link
        for key, group in sorted(carriers.items(), key=lambda item: (item[0].type, item[0].value))
        for a, b in combinations(sorted(group, key=lambda c: c.ref), 2)
        if (link := _link(a, b, key, key in shared, key in crowded))
    ]
    proposed += [
        Link(a=a, b=b, rule=Rule.EXTERNAL_ID)
        for a, b in external
        if a in by_ref and b in by_ref and not _contradict(by_ref[a], by_ref[b])
    ]
    proposed.sort(key=lambda link: (-CONFIDENCE[link.rule], link.a, link.b))
    return _unite(candidates, by_ref, proposed), shared


def _several_people(group: Sequence[Candidate]) -> bool:
    return any(_contradict(a, b) for a, b in combinations(group, 2))


def _contradict(a: Candidate, b: Candidate) -> bool:
    born_a, born_b = a.profile.birth_date, b.profile.birth_date
    return (born_a is not None and born_b is not None and born_a != born_b) or (
        compare(a.name, b.name) is Agreement.CONTRADICT
    )


def _link(a: Candidate, b: Candidate, key: MatchKey, is_shared: bool, is_crowded: bool) -> Link | None:
    if is_crowded or _contradict(a, b):
        return None
    agreement = compare(a.name, b.name)
    if is_shared and not (agreement is Agreement.AGREE and _same_birth_date(a, b)):
        return None
    if key.type is KeyType.PHONE:
        return (
            Link(a=a.ref, b=b.ref, rule=Rule.PHONE_AND_NAME, key=key)
            if agreement is Agreement.AGREE
            else None
        )
    if agreement is Agreement.AGREE:
        return Link(a=a.ref, b=b.ref, rule=Rule.EMAIL_AND_NAME, key=key)
    if _household(key, a.name) or _household(key, b.name):
        return None
    return Link(a=a.ref, b=b.ref, rule=Rule.EMAIL, key=key)


def _same_birth_date(a: Candidate, b: Candidate) -> bool:
    return a.profile.birth_date is not None and a.profile.birth_date == b.profile.birth_date


def _household(key: MatchKey, name: PersonName) -> bool:
    """weber@…: an address made of the family name alone may be anybody's in that family."""
    local = fold(key.value.partition("@")[0])
    letters = "".join(c for c in local if c.isalpha())
    return bool(name.family) and letters == "".join(name.family)


def _unite(
    candidates: Sequence[Candidate], by_ref: Mapping[Ref, Candidate], proposed: Sequence[Link]
) -> list[Cluster]:
    """Joins along the links, strongest first; a join that would put contradicting records together is left out."""
    members: dict[Ref, list[Ref]] = {ref: [ref] for ref in by_ref}
    root: dict[Ref, Ref] = {ref: ref for ref in by_ref}
    kept: dict[Ref, list[Link]] = defaultdict(list)
    for link in proposed:
        a, b = root[link.a], root[link.b]
        if a != b:
            if any(_contradict(by_ref[x], by_ref[y]) for x in members[a] for y in members[b]):
                continue
            for ref in members[b]:
                root[ref] = a
            members[a] += members.pop(b)
            kept[a] += kept.pop(b, [])
        kept[a].append(link)
    return [
        Cluster(candidates=tuple(by_ref[r] for r in sorted(refs)), links=tuple(kept.get(top, ())))
        for top, refs in members.items()
    ]
