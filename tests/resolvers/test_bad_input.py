"""What sources may send instead of a person: nothing breaks, nobody is joined by it, the good records beside it are taken in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.records import Profile
from resolvers.identity.store import IdentityStore
from tests.resolvers.people import profile
from tests.resolvers.test_resolution import World

HUGE = 10_000_000
BORN = date(1980, 2, 3)
TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date()

BAD: dict[str, tuple[Profile, Profile]] = {
    "no key at all": (profile("crm", "1"), profile("shop", "2")),
    "a name of 10 MB": (profile("crm", "1", "a" * HUGE), profile("shop", "2", "a" * HUGE)),
    "an address of 10 MB": (
        profile("crm", "1", "", "a" * HUGE + "@example.com"),
        profile("shop", "2", "", "a" * HUGE + "@example.com"),
    ),
    "a number of 10 MB": (profile("crm", "1", phone="1" * HUGE), profile("shop", "2", phone="1" * HUGE)),
    "control characters only": (profile("crm", "1", "\0\x07 \x1b"), profile("shop", "2", "\0\x07 \x1b")),
    "lone surrogates": (profile("crm", "1", "\ud800 \udfff"), profile("shop", "2", "\ud800 \udfff")),
    "two @": (profile("crm", "1", "", "ada@b@example.com"), profile("shop", "2", "", "ada@b@example.com")),
    "a sentence for a number": (
        profile("crm", "1", "Ada Yilmaz", phone="please call me at 10 or 11 or 12 o'clock"),
        profile("shop", "2", "Ada Yilmaz", phone="please call me at 10 or 11 or 12 o'clock"),
    ),
    "born tomorrow": (
        profile("crm", "1", "Ada Yilmaz", birth_date=TOMORROW),
        profile("shop", "2", "Ada Yilmaz", birth_date=TOMORROW),
    ),
    "nobody's values": (
        profile("crm", "1", "null null", "noreply@example.com", "0000000000"),
        profile("shop", "2", "null null", "noreply@example.com", "0000000000"),
    ),
    "homoglyphs of another person": (
        profile("crm", "1", "Ada Kaya", "", birth_date=BORN),
        profile("shop", "2", "Аdа Yılmaz", "", birth_date=date(1991, 1, 9)),
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_it_neither_breaks_nor_joins(store: IdentityStore, case: str) -> None:
    bad = BAD[case]
    good = profile("desk", "3", "Bob Smith", "bob@example.com")
    world = World(store, *bad, good)
    owners = await world.learn(*bad, good)
    assert set(owners) == {("crm", "1"), ("shop", "2"), ("desk", "3")}
    assert len(set(owners.values())) == 3
    assert await world.learn(*bad, good) == owners
    assert await store.rebuild() == 0


@pytest.mark.parametrize(
    "written", ["Ada\u200b Yilmaz", "\u202eAda\u202c Yilmaz", "Аda Yilmaz", "ADA\u00a0YILMAZ"]
)
async def test_marks_and_look_alikes_hide_nobody(store: IdentityStore, written: str) -> None:
    plain = profile("crm", "1", "Ada Yilmaz", birth_date=BORN, phone="+493090182001")
    name = written.replace("\u00a0", " ")
    odd = profile("shop", "2", name, birth_date=BORN, phone="030 90182001")
    owners = await World(store, plain, odd).learn(plain, odd)
    assert len(set(owners.values())) == 1


async def test_ids_that_no_database_can_hold_cost_their_own_records_only(
    store: IdentityStore, caplog: pytest.LogCaptureFixture
) -> None:
    good = profile("crm", "1", "Ada Yilmaz", "ada@example.com")
    odd = [profile("shop", i, "Ada Yilmaz", "ada@example.com") for i in ("a\0b", "\ud800", "", "x" * 256)]
    owners = await World(store, good, *odd).learn(good, *odd)
    assert set(owners) == {("crm", "1")}
    assert "unusable ids" in caplog.text
    assert "ada" not in caplog.text.lower()


async def test_a_record_with_thousands_of_addresses_is_bounded(store: IdentityStore) -> None:
    crowded = profile("crm", "1", "Ada Yilmaz", " ".join(f"a{n}@example.com" for n in range(5000)))
    world = World(store, crowded)
    await world.learn(crowded)
    carried = (await store.carried([("crm", "1")]))["crm", "1"]
    assert len(carried) < 120
