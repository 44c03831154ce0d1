"""Sync and decisions drop what they touch, also at gateways that run in other processes."""

from __future__ import annotations

import time

from pydantic import SecretStr

from adapters.records import Profile
from resolvers.asker import Asker
from resolvers.cache import open_cache
from resolvers.caching.life import Lives
from resolvers.caching.whole import Caching, open_caching
from resolvers.identity.map import IdentityMap
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.sync import Sync
from resolvers.identity.tokens import Tokens
from resolvers.loading import Loader
from resolvers.sources import Sources
from tests.resolvers.caching.parts import NO_PARTS, call, until
from tests.resolvers.caching.redis_parts import a_secret
from tests.resolvers.conftest import SECRET
from tests.resolvers.people import profile
from tests.resolvers.sync.changing import ChangingSource, people


class Process:
    """What one process has: a gateway, or a command."""

    def __init__(self, store: IdentityStore, source: ChangingSource, url: str, secret: str = "") -> None:
        self.sources = Sources([source])
        self.caching: Caching = open_caching(
            self.sources,
            open_cache(url),
            url,
            SecretStr(secret),
            lives=Lives(),
            customer_ttl=30.0,
            max_entries=1000,
            max_bytes=10_000_000,
        )
        self.map = IdentityMap(
            store, Tokens(SECRET), self.caching.customers, self.sources, IdentityOptions(default_country="DE")
        )

    async def name(self, ident: str) -> str | None:
        fetched = await self.caching.sourcing.read("crm", [ident], NO_PARTS, call())
        return fetched.values[ident].given_name if ident in fetched.values else None

    async def customer_of(self, person: Profile) -> str:
        loader = Loader(self.sources, Asker(principal="test", deadline=time.monotonic() + 30))
        return (await self.map.by_profiles([person], loader))[person.source, person.id]

    async def members(self, customer: str) -> int:
        return len((await self.map.customers([customer]))[customer].members)


async def test_what_sync_reads_as_changed_or_deleted_is_dropped_at_a_gateway(
    sqlite_store: IdentityStore, redis_url: str
) -> None:
    crm, secret = ChangingSource("crm", people("crm", 6)), a_secret()
    gateway, command = (Process(sqlite_store, crm, redis_url, secret) for _ in range(2))
    try:
        gateway.caching.start()
        await until(lambda: gateway.caching._bus.listening.is_set())  # type: ignore[union-attr]
        await Sync(command.map, command.sources).run(["crm"])
        assert None not in [await gateway.name(f"crm-{n}") for n in range(4)]
        await gateway.caching.sourcing.settled()
        crm.records.append(profile("crm", "crm-1", "Changed Name", "person1@mail1.example"))
        crm.records = [r for r in crm.records if r.given_name == "Changed" or r.id not in ("crm-1", "crm-2")]  # type: ignore[attr-defined]
        crm.deleted[0] = ("crm-2",)
        await Sync(command.map, command.sources).run(["crm"], full=True)
        held = gateway.caching.store.get
        await until(lambda: not held(("crm", "profile", "crm-1")) and not held(("crm", "profile", "crm-2")))
        assert await gateway.name("crm-1") == "Changed"
        assert await gateway.name("crm-2") is None
    finally:
        await gateway.caching.aclose()
        await command.caching.aclose()


async def test_decisions_drop_the_customers_concerned_at_once(sqlite_store: IdentityStore) -> None:
    pair = [profile("crm", str(n), f"Person {n}", f"person{n}@mail{n}.example") for n in range(2)]
    process = Process(sqlite_store, ChangingSource("crm", pair), "memory://")
    try:
        one, two = [await process.customer_of(person) for person in pair]
        assert await process.members(one) == 1
        done = await process.map.merge([one, two], actor="test", reason="the same")
        kept = done.customers[0]
        assert await process.members(one) == await process.members(two) == 2
        assert done.event is not None
        await process.map.split(kept, [("crm", "1")], actor="test", reason="not the same")
        assert await process.members(kept) == 1
    finally:
        await process.caching.aclose()


async def test_customers_are_read_from_the_store_once(sqlite_store: IdentityStore) -> None:
    person = profile("crm", "1", "Ada", "ada@mail.example")
    process = Process(sqlite_store, ChangingSource("crm", [person]), "memory://")
    customer = await process.customer_of(person)
    assert await process.members(customer) == 1
    await sqlite_store.aclose()
    assert await process.members(customer) == 1  # no store was needed
    await process.caching.aclose()
