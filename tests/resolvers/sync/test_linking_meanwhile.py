"""Gateways that have the previous secret too link during a rotation as if there were none."""

from __future__ import annotations

import time
from datetime import date

from adapters.base import KeyType, MatchKey
from adapters.records import Profile
from resolvers.asker import Asker
from resolvers.caching.customers import Customers
from resolvers.identity.map import IdentityMap
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.tokens import Tokens
from resolvers.loading import Loader
from resolvers.sources import Sources
from tests.resolvers.people import profile
from tests.resolvers.sync.changing import ChangingSource
from tests.resolvers.sync.test_rotation import BY, MOVING, NEW, OLD, events, questions, rotation

BORN = date(1990, 3, 7)
ADA = profile("crm", "1", "Ada Yilmaz", "ada@mail.example", "+493023125001", birth_date=BORN)
SHOP = profile("shop", "1", "Ada Yilmaz", "ada@mail.example", birth_date=BORN)
SHARED = MatchKey(KeyType.EMAIL, "ada@mail.example")


class Gateway:
    """A gateway of the sources with some secrets."""

    def __init__(self, store: IdentityStore, tokens: Tokens, *sources: ChangingSource) -> None:
        self.sources = Sources(sources)
        options = IdentityOptions(default_country="DE")
        self.map = IdentityMap(store, tokens, Customers(), self.sources, options)

    def loader(self) -> Loader:
        return Loader(self.sources, Asker(principal="test", deadline=time.monotonic() + 30))

    async def learn(self, *profiles: Profile) -> None:
        assert not (await self.map.learn(profiles, self.loader())).open

    async def find(self, key: MatchKey) -> tuple[str, ...]:
        return await self.map.by_key(key, self.loader())


async def test_what_did_not_change_is_not_judged_again(store: IdentityStore) -> None:
    crm, shop = ChangingSource("crm", [ADA]), ChangingSource("shop", [SHOP])
    await Gateway(store, OLD, crm, shop).learn(ADA, SHOP)
    before, written = await store.export(), await events(store)
    await Gateway(store, MOVING, crm, shop).learn(ADA, SHOP)
    assert (await store.export(), await events(store)) == (before, written)
    assert crm.asked("read") + shop.asked("read") == 0, "there was nothing to compare them with"
    assert await store.rekeying.behind(2) == {"crm": 1, "shop": 1}, "and nothing to write"


async def test_who_comes_meanwhile_is_compared_with_what_is_kept_under_the_old_secret(
    store: IdentityStore,
) -> None:
    crm, shop = ChangingSource("crm", [ADA]), ChangingSource("shop", [SHOP])
    await Gateway(store, OLD, crm, shop).learn(ADA)
    moving = Gateway(store, MOVING, crm, shop)
    await moving.learn(SHOP)
    owners = await store.by_records([("crm", "1"), ("shop", "1")])
    assert len(set(owners.values())) == 1
    phone = MatchKey(KeyType.PHONE, "+493023125001")
    assert await moving.find(phone) == tuple(set(owners.values()))
    await rotation(store, crm, shop).run()
    assert await Gateway(store, NEW, crm, shop).find(phone) == tuple(set(owners.values()))


async def test_a_decision_is_not_asked_about_again(store: IdentityStore) -> None:
    crm, shop = ChangingSource("crm", [ADA]), ChangingSource("shop", [SHOP])
    await Gateway(store, OLD, crm, shop).learn(ADA, SHOP)
    await store.decisions.reject(("crm", "1"), ("shop", "1"), **BY)
    without_phone = profile("crm", "1", "Ada Yilmaz", "ada@mail.example", birth_date=BORN)
    crm.records[0] = without_phone
    moving = Gateway(store, MOVING, crm, shop)
    written = await events(store)
    await moving.learn(without_phone)
    assert await events(store) == written + 1, "the two are likely one still"
    assert await questions(store) == 0, "but what they share is what the steward knew"
    assert len(await moving.find(SHARED)) == 2
    await rotation(store, crm, shop).run()
    assert (await store.rekeying.left(2)).nothing
    await Gateway(store, NEW, crm, shop).learn(without_phone, SHOP)
    assert await questions(store) == 0
    assert await store.rebuild() == 0


async def test_a_record_that_changed_is_judged_after_the_rotation(store: IdentityStore) -> None:
    crm, shop = ChangingSource("crm", [ADA]), ChangingSource("shop", [SHOP])
    await Gateway(store, OLD, crm, shop).learn(ADA, SHOP)
    given_away = profile("shop", "1", "Bob Smith", "bob@mail.example", birth_date=date(1955, 11, 23))
    shop.records[0] = given_away
    await rotation(store, crm, shop).run()
    await Gateway(store, NEW, crm, shop).learn(given_away)
    owners = await store.by_records([("crm", "1"), ("shop", "1")])
    assert len(set(owners.values())) == 2, "it is somebody else's now"
