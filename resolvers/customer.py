"""One customer in one request: what was asked for is fetched, merged and told with its provenance; nothing else is.

Everything is lazy. Fields that are resolved in the same turn of the event loop share their fetches (see `loading`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from adapters.base import KeyType, MatchKey, OwnedBy, Owner, Page, Window
from adapters.records import RecordKind
from resolvers.connection import Place, Slice, merge_pages
from resolvers.errors import FieldPath, SourceFailure
from resolvers.identity import keys as match_keys
from resolvers.identity.chronicle import Believed, Bridge, Entry, Evidence
from resolvers.identity.map import IdentityMap, SharedKeys
from resolvers.identity.members import Ref
from resolvers.identity.store import Member, StoredCustomer
from resolvers.loading import Loader
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
        self._fetched: dict[str, datetime] = {}
        self._failed: dict[str, SourceFailure] = {}
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def merged(self, name: str, path: FieldPath | None = None) -> tuple[Merged, ...]:
        """The surviving values of a field of `merge.FIELDS`: at most one, unless it is a list."""
        with self._working():
            field = FIELDS[name]
            members = self._able(field.needs)
            part = frozenset({field.part}) if field.part else frozenset[str]()
            return self._rules.merge(name, await self._observed(members, part, path))

    def text(self, name: str, value: object) -> str:
        """A field's value as provenance shows it."""
        return self._rules.text(name, value)

    def answered(self, name: str) -> bool:
        """Whether a list may be shown as empty: no source that could fill it failed."""
        return not any(m.source in self._failed for m in self._able(FIELDS[name].needs))

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
            by_record = [o for kind in kinds for o in self._record_owners(kind)]
            by_email = [(s, k) for k in kinds for s in self._sources.having(k) if self._owned_by_email(s, k)]
            windows = [self._window(s, k, o, first, after, parts, path) for s, k, o in by_record]
            pages, mailed = await asyncio.gather(
                asyncio.gather(*windows), self._mailed(by_email, first, after, parts, path)
            )
            found = [*zip((s for s, _, _ in by_record), pages, strict=True), *mailed]
            good = [page for _, page in found if page is not None]
            if found and not good:
                return None
            records, has_next = merge_pages(good, first)
            failed = dict.fromkeys(source for source, page in found if page is None)
            return Slice(records=records, has_next=has_next, partial=tuple(failed))

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
        await self._idle.wait()
        return [self._status(name) for name in self._sources.names]

    def _status(self, name: str) -> Status:
        failure = self._failed.get(name) or self._discovery_failure(name)
        if failure is not None:
            return Status(
                source=name, state=State.UNAVAILABLE, failure=failure, fetched_at=self._fetched.get(name)
            )
        if name in self._fetched:
            return Status(source=name, state=State.FRESH, fetched_at=self._fetched[name])
        return Status(source=name, state=State.NOT_ASKED)

    def _discovery_failure(self, name: str) -> SourceFailure | None:
        """A source that failed while the customer was looked up may have records of theirs that nobody could see."""
        fetch = self._loader.fetches.get(name)
        return fetch.failure if fetch and fetch.at is None else None

    def _able(self, needs: frozenset[str]) -> list[Member]:
        """The members whose source can fill one of these profile fields."""
        return [m for m in self.members if needs & self._sources.manifest(m.source).profile_fields]

    async def _observed(
        self, members: Sequence[Member], parts: frozenset[str], path: FieldPath | None
    ) -> list[Observed]:
        able = [
            (m, parts & self._sources.manifest(m.source).kinds[RecordKind.PROFILE].parts) for m in members
        ]
        outcomes = await asyncio.gather(
            *(self._loader.profile(m.source, m.record_id, p, path) for m, p in able)
        )
        observed = []
        for (member, _), outcome in zip(able, outcomes, strict=True):
            self._note(member.source, outcome.failure)
            if outcome.value is not None:
                observed.append(Observed(profile=outcome.value, at=self._fetched[member.source]))
        return observed

    def _note(self, source: str, failure: SourceFailure | None) -> None:
        if failure is not None:
            self._failed[source] = failure
        else:
            fetch = self._loader.fetches.get(source)
            self._fetched[source] = (fetch and fetch.at) or datetime.now(UTC)

    def _owned_by_email(self, source: str, kind: RecordKind) -> bool:
        return self._sources.manifest(source).kinds[kind].owned_by is OwnedBy.EMAIL

    def _record_owners(self, kind: RecordKind) -> list[tuple[str, RecordKind, Owner]]:
        return [
            (m.source, kind, Owner(ref=m.record_id))
            for m in self.members
            if kind in self._sources.manifest(m.source).kinds and not self._owned_by_email(m.source, kind)
        ]

    async def _mailed(
        self,
        streams: Sequence[tuple[str, RecordKind]],
        first: int,
        after: Place | None,
        parts: frozenset[str],
        path: FieldPath | None,
    ) -> list[tuple[str, Page | None]]:
        """The windows of kinds that are found by e-mail address. A source that could not tell its addresses is missing too."""
        if not streams:
            return []
        owner = await self._email_owner(path)
        needs = FIELDS["email_addresses"].needs
        silent = [m.source for m in self._able(needs) if m.source in self._failed]
        asked = streams if owner.emails else []
        pages = await asyncio.gather(
            *(self._window(s, k, owner, first, after, parts, path) for s, k in asked)
        )
        return [*((s, None) for s in silent), *zip((s for s, _ in asked), pages, strict=True)]

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

    async def _window(
        self,
        source: str,
        kind: RecordKind,
        owner: Owner,
        first: int,
        after: Place | None,
        parts: frozenset[str],
        path: FieldPath | None,
    ) -> Page | None:
        window = Window(limit=first, before=after.below(kind, source) if after else None)
        able = parts & self._sources.manifest(source).kinds[kind].parts
        outcome = await self._loader.page(source, kind, owner, window, able, path)
        self._note(source, outcome.failure)
        return outcome.value

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
