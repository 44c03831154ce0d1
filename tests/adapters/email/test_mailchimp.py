"""The Mailchimp adapter: its contract, its mapping, and the traps of an API without batches and event ids."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio

from adapters.base import FIND_LIMIT, Call, KeyType, MatchKey, Owner, Position, Window
from adapters.contract import AdapterContract, ContractCase
from adapters.email.mailchimp import adapter as mailchimp
from adapters.email.mailchimp import mapping
from adapters.email.mailchimp.client import Mailchimp
from adapters.email.mailchimp.memory import Memory
from adapters.email.mailchimp.models import Feed, Member
from adapters.email.mailchimp.settings import MailchimpSettings
from adapters.errors import BadPayload, SourceRejected
from adapters.records import ConsentState, EmailEvent, EmailEventType, RecordKind
from tests.adapters.email.mailchimp_server import KEY, MailchimpServer, member, opened

FIXTURES = Path(mapping.__file__).parent / "fixtures"
NONE: frozenset[str] = frozenset()
ADA, BEN, CEM = "a" * 32, "b" * 32, "c" * 32


def settings(**changed: Any) -> MailchimpSettings:
    return MailchimpSettings.model_validate({"api_key": KEY, "list_ids": ("aud0000001",), **changed})


def call() -> Call:
    return Call(deadline=time.monotonic() + 30)


def source(server: MailchimpServer, **changed: Any) -> Mailchimp:
    return Mailchimp("news", settings(**changed), server)


def fixture(name: str, into: Any) -> Any:
    return msgspec.json.decode((FIXTURES / name).read_bytes(), type=into)


def people() -> list[dict[str, Any]]:
    return [
        member(ADA, "Ada.Byron@mail.example", given="Ada", family="Byron"),
        member(BEN, "ben@mail.example", given="Ben", family="Adam", last_changed="2025-01-01T00:00:00+00:00"),
        member(CEM, "cem@mail.example", given="Cem", family="Öz", last_changed="2025-01-01T00:00:00+00:00"),
    ]


def minutes(hour: int, count: int) -> list[dict[str, Any]]:
    return [opened(f"2025-03-01T{hour:02d}:{minute:02d}:00+00:00") for minute in reversed(range(count))]


class TestContract(AdapterContract):
    @pytest_asyncio.fixture
    async def case(self) -> AsyncIterator[ContractCase]:
        double = opened("2025-03-01T09:30:00+00:00")
        feeds = {ADA: [*minutes(10, 3), double, double, *minutes(9, 2)], BEN: minutes(8, 2)}
        server = MailchimpServer(people(), feeds)
        reader = Mailchimp("under-test", settings(), server)
        pages = await reader.page(
            RecordKind.EMAIL_EVENT,
            [Owner(ref=ADA), Owner(ref=BEN), Owner(ref=CEM)],
            Window(limit=50),
            NONE,
            call(),
        )
        assert [len(page.records) for page in pages.values()] == [7, 2, 0]
        case = ContractCase.over_http(
            mailchimp,
            settings(),
            server,
            find={
                MatchKey(KeyType.EMAIL, "ada.byron@mail.example"): frozenset({ADA}),
                MatchKey(KeyType.CUSTOMER_NUMBER, BEN): frozenset({BEN}),
                MatchKey(KeyType.NAME, "Byron Ada"): frozenset({ADA}),
            },
            find_calls=6,
            profiles={ADA: {"given_name": "Ada"}, BEN: {"family_name": "Adam"}, CEM: {"family_name": "Öz"}},
            owners={
                RecordKind.EMAIL_EVENT: {
                    Owner(ref=ref): tuple(record.id for record in page.records) for ref, page in pages.items()
                }
            },
        )
        yield case
        await case.adapter.aclose()


class TestFind:
    async def test_an_address_is_found_by_its_hash_and_stays_out_of_the_url(self) -> None:
        server = MailchimpServer(people())
        key = MatchKey(KeyType.EMAIL, "ada.byron@mail.example")
        found = (await source(server).find([key], call()))[key]
        assert [(p.id, p.emails[0].value) for p in found.profiles] == [(ADA, "Ada.Byron@mail.example")]
        assert len(server.requests) == 1
        assert "mail.example" not in str(server.requests[0].url)

    async def test_the_hash_never_becomes_part_of_a_record(self) -> None:
        key = MatchKey(KeyType.EMAIL, "ben@mail.example")
        found = (await source(MailchimpServer(people())).find([key], call()))[key]
        assert people()[1]["id"] not in msgspec.json.encode(found).decode()

    async def test_a_customer_number_is_not_taken_for_an_address_or_a_hash(self) -> None:
        server = MailchimpServer(people())
        keys = [MatchKey(KeyType.CUSTOMER_NUMBER, word) for word in ("ben@mail.example", people()[1]["id"])]
        found = await source(server).find(keys, call())
        assert all(not answer.profiles for answer in found.values())

    async def test_names_come_in_any_order_and_addresses_are_no_names(self) -> None:
        rows = [*people(), member("d" * 32, "adam@mail.example", given="Zoe", family="Zart")]
        key = MatchKey(KeyType.NAME, "adam  Ben")
        found = (await source(MailchimpServer(rows)).find([key], call()))[key]
        assert {profile.id for profile in found.profiles} == {BEN}

    async def test_a_name_that_many_share_is_cut(self) -> None:
        rows = [member(f"{n:032d}", f"anna{n}@mail.example", given="Anna") for n in range(40)]
        key = MatchKey(KeyType.NAME, "anna")
        found = (await source(MailchimpServer(rows)).find([key], call()))[key]
        assert len(found.profiles) == FIND_LIMIT
        assert found.truncated

    async def test_fifty_addresses_are_fifty_calls(self) -> None:
        rows = [member(f"{n:032d}", f"p{n}@mail.example") for n in range(50)]
        server = MailchimpServer(rows)
        keys = [MatchKey(KeyType.EMAIL, f"p{n}@mail.example") for n in range(50)]
        found = await source(server).find(keys, call())
        assert [len(found[key].profiles) for key in keys] == [1] * 50
        assert len(server.requests) == 50


class TestSeveralAudiences:
    def server(self) -> MailchimpServer:
        both = {"given": "Ada", "family": "Byron"}
        rows = [
            member(
                ADA,
                "ada@mail.example",
                **both,
                last_changed="2025-05-05T00:00:00+00:00",
                tags=[{"name": "new"}],
            ),
            member(
                ADA, "ada@old.example", **both, list_id="aud2", status="unsubscribed", tags=[{"name": "old"}]
            ),
            member(BEN, "ben@mail.example", list_id="aud2"),
        ]
        return MailchimpServer(rows, {BEN: minutes(8, 3)}, lists=["aud0000001", "aud2", "aud3"])

    async def test_audiences_are_looked_up_once(self) -> None:
        server = self.server()
        one = source(server, list_ids=())
        for _ in range(3):
            await one.read([BEN], NONE, call())
        assert Counter(server.paths)["/lists"] == 1

    async def test_one_contact_in_two_audiences_is_one_profile(self) -> None:
        one = source(self.server(), list_ids=())
        profile = (await one.read([ADA], NONE, call()))[ADA]
        assert profile.emails[0].value == "ada@mail.example"
        assert [c.state for c in profile.consents] == [ConsentState.GRANTED, ConsentState.WITHDRAWN]
        assert [p.value for p in profile.preferences] == ["new", "old"]

    async def test_where_a_contact_was_seen_the_others_are_not_asked(self) -> None:
        server = self.server()
        one = source(server, list_ids=())
        key = MatchKey(KeyType.EMAIL, "ben@mail.example")
        await one.find([key], call())
        before = len(server.requests)
        assert (await one.read([BEN], NONE, call())).keys() == {BEN}
        pages = await one.page(RecordKind.EMAIL_EVENT, [Owner(ref=BEN)], Window(limit=2), NONE, call())
        assert [len(pages[BEN].records), pages[BEN].has_more] == [2, True]
        assert len(server.requests) - before == 2

    async def test_a_contact_that_moved_is_found_again(self) -> None:
        server = self.server()
        one = source(server, list_ids=())
        await one.read([BEN], NONE, call())
        server.members[2]["list_id"] = "aud3"
        assert (await one.read([BEN], NONE, call())).keys() == {BEN}

    async def test_audiences_that_are_not_in_the_settings_are_not_read(self) -> None:
        server = self.server()
        one = source(server, list_ids=("aud0000001",))
        assert await one.read([BEN], NONE, call()) == {}
        key = MatchKey(KeyType.NAME, "Ada")
        (profile,) = (await one.find([key], call()))[key].profiles
        assert profile.emails[0].value == "ada@mail.example"

    async def test_check_names_an_unknown_audience(self) -> None:
        with pytest.raises(SourceRejected, match="check"):
            await source(self.server(), list_ids=("aud9",)).check(call())
        assert "2 members" in await source(self.server(), list_ids=("aud2",)).check(call())


class TestReadAndPage:
    async def test_fifty_customers_are_fifty_calls_at_most_eight_at_once(self) -> None:
        rows = [member(f"{n:032d}", f"p{n}@mail.example") for n in range(50)]
        server = MailchimpServer(rows, {f"{n:032d}": minutes(1, 3) for n in range(50)})
        one = source(server)
        ids = [f"{n:032d}" for n in range(50)]
        assert len(await one.read(ids, NONE, call())) == 50
        assert len(server.requests) == 50
        pages = await one.page(
            RecordKind.EMAIL_EVENT, [Owner(ref=id) for id in ids], Window(limit=2), NONE, call()
        )
        assert {len(page.records) for page in pages.values()} == {2}
        assert len(server.requests) == 100

    @pytest.mark.parametrize("takes", [True, False])
    async def test_a_feed_that_only_knows_hashes_is_read_too(self, takes: bool) -> None:
        server = MailchimpServer(people(), {ADA: minutes(9, 5)}, feed_takes_contact_ids=takes)
        one = source(server)
        for _ in range(2):
            pages = await one.page(
                RecordKind.EMAIL_EVENT, [Owner(ref=ADA), Owner(ref="e" * 32)], Window(limit=9), NONE, call()
            )
            assert [len(page.records) for page in pages.values()] == [5, 0]
            assert people()[0]["id"] not in msgspec.json.encode(pages).decode()

    async def test_a_long_feed_is_read_only_as_far_as_needed(self) -> None:
        feed = [event for hour in reversed(range(24)) for event in minutes(hour, 60)]
        feed += [
            opened(f"2025-02-27T{hour:02d}:{minute:02d}:30+00:00")
            for hour in range(23, -1, -1)
            for minute in range(59, -1, -1)
        ]
        server = MailchimpServer(people(), {ADA: feed})
        one = source(server)
        seen: list[EmailEvent] = []
        before: Position | None = None
        for _ in range(4):
            window = Window(limit=700, before=before)
            page = (await one.page(RecordKind.EMAIL_EVENT, [Owner(ref=ADA)], window, NONE, call()))[ADA]
            seen += [record for record in page.records if isinstance(record, EmailEvent)]
            before = Position(seen[-1].at, seen[-1].id)
        assert len({record.id for record in seen}) == 2800
        assert page.has_more
        assert len(server.requests) == 1 + 2 + 3 + 3

    async def test_events_that_arrive_between_two_calls_shift_nothing(self) -> None:
        feed = [event for hour in reversed(range(24)) for event in minutes(hour, 60)]
        server = MailchimpServer(people(), {ADA: feed})
        one = source(server)

        answer = server.handle_async_request

        async def busy(request: httpx.Request) -> httpx.Response:
            response = await answer(request)
            server.feeds[ADA].insert(0, opened(f"2025-03-02T00:00:{len(server.requests):02d}+00:00"))
            return response

        server.handle_async_request = busy  # type: ignore[method-assign]
        window = Window(limit=1300)
        page = (await one.page(RecordKind.EMAIL_EVENT, [Owner(ref=ADA)], window, NONE, call()))[ADA]
        times = [record.at for record in page.records]
        assert len(times) == len(set(times)) == 1300

    async def test_equal_events_have_ids_of_their_own_in_every_window(self) -> None:
        twin = opened("2025-03-01T09:30:00+00:00")
        one = source(MailchimpServer(people(), {ADA: [twin] * 5}))
        ids: list[str] = []
        before = None
        for _ in range(5):
            window = Window(limit=1, before=before)
            (record,) = (await one.page(RecordKind.EMAIL_EVENT, [Owner(ref=ADA)], window, NONE, call()))[
                ADA
            ].records
            before = Position(record.at, record.id)
            ids.append(record.id)
        assert len(set(ids)) == 5

    async def test_a_404_that_is_not_mailchimps_own_is_no_answer(self) -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(404, text="<h1>Not here</h1>"))
        one = Mailchimp("news", settings(), transport)
        with pytest.raises(BadPayload):
            await one.read([ADA], NONE, call())

    async def test_a_time_that_is_no_time_is_a_bad_payload(self) -> None:
        rows = [member(ADA, "ada@mail.example", last_changed="yesterday")]
        with pytest.raises(BadPayload):
            await source(MailchimpServer(rows)).read([ADA], NONE, call())
        feed = {ADA: [opened("soon")]}
        with pytest.raises(BadPayload):
            await source(MailchimpServer(people(), feed)).page(
                RecordKind.EMAIL_EVENT, [Owner(ref=ADA)], Window(limit=1), NONE, call()
            )


class TestChanges:
    @pytest.mark.parametrize("inclusive", [True, False])
    @pytest.mark.parametrize("page_size", [2, 3, 7, 1000])
    async def test_a_second_that_outgrows_the_page_neither_loops_nor_skips(
        self, inclusive: bool, page_size: int
    ) -> None:
        rows = [
            member(f"{n:032d}", f"p{n}@mail.example", last_changed=f"2025-01-01T00:00:{second:02d}+00:00")
            for n, second in enumerate([1, 2, 2, *[3] * 20, 4, 5, *[6] * 9])
        ]
        one = source(MailchimpServer(rows, since_is_inclusive=inclusive), page_size=page_size)
        seen, cursor, steps = set[str](), None, 0
        while True:
            step = await one.changes(RecordKind.PROFILE, cursor, call())
            seen |= {record.id for record in step.records}
            cursor, steps = step.cursor, steps + 1
            assert steps < 100
            if step.done:
                break
        assert seen == {row["contact_id"] for row in rows}

    async def test_nothing_is_left_out_when_records_change_while_they_are_listed(self) -> None:
        rows = [
            member(f"{n:032d}", f"p{n}@mail.example", last_changed="2025-01-01T00:00:03+00:00")
            for n in range(40)
        ]
        server = MailchimpServer(rows)
        one = source(server, page_size=10)
        seen, cursor, steps = Counter[str](), None, 0
        while True:
            step = await one.changes(RecordKind.PROFILE, cursor, call())
            seen.update(record.id for record in step.records)
            cursor, steps = step.cursor, steps + 1
            for row in server.members[steps * 5 : steps * 5 + 5]:
                row["last_changed"] = f"2025-01-01T00:01:{steps:02d}+00:00"
            assert steps < 100
            if step.done:
                break
        assert set(seen) == {row["contact_id"] for row in rows}

    async def test_a_later_change_comes_with_the_next_step(self) -> None:
        server = MailchimpServer(people())
        one = source(server)
        first = await one.changes(RecordKind.PROFILE, None, call())
        assert first.done
        server.members[0]["last_changed"] = "2025-02-02T00:00:00+00:00"
        second = await one.changes(RecordKind.PROFILE, first.cursor, call())
        assert second.done
        assert second.records[-1].id == ADA
        assert "mail.example" not in second.cursor

    async def test_a_foreign_cursor_is_refused(self) -> None:
        with pytest.raises(SourceRejected):
            await source(MailchimpServer(people())).changes(RecordKind.PROFILE, "page 2", call())


class TestMapping:
    def test_a_full_member(self) -> None:
        names = settings(interest_names={"f1c2d3e4a5": "Espresso"})
        profile = mapping.profile("news", [fixture("member_full.json", Member)], names)
        assert profile.url == "https://us21.admin.mailchimp.com/lists/members/view?id=512340871"
        assert (profile.given_name, profile.family_name, profile.full_name) == (
            "Zofia",
            "Nowak",
            "Zofia Nowak",
        )
        assert profile.birth_date is None
        assert (profile.language, profile.country) == ("pl", "PL")
        assert profile.phones[0].value == "58 301 22 33"
        (address,) = profile.addresses
        assert (address.street, address.postcode, address.city) == ("ul. Długa 7\nm. 12", "80-827", "Gdańsk")
        assert profile.created_at == datetime(2024, 2, 1, 8, 15, 30, tzinfo=UTC)
        assert profile.updated_at == datetime(2026, 5, 20, 17, 44, 9, tzinfo=UTC)
        assert [(c.purpose, c.channel, c.state) for c in profile.consents] == [
            ("marketing", "email", ConsentState.GRANTED),
            ("Email", None, ConsentState.GRANTED),
            ("Customized Online Advertising", None, ConsentState.DENIED),
            ("one_to_one_messaging", "email", ConsentState.GRANTED),
        ]
        assert profile.consents[0].at == datetime(2024, 2, 1, 8, 21, 2, tzinfo=UTC)
        assert [(p.name, p.value) for p in profile.preferences] == [
            ("tag", "Stammkundin"), ("tag", "Kaffeekurs"),
            ("interest", "77aa88bb99"), ("interest", "Espresso"),
        ]  # fmt: skip

    def test_a_sparse_member(self) -> None:
        profile = mapping.profile("news", [fixture("member_sparse.json", Member)], settings())
        assert (profile.given_name, profile.full_name, profile.language, profile.country) == (None,) * 4
        assert (profile.phones, profile.addresses, profile.consents, profile.preferences) == ((), (), (), ())
        assert profile.created_at == datetime(2023, 11, 11, 11, 11, 11, tzinfo=UTC)

    def test_a_member_that_left(self) -> None:
        profile = mapping.profile("news", [fixture("member_left.json", Member)], settings())
        assert profile.language == "pt-PT"
        assert profile.addresses == ()
        assert profile.country == "PT"
        assert [(c.purpose, c.state) for c in profile.consents] == [
            ("marketing", ConsentState.WITHDRAWN), ("one_to_one_messaging", ConsentState.DENIED),
        ]  # fmt: skip
        assert profile.consents[0].at == datetime(2025, 8, 9, 20, tzinfo=UTC)

    def test_every_activity_type(self) -> None:
        feed = fixture("activity_feed.json", Feed).activity
        events = mapping.events("news", ADA, "aud0000001", feed)
        assert len({event.id for event in events}) == len(feed)
        counts = Counter(event.type for event in events)
        assert counts == {
            EmailEventType.OTHER: 8, EmailEventType.SUBSCRIBED: 6, EmailEventType.CLICKED: 2,
            EmailEventType.OPENED: 2, EmailEventType.SENT: 1, EmailEventType.BOUNCED: 1,
            EmailEventType.UNSUBSCRIBED: 1,
        }  # fmt: skip
        by_type = {event.type: event for event in events}
        assert by_type[EmailEventType.BOUNCED].reason == "soft"
        assert by_type[EmailEventType.UNSUBSCRIBED].reason == "unsubscribed by an administrator"
        assert {event.link for event in events} >= {"https://shop.example/mai", "https://shop.example/kurse"}
        assert {e.reason for e in events if e.type is EmailEventType.OTHER} == {
            "web_engagement", "survey_response", "event", "order", "conversation", "note",
            "marketing_permission", "postcard_sent",
        }  # fmt: skip
        assert "Danke!" not in msgspec.json.encode(events).decode()


class TestSettings:
    def test_the_root_follows_from_the_key(self) -> None:
        assert settings().root == "https://us21.api.mailchimp.com/3.0"
        assert settings(base_url="http://127.0.0.1:9/3.0/").root == "http://127.0.0.1:9/3.0"

    def test_a_key_without_a_data_centre_needs_a_root(self) -> None:
        with pytest.raises(ValueError, match="set base_url") as caught:
            settings(api_key="s3cretkey")
        assert "s3cretkey" not in str(caught.value)
        one = Mailchimp("news", settings(api_key="s3cretkey", base_url="http://127.0.0.1:9/3.0"), None)
        assert one._profile([fixture("member_full.json", Member)]).url is None

    def test_more_connections_than_mailchimp_allows_are_refused(self) -> None:
        assert settings().max_connections == 8
        with pytest.raises(ValueError, match="max_connections"):
            settings(max_connections=11)


class TestMemory:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [100.0]
        monkeypatch.setattr("adapters.email.mailchimp.memory.time.monotonic", lambda: now[0])
        return now

    def test_is_bounded_in_size_and_age(self, clock: list[float]) -> None:
        memory: Memory[str, int] = Memory(limit=2, seconds=10)
        memory.put("a", 1)
        memory.put("b", 2)
        assert memory.get("a") == 1
        memory.put("c", 3)
        assert memory.get("b") is None
        clock[0] += 11
        assert memory.get("a") is None
