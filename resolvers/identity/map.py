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
from resolvers.cache import Cache
from resolvers.errors import FieldPath
from resolvers.identity import keys as match_keys
from resolvers.identity.decisions import Decided
from resolvers.identity.discovery import Discovery, discover
from resolvers.identity.fan_out import FanOut
from resolvers.identity.linking import CONFIDENCE, Cluster, Link
from resolvers.identity.members import Ref
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import Edge, IdentityStore, KnownKey, NewLinks, StoredCustomer, Verdict
from resolvers.identity.tokens import Token, Tokens
from resolvers.loading import Loader
from resolvers.sources import Sources

_customer = msgspec.json.Decoder(StoredCustomer)


class IdentityMap:
    """Whose records are whose. One for the whole process; nothing in it depends on who asks."""

    def __init__(
        self, store: IdentityStore, tokens: Tokens, cache: Cache, sources: Sources, options: IdentityOptions
    ) -> None:
        self.store = store
        self.options = options
        self._tokens = tokens
        self._cache = cache
        self._sources = sources

    async def customers(self, ids: Sequence[str]) -> Mapping[str, StoredCustomer]:
        """Customers by id, also by ids that were merged away; unknown ids are missing."""
        names = [f"customer:{i}" for i in ids]
        cached = await self._cache.get(names)
        found = {i: _customer.decode(raw) for i, raw in zip(ids, cached, strict=True) if raw is not None}
        asked = [i for i in ids if i not in found]
        if asked:
            stored = await self.store.customers(asked)
            found |= stored
            fresh = {f"customer:{i}": msgspec.json.encode(c) for i, c in stored.items()}
            await self._cache.set(fresh, self.options.cache_ttl)
        return found

    async def by_key(self, key: MatchKey, loader: Loader, path: FieldPath | None = None) -> tuple[str, ...]:
        """The customers that carry a key: none, the one, or several when it is shared."""
        canonical = match_keys.canonical(key)
        if key.type in (KeyType.EMAIL, KeyType.PHONE) and not match_keys.is_blocked(canonical):
            known = (await self.store.keys([self._tokens.of(canonical)]))[self._tokens.of(canonical)]
            if self._is_fresh(known) and known.customers and not known.shared:
                return known.customers
        found = await discover(self._sources, loader, self.options, keys=[key], path=path)
        clusters = [c for c in found.clusters if c.refs & found.hits]
        return await self._remember(found, clusters)

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
            wanted = {(p.source, p.id) for p in fresh}
            clusters = [c for c in found.clusters if c.refs & wanted]
            owners = await self._owners(found, clusters)
            known.update({ref: owners[ref] for c in clusters for ref in c.refs & wanted})
        return known

    async def learn(
        self, profiles: Sequence[Profile], loader: Loader, path: FieldPath | None = None
    ) -> Mapping[Ref, str]:
        """Takes in records as they are now, known or new, and returns the customer of each. The way of `sync`: the sources
        are not searched for the records' keys, only records that the map proposes are read for comparison.
        """
        return await self.by_profiles(profiles, loader, path)

    async def shared(self, keys: Iterable[MatchKey]) -> frozenset[MatchKey]:
        """Which of these keys are no key of one person: role addresses, and those that discovery found several people on."""
        canonical = {k: match_keys.canonical(k) for k in keys}
        known = await self.store.keys([self._tokens.of(c) for c in canonical.values()])
        return frozenset(
            key
            for key, form in canonical.items()
            if match_keys.is_role(form)
            or match_keys.is_blocked(form)
            or known[self._tokens.of(form)].shared
            or len(known[self._tokens.of(form)].customers) > 1
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

    async def _remember(self, found: Discovery, clusters: Sequence[Cluster]) -> tuple[str, ...]:
        """The customers of the records that carry what was asked for."""
        owners = await self._owners(found, clusters)
        return tuple(sorted({owners[ref] for c in clusters for ref in c.refs & found.hits}))

    async def _owners(self, found: Discovery, clusters: Sequence[Cluster]) -> Mapping[Ref, str]:
        """Remembers the clusters and returns the customer of each of their records."""
        done = [await self.store.remember(self._links(c)) for c in clusters]
        await self.store.discovered(self._verdicts(found, clusters))
        await self._drop({i for d in done for i in d.touched})
        # asked anew: a later cluster may have changed what an earlier one led to
        return await self.store.by_records([ref for c in clusters for ref in c.refs])

    async def _drop(self, ids: Iterable[str]) -> None:
        await self._cache.drop([f"customer:{i}" for i in sorted(ids)])

    def _verdicts(self, found: Discovery, remembered: Sequence[Cluster]) -> dict[Token, FanOut]:
        """What the asked keys are worth, by token. A key counts as discovered only when everybody who carries it is remembered;
        that several people share it is worth knowing in any case."""
        others = {k for c in found.clusters if c not in remembered for k in c.keys}
        return {
            self._tokens.of(k): FanOut.HOUSEHOLD if k in found.shared else FanOut.PERSONAL
            for k in found.asked
            if k in found.shared or k not in others
        }

    def _links(self, cluster: Cluster) -> NewLinks:
        return NewLinks(
            records=tuple(sorted(cluster.refs)),
            edges=tuple(self._edge(link) for link in cluster.links),
            tokens=tuple((self._tokens.of(k), c.ref) for c in cluster.candidates for k in c.keys),
        )

    def _edge(self, link: Link) -> Edge:
        return Edge(
            event=0, a=link.a, b=link.b, verdict=Verdict.SAME, origin=link.rule.value, confidence=CONFIDENCE[link.rule],
            key_type=link.key.type.value if link.key else None, token=self._tokens.of(link.key) if link.key else None,
        )  # fmt: skip


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
