"""The contract suite notices what is wrong: adapters that are right but for one fault fail the test that is about it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import httpx
import msgspec
import pytest

from adapters.base import AdapterType, Found, KeyType, MatchKey, Owner, Page, Window
from adapters.contract import QUALITY_RULES, AdapterContract, ContractCase, Fault, manifest_faults
from adapters.contract.quality import quality_faults
from adapters.errors import BadPayload, SourceError, SourceUnavailable
from adapters.kit.http import SourceClient
from adapters.records import RecordKind
from tests.adapters.test_docs_example import SERVICE, TOKEN, example_case

Changed = Callable[[Any], Any]


def _case(example: ModuleType, methods: Mapping[str, Changed], **known: Any) -> ContractCase:
    """The example adapter with some methods made from the right ones."""
    faulty = type("Faulty", (example.Members,), {})
    for name, change in methods.items():
        setattr(faulty, name, change(getattr(example.Members, name)))

    def build(name: str, settings: Any, transport: httpx.AsyncBaseTransport | None) -> Any:
        auth = example.bearer(settings.token)
        http = SourceClient(name, settings.base_url, settings, auth=auth, transport=transport)
        return faulty(name, settings, http)

    module = ModuleType("mutant")
    module.adapter = AdapterType(  # type: ignore[attr-defined]
        manifest=example.MANIFEST, settings=example.MembersSettings, build=build
    )
    module.MembersSettings = example.MembersSettings  # type: ignore[attr-defined]
    return example_case(module, httpx.ASGITransport(SERVICE), **known)


async def _fails(test: str, case: ContractCase, *args: object) -> None:
    run = getattr(AdapterContract(), test)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await run(case, *args)


def _found(change: Callable[[MatchKey, Found], Found]) -> Changed:
    def changed(right: Any) -> Any:
        async def find(self: Any, keys: Any, call: Any) -> Any:
            return {key: change(key, found) for key, found in (await right(self, keys, call)).items()}

        return find

    return changed


def _paged(change: Callable[[Page, Window], Page]) -> Changed:
    def changed(right: Any) -> Any:
        async def page(self: Any, kind: Any, owners: Any, window: Window, parts: Any, call: Any) -> Any:
            pages = await right(self, kind, owners, window, parts, call)
            return {ref: change(page, window) for ref, page in pages.items()}

        return page

    return changed


def _recorded(**fields: object) -> Changed:
    return lambda right: lambda self, vendor: msgspec.structs.replace(right(self, vendor), **fields)


def _fuzzy(right: Any) -> Any:
    """Believes whatever the vendor's search answers to the start of an address."""

    async def find(self: Any, keys: Any, call: Any) -> Any:
        everybody = list((await self.read(["1", "2", "3"], frozenset(), call)).values())
        return {
            key: Found(
                profiles=tuple(
                    p for p in everybody if any(key.value[1:8] in email.value.lower() for email in p.emails)
                )
            )
            for key in keys
        }

    return find


def _one_by_one(right: Any) -> Any:
    async def read(self: Any, ids: Any, parts: Any, call: Any) -> Any:
        found: dict[str, Any] = {}
        for id_ in ids:
            found |= await right(self, [id_], parts, call)
        return found

    return read


def _page_one_by_one(right: Any) -> Any:
    async def page(self: Any, kind: Any, owners: Any, window: Any, parts: Any, call: Any) -> Any:
        pages: dict[str, Any] = {}
        for owner in list(owners) * 2:
            pages |= await right(self, kind, [owner], window, parts, call)
        return pages

    return page


def _mixed(right: Any) -> Any:
    async def page(self: Any, kind: Any, owners: Any, window: Any, parts: Any, call: Any) -> Any:
        pages = await right(self, kind, owners, window, parts, call)
        return {ref: list(pages.values())[-1] for ref in pages}

    return page


def _calls_although_late(right: Any) -> Any:
    async def read(self: Any, ids: Any, parts: Any, call: Any) -> Any:
        return await right(self, ids, parts, msgspec.structs.replace(call, deadline=call.deadline + 3600))

    return read


def _swallows_cancellation(right: Any) -> Any:
    async def find(self: Any, keys: Any, call: Any) -> Any:
        try:
            return await right(self, keys, call)
        except BaseException as error:
            raise SourceUnavailable(self.name, "find", type(error).__name__) from None

    return find


def _stuck(right: Any) -> Any:
    async def changes(self: Any, kind: Any, cursor: Any, call: Any) -> Any:
        step = await right(self, kind, cursor, call)
        return msgspec.structs.replace(step, cursor="0", done=False)

    return changes


