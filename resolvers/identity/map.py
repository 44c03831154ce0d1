"""The cached identity map: from a key, a record or an id to a customer, asking the sources only for what it does not know.

What is known is a look-up; what is not is *discovered*: every source that can search the key is asked at once, the records that
come back are linked, their other keys are asked in turn (bounded), and the links, never the data, are remembered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from adapters.base import KeyType, MatchKey
from adapters.records import Profile
from resolvers.caching.customers import Customers
from resolvers.errors import FieldPath
from resolvers.identity import keys as match_keys
from resolvers.identity.decisions import Decided
from resolvers.identity.discovery import Discovery, discover
from resolvers.identity.fan_out import FanOut
from resolvers.identity.lookup import MOST_CARRIERS, together
from resolvers.identity.matching.model import Model, default
from resolvers.identity.members import Ref
from resolvers.identity.options import IdentityOptions
from resolvers.identity.resolution import Resolver, Settled
from resolvers.identity.store import IdentityStore, KnownKey, StoredCustomer
from resolvers.identity.tokens import Token, Tokens
from resolvers.loading import Loader
from resolvers.sources import Sources


class IdentityMap:
    """Whose records are whose. One for the whole process; nothing in it depends on who asks."""

    def __init__(
        self,
        store: IdentityStore,
        tokens: Tokens,
        remembered: Customers,
        sources: Sources,
        options: IdentityOptions,
        model: Model | None = None,
    ) -> None:
        """`model` holds the weights of matching; by default those that ship with the product. What changes here is dropped from
        `remembered`, and by its tags from every other cache.
        """
        self.store = store
        self.options = options
        self.tags = remembered.tags
        self._tokens = tokens
        self.remembered = remembered
        self._sources = sources
        self._resolver = Resolver(store, tokens, sources, options, model or default())

    async def customers(self, ids: Sequence[str]) -> Mapping[str, StoredCustomer]:
        """Customers by id, also by ids that were merged away; unknown ids are missing."""
        return await self.remembered.get(ids, self.store.customers, self.store.version)

    async def by_key(self, key: MatchKey, loader: Loader, path: FieldPath | None = None) -> tuple[str, ...]:
        """The customers that carry a key: none, the one, or several when it is shared."""
        canonical = match_keys.canonical(key)
        if key.type in (KeyType.EMAIL, KeyType.PHONE) and not match_keys.is_blocked(canonical):
            known = (await self._known([canonical]))[canonical]
            if self._is_fresh(known) and known.customers and not known.shared:
                return known.customers
        found = await discover(self._sources, loader, self.options, keys=[key], path=path)
        found, carriers, silent = await self._with_known(found, canonical, loader, path)
        customers = await self._settle(found, found.hits | carriers, loader, path)
        believed = await self.store.by_records(silent) if silent else {}
        return tuple(
            sorted({*(customers[ref] for ref in found.hits if ref in customers), *believed.values()})
        )

    async def _with_known(
        self, found: Discovery, key: MatchKey, loader: Loader, path: FieldPath | None
    ) -> tuple[Discovery, frozenset[Ref], frozenset[Ref]]:
        """The records that the map knows by the key are read too: a source may list `ada+shop@` under no other spelling.
        Then those of them that were read, and those that cannot be read now: for them, the map is believed.
        """
        forms = [(token, MOST_CARRIERS) for token in self._tokens.forms(key)]
        carriers = await self.store.candidates(forms, MOST_CARRIERS)
        missing = [ref for ref in carriers if ref not in found.profiles and ref[0] in self._sources]
        outcomes = await asyncio.gather(*(loader.profile(*ref, frozenset(), path) for ref in missing))
        read = {ref: o.value for ref, o in zip(missing, outcomes, strict=True) if o.value is not None}
        silent = frozenset(ref for ref, o in zip(missing, outcomes, strict=True) if o.failure is not None)
        hits = found.hits | {ref for ref, profile in read.items() if key in self._keys(profile)}
        return (
            msgspec.structs.replace(found, profiles={**found.profiles, **read}, hits=hits),
            frozenset(read),
            silent,
        )

    async def _known(self, keys: Iterable[MatchKey]) -> Mapping[MatchKey, KnownKey]:
        """What is known of canonical keys, under whatever secret it is kept."""
        forms = {key: self._tokens.forms(key) for key in keys}
        known = await self.store.keys([token for tokens in forms.values() for token in tokens])
        return {key: together(known[token] for token in tokens) for key, tokens in forms.items()}

    def _keys(self, profile: Profile) -> set[MatchKey]:
        return {match_keys.canonical(k) for k in match_keys.of_profile(profile, self.options.default_country)}

    async def by_record(self, ref: Ref, loader: Loader, path: FieldPath | None = None) -> str | None:
        """The customer of a record; None where the source does not have it."""
        known = await self.store.by_records([ref])
        if ref in known:
            return known[ref]
        outcome = await loader.profile(*ref, frozenset(), path)
        if outcome.value is None:
            return None
        return (await self.by_profiles([outcome.value], loader, path)).get(ref)

    async def by_profiles(
        self, profiles: Sequence[Profile], loader: Loader, path: FieldPath | None = None
    ) -> Mapping[Ref, str]:
        """The customer of each of these records, discovering for all that are new at once."""
        refs = [(p.source, p.id) for p in profiles]
        known = dict(await self.store.by_records(refs))
        fresh = [p for p, ref in zip(profiles, refs, strict=True) if ref not in known]
        if fresh:
            found = await discover(self._sources, loader, self.options, profiles=fresh, path=path)
            known |= await self._settle(found, frozenset((p.source, p.id) for p in fresh), loader, path)
        return known

    async def learn(
        self, profiles: Sequence[Profile], loader: Loader, path: FieldPath | None = None
    ) -> Settled:
        """Takes in records as they are now, known or new, and returns whose they are. The way of `sync`: the sources are not
        searched for the records' keys, only records that the map proposes are read for comparison.
        """
        found = Discovery(profiles={(p.source, p.id): p for p in profiles})
        done = await self._resolver.settle(found, frozenset(found.profiles), loader, path)
        await self._drop(done.touched)
        return done

    async def shared(self, keys: Iterable[MatchKey]) -> frozenset[MatchKey]:
        """Which of these keys are no key of one person: role addresses, and those that discovery found several people on."""
        canonical = {k: match_keys.canonical(k) for k in keys}
        known = await self._known(set(canonical.values()))
        return frozenset(
            key
            for key, form in canonical.items()
            if match_keys.is_role(form)
            or match_keys.is_blocked(form)
            or known[form].shared
            or len(known[form].customers) > 1
        )

    async def merge(self, ids: Sequence[str], *, actor: str, reason: str) -> Decided:
        """See `Decisions`: these decide in the store and forget what was cached of all customers concerned."""
        return await self._decided(self.store.decisions.merge(ids, actor=actor, reason=reason))

    async def split(self, customer_id: str, members: Sequence[Ref], *, actor: str, reason: str) -> Decided:
        """Makes these members another customer."""
        return await self._decided(
            self.store.decisions.split(customer_id, members, actor=actor, reason=reason)
        )

    async def confirm(self, a: Ref, b: Ref, *, actor: str, reason: str) -> Decided:
        """The two records are one person."""
        return await self._decided(self.store.decisions.confirm(a, b, actor=actor, reason=reason))

    async def reject(self, a: Ref, b: Ref, *, actor: str, reason: str) -> Decided:
        """The two records are different people."""
        return await self._decided(self.store.decisions.reject(a, b, actor=actor, reason=reason))

    async def undo(self, event_id: int, *, actor: str, reason: str) -> Decided:
        """Takes an event back."""
        return await self._decided(self.store.decisions.undo(event_id, actor=actor, reason=reason))

    async def _decided(self, deciding: Awaitable[Decided]) -> Decided:
        # a client that goes away in the middle must not leave the cache with what is no longer so
        return await asyncio.shield(self._finished(deciding))

    async def _finished(self, deciding: Awaitable[Decided]) -> Decided:
        done = await deciding
        await self._drop(done.touched)
        return done

    def _is_fresh(self, known: KnownKey) -> bool:
        age = timedelta(seconds=self.options.rediscover_after)
        return known.discovered_at is not None and datetime.now(UTC) - known.discovered_at < age

    async def _settle(
        self, found: Discovery, wanted: frozenset[Ref], loader: Loader, path: FieldPath | None
    ) -> Mapping[Ref, str]:
        """The customers of the wanted records, remembered together with what the asked keys are worth."""
        done = await self._resolver.settle(found, wanted, loader, path)
        await self.store.discovered(self._asked(found, done))
        await self._drop(done.touched)
        return done.customers

    def _asked(self, found: Discovery, done: Settled) -> dict[Token, FanOut]:
        """The class of each asked key. A key counts as discovered only when everybody who carries it is remembered; that
        several people share it is worth knowing in any case.
        """
        strangers = {key for ref in done.left_out for key in self._keys(found.profiles[ref])}
        classes = {key: done.fan_out.get(self._tokens.of(key), FanOut.PERSONAL) for key in found.asked}
        return {
            self._tokens.of(key): fan_out
            for key, fan_out in classes.items()
            if fan_out is not FanOut.PERSONAL or key not in strangers
        }

    async def _drop(self, ids: Iterable[str]) -> None:
        await self.tags.drop_customers(ids)


class SharedKeys:
    """`IdentityMap.shared` for one request: what all customers of an answer ask in one turn is one query."""

    def __init__(self, identity: IdentityMap) -> None:
        self._identity = identity
        self._keys: set[MatchKey] = set()
        self._answer: asyncio.Future[frozenset[MatchKey]] | None = None

    async def among(self, keys: Iterable[MatchKey]) -> frozenset[MatchKey]:
        """Which of these keys are no key of one person."""
        asked = frozenset(keys)
        self._keys |= asked
        if self._answer is None:
            self._answer = asyncio.ensure_future(self._ask())
        return asked & await asyncio.shield(self._answer)

    async def _ask(self) -> frozenset[MatchKey]:
        await asyncio.sleep(0)  # the others of this turn join
        keys, self._keys, self._answer = self._keys, set(), None
        return await self._identity.shared(keys)
