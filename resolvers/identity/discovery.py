"""Discovery: asks the sources for keys nobody has asked for before, and for the keys of what comes back, in bounded waves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from adapters.base import Found, KeyType, MatchKey
from adapters.records import Profile
from resolvers.errors import FieldPath
from resolvers.identity import keys as match_keys
from resolvers.identity.members import Ref
from resolvers.identity.options import IdentityOptions
from resolvers.loading import Loader, Outcome
from resolvers.sources import Sources

MAX_WAVES = 3
"""The keys asked for, the keys of what they found, and once more: a longer chain is no sign of one person."""

MAX_KEYS = 200
"""Keys one discovery asks the sources for, so that a crowded record cannot make it grow without bound."""


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: all records, those that carry what was asked for, and what is to be known of the keys.

    `asked`: canonical keys that every source answered for. `crowded`: keys that more records carry than a source lists.
    `external`: pairs of which the first record names the second by its number.
    """

    profiles: Mapping[Ref, Profile]
    hits: frozenset[Ref] = frozenset()
    asked: frozenset[MatchKey] = frozenset()
    crowded: frozenset[MatchKey] = frozenset()
    external: frozenset[tuple[Ref, Ref]] = frozenset()


async def discover(
    sources: Sources,
    loader: Loader,
    options: IdentityOptions,
    *,
    keys: Sequence[MatchKey] = (),
    profiles: Sequence[Profile] = (),
    path: FieldPath | None = None,
) -> Discovery:
    """Finds the records behind `keys`, or the other records of the people in `profiles`."""
    search = _Search(sources, loader, options, path)
    search.add(profiles)
    hits = await search.ask(keys)
    for _ in range(MAX_WAVES - (1 if keys else 0)):
        fresh = search.fresh_keys(MAX_KEYS)
        foreign = search.foreign_records()
        if not fresh and not foreign:
            break
        await asyncio.gather(search.ask(fresh), search.read(foreign))
    return Discovery(
        profiles=search.profiles,
        hits=frozenset(hits),
        asked=frozenset(search.answered()),
        crowded=frozenset(search.crowded),
        external=frozenset(search.external),
    )


class _Search:
    """The state of one discovery."""

    def __init__(
        self, sources: Sources, loader: Loader, options: IdentityOptions, path: FieldPath | None
    ) -> None:
        self._sources, self._loader, self._options, self._path = sources, loader, options, path
        self.profiles: dict[Ref, Profile] = {}
        self.crowded: set[MatchKey] = set()
        self.external: list[tuple[Ref, Ref]] = []
        self._asked: set[MatchKey] = set()
        self._failed: set[MatchKey] = set()
        self._read: set[Ref] = set()

    def add(self, profiles: Iterable[Profile]) -> None:
        for profile in profiles:
            self.profiles.setdefault((profile.source, profile.id), profile)

    async def ask(self, keys: Sequence[MatchKey]) -> set[Ref]:
        """Asks every source that can search them, all at once; returns the records that carry them."""
        pairs = [(s, k) for k in keys for s in self._sources.searching(k.type)]
        self._asked |= set(keys)
        outcomes = await asyncio.gather(*(self._loader.find(s, k, self._path) for s, k in pairs))
        hits: set[Ref] = set()
        for (_, key), outcome in zip(pairs, outcomes, strict=True):
            hits |= self._take(key, outcome)
        return hits

    def _take(self, key: MatchKey, outcome: Outcome[Found]) -> set[Ref]:
        if outcome.value is None:
            self._failed.add(match_keys.canonical(key))
            return set()
        if outcome.value.truncated:
            self.crowded.add(match_keys.canonical(key))
        for profile in outcome.value.profiles:
            self._loader.prime(profile)
        self.add(outcome.value.profiles)
        return {(p.source, p.id) for p in outcome.value.profiles}

    async def read(self, refs: Sequence[Ref]) -> None:
        """Reads records that others name by their number."""
        outcomes = await asyncio.gather(
            *(self._loader.profile(*ref, frozenset(), self._path) for ref in refs)
        )
        self.add(o.value for o in outcomes if o.value is not None)

    def fresh_keys(self, limit: int) -> list[MatchKey]:
        """Keys of the records so far that were not asked yet; shared and role keys would only bring strangers."""
        room = max(0, limit - len(self._asked))
        fresh = {
            key
            for profile in self.profiles.values()
            for key in match_keys.of_profile(profile, self._options.default_country)
            if key not in self._asked
            and not match_keys.is_role(key)
            and match_keys.canonical(key) not in self.crowded
        }
        return sorted(fresh, key=lambda k: (k.type, k.value))[:room]

    def foreign_records(self) -> list[Ref]:
        """Records of other sources that the records so far name by an external id."""
        named: list[Ref] = []
        for ref, profile in self.profiles.items():
            for external in profile.external_ids:
                source = self._options.external_ids.get((ref[0], external.system))
                if source is None or source not in self._sources:
                    continue
                other = (source, external.value)
                if (ref, other) not in self.external:
                    self.external.append((ref, other))
                if other not in self.profiles and other not in self._read:
                    named.append(other)
        self._read |= set(named)
        return named

    def answered(self) -> set[MatchKey]:
        """Canonical e-mail and phone keys that every source answered for; a key asked while a source was down is asked again."""
        linkable = {match_keys.canonical(k) for k in self._asked if k.type in (KeyType.EMAIL, KeyType.PHONE)}
        return linkable - self._failed