def _forgetful(right: Any) -> Any:
    async def changes(self: Any, kind: Any, cursor: Any, call: Any) -> Any:
        step = await right(self, kind, cursor, call)
        return msgspec.structs.replace(step, records=step.records[1:])

    return changes


def _starts_over(right: Any) -> Any:
    """Resumes one step too far on."""

    async def changes(self: Any, kind: Any, cursor: Any, call: Any) -> Any:
        step = await right(self, kind, cursor, call)
        if cursor and cursor in self.__dict__.setdefault("seen", set()):
            return msgspec.structs.replace(step, records=(), done=True)
        self.seen.add(cursor) if cursor else None
        return step

    return changes


def _nobody_asked(right: Any) -> Any:
    async def find(self: Any, keys: Any, call: Any) -> Any:
        await self.check(call)
        return await right(self, keys, call)

    return find


MUTANTS: dict[str, tuple[str, Mapping[str, Changed]]] = {
    "finds strangers": ("test_find_each_key", {"find": _fuzzy}),
    "leaves a key out": (
        "test_find_each_key",
        {"find": lambda right: lambda self, keys, call: right(self, keys[1:], call)},
    ),
    "believes a fuzzy search": ("test_find_tells_near_keys_apart", {"find": _fuzzy}),
    "finds one too few": (
        "test_find_all_keys_at_once",
        {"find": _found(lambda key, found: Found(profiles=found.profiles[:1]))},
    ),
    "finds people for nobody's key": (
        "test_find_unknown_keys",
        {"find": _found(lambda key, found: Found(truncated=True))},
    ),
    "calls for nothing": ("test_find_same_key_twice_and_no_key", {"find": _nobody_asked}),
    "wrong source": ("test_find_each_key", {"_profile": _recorded(source="other")}),
    "no link": ("test_read_profiles", {"_profile": _recorded(url=None)}),
    "no update time": ("test_read_profiles", {"_profile": _recorded(updated_at=None)}),
    "blank text": ("test_read_profiles", {"_profile": _recorded(family_name=" ")}),
    "wrong type": ("test_read_profiles", {"_profile": _recorded(family_name=7)}),
    "unnamed field": ("test_read_profiles", {"_profile": _recorded(language="de")}),
    "wrong value": ("test_read_profiles", {"_profile": _recorded(given_name="Eve")}),
    "reads one by one": ("test_read_profiles", {"read": _one_by_one}),
    "reads somebody for a missing id": (
        "test_read_missing_and_repeated_ids",
        {"read": lambda right: lambda self, ids, parts, call: right(self, [*ids, "1"], parts, call)},
    ),
    "repeats the last record": (
        "test_page_chains_without_gap_or_repeat",
        {"page": _paged(lambda page, window: msgspec.structs.replace(page, records=page.records * 2))},
    ),
    "loses a record": (
        "test_page_chains_without_gap_or_repeat",
        {"page": _paged(lambda page, window: msgspec.structs.replace(page, records=page.records[1:]))},
    ),
    "oldest first": (
        "test_page_chains_without_gap_or_repeat",
        {"page": _paged(lambda page, window: msgspec.structs.replace(page, records=page.records[::-1]))},
    ),
    "always more": (
        "test_page_chains_without_gap_or_repeat",
        {"page": _paged(lambda page, window: msgspec.structs.replace(page, has_more=True))},
    ),
    "never more": (
        "test_page_chains_without_gap_or_repeat",
        {"page": _paged(lambda page, window: msgspec.structs.replace(page, has_more=False))},
    ),
    "more than asked for": (
        "test_page_starts_anywhere",
        {
            "page": lambda right: (
                lambda self, kind, owners, window, parts, call: right(
                    self, kind, owners, msgspec.structs.replace(window, limit=window.limit + 1), parts, call
                )
            )
        },
    ),
    "does not look at the position": (
        "test_page_starts_anywhere",
        {
            "page": lambda right: (
                lambda self, kind, owners, window, parts, call: right(
                    self, kind, owners, msgspec.structs.replace(window, before=None), parts, call
                )
            )
        },
    ),
    "mixes owners": ("test_page_of_many_owners_is_each_owners_own", {"page": _mixed}),
    "pages one by one": ("test_page_of_many_owners_in_few_calls", {"page": _page_one_by_one}),
    "leaves unknown owners out": (
        "test_page_of_unknown_owners_and_of_none",
        {
            "page": lambda right: (
                lambda self, kind, owners, window, parts, call: right(
                    self, kind, [o for o in owners if len(o.ref) < 4], window, parts, call
                )
            )
        },
    ),
    "changes never end": ("test_changes_name_every_record", {"changes": _stuck}),
    "changes forget": ("test_changes_name_every_record", {"changes": _forgetful}),
    "changes resume badly": ("test_changes_resume_from_each_cursor", {"changes": _starts_over}),
    "calls although it is late": ("test_deadline_in_the_past", {"read": _calls_although_late}),
    "swallows cancellation": (
        "test_cancelled_calls_leave_the_adapter_usable",
        {"find": _swallows_cancellation},
    ),
}


