"""Sync takes everything in, goes on where it was, and one source's failure costs only that source."""

from __future__ import annotations

import asyncio

import pytest

from adapters.base import KeyType, MatchKey, SourceKind
from adapters.errors import SourceAuthFailed, SourceRateLimited, SourceUnavailable
from resolvers.identity.store import IdentityStore
from resolvers.identity.sync import Report, Stage
from resolvers.identity.tokens import Tokens
from resolvers.patience import Patience
from tests.resolvers.conftest import SECRET
from tests.resolvers.memory import MemorySource
from tests.resolvers.people import profile
from tests.resolvers.sync.changing import ChangingSource, people
from tests.resolvers.sync.conftest import MakeSync


class Sleeps:
    """A sleep that passes at once, and remembers for how long it was asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


async def known(store: IdentityStore, *sources: ChangingSource) -> bool:
    """Whether every record of the sources is in the map."""
    refs = [(s.name, r.id) for s in sources for r in s.records]
    return set(await store.by_records(refs)) == set(refs)


async def carriers(store: IdentityStore, email: str) -> tuple[str, ...]:
    token = Tokens(SECRET).of(MatchKey(KeyType.EMAIL, email))
    return (await store.keys([token]))[token].customers


async def test_everything_is_taken_in_once(store: IdentityStore, make_sync: MakeSync) -> None:
    crm = ChangingSource("crm", people("crm", 10))
    shop = ChangingSource("shop", people("shop", 6, start=5), kind=SourceKind.WEBSHOP)
    reports = await make_sync(crm, shop).run(["crm", "shop"])
    assert [(r.stage, r.ok) for r in reports] == [(Stage.DONE, True)] * 2
    assert sum(r.records for r in reports) == 16
    assert await known(store, crm, shop)
    owners = await store.by_records([("crm", "crm-7"), ("shop", "shop-7"), ("shop", "shop-10")])
    assert owners["crm", "crm-7"] == owners["shop", "shop-7"] != owners["shop", "shop-10"]
    assert await store.rebuild() == 0
    states = await store.sync_states()
    assert {n: (s.cursor, s.records, s.complete) for n, s in states.items()} == {
        "crm": ("10", 10, True),
        "shop": ("6", 6, True),
    }


async def test_the_next_run_reads_only_what_came_since(store: IdentityStore, make_sync: MakeSync) -> None:
    crm = ChangingSource("crm", people("crm", 10))
    await make_sync(crm).run(["crm"])
    crm.records += people("crm", 3, start=10)
    (report,) = await make_sync(crm).run(["crm"])
    assert crm.cursors == [0, 4, 8, 10]
    assert (report.records, report.new) == (3, 3)
    assert await known(store, crm)


async def test_new_links_are_counted(store: IdentityStore, make_sync: MakeSync) -> None:
    crm = ChangingSource("crm", people("crm", 4))
    await make_sync(crm).run(["crm"])
    later = [
        profile("crm", "a", "Ada Yilmaz", "person0@mail0.example"),
        profile("crm", "z", "Zoe Xu", "z@mail.example"),
    ]
    crm.records += later
    (report,) = await make_sync(crm).run(["crm"])
    assert (report.records, report.new, report.links) == (2, 2, 1)


async def test_a_repeated_step_changes_nothing(store: IdentityStore, make_sync: MakeSync) -> None:
    crm = ChangingSource("crm", people("crm", 10))
    crm.repeats = 3
    await make_sync(crm).run(["crm"])
    before = await store.export()
    (report,) = await make_sync(crm).run(["crm"], full=True)
    assert (report.stage, report.new, report.links) == (Stage.DONE, 0, 0)
    assert await store.export() == before


async def test_a_source_that_fails_keeps_its_place_and_stops_no_other(
    store: IdentityStore, make_sync: MakeSync
) -> None:
    crm, shop = ChangingSource("crm", people("crm", 10)), ChangingSource("shop", people("shop", 10))
    crm.broken[8] = [SourceUnavailable("crm", "changes", "HTTP 503")]
    first, second = await make_sync(crm, shop).run(["crm", "shop"])
    assert (first.stage, first.problem) == (Stage.FAILED, "is not available (HTTP 503)")
    assert (second.stage, second.ok) == (Stage.DONE, True)
    assert (await store.sync_states())["crm"].cursor == "8"
    (again,) = await make_sync(crm, shop).run(["crm"])
    assert (again.stage, again.records, crm.cursors) == (Stage.DONE, 2, [0, 4, 8, 8])
    assert await known(store, crm, shop)


async def test_what_a_source_does_not_have_any_more_is_found_by_no_key(
    store: IdentityStore, make_sync: MakeSync
) -> None:
    crm = ChangingSource("crm", people("crm", 6))
    crm.deleted[4] = ("crm-1",)
    (report,) = await make_sync(crm).run(["crm"])
    assert report.deleted == 1
    assert await carriers(store, "person1@mail1.example") == ()
    assert len(await carriers(store, "person2@mail2.example")) == 1


async def test_a_place_that_has_expired_is_said_and_full_begins_anew(
    store: IdentityStore, make_sync: MakeSync
) -> None:
    crm = ChangingSource("crm", people("crm", 10))
    await make_sync(crm).run(["crm"])
    crm.oldest = 100
    (report,) = await make_sync(crm).run(["crm"])
    assert (report.stage, report.expired) == (Stage.FAILED, True)
    assert report.problem == "refused the request (cursor expired)"
    assert (await store.sync_states())["crm"].cursor == "10", "what was read stays read"
    crm.oldest = 0
    (report,) = await make_sync(crm).run(["crm"], full=True)
    assert (report.stage, report.records) == (Stage.DONE, 10)


async def test_rate_limits_are_waited_for(store: IdentityStore, make_sync: MakeSync) -> None:
    crm, sleeps = ChangingSource("crm", people("crm", 6)), Sleeps()
    crm.broken[4] = [
        SourceRateLimited("crm", "changes", "429", retry_after=7.5),
        SourceRateLimited("crm", "changes", "429"),
    ]
    seen: list[tuple[Stage, float]] = []
    work = make_sync(crm, sleep=sleeps, told=lambda r: seen.append((r.stage, r.pause)))
    (report,) = await work.run(["crm"])
    assert sleeps.asked == [7.5, 15.0]
    assert (report.stage, report.records, report.waited) == (Stage.DONE, 6, 22.5)
    assert (Stage.WAITING, 7.5) in seen, "the wait is visible"
    assert await known(store, crm)


async def test_waiting_has_a_bound(make_sync: MakeSync) -> None:
    crm, sleeps = ChangingSource("crm", people("crm", 6)), Sleeps()
    crm.broken[0] = [SourceRateLimited("crm", "changes", "429", retry_after=50.0) for _ in range(9)]
    (report,) = await make_sync(crm, sleep=sleeps, patience=Patience(waits=120.0)).run(["crm"])
    assert sleeps.asked == [50.0, 50.0]
    assert (report.stage, report.problem) == (Stage.FAILED, "asks to slow down (429)")


async def test_a_cursor_that_stands_still_is_no_endless_loop(make_sync: MakeSync) -> None:
    crm = ChangingSource("crm", people("crm", 10))
    crm.standing = True
    (report,) = await make_sync(crm).run(["crm"])
    assert report.problem == "answered something that cannot be read (its cursor does not move on)"
    assert len(crm.cursors) == 2


async def test_an_adapter_that_breaks_its_contract_costs_its_source_only(
    store: IdentityStore, make_sync: MakeSync
) -> None:
    class Wrong(ChangingSource):
        async def changes(self, *_: object) -> None:  # type: ignore[override]
            raise KeyError("ada@mail.example")

    shop = ChangingSource("shop", people("shop", 3))
    wrong, right = await make_sync(Wrong("crm"), shop).run(["crm", "shop"])
    assert wrong.problem == "is not available (KeyError)", "and nothing of what it said"
    assert right.ok
    assert await known(store, shop)


async def test_pages_and_the_steps_read_ahead_are_bounded(
    store: IdentityStore, make_sync: MakeSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = ChangingSource("crm", people("crm", 40), size=8)
    sizes: list[int] = []
    ahead: list[int] = []
    work = make_sync(crm, page=3)
    learn = work._identity.learn

    async def measured(profiles, loader, path=None):  # type: ignore[no-untyped-def]
        sizes.append(len(profiles))
        await asyncio.sleep(0)
        ahead.append(len(crm.cursors) - (sum(sizes) + 7) // 8)
        return await learn(profiles, loader, path)

    monkeypatch.setattr(work._identity, "learn", measured)
    await work.run(["crm"])
    assert (max(sizes), sum(sizes)) == (3, 40)
    assert max(ahead) == 1, "one step is at work, one waits"


async def test_it_stops_after_the_page_and_goes_on_there(store: IdentityStore, make_sync: MakeSync) -> None:
    crm, stop = ChangingSource("crm", people("crm", 20)), asyncio.Event()

    def told(report: Report) -> None:
        if report.records >= 10:
            stop.set()

    (report,) = await make_sync(crm, page=2, stop=stop, told=told).run(["crm"])
    assert (report.stage, report.records) == (Stage.STOPPED, 10)
    assert (await store.sync_states())["crm"].cursor == "8", "half a step is read again"
    (report,) = await make_sync(crm).run(["crm"])
    assert (report.stage, report.records, report.new) == (Stage.DONE, 12, 10)
    assert await known(store, crm)


async def test_it_stops_while_it_waits(make_sync: MakeSync) -> None:
    crm, stop = ChangingSource("crm", people("crm", 4)), asyncio.Event()
    crm.broken[0] = [SourceRateLimited("crm", "changes", "429", retry_after=600.0)]
    (report,) = await make_sync(crm, stop=stop, told=lambda _: stop.set()).run(["crm"])
    assert report.stage is Stage.STOPPED


async def test_a_round_has_a_bound(store: IdentityStore, make_sync: MakeSync) -> None:
    crm = ChangingSource("crm", people("crm", 20))
    (report,) = await make_sync(crm).run(["crm"], most_steps=2)
    assert (report.stage, report.records, report.ok) == (Stage.MORE, 8, True)
    (report,) = await make_sync(crm).run(["crm"])
    assert (report.stage, report.records) == (Stage.DONE, 12)


async def test_a_source_without_changes_of_people_is_named(make_sync: MakeSync) -> None:
    (report,) = await make_sync(MemorySource("mailbox", SourceKind.EMAIL)).run(["mailbox"])
    assert (report.stage, report.ok, report.records) == (Stage.UNLISTED, True, 0)


async def test_what_could_not_be_compared_is_read_again(store: IdentityStore, make_sync: MakeSync) -> None:
    crm, shop = ChangingSource("crm", people("crm", 10)), ChangingSource("shop", people("shop", 10))
    await make_sync(shop).run(["shop"])
    shop.fail = SourceAuthFailed("shop", "read", "HTTP 401")
    (report,) = await make_sync(crm, shop).run(["crm"])
    assert (report.stage, report.records, report.ok) == (Stage.DONE, 10, False)
    assert report.again == 10, "each of them has somebody at the shop to be compared with"
    assert (await store.sync_states()).get("crm") is None, "nothing was read for good"
    shop.fail = None
    (report,) = await make_sync(crm, shop).run(["crm"])
    assert (report.stage, report.again, report.new, report.links) == (Stage.DONE, 0, 0, 10)
    assert (await store.sync_states())["crm"].complete
    owners = await store.by_records([(s.name, r.id) for s in (crm, shop) for r in s.records])
    assert len(set(owners.values())) == 10


async def test_the_place_is_held_before_the_step_that_could_not_be_compared(
    store: IdentityStore, make_sync: MakeSync
) -> None:
    crm, shop = ChangingSource("crm", people("crm", 10)), ChangingSource("shop", people("shop", 1, start=6))
    await make_sync(shop).run(["shop"])
    shop.fail = SourceAuthFailed("shop", "read", "HTTP 401")
    (report,) = await make_sync(crm, shop).run(["crm"])
    assert (report.records, report.again, report.ok) == (10, 4, False)
    assert (await store.sync_states())["crm"].cursor == "4"


async def test_what_was_read_for_a_page_is_not_read_again_for_the_next(
    store: IdentityStore, make_sync: MakeSync
) -> None:
    twins = [profile("crm", f"crm-{n}", "Ada Yilmaz", "ada@mail.example") for n in range(12)]
    crm, shop = (
        ChangingSource("crm", twins),
        ChangingSource("shop", [profile("shop", "1", "Ada Yilmaz", "ada@mail.example")]),
    )
    await make_sync(shop).run(["shop"])
    await make_sync(crm, shop, page=2).run(["crm"])
    assert (crm.asked("read"), shop.asked("read")) == (0, 1)
    owners = await store.by_records([("shop", "1"), *(("crm", p.id) for p in twins)])
    assert len(set(owners.values())) == 1


async def test_what_changed_since_it_was_read_is_compared_as_it_is_now(
    store: IdentityStore, make_sync: MakeSync
) -> None:
    ada = profile("crm", "1", "Ada Yilmaz", "ada@mail.example")
    moved = profile("crm", "1", "Ada Yilmaz", "ada@new.example")
    late = profile("crm", "2", "Ada Yilmaz", "ada@new.example")
    crm = ChangingSource("crm", [ada, moved, late], size=1)
    await make_sync(crm).run(["crm"])
    owners = await store.by_records([("crm", "1"), ("crm", "2")])
    assert len(set(owners.values())) == 1
    assert crm.asked("read") == 0


async def test_a_source_that_slows_comparing_down_is_waited_for(
    store: IdentityStore, make_sync: MakeSync
) -> None:
    crm, shop = ChangingSource("crm", people("crm", 3)), ChangingSource("shop", people("shop", 3))
    await make_sync(shop).run(["shop"])
    shop.fail = SourceRateLimited("shop", "read", "429")
    asked: list[float] = []

    async def recover(seconds: float) -> None:
        asked.append(seconds)
        shop.fail = None

    (report,) = await make_sync(crm, shop, sleep=recover).run(["crm"])
    assert asked == [1.0]
    assert (report.stage, report.ok, report.records) == (Stage.DONE, True, 3)


async def test_a_record_that_cannot_be_taken_in_costs_its_source_only(
    store: IdentityStore, make_sync: MakeSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, shop = ChangingSource("crm", people("crm", 10)), ChangingSource("shop", people("shop", 10))
    work = make_sync(crm, shop)
    learn = work._identity.learn

    async def poisoned(profiles, loader, path=None):  # type: ignore[no-untyped-def]
        if any(p.id == "crm-6" for p in profiles):
            raise ValueError("person6@mail6.example")
        return await learn(profiles, loader, path)

    monkeypatch.setattr(work._identity, "learn", poisoned)
    first, second = await work.run(["crm", "shop"])
    assert (first.stage, first.problem) == (Stage.FAILED, "could not be taken in (ValueError)")
    assert second.stage is Stage.DONE
    assert (await store.sync_states())["crm"].cursor == "4"


async def test_two_at_once_do_no_harm(store: IdentityStore, make_sync: MakeSync) -> None:
    crm, shop = ChangingSource("crm", people("crm", 30)), ChangingSource("shop", people("shop", 30))
    both = await asyncio.gather(
        *(make_sync(crm, shop, page=3).run(names) for names in (["crm", "shop"], ["shop", "crm"]))
    )
    assert all(r.ok for reports in both for r in reports)
    assert await known(store, crm, shop)
    assert await store.rebuild() == 0
    owners = await store.by_records([(s.name, r.id) for s in (crm, shop) for r in s.records])
    assert len(set(owners.values())) == 30, "each person once, whoever saw them first"
    assert all(owners["crm", f"crm-{n}"] == owners["shop", f"shop-{n}"] for n in range(30))
    cursors = {n: (s.cursor, s.complete) for n, s in (await store.sync_states()).items()}
    assert cursors == {"crm": ("30", True), "shop": ("30", True)}
