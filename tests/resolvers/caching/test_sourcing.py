"""What is answered from the cache, what is fetched, and what is never answered: in one process."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from adapters.base import MatchKey, OwnedBy, Owner, Page, SourceKind, Window
from adapters.errors import SourceRateLimited, SourceTimeout, SourceUnavailable
from adapters.records import Message, Profile, RecordKind
from resolvers.caching.life import OFF, Life, Lives
from resolvers.caching.local import Store
from resolvers.caching.sourcing import RETRY_AFTER, Sourcing
from resolvers.caching.tags import Tags, of_customer
from resolvers.sources import Sources
from tests.resolvers.caching.parts import NO_PARTS, Bench, call, key, order, profile, turns
from tests.resolvers.memory import MemorySource
from tests.resolvers.people import message

DOWN = SourceUnavailable("crm", "read")


async def test_a_second_question_asks_nobody() -> None:
    b = Bench("1", "2")
    first = await b.sourcing.read("crm", ["1", "2"], NO_PARTS, call())
    b.clock.now += 3
    second = await b.sourcing.read("crm", ["2", "1"], NO_PARTS, call())
    assert first.values == second.values == {"1": profile("1"), "2": profile("2")}
    assert (second.stale, second.failure, second.at) == (False, None, first.at)
    assert first.at.timestamp() == b.clock.now - 3
    assert b.source.calls == [("read", 2)]
    assert (b.told.of["miss"], b.told.of["hit"]) == (2, 2)


async def test_a_half_cached_batch_fetches_its_misses_in_one_call() -> None:
    b = Bench("1", "2", "3", "4")
    await b.names("2", "4")
    assert await b.names("1", "2", "3", "4") == dict.fromkeys("1234", "Ada")
    assert b.source.calls == [("read", 2), ("read", 2)]


async def test_stale_is_served_at_once_and_renewed_once() -> None:
    b = Bench("1")
    await b.names("1")
    b.rename("1", "Grace")
    b.clock.now += 11
    b.source.gate = asyncio.Event()
    stale = [await b.sourcing.read("crm", ["1"], NO_PARTS, call()) for _ in range(5)]
    assert {(f.values["1"].full_name, f.stale, f.failure) for f in stale} == {("Ada", True, None)}
    b.source.gate.set()
    await b.sourcing.settled()
    fresh = await b.sourcing.read("crm", ["1"], NO_PARTS, call())
    assert (fresh.values["1"].full_name, fresh.stale) == ("Grace", False)
    assert b.calls == 2


async def test_what_is_older_than_its_life_is_not_served_even_if_the_source_fails() -> None:
    b = Bench("1")
    await b.names("1")
    b.clock.now += 100
    b.source.fail = DOWN
    with pytest.raises(SourceUnavailable):
        await b.names("1")


async def test_a_source_that_fails_is_served_stale_with_the_reason_and_left_in_peace() -> None:
    b = Bench("1")
    await b.names("1")
    b.clock.now += 11
    b.source.fail = SourceRateLimited("crm", "read", retry_after=20.0)
    await b.names("1")
    await b.sourcing.settled()
    for _ in range(3):
        fetched = await b.sourcing.read("crm", ["1"], NO_PARTS, call())
        assert isinstance(fetched.failure, SourceRateLimited)
        assert (fetched.stale, fetched.values["1"].full_name) == (True, "Ada")
    assert b.calls == 2
    b.source.fail = None
    b.clock.now += 21
    await b.names("1")
    await b.sourcing.settled()
    fetched = await b.sourcing.read("crm", ["1"], NO_PARTS, call())
    assert (fetched.stale, fetched.failure) == (False, None)


async def test_errors_are_not_cached() -> None:
    b = Bench("1")
    b.source.fail = DOWN
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            await b.names("1")
    b.source.fail = None
    assert await b.names("1") == {"1": "Ada"}
    assert b.calls == 3


async def test_max_staleness_asks_now_or_takes_what_is_young_enough() -> None:
    b = Bench("1")
    await b.names("1")
    b.rename("1", "Grace")
    b.clock.now += 4
    assert await b.names("1", max_staleness=5) == {"1": "Ada"}
    assert await b.names("1", max_staleness=0) == {"1": "Grace"}
    assert await b.names("1") == {"1": "Grace"}  # it took the older one's place
    assert b.calls == 2
    b.clock.now += 4
    b.source.fail = DOWN
    with pytest.raises(SourceUnavailable):
        await b.names("1", max_staleness=3)


async def test_nobody_there_is_believed_for_a_shorter_time() -> None:
    b = Bench("1")
    found = await b.sourcing.find("crm", [key("new")], call())
    assert found.values[key("new")].profiles == ()
    assert await b.names("new") == {}
    b.source.records.append(profile("new"))
    assert await b.names("new") == {}
    assert b.told.of["negative"] == 1
    b.clock.now += 5
    assert await b.names("new") == {"new": "Ada"}
    found = await b.sourcing.find("crm", [key("new")], call())
    assert [p.id for p in found.values[key("new")].profiles] == ["new"]


async def test_a_kind_that_is_switched_off_is_fetched_every_time() -> None:
    b = Bench("1", life=OFF)
    assert await b.names("1") == await b.names("1") == {"1": "Ada"}
    assert b.calls == 2
    assert len(b.store) == 0


async def test_identical_questions_at_once_are_one_call() -> None:
    b = Bench("1", "2", "3")
    b.source.gate = asyncio.Event()
    asked = [b.asking("1", "2") for _ in range(20)] + [b.asking("2", "3")]
    await turns()
    b.source.gate.set()
    answers = await asyncio.gather(*asked)
    assert answers[:20] == [{"1": "Ada", "2": "Ada"}] * 20
    assert answers[20] == {"2": "Ada", "3": "Ada"}
    assert b.source.calls == [("read", 2), ("read", 1)]


async def test_a_client_that_goes_away_fails_nobody_and_the_last_one_ends_the_call() -> None:
    b = Bench("1")
    b.source.gate = asyncio.Event()
    first, second, third = (b.asking("1") for _ in range(3))
    await turns()
    first.cancel()
    await turns()
    assert b.source.under_way == 1
    b.source.gate.set()
    assert await asyncio.gather(second, third) == [{"1": "Ada"}] * 2
    assert b.calls == 1
    b.source.gate = asyncio.Event()
    lonely = asyncio.ensure_future(b.names("1", max_staleness=0))
    await turns()
    assert b.source.under_way == 1
    lonely.cancel()
    await asyncio.gather(lonely, return_exceptions=True)
    await b.sourcing.settled()
    assert b.source.under_way == 0


async def test_whoever_comes_after_the_last_one_has_left_starts_anew() -> None:
    b = Bench("1")
    b.source.gate = asyncio.Event()
    gone = b.asking("1")
    await turns()
    gone.cancel()
    await asyncio.sleep(0)
    late = b.asking("1")
    b.source.gate.set()
    assert await late == {"1": "Ada"}


async def test_one_failure_reaches_everybody_who_waits_as_an_error_of_their_own() -> None:
    b = Bench("1")
    b.source.gate, b.source.fail = asyncio.Event(), SourceRateLimited("crm", "read", "429", retry_after=7.0)
    asked = [b.asking("1") for _ in range(3)]
    await turns()
    b.source.gate.set()
    errors = await asyncio.gather(*asked, return_exceptions=True)
    assert len({id(error) for error in errors}) == 3
    assert {(str(e), e.detail, e.retry_after) for e in errors if isinstance(e, SourceRateLimited)} == {
        ("crm: asks to slow down (read)", "429", 7.0)
    }
    assert b.calls == 1


async def test_whoever_waits_for_another_waits_no_longer_than_their_own_deadline() -> None:
    b = Bench("1")
    b.source.gate = asyncio.Event()
    patient = b.asking("1")
    await turns()
    with pytest.raises(SourceTimeout):
        await b.sourcing.read("crm", ["1"], NO_PARTS, call(0.01))
    b.source.gate.set()
    assert await patient == {"1": "Ada"}


async def test_whoever_has_more_time_than_the_one_waited_for_asks_again() -> None:
    b = Bench("1")
    b.source.gate = asyncio.Event()
    hasty = asyncio.ensure_future(b.sourcing.read("crm", ["1"], NO_PARTS, call(5)))
    await turns()
    patient = b.asking("1")
    await turns()
    b.source.fail = SourceTimeout("crm", "read")
    b.source.gate.set()
    with pytest.raises(SourceTimeout):
        await hasty
    b.source.fail = None
    assert await patient == {"1": "Ada"}
    assert b.calls == 2


async def test_more_parts_serve_fewer_but_not_the_other_way_round() -> None:
    b = Bench("1")
    account = frozenset({"account"})
    await b.sourcing.read("crm", ["1"], NO_PARTS, call())
    await b.sourcing.read("crm", ["1"], account, call())
    await b.sourcing.read("crm", ["1"], NO_PARTS, call())
    await b.sourcing.read("crm", ["1"], account, call())
    assert b.calls == 2


async def test_a_renewal_loses_no_parts() -> None:
    b = Bench("1")
    account = frozenset({"account"})
    await b.sourcing.read("crm", ["1"], account, call())
    b.clock.now += 11
    await b.names("1")
    await b.sourcing.settled()
    fetched = await b.sourcing.read("crm", ["1"], account, call())
    assert not fetched.stale
    assert b.calls == 2


async def page(b: Bench, limit: int, before: object = None) -> Page:
    window = Window(limit=limit, before=before)  # type: ignore[arg-type]
    fetched = await b.sourcing.page("crm", RecordKind.ORDER, [Owner(ref="1")], window, NO_PARTS, call())
    return fetched.values["1"]


async def test_a_larger_page_serves_a_smaller_one() -> None:
    b = Bench()
    b.source.records = [order("1", n) for n in range(8)]
    assert [o.id for o in (await page(b, 5)).records] == ["1-7", "1-6", "1-5", "1-4", "1-3"]
    small = await page(b, 2)
    assert ([o.id for o in small.records], small.has_more) == (["1-7", "1-6"], True)
    assert b.calls == 1
    whole = await page(b, 8)
    assert (len(whole.records), whole.has_more) == (8, False)
    assert await page(b, 50) == whole  # there is no more
    assert b.calls == 2


async def test_messages_are_kept_by_the_addresses_that_they_were_asked_by() -> None:
    mine, other = message("mail", "a", "ada@example.org", 1), message("mail", "b", "bob@example.org", 2)
    source = MemorySource("mail", SourceKind.EMAIL, [mine, other], owned_by=OwnedBy.EMAIL)
    tags = Tags()
    store = Store(max_entries=10, max_bytes=10**7)
    lives = Lives(defaults={"message": Life(soft=10, hard=100)})
    sourcing = Sourcing(Sources([source]), lives, store, tags)

    async def ids(*emails: str) -> list[str]:
        owner = Owner(ref="customer", emails=emails)
        fetched = await sourcing.page("mail", RecordKind.MESSAGE, [owner], Window(limit=5), NO_PARTS, call())
        assert all(isinstance(r, Message) for r in fetched.values["customer"].records)
        return [r.id for r in fetched.values["customer"].records]

    assert await ids("ada@example.org") == ["a"]
    assert await ids("bob@example.org") == ["b"]
    assert await ids("ada@example.org") == ["a"]
    assert len(source.calls) == 2
    await tags.drop([of_customer("customer")])
    assert len(store) == 0
    await sourcing.aclose()


async def test_a_slow_fetch_does_not_replace_what_was_fetched_after_it() -> None:
    b = Bench("1")
    slow = b.source.gate = asyncio.Event()
    first = b.asking("1")
    await turns()
    b.rename("1", "Grace")
    b.clock.now += 1
    b.source.gate = None
    assert await b.names("1", max_staleness=0) == {"1": "Grace"}
    slow.set()
    assert await first == {"1": "Ada"}
    assert await b.names("1") == {"1": "Grace"}


async def test_renewals_are_bounded() -> None:
    b = Bench(*"123456", refreshes=2)
    for i in "123456":
        await b.names(i)
    b.clock.now += 11
    b.source.gate = asyncio.Event()
    for i in "123456":
        assert await b.names(i) == {i: "Ada"}
    await turns()
    assert b.source.under_way == 2
    assert b.told.of["unrenewed"] == 4
    b.source.gate.set()
    await b.sourcing.settled()


async def test_nothing_of_who_asked_gets_into_an_entry() -> None:
    b = Bench("1")
    await b.sourcing.read("crm", ["1"], NO_PARTS, call(correlation_id="correlation-of-one"))
    await b.sourcing.find("crm", [key("1")], call(correlation_id="correlation-of-one"))
    for ident, entry in b.store._entries.items():
        assert "correlation-of-one" not in repr(ident)
        assert b"correlation-of-one" not in msgspec.msgpack.encode([entry.value, entry.tags])
    other = await b.sourcing.read("crm", ["1"], NO_PARTS, call(correlation_id="another"))
    assert other.values["1"] is b.store._entries["crm", "profile", "1"].value  # type: ignore[index]


async def test_closing_ends_what_is_under_way_and_forgets() -> None:
    b = Bench("1", "2")
    await b.names("2")
    b.source.gate = asyncio.Event()
    asked = [b.asking("1") for _ in range(3)]
    await turns()
    await b.sourcing.aclose()
    assert all(
        isinstance(r, asyncio.CancelledError) for r in await asyncio.gather(*asked, return_exceptions=True)
    )
    assert (b.source.under_way, len(b.store)) == (0, 0)


async def test_an_adapter_that_breaks_its_contract_breaks_nothing_else() -> None:
    b = Bench("1")
    await b.names("1")
    b.clock.now += 11
    b.source.fail = ValueError("not a source error")  # type: ignore[assignment]
    assert await b.names("1") == {"1": "Ada"}
    await b.sourcing.settled()
    fetched = await b.sourcing.read("crm", ["1"], NO_PARTS, call())
    assert isinstance(fetched.failure, SourceTimeout)
    assert isinstance(fetched.values["1"], Profile)
    b.source.fail = None
    b.clock.now += RETRY_AFTER + 1
    await b.names("1")
    await b.sourcing.settled()
    assert not (await b.sourcing.read("crm", ["1"], NO_PARTS, call())).stale


def test_a_life_must_be_finite_and_in_order() -> None:
    with pytest.raises(ValueError, match="0 <= soft <= hard"):
        Lives({("crm", "find"): Life(soft=2, hard=1)})
    with pytest.raises(ValueError, match="86400"):
        Lives({("crm", "find"): Life(soft=2, hard=float("inf"))})


def test_a_key_does_not_show_in_an_idents_text() -> None:
    ident = ("crm", "find", MatchKey(key("1").type, "ada@example.org"))
    assert "ada" not in repr(ident)
