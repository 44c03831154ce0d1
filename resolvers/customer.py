"""One customer in one request: what was asked for is fetched, merged and told with its provenance; nothing else is.

Everything is lazy. Fields that are resolved in the same turn of the event loop share their fetches (see `loading`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from adapters.base import KeyType, MatchKey, Owner, Window
from adapters.records import RecordKind
from resolvers.connection import Place, Slice, merge_pages
from resolvers.errors import FieldPath, SourceFailure
from resolvers.identity import keys as match_keys
from resolvers.identity.chronicle import Believed, Bridge, Entry, Evidence
from resolvers.identity.map import IdentityMap, SharedKeys
from resolvers.identity.members import Ref
from resolvers.identity.store import Member, StoredCustomer
from resolvers.loading import Batch, Loader, Wanted, finished
from resolvers.merge import FIELDS, Merged, MergeRules, Observed
from resolvers.sources import Sources

TIMELINE = (RecordKind.ORDER, RecordKind.TICKET, RecordKind.EMAIL_EVENT, RecordKind.MESSAGE)
"""The kinds of a customer's timeline."""


class State(StrEnum):
    """How a source stands in this answer."""

    FRESH = "FRESH"
    STALE = "STALE"
    UNAVAILABLE = "UNAVAILABLE"
    NOT_ASKED = "NOT_ASKED"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What a source contributed to a customer."""

    source: str
    state: State
    fetched_at: datetime | None = None
    failure: SourceFailure | None = None


class _Profiles:
    """The records that can fill some fields: as they are wanted, and as they came."""

    __slots__ = ("observed", "wanted")

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.observed: list[Observed] | None = None


class CustomerView:
    """A customer as one request sees it. Made by `Session`."""

    def __init__(
        self,
        stored: StoredCustomer,
        loader: Loader,
        sources: Sources,
        rules: MergeRules,
        identity: IdentityMap,
        shared: SharedKeys,
    ) -> None:
        self.id = stored.id
        self.redirected_from = stored.redirected_from
        self.members: tuple[Member, ...] = tuple(m for m in stored.members if m.source in sources)
        self._loader, self._sources, self._rules, self._identity = loader, sources, rules, identity
        self._shared = shared
        self._wanted: dict[tuple[frozenset[str], str | None], _Profiles] = {}
        self._used: dict[Batch, None] = {}  # in the order in which they were joined
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def merged(self, name: str, path: FieldPath | None = None) -> tuple[Merged, ...]:
        """The surviving values of a field of `merge.FIELDS`: at most one, unless it is a list."""
        with self._working():
            wanted = self.want(name, path)
            await finished(wanted)
            return self.merged_of(name, wanted)

    def want(self, name: str, path: FieldPath | None = None) -> Wanted:
        """Asks for the records that can say something of a field."""
        field = FIELDS[name]
        known = self._wanted.get((field.needs, field.part))
        if known is not None:
            for batch, _ in known.wanted:
                batch.joined(path)
            return known.wanted
        parts = frozenset((field.part,)) if field.part else _NO_PARTS
        able = self._sources.filling(field.needs)
        wanted = [(self._want_profile(m, parts, path), m.record_id) for m in self.members if m.source in able]
        self._wanted[field.needs, field.part] = _Profiles(wanted)
        return wanted

    def merged_of(self, name: str, wanted: Wanted) -> tuple[Merged, ...]:
        """What `merged` gives, from what `want` asked for and is there now."""
        field = FIELDS[name]
        profiles = self._wanted[field.needs, field.part]
        if profiles.observed is None:
            profiles.observed = [
                Observed(profile=profile, at=batch.at)
                for batch, record_id in wanted
                if (profile := batch.value(record_id)) is not None and batch.at is not None
            ]
        return self._rules.merge(name, profiles.observed)

    def text(self, name: str, value: object) -> str:
        """A field's value as provenance shows it."""
        return self._rules.text(name, value)

    async def activities(
        self,
        kinds: Sequence[RecordKind],
        first: int,
        after: Place | None,
        parts: frozenset[str] = frozenset(),
        path: FieldPath | None = None,
    ) -> Slice | None:
        """One page of these kinds, newest first; None when every source that should have contributed failed."""
        with self._working():
            by_record = self.want_activities(kinds, first, after, parts, path)
            mailed, silent = await self._mailed(kinds, first, after, parts, path)
            wanted = [*by_record, *mailed]
            await finished(wanted)
            return page_of(wanted, first, silent)

    def waits_for_addresses(self, kinds: Sequence[RecordKind]) -> bool:
        """Whether some source finds these kinds by the customer's e-mail addresses, which have to be known first."""
        return any(self._sources.having_by_email(kind) for kind in kinds)

    def want_activities(
        self,
        kinds: Sequence[RecordKind],
        first: int,
        after: Place | None,
        parts: frozenset[str] = frozenset(),
        path: FieldPath | None = None,
    ) -> Wanted:
        """Asks for a page of the sources that find these kinds by record; `page_of` gives it."""
        return [
            (self._want_page(m.source, kind, Owner(ref=m.record_id), first, after, parts, path), m.record_id)
            for kind in kinds
            for m in self.members
            if m.source in self._sources.having_by_record(kind)
        ]

    async def evidence(self) -> Sequence[Evidence]:
        """Why these records are one customer."""
        return await self._identity.store.evidence([(m.source, m.record_id) for m in self.members])

    async def why(self, a: Ref, b: Ref) -> Sequence[Evidence]:
        """The strongest way from one record of the customer to another; empty when one of them is none of theirs."""
        own = {(m.source, m.record_id) for m in self.members}
        return await self._identity.store.chronicle.why(a, b) if {a, b} <= own else ()

    async def history(self) -> Sequence[Entry]:
        """What happened to these records, oldest first."""
        return await self._identity.store.chronicle.history(self.id)

    async def bridges(self) -> Sequence[Bridge]:
        """The pairs without which the customer would fall apart."""
        return await self._identity.store.chronicle.bridges(self.id)

    async def believed(self, at: datetime) -> Believed | None:
        """The customer with the id that was asked for, as it was then; None when there was none."""
        return await self._identity.store.chronicle.as_of(self.redirected_from or self.id, at)

    async def statuses(self) -> list[Status]:
        """How each source stands, when everything else that this answer asks of the customer has come in."""
        for _ in range(3):  # siblings that are still to start, start in these turns
            await asyncio.sleep(0)
        while not self._idle.is_set() or any(not batch.done for batch in self._used):
            await self._idle.wait()
            await finished([(batch, "") for batch in self._used])
        return [self._status(name) for name in self._sources.names]

    def _status(self, name: str) -> Status:
        used = [batch for batch in self._used if batch.source == name]
        fetched = min((batch.at for batch in used if batch.at), default=None)
        failure = next((b.failure for b in used if b.failure), None) or self._discovery_failure(name)
        if failure is not None:
            return Status(source=name, state=State.UNAVAILABLE, failure=failure, fetched_at=fetched)
        if fetched is not None:
            return Status(source=name, state=State.FRESH, fetched_at=fetched)
        return Status(source=name, state=State.NOT_ASKED)

    def _discovery_failure(self, name: str) -> SourceFailure | None:
        """A source that failed while the customer was looked up may have records of theirs that nobody could see."""
        fetch = self._loader.fetches.get(name)
        return fetch.failure if fetch and fetch.at is None else None

    def _want_profile(self, member: Member, parts: frozenset[str], path: FieldPath | None) -> Batch:
        if parts:
            parts &= self._sources.manifest(member.source).kinds[RecordKind.PROFILE].parts
        batch = self._loader.want_profile(member.source, member.record_id, parts, path)
        self._used[batch] = None
        return batch

    async def _mailed(
        self,
        kinds: Sequence[RecordKind],
        first: int,
        after: Place | None,
        parts: frozenset[str],
        path: FieldPath | None,
    ) -> tuple[Wanted, list[str]]:
        """The windows of kinds that are found by e-mail address, and the sources that could not tell their addresses."""
        streams = [(source, kind) for kind in kinds for source in self._sources.having_by_email(kind)]
        if not streams:
            return [], []
        told = self.want("email_addresses", path)
        owner = await self._email_owner(path)
        silent = [batch.source for batch, _ in told if batch.failure is not None]
        asked = streams if owner.emails else []
        pages = [(self._want_page(s, k, owner, first, after, parts, path), owner.ref) for s, k in asked]
        return pages, silent

    async def _email_owner(self, path: FieldPath | None) -> Owner:
        """The customer's own addresses: one that other people share would show their correspondence.

        It waits until no profile is under way any more, so that many customers' mailboxes are asked in one batch.
        """
        merged = await self.merged("email_addresses", path)
        await self._loader.settled("read")
        found = {e for m in merged if (e := match_keys.email(m.value.value))}
        keys = {MatchKey(KeyType.EMAIL, e) for e in found}
        own = keys - await self._shared.among(keys)
        return Owner(ref=self.id, emails=tuple(sorted(k.value for k in own)))

    def _want_page(
        self,
        source: str,
        kind: RecordKind,
        owner: Owner,
        first: int,
        after: Place | None,
        parts: frozenset[str],
        path: FieldPath | None,
    ) -> Batch:
        window = Window(limit=first, before=after.below(kind, source) if after else None)
        if parts:
            parts &= self._sources.manifest(source).kinds[kind].parts
        batch = self._loader.want_page(source, kind, owner, window, parts, path)
        self._used[batch] = None
        return batch

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        self._busy += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if self._busy == 0:
                self._idle.set()


_NO_PARTS = frozenset[str]()


def complete(wanted: Wanted) -> bool:
    """Whether every source answered, so that an empty list is one."""
    return all(batch.failure is None for batch, _ in wanted)


def page_of(wanted: Wanted, first: int, silent: Sequence[str] = ()) -> Slice | None:
    """The pages that came, merged; None where none came. `silent` are sources that could not even be asked."""
    pages = [(batch.source, batch.value(owner)) for batch, owner in wanted]
    good = [page for _, page in pages if page is not None]
    failed = [*silent, *(source for source, page in pages if page is None)]
    if failed and not good:
        return None
    records, has_next = merge_pages(good, first)
    return Slice(records=records, has_next=has_next, partial=tuple(dict.fromkeys(failed)))
