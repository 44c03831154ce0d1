"""The tests that every adapter passes. Subclass `AdapterContract` in a test module and give it an async fixture `case`."""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import pytest

from adapters.base import (
    FIND_LIMIT,
    LAST_ID,
    Adapter,
    Call,
    Changes,
    Found,
    KeyType,
    MatchKey,
    OwnedBy,
    Owner,
    Page,
    Position,
    Window,
)
from adapters.contract.case import ContractCase
from adapters.contract.checks import check_page, check_record, expected_page
from adapters.contract.faults import EXPECTED, RETRY_AFTER, Fault
from adapters.contract.quality import quality_faults
from adapters.errors import SourceError, SourceRateLimited, SourceTimeout
from adapters.records import Activity, Profile, RecordKind

MOST_STEPS = 500
"""Steps after which `changes` must have come to its end."""

_Operation = Callable[[Adapter, Call], Awaitable[Any]]
_ALL = Window(limit=200)
_PATIENCE = 30.0
_NO_PARTS: frozenset[str] = frozenset()
_UNKNOWN = {
    KeyType.EMAIL: "nobody.q7zx@unknown.example",
    KeyType.PHONE: "+4930999999997",
    KeyType.CUSTOMER_NUMBER: "999999997",
    KeyType.ORDER_NUMBER: "999999997",
    KeyType.TICKET_NUMBER: "999999997",
    KeyType.NAME: "Qzxwv Kjhgfq",
}
_HOSTILE = (
    "zq7' OR '1'='1",
    'zq7" OR "1"="1',
    'zq7" OR email:* OR "',
    "zq7') OR (1=1",
    "zq7\\",
    "zq7\\' OR 1=1 --",
    "zq7* OR *",
    "%",
    "_",
    "*",
    "(",
    "zq7\r\nX-Injected: 1",
    "zq7\x00",
    "zq7&limit=1#?/../",
    "zq7 \u202e\U0001f600 \u0130\u00df",
    "zq7 \ud800",
    "zq7" * 3400,
)
_HOSTILE_IDS = ("", " ", "'", "../1", "1 OR 1=1", '"]}', "zq7\r\n", "\ud800", "zq7" * 3400)


def _call(seconds: float = _PATIENCE) -> Call:
    return Call(deadline=time.monotonic() + seconds, correlation_id="contract-suite")


def _ids(found: Found) -> frozenset[str]:
    return frozenset(profile.id for profile in found.profiles)


def _address(word: str, key_type: KeyType) -> str:
    return f"{word}@example.com" if key_type is KeyType.EMAIL else word


def _near(key: MatchKey) -> list[MatchKey]:
    """Keys that a vendor's fuzzy search may take for this one, though nobody carries them."""
    value = key.value
    if key.type is KeyType.EMAIL:
        local, _, host = value.rpartition("@")
        words = [
            f"x{value}",
            value[1:],
            f"{value}x",
            f"{local}x@{host}",
            f"{local}@x.{host}",
            f"{local[:1]}%@{host}",
            f"*@{host}",
            host,
        ]
    elif key.type is KeyType.PHONE:
        words = [value[:-1] + str((int(value[-1]) + 1) % 10), value + "0", value[:-1]]
    elif key.type is KeyType.NAME:
        words = []
    else:
        words = [f"{value}x", f"x{value}", f"{value}%", f"{value}*"]
    return [MatchKey(key.type, word) for word in words]


def _shares_a_word(profile: Profile, text: str) -> bool:
    names = f"{profile.given_name or ''} {profile.family_name or ''} {profile.full_name or ''}".casefold()
    return any(word in names for word in text.casefold().split() if word.isalpha())


