"""Records become customers on a real map: whom it proposes, what is read for that, what is remembered, what is left open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import date

import pytest

from adapters.base import KeyType, MatchKey, SourceKind
from adapters.errors import SourceUnavailable
from adapters.records import Address, Profile
from resolvers.asker import Asker
from resolvers.caching.customers import Customers
from resolvers.identity.derivation import Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.map import IdentityMap
from resolvers.identity.members import Ref
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.tokens import Tokens
from resolvers.loading import Loader
from resolvers.sources import Sources
from tests.resolvers.conftest import SECRET
from tests.resolvers.memory import MemorySource
from tests.resolvers.people import profile

BORN = date(1980, 2, 3)
HOME = (Address(street="Lindenstr. 5", postcode="10115", city="Berlin", country="DE", primary=True),)
CRM = profile("crm", "1", "Ada Yilmaz", "ada@example.com", birth_date=BORN, addresses=HOME)
DESK = profile("desk", "9", "Ada Yilmaz", "ada.y@work.example", birth_date=BORN, addresses=HOME)


class World:
    """An identity map over sources in memory; every call is a request of its own."""

    def __init__(self, store: IdentityStore, *records: Profile, **options: object) -> None:
        kinds = {"crm": SourceKind.CRM, "shop": SourceKind.WEBSHOP, "desk": SourceKind.SUPPORT}
        self.by_name = {
            name: MemorySource(name, kind, [r for r in records if r.source == name])
            for name, kind in kinds.items()
        }
        self.sources = Sources(self.by_name.values())
        chosen = IdentityOptions(**{"default_country": "DE", **options})  # type: ignore[arg-type]
        self.map = IdentityMap(store, Tokens(SECRET), Customers(), self.sources, chosen)
        self.store = store

    def loader(self) -> Loader:
        return Loader(self.sources, Asker(principal="test", deadline=time.monotonic() + 30))

    async def learn(self, *profiles: Profile) -> Mapping[Ref, str]:
        return (await self.map.learn(profiles, self.loader())).customers

    async def together(self, *refs: Ref) -> bool:
        owners = await self.store.by_records(refs)
        assert len(owners) == len(refs)
        return len(set(owners.values())) == 1

    def change(self, changed: Profile) -> Profile:
        source = self.by_name[changed.source]
        source.records = [r for r in source.records if r.id != changed.id] + [changed]
        return changed


async def test_the_map_proposes_whom_no_source_would_find(store: IdentityStore) -> None:
    world = World(store, CRM, DESK)
    await world.learn(CRM)
    await world.learn(DESK)
    assert await world.together(("crm", "1"), ("desk", "9")), (
        "name, birth date and address agree, no contact does"
    )
    assert world.by_name["crm"].count("find") == world.by_name["desk"].count("find") == 0
    assert (world.by_name["crm"].count("read"), world.by_name["desk"].count("read")) == (1, 0)
    (edge,) = await store.evidence([("crm", "1"), ("desk", "9")])
    assert edge.rule.startswith("model ")
    assert {"given", "family", "birth_date", "street"} <= {c.field for c in edge.contributions}


async def test_what_is_known_already_costs_nothing(store: IdentityStore) -> None:
    world = World(store, CRM, DESK)
    first = await world.learn(CRM, DESK)
    exported, reads = await store.export(), world.by_name["crm"].count("read")
    assert await world.learn(CRM, DESK) == first
    assert await store.export() == exported
    assert world.by_name["crm"].count("read") == reads


async def test_a_page_of_records_is_compared_within_itself_and_read_in_one_call(store: IdentityStore) -> None:
    shop = [profile("shop", f"s{n}", f"Person{n} Muster", f"p{n}@example.com") for n in range(60)]
    crm = [profile("crm", f"c{n}", f"Person{n} Muster", f"p{n}@example.com") for n in range(60)]
    world = World(store, *shop, *crm)
    await world.learn(*crm[:30], *shop[:30])
    assert world.by_name["crm"].count("read") == world.by_name["shop"].count("read") == 0
    await world.learn(*crm[30:])
    await world.learn(*shop[30:])
    assert world.by_name["crm"].count("read") == 1
    owners = await store.by_records([(s, f"{s[0]}{n}") for s in ("crm", "shop") for n in range(60)])
    assert len(set(owners.values())) == 60
    assert all(owners["crm", f"c{n}"] == owners["shop", f"s{n}"] for n in range(60))


async def test_a_doubt_waits_for_a_steward(store: IdentityStore) -> None:
    twin = profile("desk", "9", "Aylin Yilmaz", "ada@example.com", birth_date=BORN, addresses=HOME)
    world = World(store, CRM, twin)
    await world.learn(CRM)
    await world.learn(twin)
    assert not await world.together(("crm", "1"), ("desk", "9"))
    (open_,), more = await store.chronicle.review(10)
    assert not more
    assert (open_.a, open_.b) == (("crm", "1"), ("desk", "9"))
    assert any("twin" in c.agreement for c in open_.evidence[0].contributions)
    decided = await store.decisions.reject(("crm", "1"), ("desk", "9"), actor="tess", reason="twins")
    assert decided.event
    await world.learn(world.change(profile("desk", "9", "Ada Yilmaz", "ada@example.com", birth_date=BORN)))
    assert not await world.together(("crm", "1"), ("desk", "9")), "a steward's decision survives new evidence"
    (again,), _ = await store.chronicle.review(10)
    assert again.reopened


async def test_a_changed_record_leaves_and_every_id_still_resolves(store: IdentityStore) -> None:
    shop = profile("shop", "s", "Ada Yilmaz", "ada@example.com")
    world = World(store, CRM, shop)
    one = (await world.learn(CRM, shop))["crm", "1"]
    given_away = world.change(
        profile("shop", "s", "Cem Kaya", "cem@example.com", birth_date=date(1991, 7, 8))
    )
    owners = await world.learn(given_away)
    assert owners["shop", "s"] != one, "the source gave the number to somebody else"
    assert [m.record_id for m in (await store.customers([one]))[one].members] == ["1"]
    back = await world.learn(world.change(shop))
    assert back["shop", "s"] == one
    assert set(await store.customers([one, owners["shop", "s"]])) == {one, owners["shop", "s"]}


async def test_nobody_joins_a_customer_that_cannot_be_seen_whole(store: IdentityStore) -> None:
    shop = profile("shop", "s", "Ada Yilmaz", "ada@example.com", birth_date=BORN)
    world = World(store, CRM, shop, DESK)
    await world.learn(CRM, shop)
    world.by_name["shop"].fail = SourceUnavailable("shop", "read", "down")
    await world.learn(DESK)
    assert not await world.together(("crm", "1"), ("desk", "9"))
    world.by_name["shop"].fail = None
    await world.learn(DESK)
    assert await world.together(("crm", "1"), ("desk", "9"), ("shop", "s")), "it was looked at again"


async def test_a_record_that_is_gone_finds_nobody(store: IdentityStore) -> None:
    world = World(store, CRM, DESK)
    await world.learn(CRM)
    world.by_name["crm"].records.clear()
    await world.learn(DESK)
    token = Tokens(SECRET).of(MatchKey(KeyType.EMAIL, "ada@example.com"))
    assert (await store.keys([token]))[token].customers == ()


async def test_many_discoveries_of_one_person_at_once_make_one_customer(store: IdentityStore) -> None:
    records = [
        profile(s, f"{s}{n}", "Ada Yilmaz", "ada@example.com")
        for s in ("crm", "shop", "desk")
        for n in range(3)
    ]
    world = World(store, *records)
    await asyncio.gather(
        *(world.learn(r) for r in records), *(_look_up(world, "ada@example.com") for _ in range(4))
    )
    await world.learn(*records)
    assert await world.together(*((r.source, r.id) for r in records))
    assert await store.rebuild() == 0


async def test_contradictions_that_meet_at_one_customer_stay_apart(store: IdentityStore) -> None:
    """Both may join the nameless record alone; whoever comes second has to see the first."""
    nameless = profile("crm", "1", "", "home@example.com home2@example.com")
    ada, bob = (
        profile("shop", "s", "Ada Kaya", "home@example.com"),
        profile("desk", "9", "Bob Smith", "home2@example.com"),
    )
    world = World(store, nameless, ada, bob)
    await world.learn(nameless)
    await asyncio.gather(world.learn(ada), world.learn(bob))
    assert not await world.together(("shop", "s"), ("desk", "9"))


@pytest.mark.parametrize("many", [300])
async def test_a_key_of_many_joins_nobody_and_reads_little(store: IdentityStore, many: int) -> None:
    crowd = [profile("crm", str(n), "", "everybody@example.com") for n in range(many)]
    world = World(store, *crowd, DESK)
    for start in range(0, many, 100):
        await world.learn(*crowd[start : start + 100])
    before = world.by_name["crm"].asked("read")
    await world.learn(profile("desk", "x", "", "everybody@example.com"))
    assert world.by_name["crm"].asked("read") - before <= 51
    owners = await store.by_records([("crm", str(n)) for n in range(many)])
    assert len(set(owners.values())) == many


async def _look_up(world: World, email: str) -> None:
    await world.map.by_key(MatchKey(KeyType.EMAIL, email), world.loader())


async def test_the_verdicts_are_those_of_the_scorer(store: IdentityStore) -> None:
    world = World(store, CRM, DESK)
    await world.learn(CRM, DESK)
    (edge,) = await store.evidence([("crm", "1"), ("desk", "9")])
    assert edge.verdict is Verdict.SAME
    assert edge.weight == pytest.approx(sum(c.weight for c in edge.contributions), abs=0.1)


async def test_who_shares_a_households_or_a_companys_contact_is_related_not_one(store: IdentityStore) -> None:
    records = [
        profile("crm", "1", "Ada Weber", "ada@example.com", "+493090182001", addresses=HOME),
        profile("shop", "2", "Bruno Weber", "bruno@example.com", "+493090182001", addresses=HOME),
        *(
            profile(
                "desk",
                str(n),
                name,
                f"{name.split()[0].lower()}@firm.example info@firm.example",
                "+493090182777",
            )
            for n, name in enumerate(["Cem Kaya", "Dora Lang", "Emil Stark"])
        ),
    ]
    world = World(store, *records)
    owners = await world.learn(*records)
    assert len(set(owners.values())) == 5
    (home,) = await store.chronicle.relations(owners["crm", "1"])
    assert (home.fan_out, home.key_type, home.customers) == (
        FanOut.HOUSEHOLD,
        "phone",
        (owners["shop", "2"],),
    )
    office = await store.chronicle.relations(owners["desk", "0"])
    others = tuple(sorted({owners["desk", "1"], owners["desk", "2"]}))
    assert {(r.fan_out, r.key_type, r.customers) for r in office} == {
        (FanOut.COMPANY, "phone", others), (FanOut.COMPANY, "email", others),
    }  # fmt: skip
    await world.learn(records[0])
    assert await store.chronicle.relations(owners["crm", "1"]) == [home], (
        "seen alone, it is still the family's"
    )
