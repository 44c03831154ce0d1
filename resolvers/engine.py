"""The engine: everything the process keeps between requests, and the session that one request works in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence

from adapters.base import Adapter, MatchKey, Owner, Window
from adapters.errors import SourceError
from adapters.records import Profile, RecordKind
from resolvers import search
from resolvers.asker import Asker
from resolvers.caching.sourcing import Sourcing
from resolvers.caching.tags import Tags, of_customer, of_record
from resolvers.caching.whole import Caching
from resolvers.connection import Place, Slice, merge_pages
from resolvers.customer import CustomerView
from resolvers.errors import AmbiguousKey, FieldPath, InvalidArgument, SourceFailure
from resolvers.identity import keys as match_keys
from resolvers.identity.map import IdentityMap, SharedKeys
from resolvers.identity.store import StoredCustomer
from resolvers.loading import Loader
from resolvers.merge import MergeRules
from resolvers.related import Related
from resolvers.sources import Sources
from resolvers.stewardship import Stewardship, customer_id

MAX_CUSTOMERS = 100
"""Ids that one `customers(ids:)` may ask for."""


class Engine:
    """One for the process. It owns the adapters, the identity map and the caches, and closes them."""

    def __init__(
        self, *, sources: Sources, identity: IdentityMap, rules: MergeRules, caching: Caching | None = None
    ) -> None:
        """Without `caching` nothing of the sources is kept between requests."""
        self.sources = sources
        self.identity = identity
        self.rules = rules
        self.caching = caching or Caching(sources, tags=identity.remembered.tags)
        self.cache = self.caching.cache

    @property
    def sourcing(self) -> Sourcing:
        """The way to the sources, through what is kept of them."""
        return self.caching.sourcing

    @property
    def tags(self) -> Tags:
        """Where to drop what was kept."""
        return self.caching.tags

    def session(self, asker: Asker) -> Session:
        """What one request works in; close it when the answer is out."""
        return Session(self, asker)

    async def aclose(self) -> None:
        await self.caching.sourcing.aclose()  # before the adapters that it calls
        await asyncio.gather(*(adapter.aclose() for adapter in self.sources), return_exceptions=True)
        await self.identity.store.aclose()
        await self.caching.aclose()


class Session:
    """One request: who asks, and what was fetched for them."""

    def __init__(self, engine: Engine, asker: Asker) -> None:
        self.asker = asker
        self.engine = engine
        self._loader = Loader(engine.sources, asker)
        self._shared = SharedKeys(engine.identity)
        self._seen: set[str] = set()
        self._related: Related | None = None

    @property
    def related(self) -> Related:
        """Who shares contacts with a customer. It refers back to the session, so it is made when asked for, and let go."""
        if self._related is None:
            self._related = Related(self.engine.identity.store.chronicle, self._views)
        return self._related

    @property
    def errors(self) -> list[SourceFailure]:
        """One for each batch that failed."""
        return self._loader.failures

    async def aclose(self) -> None:
        self._related = None
        await self._loader.aclose()

    def tags(self) -> frozenset[str]:
        """What the answer rests on: the tags of all customers and records that were looked at."""
        records = (of_record(source, i) for source, i in self._loader.touched())
        return frozenset((*map(of_customer, self._seen), *records))

    def fresh_for(self) -> float:
        """Seconds that the answer may be kept as far as the sources go: none where one of them failed."""
        return 0.0 if self._loader.failures else math.inf

    @property
    def stewardship(self) -> Stewardship:
        """Decisions in the name of who asks. Whether they may decide is the caller's to check."""
        return Stewardship(self.engine.identity, self.asker.principal)

    async def customer_by_id(self, asked: str, argument: str = "by.id") -> CustomerView | None:
        """The customer with this id, or that it was merged into."""
        return (await self.customers([asked], argument))[0]

    async def customers(self, ids: Sequence[str], argument: str = "ids") -> list[CustomerView | None]:
        """Customers in the order asked; None where an id is unknown."""
        if len(ids) > MAX_CUSTOMERS:
            raise InvalidArgument(argument, f"{argument} may hold at most {MAX_CUSTOMERS} ids")
        asked = [customer_id(value, argument) for value in ids]
        views = await self._views(list(dict.fromkeys(asked)))
        return [views.get(i) for i in asked]

    async def _views(self, ids: Sequence[str]) -> Mapping[str, CustomerView]:
        stored = await self.engine.identity.customers(ids)
        return {i: self._view(stored[i]) for i in stored}

    async def customer_by_email(self, email: str, path: FieldPath | None = None) -> CustomerView | None:
        """Raises InvalidArgument, or AmbiguousKey when several people share the address."""
        return await self._by_key(match_keys.asked_email(email, "by.email"), "by.email", path)

    async def customer_by_phone(self, phone: str, path: FieldPath | None = None) -> CustomerView | None:
        """Raises InvalidArgument, or AmbiguousKey when several people share the number."""
        country = self.engine.identity.options.default_country
        return await self._by_key(match_keys.asked_phone(phone, "by.phone", country), "by.phone", path)

    async def customer_by_record(
        self, source: str, record_id: str, path: FieldPath | None = None
    ) -> CustomerView | None:
        """The customer that a source's record belongs to."""
        adapter = self.engine.sources.get(source)
        if adapter is None:
            names = ", ".join(self.engine.sources.names)
            raise InvalidArgument(
                "by.source.name", f"by.source.name is no configured source (valid: {names})"
            )
        if RecordKind.PROFILE not in adapter.manifest.kinds:
            raise InvalidArgument("by.source.name", "by.source.name has no records of persons")
        if not record_id or len(record_id) > 255:
            raise InvalidArgument("by.source.id", "by.source.id must have between 1 and 255 characters")
        found = await self.engine.identity.by_record((source, record_id), self._loader, path)
        return await self.customer_by_id(found) if found else None

    async def search(self, text: str, path: FieldPath | None = None) -> list[CustomerView]:
        """All customers that the text may mean, at most what the sources list for it, in a stable order."""
        options = self.engine.identity.options
        profiles = await self._find(search.meanings(text, options.default_country), path)
        by_record = await self.engine.identity.by_profiles(profiles, self._loader, path)
        ordered = list(
            dict.fromkeys(by_record[p.source, p.id] for p in profiles if (p.source, p.id) in by_record)
        )
        stored = await self.engine.identity.customers(ordered)
        return [self._view(stored[i]) for i in ordered if i in stored]

    async def comments(
        self, source: str, ticket_id: str, first: int, after: Place | None, path: FieldPath | None = None
    ) -> Slice | None:
        """One page of a ticket's thread, newest first; None when the source failed."""
        kinds = self.engine.sources.manifest(source).kinds
        if RecordKind.COMMENT not in kinds:
            return Slice()
        window = Window(limit=first, before=after.below(RecordKind.COMMENT, source) if after else None)
        outcome = await self._loader.page(
            source, RecordKind.COMMENT, Owner(ref=ticket_id), window, frozenset(), path
        )
        if outcome.value is None:
            return None
        records, has_next = merge_pages([outcome.value], first)
        return Slice(records=records, has_next=has_next)

    async def health(self, adapter: Adapter) -> str | None:
        """None when the source answers, else the code of what is wrong."""
        try:
            async with asyncio.timeout(5):
                await adapter.check(self.asker.call())
        except SourceError as error:
            return error.code
        except TimeoutError:
            return "SOURCE_TIMEOUT"
        return None

    async def _by_key(self, key: MatchKey, argument: str, path: FieldPath | None) -> CustomerView | None:
        ids = await self.engine.identity.by_key(key, self._loader, path)
        if len(ids) > 1:
            raise AmbiguousKey(argument, len(ids))
        return await self.customer_by_id(ids[0]) if ids else None

    async def _find(self, keys: Sequence[MatchKey], path: FieldPath | None) -> list[Profile]:
        """The records that carry any of the keys, most trusted source first."""
        sources = self.engine.sources
        pairs = [(s, k) for k in keys for s in sources.searching(k.type)]
        outcomes = await asyncio.gather(*(self._loader.find(s, k, path) for s, k in pairs))
        found = {(p.source, p.id): p for o in outcomes if o.value for p in o.value.profiles}
        for profile in found.values():
            self._loader.prime(profile)
        return sorted(found.values(), key=lambda p: (sources.rank[p.source], p.id))

    def _view(self, stored: StoredCustomer) -> CustomerView:
        engine = self.engine
        self._seen.add(stored.id)
        if stored.redirected_from:
            self._seen.add(stored.redirected_from)
        return CustomerView(stored, self._loader, engine.sources, engine.rules, engine.identity, self._shared)