async def _all_changes(adapter: Adapter, kind: RecordKind, cursor: str | None) -> list[Changes]:
    steps: list[Changes] = []
    while not steps or not steps[-1].done:
        steps.append(await adapter.changes(kind, cursor, _call()))
        assert steps[-1].done or steps[-1].cursor != cursor, (
            "a step that is not the last must move the cursor on"
        )
        cursor = steps[-1].cursor
        assert isinstance(cursor, str)
        assert len(steps) <= MOST_STEPS, f"changes of {kind} do not end"
    return steps


def _changed_ids(steps: Iterable[Changes]) -> set[str]:
    return {record.id for step in steps for record in step.records}


async def _chained(
    adapter: Adapter, kind: RecordKind, owner: Owner, size: int, most: int
) -> tuple[list[Activity], list[bool]]:
    """Windows of `size` one after the other, each below the last record of the one before, until one says it is the last."""
    records: list[Activity] = []
    more: list[bool] = []
    window = Window(limit=size)
    while not more or more[-1]:
        page = (await adapter.page(kind, [owner], window, _NO_PARTS, _call()))[owner.ref]
        check_page(page, owner.ref, window)
        records.extend(page.records)
        more.append(page.has_more)
        assert page.records or not page.has_more, "an empty page that says there is more never ends"
        assert len(records) <= most, "more records than the owner has"
        if page.records:
            last = page.records[-1]
            window = Window(limit=size, before=Position(last.at, last.id))
    return records, more


