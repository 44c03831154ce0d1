"""A rotation renames every key and changes no meaning: everybody is found all the time, and no decision comes back for review."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from adapters.base import KeyType, MatchKey
from adapters.errors import SourceUnavailable
from adapters.records import Profile
from resolvers.identity.carried import keys_of
from resolvers.identity.derivation import MODEL, Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.log import rests_on
from resolvers.identity.lookup import MOST_CARRIERS
from resolvers.identity.members import Ref
from resolvers.identity.remembering import named
from resolvers.identity.rotation import Report, Rotation, RotationError
from resolvers.identity.store import Edge, IdentityStore, KnownKey, NewLinks
from resolvers.identity.sync import Stage
from resolvers.identity.tables import Base
from resolvers.identity.tokens import Tokens, kind_of
from resolvers.sources import Sources
from tests.resolvers.people import profile
from tests.resolvers.sync.changing import ChangingSource, people

FIRST, SECOND = (
    SecretStr("the first secret of these tests, long"),
    SecretStr("the second secret of them, long too"),
)
OLD, MOVING, NEW = Tokens(FIRST), Tokens(SECOND, version=2, previous=FIRST), Tokens(SECOND, version=2)
BY: Mapping[str, Any] = {"actor": "tess", "reason": "a test"}


def pairs(person: Profile) -> list[tuple[str, str]]:
    return list(keys_of(person, "DE"))


def links(tokens: Tokens, *persons: Profile, edges: Sequence[Edge] = ()) -> NewLinks:
    carried = [(tokens.token(*pair), (p.source, p.id)) for p in persons for pair in pairs(p)]
    refs = tuple(sorted((p.source, p.id) for p in persons))
    return NewLinks(records=refs, edges=tuple(edges), tokens=tuple(carried))


def same(tokens: Tokens, a: Profile, b: Profile, email: str) -> Edge:
    """What linking finds by an e-mail address."""
    x, y = sorted([(a.source, a.id), (b.source, b.id)])
    return Edge(
        event=0, a=x, b=y, verdict=Verdict.SAME, origin="email", confidence=0.9, key_type="email",
        token=tokens.token("email", email),
    )  # fmt: skip


def unsure(a: Profile, b: Profile) -> Edge:
    """What a model finds."""
    x, y = sorted([(a.source, a.id), (b.source, b.id)])
    return Edge(event=0, a=x, b=y, verdict=Verdict.UNSURE, origin=MODEL + "v1", confidence=0.6, weight=3.0)


async def remember(store: IdentityStore, tokens: Tokens, new: NewLinks, *persons: Profile) -> None:
    """What a gateway does with these settings: first the keys get their current names, then the links are kept."""
    await store.rekeying.renew(tokens.renewals(pair for p in persons for pair in pairs(p)), named([new]))
    await store.remember(new)


def rotation(
    store: IdentityStore, *sources: ChangingSource, tokens: Tokens = MOVING, **options: Any
) -> Rotation:
    return Rotation(store, tokens, Sources(sources), lambda p: keys_of(p, "DE"), **options)


async def filled(store: IdentityStore, *sources: ChangingSource) -> None:
    for source in sources:
        for person in source.records:
            assert isinstance(person, Profile)
            await store.remember(links(OLD, person))


async def found(store: IdentityStore, tokens: Tokens, email: str) -> tuple[str, ...]:
    """The customers that a gateway with these settings finds by an address."""
    forms = tokens.forms(MatchKey(KeyType.EMAIL, email))
    known = await store.keys(forms)
    return tuple(c for form in forms for c in known[form].customers)


async def rows(store: IdentityStore) -> str:
    """Everything that is kept, bytes as hex."""

    def plain(value: Any) -> str:
        return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)

    async with store.engine.connect() as connection:
        found = [
            f"{table} {[plain(value) for value in row]}"
            for table in Base.metadata.tables
            for row in await connection.execute(text(f"SELECT * FROM {table}"))
        ]
    return "\n".join(sorted(found))


def made_with(tokens: Tokens, *sources: ChangingSource) -> list[str]:
    return [
        tokens.token(*pair).hex()
        for s in sources
        for p in s.records
        if isinstance(p, Profile)
        for pair in pairs(p)
    ]


async def test_everybody_is_found_before_during_and_after(store: IdentityStore) -> None:
    crm, shop = ChangingSource("crm", people("crm", 7)), ChangingSource("shop", people("shop", 5))
    await filled(store, crm, shop)
    addresses = [p.emails[0].value for p in crm.records if isinstance(p, Profile)]
    owners = {a: await found(store, OLD, a) for a in addresses}
    assert all(owners.values())
    before = await store.export()

    stages: list[Report] = []
    work = rotation(store, crm, shop, page=2, told=stages.append)
    assert {a: await found(store, MOVING, a) for a in addresses} == owners
    await store.rekeying.renew(MOVING.renewals(pairs(crm.records[3])), [("crm", "crm-3")])  # type: ignore[arg-type]
    assert {a: await found(store, MOVING, a) for a in addresses} == owners, (
        "some under one secret, some under the other"
    )
    reports = await work.run()
    assert [(r.source, r.stage, r.renewed, r.unread) for r in reports] == [
        ("crm", Stage.DONE, 6, 0), ("shop", Stage.DONE, 5, 0),
    ]  # fmt: skip
    assert {a: await found(store, NEW, a) for a in addresses} == owners
    assert not any([await found(store, OLD, a) for a in addresses])
    assert (await store.rekeying.left(2)).nothing
    assert await store.export() == before
    assert await store.rebuild() == 0


async def test_what_was_learnt_of_a_key_stays_known(store: IdentityStore) -> None:
    crm = ChangingSource("crm", people("crm", 2))
    await filled(store, crm)
    key = MatchKey(KeyType.EMAIL, "person0@mail0.example")
    await store.discovered({OLD.of(key): FanOut.HOUSEHOLD})
    before = (await store.keys([OLD.of(key)]))[OLD.of(key)]
    await rotation(store, crm).run()
    after = await store.keys([NEW.of(key), OLD.of(key)])
    assert after[NEW.of(key)] == before
    assert before.shared
    assert after[OLD.of(key)] == KnownKey()


async def decided(store: IdentityStore, tokens: Tokens = OLD) -> tuple[Profile, Profile]:
    """Two who share an address and are held to be different."""
    anna = profile("crm", "1", "Anna Weber", "weber@mail.example", "+493023125001")
    bert = profile("shop", "2", "Bert Weber", "weber@mail.example", "+493023125002")
    await store.remember(links(tokens, anna, bert, edges=[same(tokens, anna, bert, "weber@mail.example")]))
    await store.decisions.reject(("crm", "1"), ("shop", "2"), **BY)
    owners = await store.by_records([("crm", "1"), ("shop", "2")])
    assert len(set(owners.values())) == 2
    return anna, bert


async def questions(store: IdentityStore) -> int:
    return len((await store.chronicle.review(100))[0])


async def events(store: IdentityStore) -> int:
    async with store.engine.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM event"))).scalar_one())


async def test_a_cannot_link_survives_until_its_ground_changes(store: IdentityStore) -> None:
    anna, bert = await decided(store)
    crm, shop = ChangingSource("crm", [anna]), ChangingSource("shop", [bert])
    await rotation(store, crm, shop).run()
    await rotation(store, crm, shop).finish()
    written = await events(store)
    again = links(NEW, anna, bert, edges=[same(NEW, anna, bert, "weber@mail.example"), unsure(anna, bert)])
    await remember(store, NEW, again, anna, bert)
    assert await questions(store) == 0, "the same evidence under another name"
    assert await events(store) == written + 1, "the model's verdict, and nothing that was known before"
    await remember(store, NEW, again, anna, bert)
    assert await events(store) == written + 1

    bert = profile("shop", "2", "Bert Weber", "weber@mail.example", "+493023125001")
    other = Edge(
        event=0, a=("crm", "1"), b=("shop", "2"), verdict=Verdict.SAME, origin="phone", confidence=0.9,
        key_type="phone", token=NEW.token("phone", "+493023125001"),
    )  # fmt: skip
    await remember(store, NEW, links(NEW, anna, bert, edges=[other]), bert)
    assert await questions(store) == 1, "now they share more than what the steward knew"


async def test_a_gateway_that_links_while_it_runs_reopens_nothing(store: IdentityStore) -> None:
    anna, bert = await decided(store)
    new = links(MOVING, anna, edges=[same(MOVING, anna, bert, "weber@mail.example"), unsure(anna, bert)])
    await remember(store, MOVING, new, anna)
    assert await questions(store) == 0
    assert MOVING.token("email", "weber@mail.example") in (await store.carried([("shop", "2")]))["shop", "2"]
    await rotation(store, ChangingSource("crm", [anna]), ChangingSource("shop", [bert])).run()
    assert await questions(store) == 0
    assert (await store.rekeying.left(2)).nothing


async def test_without_renaming_a_decision_would_come_back(store: IdentityStore) -> None:
    """What the two tests before rest on."""
    anna, bert = await decided(store)
    await store.remember(links(NEW, anna, edges=[unsure(anna, bert)]))
    assert await questions(store) == 1


async def test_an_undone_link_does_not_come_back(store: IdentityStore) -> None:
    anna = profile("crm", "1", "Anna Weber", "weber@mail.example")
    bert = profile("shop", "2", "Bert Weber", "weber@mail.example")
    await store.remember(links(OLD, anna, bert, edges=[same(OLD, anna, bert, "weber@mail.example")]))
    await store.decisions.undo(1, **BY)
    await rotation(store, ChangingSource("crm", [anna]), ChangingSource("shop", [bert])).run()
    await remember(
        store, NEW, links(NEW, anna, bert, edges=[same(NEW, anna, bert, "weber@mail.example")]), anna, bert
    )
    owners = await store.by_records([("crm", "1"), ("shop", "2")])
    assert len(set(owners.values())) == 2


async def test_records_whose_source_is_silent_stay_under_the_old_secret(store: IdentityStore) -> None:
    crm, shop = ChangingSource("crm", people("crm", 3)), ChangingSource("shop", people("shop", 3, start=3))
    await filled(store, crm, shop)
    shop.fail = SourceUnavailable("shop", "read", "HTTP 503")
    first, second = await rotation(store, crm, shop).run()
    assert (first.unread, second.unread, second.problem) == (0, 3, "is not available (HTTP 503)")
    assert len(await found(store, MOVING, "person4@mail4.example")) == 1
    assert await found(store, NEW, "person4@mail4.example") == ()
    (absent,) = await rotation(store, crm).run()
    assert (absent.source, absent.problem) == ("shop", "is not in the settings")
    shop.fail = None
    (again,) = await rotation(store, crm, shop).run()
    assert (again.source, again.renewed, again.unread) == ("shop", 3, 0)
    assert len(await found(store, NEW, "person4@mail4.example")) == 1


async def test_records_that_are_gone_are_found_no_more(store: IdentityStore) -> None:
    crm = ChangingSource("crm", people("crm", 20))
    await filled(store, crm)
    del crm.records[2:]
    (report,) = await rotation(store, crm, page=8).run()
    assert (report.renewed, report.gone, report.unread) == (2, 18, 0)
    assert await found(store, MOVING, "person2@mail2.example") == ()
    assert len(await found(store, MOVING, "person1@mail1.example")) == 1


async def test_a_record_that_changed_is_seen_to_have_changed(store: IdentityStore) -> None:
    """Nobody has judged what it carries now: the rotation must not make it look as if."""
    crm = ChangingSource("crm", people("crm", 2))
    await filled(store, crm)
    crm.records[0] = profile("crm", "crm-0", "Zoe Xu", "zoe@mail.example")
    await rotation(store, crm).run()
    assert (await store.rekeying.left(2)).nothing
    assert await found(store, MOVING, "person0@mail0.example") == ()
    carried = await store.carried([("crm", "crm-0"), ("crm", "crm-1")])
    changed, same = crm.records
    assert isinstance(changed, Profile)
    assert isinstance(same, Profile)
    assert carried["crm", "crm-0"], "a record that carried nothing could not be somebody else's now"
    assert carried["crm", "crm-0"].isdisjoint(NEW.token(*pair) for pair in pairs(changed))
    assert carried["crm", "crm-1"] == {NEW.token(*pair) for pair in pairs(same)}


@pytest.mark.parametrize("previous", [None, SecretStr("a third secret that nobody has ever used")])
async def test_a_missing_or_wrong_secret_changes_nothing(
    store: IdentityStore, previous: SecretStr | None
) -> None:
    crm = ChangingSource("crm", people("crm", 6))
    await filled(store, crm)
    before = await rows(store)
    with pytest.raises(RotationError, match=r"identity\.previous_secret"):
        await rotation(store, crm, tokens=Tokens(SECOND, version=2, previous=previous)).run()
    assert await rows(store) == before


async def test_it_stops_after_the_page_and_goes_on(store: IdentityStore) -> None:
    crm, stop = ChangingSource("crm", people("crm", 9)), asyncio.Event()
    await filled(store, crm)
    (report,) = await rotation(store, crm, page=2, stop=stop, told=lambda _: stop.set()).run()
    assert (report.stage, report.renewed) == (Stage.STOPPED, 2)
    (report,) = await rotation(store, crm, page=2).run()
    assert (report.stage, report.found, report.renewed) == (Stage.DONE, 7, 7)


async def test_a_key_that_many_share_makes_no_page_large(store: IdentityStore) -> None:
    crowd = [profile("crm", f"{n:04}", f"P{n} Weber", "weber@mail.example") for n in range(300)]
    await store.remember(links(OLD, *crowd))
    crm, stop = ChangingSource("crm", crowd), asyncio.Event()
    await rotation(store, crm, page=20, stop=stop, told=lambda _: stop.set()).run()
    assert await store.rekeying.behind(2) == {"crm": 280}, "they were never compared with each other"
    (report,) = await rotation(store, crm).run()
    assert (report.found, report.renewed, report.unread) == (280, 280, 0)
    assert len(await found(store, NEW, "weber@mail.example")) == MOST_CARRIERS


async def test_a_verdict_that_no_longer_stood_does_not_stand_halfway(store: IdentityStore) -> None:
    """Two shared nothing when a steward looked, share a key since: naming it anew for one of them must not hide it."""
    anna = profile("crm", "1", "Anna Weber", "anna@mail.example")
    bert = profile("shop", "2", "Bert Klein", "bert@mail.example")
    await store.remember(links(OLD, anna, bert))
    await store.decisions.reject(("crm", "1"), ("shop", "2"), **BY)
    bert = profile("shop", "2", "Bert Klein", "anna@mail.example")
    await store.remember(links(OLD, bert, edges=[unsure(anna, bert)]))
    assert await questions(store) == 1
    before = await store.export()
    crm, shop = ChangingSource("crm", [anna]), ChangingSource("shop", [bert])
    for source in (crm, shop):
        await rotation(store, source).run()
        assert await store.rebuild() == 0
        assert await store.export() == before
    assert (await store.rekeying.left(2)).nothing


async def test_nothing_of_the_old_secret_is_left(store: IdentityStore) -> None:
    crm, shop = ChangingSource("crm", people("crm", 4)), ChangingSource("shop", people("shop", 4, start=4))
    await filled(store, crm, shop)
    anna, bert = await decided(store)
    crm.records.append(anna)
    shop.records.append(bert)
    key = MatchKey(KeyType.EMAIL, "nobody@mail.example")
    await store.discovered({OLD.of(key): FanOut.JUNK})
    old = [*made_with(OLD, crm, shop), OLD.of(key).hex()]
    async with store.engine.connect() as connection:
        grounds = set(await connection.scalars(text("SELECT rests_on FROM evidence")))
    assert len(grounds) == 1, "what the link and the decision rest on"
    kept = await rows(store)
    assert all(token in kept for token in old)
    before = await store.export()
    shop.fail = SourceUnavailable("shop", "read", "HTTP 503")
    await rotation(store, crm, shop).run()
    left, clean = await rotation(store, crm, shop).finish()
    assert (left.records, left.discoveries, left.verdicts, clean) == (5, 1, 0, True)
    kept = await rows(store)
    assert [token for token in old if token in kept] == []
    assert [ground for ground in grounds if bytes(ground).hex() in kept] == []
    assert (await store.rekeying.left(2)).nothing
    assert await store.export() == before, "who is who does not change"
    assert await store.rebuild() == 0
    database = store.engine.url.database
    if store.engine.dialect.name == "sqlite" and database:
        assert await asyncio.to_thread(_in_file, database, old) == []


def _in_file(database: str, tokens: Sequence[str]) -> list[str]:
    """Which tokens the bytes of a database file still hold."""
    with open(database, "rb") as file:
        whole = file.read()
    return [token for token in tokens if bytes.fromhex(token) in whole]


async def test_finishing_twice_changes_nothing_more(store: IdentityStore) -> None:
    anna, bert = await decided(store)
    lost = ChangingSource("crm", [])
    # what they share has changed since the steward looked, under the old secret still
    anna = profile("crm", "1", "Anna Weber", "weber@mail.example anna@mail.example")
    bert = profile("shop", "2", "Bert Weber", "weber@mail.example anna@mail.example")
    await store.remember(links(OLD, anna, bert, edges=[unsure(anna, bert)]))
    assert await questions(store) == 1
    before = await store.export()
    await rotation(store, lost).finish()
    once = await rows(store)
    assert await store.export() == before
    assert FIRST.get_secret_value() not in once
    await rotation(store, lost).finish()
    assert await rows(store) == once
    assert await store.rebuild() == 0


async def test_gateways_write_while_it_runs(store: IdentityStore) -> None:
    crm = ChangingSource("crm", people("crm", 24))
    await filled(store, crm)
    a, b = crm.records[0], crm.records[1]
    assert isinstance(a, Profile)
    assert isinstance(b, Profile)
    await store.decisions.reject((a.source, a.id), (b.source, b.id), **BY)

    async def gateway(start: int) -> None:
        for n in range(start, 24, 3):
            person = crm.records[n]
            assert isinstance(person, Profile)
            twin = profile("shop", f"shop-{n}", "", person.emails[0].value)
            new = links(MOVING, person, twin, edges=[same(MOVING, person, twin, person.emails[0].value)])
            await remember(store, MOVING, new, person, twin)

    await asyncio.gather(rotation(store, crm, page=3).run(), *(gateway(n) for n in range(3)))
    assert (await store.rekeying.left(2)).nothing
    assert await store.rebuild() == 0
    assert await questions(store) == 0
    owners: dict[Ref, str] = dict(
        await store.by_records([(s, f"{s}-{n}") for s in ("crm", "shop") for n in range(24)])
    )
    assert len(set(owners.values())) == 24


def test_tokens_of_two_secrets() -> None:
    key = MatchKey(KeyType.EMAIL, "ada@mail.example")
    assert MOVING.forms(key) == (NEW.of(key), OLD.of(key))
    assert NEW.forms(key) == (NEW.of(key),)
    assert OLD.of(key)[0] == 1
    assert NEW.of(key)[0] == 2
    assert MOVING.renewals([("email", key.value)]) == {OLD.of(key): NEW.of(key)}
    assert NEW.renewals([("email", key.value)]) == {}
    retired = NEW.retired(OLD.of(key))
    assert (retired[0], kind_of(retired), len(retired)) == (2, "email", len(OLD.of(key)))
    assert retired not in MOVING.forms(key)
    assert NEW.sealed("a") != NEW.sealed("b")
    assert NEW.sealed(NEW.sealed("a")) == NEW.sealed("a")
    assert len(bytes.fromhex(NEW.sealed("a"))) > len(bytes.fromhex(rests_on(1, 2, {}))), (
        "taken for none of today's"
    )
    for version, previous in ((0, None), (256, None), (1, FIRST)):
        with pytest.raises(ValueError, match="version"):
            Tokens(SECOND, version=version, previous=previous)