@pytest.mark.parametrize("mutant", list(MUTANTS))
async def test_mutant_is_noticed(example: ModuleType, mutant: str) -> None:
    test, methods = MUTANTS[mutant]
    await _fails(test, _case(example, methods))


@pytest.mark.parametrize("test", sorted({test for test, _ in MUTANTS.values()}))
async def test_the_right_adapter_passes(example: ModuleType, test: str) -> None:
    """So that the mutants fail for their fault, and for nothing else."""
    await getattr(AdapterContract(), test)(_case(example, {}))


def _raising(error: Callable[[Any], BaseException]) -> Changed:
    """Turns every failure of a read into this one."""

    def changed(right: Any) -> Any:
        async def read(self: Any, ids: Any, parts: Any, call: Any) -> Any:
            try:
                return await right(self, ids, parts, call)
            except SourceError:
                raise error(self) from None

        return read

    return changed


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.UNAUTHORIZED, lambda self: SourceUnavailable(self.name, "read")),  # the wrong class
        (Fault.EMPTY, lambda self: ValueError("no JSON")),  # none of the tree
        (Fault.EMPTY, lambda self: BadPayload(self.name, "read", f"for ada@example.com with {TOKEN}")),
        (Fault.REFUSED, lambda self: SourceUnavailable(self.name, "")),  # no operation
    ],
)
async def test_wrong_errors_are_noticed(
    example: ModuleType, fault: Fault, error: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = AdapterContract().test_fault_becomes_its_error
    with pytest.raises((AssertionError, pytest.fail.Exception, ValueError)):
        await run(_case(example, {"read": _raising(error)}), fault, caplog)


async def test_secrets_in_a_cause_and_in_the_log_are_noticed(
    example: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    def causes(right: Any) -> Any:
        async def read(self: Any, ids: Any, parts: Any, call: Any) -> Any:
            try:
                return await right(self, ids, parts, call)
            except SourceError as error:
                raise type(error)(self.name, "read") from ValueError(TOKEN)

        return read

    def logs(right: Any) -> Any:
        async def find(self: Any, keys: Any, call: Any) -> Any:
            for key in keys:
                logging.getLogger("acme").debug("looking for %s", key.value)
            return await right(self, keys, call)

        return find

    run = AdapterContract().test_fault_becomes_its_error
    for methods in ({"read": causes}, {"find": logs}):
        with pytest.raises(AssertionError, match="gives away"):
            await run(_case(example, methods), Fault.UNAUTHORIZED, caplog)


async def test_a_case_that_says_too_little_is_refused(example: ModuleType) -> None:
    too_little: list[dict[str, Any]] = [
        {"find": {MatchKey(KeyType.EMAIL, "ada@example.com"): frozenset({"1"})}},
        {"profiles": {"1": {}}},
        {"owners": {}},
        {"owners": {RecordKind.ORDER: {Owner(ref="1"): ("1",)}}},
    ]
    for known in too_little:
        await _fails("test_manifest_is_complete", _case(example, {}, **known))


async def test_more_calls_than_declared_are_noticed(example: ModuleType) -> None:
    await _fails("test_find_all_keys_at_once", _case(example, {}, find_calls=1))


def test_manifests_that_say_too_little(example: ModuleType) -> None:
    right = example.MANIFEST
    assert manifest_faults(right) == []
    faulty: list[dict[str, Any]] = [
        {"title": " "},
        {"lookups": {}},
        {"cannot_look_up": {**right.cannot_look_up, KeyType.EMAIL: "also here"}},
        {"lookups": {**right.lookups, KeyType.EMAIL: ""}},
        {"profile_fields": frozenset({"shoe_size"})},
        {"quality": {**right.quality, "batched": "exempt:"}},
    ]
    for changed in faulty:
        assert len(manifest_faults(msgspec.structs.replace(right, **changed))) >= 1, changed


def test_quality_rules() -> None:
    assert len(quality_faults({})) == len(QUALITY_RULES)
    assert quality_faults(dict.fromkeys(QUALITY_RULES, "done")) == []
    assert quality_faults(dict.fromkeys(QUALITY_RULES, "exempt: the vendor has none")) == []
    assert "does not exist" in quality_faults({**dict.fromkeys(QUALITY_RULES, "done"), "fast": "done"})[0]
    assert "must be" in quality_faults({**dict.fromkeys(QUALITY_RULES, "done"), "docs": "soon"})[0]