class AdapterContract:
    """Every adapter's contract. A subclass provides an async fixture `case` that returns a `ContractCase`.

    The fixture must be function-scoped: some tests break the adapter on purpose.
    """

    # --- manifest -----------------------------------------------------------------------------------------------

    @pytest.mark.asyncio
    async def test_manifest_is_complete(self, case: ContractCase) -> None:
        manifest = case.adapter.manifest
        assert manifest_faults(case.adapter.manifest) == []
        assert isinstance(case.adapter, Adapter)
        assert {key.type for key in case.find} >= set(manifest.lookups), (
            "case.find must hold a key of every declared type"
        )
        assert {key.type for key in case.find} <= set(manifest.lookups), (
            "case.find holds a key that cannot be looked up"
        )
        if RecordKind.PROFILE in manifest.kinds:
            assert len(case.profiles) >= 2, "case.profiles must hold at least two profiles"
        assert set(case.owners) == set(manifest.kinds) - {RecordKind.PROFILE}, (
            "case.owners must cover every declared kind"
        )
        for kind, owners in case.owners.items():
            assert sum(1 for ids in owners.values() if ids) >= 2, (
                f"case.owners[{kind}] needs two owners with records"
            )

    # --- find ---------------------------------------------------------------------------------------------------

    @pytest.mark.asyncio
    async def test_find_each_key(self, case: ContractCase) -> None:
        self._needs_lookups(case)
        for key, expected in case.find.items():
            answer = await case.adapter.find([key], _call())
            assert set(answer) == {key}
            self._assert_found(case, key, answer[key], expected)

    @pytest.mark.asyncio
    async def test_find_all_keys_at_once(self, case: ContractCase) -> None:
        self._needs_lookups(case)
        unknown = [MatchKey(type_, _UNKNOWN[type_]) for type_ in case.adapter.manifest.lookups]
        before = case.calls()
        answer = await case.adapter.find([*case.find, *unknown], _call())
        assert case.calls() - before <= case.find_calls, "more calls than the adapter says it needs"
        assert set(answer) == {*case.find, *unknown}
        for key, expected in case.find.items():
            self._assert_found(case, key, answer[key], expected)
        for key in unknown:
            assert answer[key] == Found(), f"an unknown {key.type} must find nothing"

    @pytest.mark.asyncio
    async def test_find_unknown_keys(self, case: ContractCase) -> None:
        self._needs_lookups(case)
        for type_ in case.adapter.manifest.lookups:
            key = MatchKey(type_, _UNKNOWN[type_])
            assert await case.adapter.find([key], _call()) == {key: Found()}

    @pytest.mark.asyncio
    async def test_find_same_key_twice_and_no_key(self, case: ContractCase) -> None:
        self._needs_lookups(case)
        key, expected = next(iter(case.find.items()))
        answer = await case.adapter.find([key, key], _call())
        assert set(answer) == {key}
        self._assert_found(case, key, answer[key], expected)
        before = case.calls()
        assert not await case.adapter.find([], _call())
        assert case.calls() == before, "no key needs no call"

    @pytest.mark.asyncio
    async def test_find_tells_near_keys_apart(self, case: ContractCase) -> None:
        self._needs_lookups(case)
        near = {
            other: expected
            for key, expected in case.find.items()
            for other in _near(key)
            if other not in case.find
        }
        if not near:
            pytest.skip("only names can be looked up")
        answer = await case.adapter.find(list(near), _call())
        assert set(answer) == set(near)
        for key, owners_of_the_real_key in near.items():
            strangers = _ids(answer[key]) & owners_of_the_real_key
            assert not strangers, f"a {key.type} that differs from the real one finds its owner"

    @pytest.mark.asyncio
    async def test_find_is_not_fooled_by_hostile_keys(self, case: ContractCase) -> None:
        self._needs_lookups(case)
        for type_ in case.adapter.manifest.lookups:
            for word in _HOSTILE:
                key = MatchKey(type_, _address(word, type_))
                try:
                    answer = await case.adapter.find([key], _call())
                except SourceError as error:
                    self._assert_keeps_secrets(case, error, [key.value])
                    continue
                assert set(answer) == {key}
                for profile in answer[key].profiles:
                    fooled = type_ is not KeyType.NAME or not _shares_a_word(profile, word)
                    assert not fooled, f"the hostile {type_} {word[:40]!r} finds somebody"

    @pytest.mark.asyncio
    async def test_hostile_keys_do_not_change_their_neighbours_answers(self, case: ContractCase) -> None:
        self._needs_lookups(case)
        for key, expected in case.find.items():
            hostile = [MatchKey(key.type, _address(word, key.type)) for word in _HOSTILE[:12]]
            try:
                answer = await case.adapter.find([*hostile, key], _call())
            except SourceError as error:
                self._assert_keeps_secrets(case, error, [key.value])
                continue
            self._assert_found(case, key, answer[key], expected)

    # --- read ---------------------------------------------------------------------------------------------------

    @pytest.mark.asyncio
    async def test_read_profiles(self, case: ContractCase) -> None:
        self._needs_profiles(case)
        support = case.adapter.manifest.kinds[RecordKind.PROFILE]
        for parts in (_NO_PARTS, support.parts):
            before = case.calls()
            profiles = await case.adapter.read(list(case.profiles), parts, _call())
            usual = math.ceil(len(case.profiles) / support.batch) * (1 + len(parts))
            most = usual if case.read_calls is None else case.read_calls
            assert case.calls() - before <= most, "more calls than batches (and parts)"
            assert set(profiles) == set(case.profiles)
            for id_, profile in profiles.items():
                assert profile.id == id_
                check_record(profile, case.adapter)
        for id_, fields in case.profiles.items():
            for name, value in fields.items():
                assert getattr(profiles[id_], name) == value, f"profile {id_}: {name}"

    @pytest.mark.asyncio
    async def test_read_missing_and_repeated_ids(self, case: ContractCase) -> None:
        self._needs_profiles(case)
        id_ = next(iter(case.profiles))
        assert await case.adapter.read([case.missing_id], _NO_PARTS, _call()) == {}
        answer = await case.adapter.read([id_, case.missing_id, id_], _NO_PARTS, _call())
        assert set(answer) == {id_}
        before = case.calls()
        assert not await case.adapter.read([], _NO_PARTS, _call())
        assert case.calls() == before, "no id needs no call"

    @pytest.mark.asyncio
    async def test_read_is_not_fooled_by_hostile_ids(self, case: ContractCase) -> None:
        self._needs_profiles(case)
        for id_ in _HOSTILE_IDS:
            try:
                assert not await case.adapter.read([id_], _NO_PARTS, _call()), f"{id_[:40]!r} reads somebody"
            except SourceError as error:
                self._assert_keeps_secrets(case, error, [id_])

    # --- page ---------------------------------------------------------------------------------------------------

    @pytest.mark.asyncio
    async def test_page_chains_without_gap_or_repeat(self, case: ContractCase) -> None:
        self._needs_activities(case)
        for kind, owners in case.owners.items():
            for owner, expected in owners.items():
                for size in (1, 2, 3, len(expected) or 1, len(expected) + 1):
                    records, more = await _chained(case.adapter, kind, owner, size, len(expected))
                    assert tuple(record.id for record in records) == expected, f"{kind} in windows of {size}"
                    assert len(more) == max(1, math.ceil(len(expected) / size)), (
                        "has_more when nothing was left"
                    )
                for record in records:
                    check_record(record, case.adapter)

    @pytest.mark.asyncio
    async def test_page_starts_anywhere(self, case: ContractCase) -> None:
        """Also at positions where no record is: above and below all ids of a time."""
        self._needs_activities(case)
        for kind, owners in case.owners.items():
            owner = max(owners, key=lambda one: len(owners[one]))
            stream = (await case.adapter.page(kind, [owner], _ALL, _NO_PARTS, _call()))[owner.ref].records
            for record in [*stream[:2], *stream[-1:]]:
                for id_ in ("", record.id, LAST_ID):
                    window = Window(limit=2, before=Position(record.at, id_))
                    page = (await case.adapter.page(kind, [owner], window, _NO_PARTS, _call()))[owner.ref]
                    check_page(page, owner.ref, window)
                    found = [one.id for one in page.records], page.has_more
                    assert found == expected_page(stream, window), f"{kind} below {id_!r} at a record's time"

    @pytest.mark.asyncio
    async def test_page_of_many_owners_is_each_owners_own(self, case: ContractCase) -> None:
        self._needs_activities(case)
        for kind, owners in case.owners.items():
            for size in (2, 200):
                window = Window(limit=size)
                pages = await case.adapter.page(kind, list(owners), window, _NO_PARTS, _call())
                assert set(pages) == {owner.ref for owner in owners}, "every owner must be answered"
                for owner, expected in owners.items():
                    page = pages[owner.ref]
                    check_page(page, owner.ref, window)
                    assert tuple(record.id for record in page.records) == expected[:size], (
                        f"{kind}, {size} each"
                    )
                    assert page.has_more == (len(expected) > size)

    @pytest.mark.asyncio
    async def test_page_of_many_owners_in_few_calls(self, case: ContractCase) -> None:
        self._needs_activities(case)
        for kind, owners in case.owners.items():
            support = case.adapter.manifest.kinds[kind]
            alone = [await self._calls_of_page(case, kind, [owner]) for owner in owners]
            batches = math.ceil(len(owners) / support.batch)
            vendor_pages = math.ceil(sum(map(len, owners.values())) / support.page)
            most = case.page_calls.get(kind, max(alone) * batches + vendor_pages)
            needed = await self._calls_of_page(case, kind, list(owners))
            assert needed <= most, (
                f"{needed} calls for {len(owners)} owners' {kind} pages, at most {most} expected"
            )

    @pytest.mark.asyncio
    async def test_page_with_parts_has_the_same_records(self, case: ContractCase) -> None:
        self._needs_activities(case)
        for kind, owners in case.owners.items():
            parts = case.adapter.manifest.kinds[kind].parts
            pages = await case.adapter.page(kind, list(owners), _ALL, parts, _call())
            for owner, expected in owners.items():
                assert tuple(record.id for record in pages[owner.ref].records) == expected
                for record in pages[owner.ref].records:
                    check_record(record, case.adapter)

    @pytest.mark.asyncio
    async def test_page_of_unknown_owners_and_of_none(self, case: ContractCase) -> None:
        self._needs_activities(case)
        for kind, owners in case.owners.items():
            nobody = Owner(ref=case.missing_id, emails=(_UNKNOWN[KeyType.EMAIL],))
            pages = await case.adapter.page(kind, [nobody], Window(limit=5), _NO_PARTS, _call())
            assert pages == {nobody.ref: Page()}
            somebody = next(owner for owner, ids in owners.items() if ids)
            pages = await case.adapter.page(kind, [nobody, somebody], Window(limit=5), _NO_PARTS, _call())
            assert pages[nobody.ref] == Page()
            assert tuple(record.id for record in pages[somebody.ref].records) == owners[somebody][:5]
            before = case.calls()
            assert not await case.adapter.page(kind, [], Window(limit=5), _NO_PARTS, _call())
            assert case.calls() == before, "no owner needs no call"

    @pytest.mark.asyncio
    async def test_page_is_not_fooled_by_hostile_owners(self, case: ContractCase) -> None:
        self._needs_activities(case)
        for kind in case.owners:
            by_email = case.adapter.manifest.kinds[kind].owned_by is OwnedBy.EMAIL
            words = [f"{word}@example.com" for word in _HOSTILE] if by_email else list(_HOSTILE_IDS)
            for word in words:
                owner = Owner(ref="hostile", emails=(word,)) if by_email else Owner(ref=word)
                try:
                    pages = await case.adapter.page(kind, [owner], Window(limit=5), _NO_PARTS, _call())
                except SourceError as error:
                    self._assert_keeps_secrets(case, error, [word])
                    continue
                assert pages == {owner.ref: Page()}, f"the hostile owner {word[:40]!r} has {kind} records"

    # --- changes ------------------------------------------------------------------------------------------------

    @pytest.mark.asyncio
    async def test_changes_name_every_record(self, case: ContractCase) -> None:
        for kind in self._kinds_with_changes(case):
            steps = await _all_changes(case.adapter, kind, None)
            missing = self._known_ids(case, kind) - _changed_ids(steps)
            assert not missing, f"changes of {kind} leave out {sorted(missing)}"
            for step in steps:
                for record in step.records:
                    check_record(record, case.adapter)

    @pytest.mark.asyncio
    async def test_changes_resume_from_each_cursor(self, case: ContractCase) -> None:
        for kind in self._kinds_with_changes(case):
            steps = await _all_changes(case.adapter, kind, None)
            for index in sorted({0, len(steps) // 2, len(steps) - 1}):
                again = await _all_changes(case.adapter, kind, steps[index].cursor)
                missing = _changed_ids(steps[index + 1 :]) - _changed_ids(again)
                assert not missing, f"{kind} resumed after step {index} leaves out {sorted(missing)}"

    # --- faults -------------------------------------------------------------------------------------------------

    @pytest.mark.asyncio
    @pytest.mark.parametrize("fault", list(Fault))
    async def test_fault_becomes_its_error(
        self, case: ContractCase, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        met = await asyncio.gather(
            *(self._meets(case, fault, name, operation) for name, operation in self._operations(case).items())
        )
        self._assert_log_keeps_secrets(case, caplog)
        if not any(met):
            pytest.skip("the protocol has no such fault")

    @pytest.mark.asyncio
    async def test_deadline_in_the_past(self, case: ContractCase) -> None:
        for name, operation in self._operations(case).items():
            before = case.calls()
            with pytest.raises((SourceTimeout, SourceRateLimited)):
                await operation(case.adapter, _call(-1.0))
            assert case.calls() == before, f"{name} calls the source although its time is up"

    @pytest.mark.asyncio
    async def test_cancelled_calls_leave_the_adapter_usable(self, case: ContractCase) -> None:
        for probe in self._probes(case)[:1]:
            for turns in range(40):  # more often than there are connections, at ever later moments of a call
                task = asyncio.ensure_future(probe())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert task.cancelled() or task.exception() is None, (
                    f"cancelled, it became {task.exception()!r}"
                )
            async with asyncio.timeout(_PATIENCE):
                await probe()

    @pytest.mark.asyncio
    async def test_concurrent_calls_do_not_mix(self, case: ContractCase) -> None:
        async with asyncio.timeout(2 * _PATIENCE):
            await asyncio.gather(*(probe() for probe in self._probes(case) * 2))

    @pytest.mark.asyncio
    async def test_check_says_what_answered(self, case: ContractCase) -> None:
        answer = await case.adapter.check(_call())
        assert answer.strip()
        assert "\n" not in answer
        for secret in case.secrets:
            assert secret not in answer

    @pytest.mark.asyncio
    async def test_aclose_can_be_repeated(self, case: ContractCase) -> None:
        await case.adapter.check(_call())
        await case.adapter.aclose()
        await case.adapter.aclose()

    # --- helpers ------------------------------------------------------------------------------------------------

    @staticmethod
    def _needs_lookups(case: ContractCase) -> None:
        if not case.adapter.manifest.lookups:
            pytest.skip("the manifest declares no key to look up by")

    @staticmethod
    def _needs_profiles(case: ContractCase) -> None:
        if RecordKind.PROFILE not in case.adapter.manifest.kinds:
            pytest.skip("the manifest declares no profiles")

    @staticmethod
    def _needs_activities(case: ContractCase) -> None:
        if not case.owners:
            pytest.skip("the manifest declares no activities")

    def _probes(self, case: ContractCase) -> list[Callable[[], Awaitable[None]]]:
        """One small question for each key and each owner, which fails unless its answer is right."""

        async def finds(key: MatchKey) -> None:
            answer = await case.adapter.find([key], _call())
            assert set(answer) == {key}
            self._assert_found(case, key, answer[key], case.find[key])

        async def pages(kind: RecordKind, owner: Owner) -> None:
            answer = await case.adapter.page(kind, [owner], Window(limit=3), _NO_PARTS, _call())
            assert tuple(record.id for record in answer[owner.ref].records) == case.owners[kind][owner][:3]

        return [
            *(functools.partial(finds, key) for key in case.find),
            *(functools.partial(pages, kind, owner) for kind in case.owners for owner in case.owners[kind]),
        ]

    async def _meets(self, case: ContractCase, fault: Fault, name: str, operation: _Operation) -> bool:
        async with case.faulty(fault) as adapter:
            if adapter is None:
                return False
            with pytest.raises(SourceError) as caught:
                async with asyncio.timeout(_PATIENCE):
                    await operation(adapter, _call())
            error = caught.value
            assert type(error) is EXPECTED[fault], (
                f"{name}: {fault} became {type(error).__name__}: {error.detail}"
            )
            assert error.source == adapter.name
            assert error.operation
            if fault is Fault.RATE_LIMITED:
                assert 0 < (error.retry_after or 0) <= RETRY_AFTER, (
                    "retry_after is not what the source asked for"
                )
            self._assert_keeps_secrets(case, error, self._personal(case))
        return True

    @staticmethod
    def _assert_found(case: ContractCase, key: MatchKey, found: Found, expected: frozenset[str]) -> None:
        ids = _ids(found)
        assert len(found.profiles) == len(ids) <= FIND_LIMIT
        if key.type is KeyType.NAME:
            assert ids >= expected, "a name must find who bears it"
        else:
            assert ids == expected, f"a {key.type} finds {sorted(ids)} instead of {sorted(expected)}"
        for profile in found.profiles:
            check_record(profile, case.adapter)

    @staticmethod
    async def _calls_of_page(case: ContractCase, kind: RecordKind, owners: Sequence[Owner]) -> int:
        before = case.calls()
        await case.adapter.page(kind, owners, Window(limit=2), _NO_PARTS, _call())
        return case.calls() - before

    @staticmethod
    def _kinds_with_changes(case: ContractCase) -> list[RecordKind]:
        kinds = [kind for kind, support in case.adapter.manifest.kinds.items() if support.changes]
        if not kinds:
            pytest.skip("the manifest declares no changes")
        return kinds

    @staticmethod
    def _known_ids(case: ContractCase, kind: RecordKind) -> set[str]:
        if kind is RecordKind.PROFILE:
            return set(case.profiles)
        return {id_ for ids in case.owners[kind].values() for id_ in ids}

    @staticmethod
    def _operations(case: ContractCase) -> Mapping[str, _Operation]:
        """Each operation once for each kind of key and record."""
        operations: dict[str, _Operation] = {"check": lambda adapter, call: adapter.check(call)}
        if RecordKind.PROFILE in case.adapter.manifest.kinds:
            operations["read"] = lambda adapter, call: adapter.read(list(case.profiles), _NO_PARTS, call)
        for key in {key.type: key for key in case.find}.values():
            operations[f"find {key.type}"] = _finding(key)
        for kind, owners in case.owners.items():
            operations[f"page {kind}"] = _paging(kind, list(owners))
        for kind, support in case.adapter.manifest.kinds.items():
            if support.changes:
                operations[f"changes {kind}"] = _changing(kind)
        return operations

    @staticmethod
    def _personal(case: ContractCase) -> list[str]:
        emails = [email for owners in case.owners.values() for owner in owners for email in owner.emails]
        return [*(key.value for key in case.find), *emails]

    @staticmethod
    def _assert_keeps_secrets(case: ContractCase, error: BaseException, personal: Sequence[str]) -> None:
        seen: BaseException | None = error
        while seen is not None:
            detail = getattr(seen, "detail", "")
            text = f"{seen} {seen!r} {detail} {' '.join(getattr(seen, '__notes__', ()))}"
            for word in [*case.secrets, *personal]:
                assert len(word) < 4 or word not in text, (
                    f"{type(seen).__name__} gives away a secret or a key"
                )
            seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)

    @classmethod
    def _assert_log_keeps_secrets(cls, case: ContractCase, caplog: pytest.LogCaptureFixture) -> None:
        text = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
        for word in [*case.secrets, *cls._personal(case)]:
            assert len(word) < 4 or word not in text, "the log gives away a secret or a key"


def manifest_faults(manifest: Any) -> list[str]:
    """What is missing in a manifest, one line each; nothing where it is complete."""
    faults = quality_faults(manifest.quality)
    for name in ("adapter", "title", "api", "verified"):
        if not getattr(manifest, name).strip():
            faults.append(f"{name} is empty")
    named = [*manifest.lookups, *manifest.cannot_look_up]
    for type_ in KeyType:
        if named.count(type_) != 1:
            faults.append(f"{type_} must be in lookups or in cannot_look_up, and not in both")
    for type_, note in {**manifest.lookups, **manifest.cannot_look_up}.items():
        if not note.strip():
            faults.append(f"{type_} has no note")
    for kind, support in manifest.kinds.items():
        if not support.calls.strip() or support.batch < 1 or support.page < 1:
            faults.append(f"{kind} must say its calls, batch and page")
    known = set(Profile.__struct_fields__)
    if manifest.profile_fields - known:
        faults.append(f"profile_fields that do not exist: {sorted(manifest.profile_fields - known)}")
    return faults


def _finding(key: MatchKey) -> _Operation:
    return lambda adapter, call: adapter.find([key], call)


def _paging(kind: RecordKind, owners: list[Owner]) -> _Operation:
    return lambda adapter, call: adapter.page(kind, owners, Window(limit=5), _NO_PARTS, call)


def _changing(kind: RecordKind) -> _Operation:
    return lambda adapter, call: adapter.changes(kind, None, call)
