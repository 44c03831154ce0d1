"""A source that lives in memory: a complete adapter without a vendor, for tests of what stands above the adapters.

It passes the contract suite like any other (tests/resolvers/test_memory.py), counts its calls, and can be told to fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from adapters.base import (
    FIND_LIMIT,
    Call,
    Changes,
    Found,
    KeyType,
    KindSupport,
    Manifest,
    MatchKey,
    OwnedBy,
    Owner,
    Page,
    SourceKind,
    Window,
)
from adapters.errors import SourceError
from adapters.kit.paging import cut
from adapters.records import Activity, Profile, Record, RecordKind
from resolvers.connection import kind_of
from resolvers.identity import keys as match_keys

ALL_FIELDS = frozenset(
    [
        "given_name",
        "family_name",
        "full_name",
        "birth_date",
        "language",
        "emails",
        "phones",
        "addresses",
        "account",
        "consents",
        "preferences",
    ]
)


class MemorySource:
    """`records` may be changed between calls; `fail` is raised by every call while it is set."""

    def __init__(
        self,
        name: str,
        kind: SourceKind,
        records: Sequence[Record] = (),
        *,
        searchable: frozenset[KeyType] = frozenset({KeyType.EMAIL, KeyType.PHONE, KeyType.NAME}),
        profile_fields: frozenset[str] = ALL_FIELDS,
        owned_by: OwnedBy = OwnedBy.RECORD,
        kinds: frozenset[RecordKind] = frozenset(RecordKind),
    ) -> None:
        self.name = name
        self.records = list(records)
        self.fail: SourceError | None = None
        self.gate: asyncio.Event | None = None
        self.calls: list[tuple[str, int]] = []
        self.under_way = 0
        self.most_under_way = 0
        self.manifest = Manifest(
            adapter="memory",
            title="Memory",
            kind=kind,
            api="none",
            verified="itself",
            lookups=dict.fromkeys(searchable, "exact"),
            cannot_look_up=dict.fromkeys(set(KeyType) - searchable, "not kept"),
            kinds={
                k: KindSupport(
                    calls="one",
                    batch=1000,
                    owned_by=owned_by if k is RecordKind.MESSAGE else OwnedBy.RECORD,
                    parts=frozenset({"account"}) if k is RecordKind.PROFILE else frozenset(),
                )
                for k in kinds
            },
            profile_fields=profile_fields,
            quality={},
        )

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        await self._called("find", len(keys))
        return {key: self._found(key) for key in keys}

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        await self._called("read", len(ids))
        return {p.id: p for p in self._profiles() if p.id in ids}

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        await self._called(f"page {kind.value}", len(owners))
        mine = [r for r in self.records if isinstance(r, Activity) and kind_of(r) is kind]
        by_email = self.manifest.kinds[kind].owned_by is OwnedBy.EMAIL
        return {
            o.ref: cut((r for r in mine if r.owner in (o.emails if by_email else (o.ref,))), window)
            for o in owners
        }

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        return Changes(records=tuple(self.records), cursor="end", done=True)

    async def check(self, call: Call) -> str:
        await self._called("check", 0)
        return f"{len(self.records)} records"

    async def aclose(self) -> None:
        return None

    def count(self, operation: str) -> int:
        return sum(1 for name, _ in self.calls if name == operation)

    def asked(self, operation: str) -> int:
        """How many keys, ids or owners its calls named."""
        return sum(items for name, items in self.calls if name == operation)

    def _profiles(self) -> list[Profile]:
        return [r for r in self.records if isinstance(r, Profile)]

    def _found(self, key: MatchKey) -> Found:
        hits = [p for p in self._profiles() if self._carries(p, key)]
        return Found(profiles=tuple(hits[:FIND_LIMIT]), truncated=len(hits) > FIND_LIMIT)

    @staticmethod
    def _carries(profile: Profile, key: MatchKey) -> bool:
        if key.type is KeyType.NAME:
            return key.value.lower() in f"{profile.given_name} {profile.family_name}".lower()
        if key.type is KeyType.PHONE:
            return any(match_keys.phone(n.value, "DE") == key.value for n in profile.phones)
        if key.type is KeyType.EMAIL:
            return any(e.value.lower() == key.value for e in profile.emails)
        return profile.customer_number == key.value

    async def _called(self, operation: str, items: int) -> None:
        self.calls.append((operation, items))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
            if self.fail is not None:
                raise self.fail
        finally:
            self.under_way -= 1
