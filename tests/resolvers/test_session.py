"""A request from key to answer: discovery, linking, merging, what is asked of the sources and how often."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from adapters.base import KeyType, OwnedBy, SourceKind
from adapters.errors import SourceAuthFailed, SourceUnavailable
from adapters.records import RecordKind
from resolvers.customer import TIMELINE, State
from resolvers.errors import AmbiguousKey, InvalidArgument
from tests.resolvers.conftest import MakeEngine, ask
from tests.resolvers.memory import MemorySource
from tests.resolvers.people import message, order, profile, ticket

BORN = date(1980, 2, 3)


def shop_and_crm() -> tuple[MemorySource, MemorySource]:
    crm = MemorySource(
        "crm", SourceKind.CRM, [profile("crm", "1", "Ada Yilmaz", "ada@example.com", "+493090182001")]
    )
    shop = MemorySource(
        "shop",
        SourceKind.WEBSHOP,
        [
            profile("shop", "s1", "Ada Yilmaz", "ADA@example.com"),
            *(order("shop", f"o{n}", "s1", n) for n in range(10)),
        ],
    )
    return crm, shop


async def test_unknown_key_is_discovered_linked_and_remembered(make_engine: MakeEngine) -> None:
    crm, shop = shop_and_crm()
    engine = make_engine(crm, shop)
    found = await ask(engine).customer_by_email("Ada@Example.com")
    assert found is not None
    assert {(m.source, m.record_id) for m in found.members} == {("crm", "1"), ("shop", "s1")}
    searches = crm.count("find"), shop.count("find")
    again = await ask(engine).customer_by_email("ada@example.com")
    assert again is not None
    assert again.id == found.id
    assert (crm.count("find"), shop.count("find")) == searches, "a known key asks nobody"


async def test_no_personal_data_is_kept(make_engine: MakeEngine, tmp_path: object) -> None:
    crm, shop = shop_and_crm()
    engine = make_engine(crm, shop)
    await ask(engine).customer_by_email("ada@example.com")
    async with engine.identity.store.engine.connect() as connection:
        dump = ""
        for table in ("customer", "member", "evidence", "match_key", "discovery", "event", "review"):
            rows = await connection.exec_driver_sql(f"SELECT * FROM {table}")
            dump += repr(rows.all()).lower()
    for secret in ("ada@", "ada y", "yilmaz", "example.com", "90182001"):
        assert secret not in dump


async def test_same_person_by_phone_and_by_record(make_engine: MakeEngine) -> None:
    crm, shop = shop_and_crm()
    engine = make_engine(crm, shop)
    by_phone = await ask(engine).customer_by_phone("030 90182001")
    by_record = await ask(engine).customer_by_record("shop", "s1")
    by_id = await ask(engine).customer_by_id(by_phone.id if by_phone else "")
    assert by_phone is not None
    assert by_record is not None
    assert by_id is not None
    assert by_phone.id == by_record.id == by_id.id


async def test_unknown_customer_is_none(make_engine: MakeEngine) -> None:
    engine = make_engine(*shop_and_crm())
    assert await ask(engine).customer_by_email("nobody@example.com") is None
    assert await ask(engine).customer_by_record("shop", "no such") is None
    assert await ask(engine).customer_by_id("01890000-0000-7000-8000-000000000000") is None


async def test_two_requests_that_discover_at_once_make_one_customer(make_engine: MakeEngine) -> None:
    engine = make_engine(*shop_and_crm())
    found = await asyncio.gather(*(ask(engine).customer_by_email("ada@example.com") for _ in range(8)))
    assert len({f.id for f in found if f}) == 1


async def test_a_familys_address_links_nobody_and_is_not_guessed(make_engine: MakeEngine) -> None:
    crm = MemorySource(
        "crm",
        SourceKind.CRM,
        [
            profile("crm", "j", "Jonas Weber", "weber.home@example.net"),
            profile("crm", "p", "Petra Weber", "weber.home@example.net", birth_date=BORN),
        ],
    )
    helpdesk = MemorySource(
        "desk",
        SourceKind.SUPPORT,
        [
            profile("desk", "x", "", "weber.home@example.net"),
            profile("desk", "y", "Petra Weber", "weber.home@example.net", birth_date=BORN),
        ],
    )
    engine = make_engine(crm, helpdesk)
    with pytest.raises(AmbiguousKey):
        await ask(engine).customer_by_email("weber.home@example.net")
    with pytest.raises(AmbiguousKey):
        await ask(engine).customer_by_email("weber.home@example.net")
    petra = await ask(engine).customer_by_record("crm", "p")
    assert petra is not None
    assert {(m.source, m.record_id) for m in petra.members} == {("crm", "p"), ("desk", "y")}


async def test_correspondence_of_a_shared_address_is_shown_to_nobody(make_engine: MakeEngine) -> None:
    crm = MemorySource(
        "crm",
        SourceKind.CRM,
        [
            profile("crm", "j", "Jonas Weber", "weber.home@example.net jonas@example.net"),
            profile("crm", "p", "Petra Weber", "weber.home@example.net"),
        ],
    )
    mailbox = MemorySource(
        "mailbox",
        SourceKind.EMAIL,
        [
            message("mailbox", "m1", "weber.home@example.net", 1),
            message("mailbox", "m2", "jonas@example.net", 2),
        ],
        searchable=frozenset(),
        owned_by=OwnedBy.EMAIL,
        kinds=frozenset({RecordKind.MESSAGE}),
        profile_fields=frozenset(),
    )
    engine = make_engine(crm, mailbox)
    jonas = await ask(engine).customer_by_email("jonas@example.net")
    assert jonas is not None
    page = await jonas.activities([RecordKind.MESSAGE], 10, None)
    assert page is not None
    assert [r.id for r in page.records] == ["m2"]


async def test_one_call_a_source_for_the_whole_view_of_many_customers(make_engine: MakeEngine) -> None:
    names = ["ada", "ben", "cem", "dora", "emil"]
    crm = MemorySource(
        "crm", SourceKind.CRM, [profile("crm", n, f"{n.title()} Muster", f"{n}@example.com") for n in names]
    )
    shop = MemorySource(
        "shop",
        SourceKind.WEBSHOP,
        [profile("shop", n, f"{n.title()} Muster", f"{n}@example.com") for n in names]
        + [order("shop", f"{n}{i}", n, i) for n in names for i in range(3)],
    )
    desk = MemorySource(
        "desk",
        SourceKind.SUPPORT,
        [profile("desk", n, f"{n.title()} Muster", f"{n}@example.com") for n in names]
        + [ticket("desk", f"t{n}", n, 1) for n in names],
    )
    engine = make_engine(crm, shop, desk)
    ids = []
    for n in names:
        found = await ask(engine).customer_by_email(f"{n}@example.com")
        assert found is not None
        ids.append(found.id)
    for source in (crm, shop, desk):
        source.calls.clear()
    session = ask(engine)
    views = [v for v in await session.customers(ids) if v]
    await asyncio.gather(
        *(w for v in views for w in (v.merged("display_name"), v.merged("email_addresses"), v.activities(TIMELINE, 5, None),
                                     v.activities([RecordKind.ORDER], 3, None)))
    )  # fmt: skip
    assert sorted(op for op, _ in crm.calls) == [
        "page email_event", "page message", "page order", "page ticket", "read",
    ]  # fmt: skip
    for source in (crm, shop, desk):
        assert source.count("read") == 1
        assert source.count("page order") == 1
        assert all(items == len(names) for _, items in source.calls)


async def test_what_is_not_asked_for_is_not_fetched(make_engine: MakeEngine) -> None:
    crm, shop = shop_and_crm()
    engine = make_engine(crm, shop)
    found = await ask(engine).customer_by_email("ada@example.com")
    assert found is not None
    crm.calls.clear()
    shop.calls.clear()
    view = await ask(engine).customer_by_id(found.id)
    assert view is not None
    await view.activities([RecordKind.ORDER], 3, None)
    assert {op for op, _ in shop.calls} == {"page order"}
    assert not [op for op, _ in crm.calls if op != "page order"]


async def test_all_sources_start_before_any_has_answered(make_engine: MakeEngine) -> None:
    crm, shop = shop_and_crm()
    engine = make_engine(crm, shop)
    found = await ask(engine).customer_by_email("ada@example.com")
    assert found is not None
    crm.gate = shop.gate = asyncio.Event()
    view = await ask(engine).customer_by_id(found.id)
    assert view is not None
    work = asyncio.gather(view.merged("display_name"), view.activities([RecordKind.ORDER], 3, None))
    while crm.under_way + shop.under_way < 4:  # noqa: ASYNC110 (the sources' own count is what is waited for)
        await asyncio.sleep(0)
    crm.gate.set()
    await work


async def test_a_dead_source_costs_its_own_fields_only(make_engine: MakeEngine) -> None:
    crm, shop = shop_and_crm()
    engine = make_engine(crm, shop)
    found = await ask(engine).customer_by_email("ada@example.com")
    assert found is not None
    shop.fail = SourceUnavailable("shop", "page", "HTTP 503: secret detail")
    session = ask(engine)
    view = await session.customer_by_id(found.id)
    assert view is not None
    name, orders, statuses = await asyncio.gather(
        view.merged("display_name"), view.activities([RecordKind.ORDER], 5, None), view.statuses()
    )
    assert name[0].value == "Ada Yilmaz"
    assert orders is not None
    assert orders.partial == ("shop",)
    states = {s.source: s.state for s in statuses}
    assert states == {"crm": State.FRESH, "shop": State.UNAVAILABLE}
    assert {e.code for e in session.errors} == {"SOURCE_UNAVAILABLE"}
    assert all("secret" not in e.message for e in session.errors)


async def test_one_failed_batch_is_one_error(make_engine: MakeEngine) -> None:
    names = ["ada", "ben", "cem"]
    crm = MemorySource(
        "crm", SourceKind.CRM, [profile("crm", n, f"{n.title()} Muster", f"{n}@example.com") for n in names]
    )
    engine = make_engine(crm)
    ids = []
    for n in names:
        found = await ask(engine).customer_by_email(f"{n}@example.com")
        assert found is not None
        ids.append(found.id)
    crm.fail = SourceAuthFailed("crm", "read", "HTTP 401")
    session = ask(engine)
    views = await session.customers(ids)
    await asyncio.gather(*(v.merged(f) for v in views if v for f in ("display_name", "language")))
    assert [(e.code, e.source) for e in session.errors] == [("SOURCE_AUTH_FAILED", "crm")]


async def test_a_source_that_was_down_is_asked_again(make_engine: MakeEngine) -> None:
    crm, shop = shop_and_crm()
    engine = make_engine(crm, shop)
    shop.fail = SourceUnavailable("shop", "find")
    half = await ask(engine).customer_by_email("ada@example.com")
    assert half is not None
    assert len(half.members) == 1
    shop.fail = None
    whole = await ask(engine).customer_by_email("ada@example.com")
    assert whole is not None
    assert whole.id == half.id
    assert len(whole.members) == 2


async def test_customers_that_turn_out_to_be_one_keep_both_ids(make_engine: MakeEngine) -> None:
    crm = MemorySource("crm", SourceKind.CRM, [profile("crm", "1", "Ada Yilmaz", "ada@example.com")])
    shop = MemorySource("shop", SourceKind.WEBSHOP, [profile("shop", "2", "Ada Yilmaz", "ada@work.example")])
    engine = make_engine(crm, shop, rediscover_after=0.0)
    one = await ask(engine).customer_by_email("ada@example.com")
    two = await ask(engine).customer_by_email("ada@work.example")
    assert one is not None
    assert two is not None
    assert one.id != two.id
    crm.records[0] = profile("crm", "1", "Ada Yilmaz", "ada@example.com ada@work.example")
    merged = await ask(engine).customer_by_email("ada@example.com")
    assert merged is not None
    assert merged.id == min(one.id, two.id)
    redirected = await ask(engine).customer_by_id(max(one.id, two.id))
    assert redirected is not None
    assert (redirected.id, redirected.redirected_from) == (merged.id, max(one.id, two.id))


@pytest.mark.parametrize(
    ("method", "value", "argument"),
    [
        ("customer_by_email", "not an address", "by.email"),
        ("customer_by_phone", "99", "by.phone"),
        ("customer_by_id", "not-a-uuid", "by.id"),
    ],
)
async def test_malformed_keys_name_the_argument(
    make_engine: MakeEngine, method: str, value: str, argument: str
) -> None:
    engine = make_engine(*shop_and_crm())
    with pytest.raises(InvalidArgument) as caught:
        await getattr(ask(engine), method)(value)
    assert caught.value.argument == argument
    assert value not in caught.value.message


async def test_search_lists_every_person_of_a_name(make_engine: MakeEngine) -> None:
    crm = MemorySource(
        "crm",
        SourceKind.CRM,
        [
            profile("crm", "1", "Ada Yilmaz", "ada@example.com"),
            profile("crm", "2", "Ada Yilmaz", "ada.y@example.org"),
        ],
        searchable=frozenset({KeyType.NAME, KeyType.EMAIL}),
    )
    engine = make_engine(crm)
    found = await ask(engine).search("ada yilmaz")
    assert len({v.id for v in found}) == 2


async def test_a_switchboard_does_not_become_the_first_ones_number(make_engine: MakeEngine) -> None:
    phone = "+493090182001"
    crm = MemorySource(
        "crm",
        SourceKind.CRM,
        [
            profile("crm", "a", "Anna Berg", "anna@firm.example", phone),
            profile("crm", "c", "Cem Kaya", "cem@firm.example", phone),
        ],
    )
    engine = make_engine(crm)
    anna = await ask(engine).customer_by_email("anna@firm.example")
    assert anna is not None
    for _ in range(2):
        with pytest.raises(AmbiguousKey) as caught:
            await ask(engine).customer_by_phone(phone)
        assert caught.value.count == 2, "the count does not depend on who was asked for before"


async def test_a_number_that_does_not_link_is_not_its_first_finders_either(make_engine: MakeEngine) -> None:
    phone = "+493090182001"
    crm = MemorySource("crm", SourceKind.CRM, [profile("crm", "a", "Anna Berg", "anna@firm.example", phone)])
    shop = MemorySource("shop", SourceKind.WEBSHOP, [profile("shop", "x", "", "", phone)])
    engine = make_engine(crm, shop)
    assert await ask(engine).customer_by_email("anna@firm.example") is not None
    with pytest.raises(AmbiguousKey):
        await ask(engine).customer_by_phone(phone)


async def test_many_customers_mailboxes_are_one_call(make_engine: MakeEngine) -> None:
    names = ["ada", "ben", "cem", "dora", "emil", "fred"]
    crm = MemorySource(
        "crm", SourceKind.CRM, [profile("crm", n, f"{n.title()} Muster", f"{n}@example.com") for n in names]
    )
    shop = MemorySource(
        "shop",
        SourceKind.WEBSHOP,
        [profile("shop", n, f"{n.title()} Muster", f"{n}@example.com") for n in names[::2]],
    )
    mailbox = MemorySource(
        "mailbox", SourceKind.EMAIL, [message("mailbox", f"m{n}", f"{n}@example.com", 1) for n in names],
        searchable=frozenset(), owned_by=OwnedBy.EMAIL, kinds=frozenset({RecordKind.MESSAGE}), profile_fields=frozenset(),
    )  # fmt: skip
    engine = make_engine(crm, shop, mailbox)
    ids = []
    for n in names:
        found = await ask(engine).customer_by_email(f"{n}@example.com")
        assert found is not None
        ids.append(found.id)
    mailbox.calls.clear()
    views = [v for v in await ask(engine).customers(ids) if v]
    pages = await asyncio.gather(
        *(
            v.activities(kinds, first, None)
            for v in views
            for kinds, first in (([RecordKind.MESSAGE], 5), (TIMELINE, 9))
        )
    )
    assert [len(p.records) for p in pages if p] == [1] * 12
    assert mailbox.calls == [("page message", len(names))]


async def test_a_timeline_shares_its_windows_with_the_lists_beside_it(make_engine: MakeEngine) -> None:
    crm, shop = shop_and_crm()
    mailbox = MemorySource(
        "mailbox", SourceKind.EMAIL, [], searchable=frozenset(), owned_by=OwnedBy.EMAIL,
        kinds=frozenset({RecordKind.MESSAGE}), profile_fields=frozenset(),
    )  # fmt: skip
    engine = make_engine(crm, shop, mailbox)
    found = await ask(engine).customer_by_email("ada@example.com")
    assert found is not None
    shop.calls.clear()
    view = await ask(engine).customer_by_id(found.id)
    assert view is not None
    await asyncio.gather(view.activities([RecordKind.ORDER], 3, None), view.activities(TIMELINE, 8, None))
    assert shop.count("page order") == 1


async def test_mail_that_could_not_be_looked_for_is_said_to_be_missing(make_engine: MakeEngine) -> None:
    crm = MemorySource(
        "crm", SourceKind.CRM, [profile("crm", "1", "Ada Yilmaz", "ada@example.com ada@home.example")]
    )
    shop = MemorySource("shop", SourceKind.WEBSHOP, [profile("shop", "2", "Ada Yilmaz", "ada@example.com")])
    mailbox = MemorySource(
        "mailbox", SourceKind.EMAIL,
        [message("mailbox", "m1", "ada@example.com", 1), message("mailbox", "m2", "ada@home.example", 2)],
        searchable=frozenset(), owned_by=OwnedBy.EMAIL, kinds=frozenset({RecordKind.MESSAGE}), profile_fields=frozenset(),
    )  # fmt: skip
    engine = make_engine(crm, shop, mailbox)
    found = await ask(engine).customer_by_email("ada@example.com")
    assert found is not None
    crm.fail = SourceUnavailable("crm", "read")
    view = await ask(engine).customer_by_id(found.id)
    assert view is not None
    page = await view.activities([RecordKind.MESSAGE], 5, None)
    assert page is not None
    assert ([r.id for r in page.records], page.partial) == (["m1"], ("crm",))


async def test_a_tagged_address_is_still_hers_when_the_sources_are_searched_again(
    make_engine: MakeEngine,
) -> None:
    shop = MemorySource(
        "shop", SourceKind.WEBSHOP, [profile("shop", "s1", "Ada Yilmaz", "ada+shop@example.com")]
    )
    engine = make_engine(shop, rediscover_after=0)
    first = await ask(engine).customer_by_email("ada+shop@example.com")
    assert first is not None
    for address in ("ada@example.com", "ada+other@example.com"):
        again = await ask(engine).customer_by_email(address)
        assert again is not None
        assert again.id == first.id
    shop.records[0] = profile("shop", "s1", "Ada Yilmaz", "new@example.com")
    assert await ask(engine).customer_by_email("ada@example.com") is None, "the address was given up"
    shop.fail = SourceUnavailable("shop", "read", "down")
    silent = await ask(engine).customer_by_email("new@example.com")
    assert silent is not None
    assert silent.id == first.id
