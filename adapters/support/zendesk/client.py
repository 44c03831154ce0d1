"""The Zendesk Support API: one private method per endpoint, put together to what an adapter must do."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from adapters.base import (
    FIND_LIMIT,
    Call,
    Changes,
    Found,
    KeyType,
    Manifest,
    MatchKey,
    Owner,
    Page,
    Position,
    Window,
)
from adapters.errors import SourceAuthFailed, SourceRejected
from adapters.kit.auth import basic
from adapters.kit.http import SourceClient
from adapters.kit.pace import Pace
from adapters.kit.paging import chunks, narrowing, together, windows
from adapters.records import Comment, Profile, Record, RecordKind, Ticket
from adapters.support.zendesk import models, search
from adapters.support.zendesk.mapping import Mapper, is_customer, moment
from adapters.support.zendesk.settings import ZendeskSettings

if TYPE_CHECKING:
    import httpx

BATCH = 100
"""Ids that `show_many` takes, records in a page, and requesters in one search."""

SEARCH_CAP = 1000
"""Results that a search gives in all, however many there are."""

_EXPORT_SIZE = 500


class ZendeskAdapter:
    """One Zendesk account."""

    def __init__(
        self,
        name: str,
        manifest: Manifest,
        settings: ZendeskSettings,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.name = name
        self.manifest = manifest
        self._settings = settings
        auth = basic(f"{settings.email}/token", settings.api_token)
        self._api = SourceClient(
            name, settings.base_url, settings, auth=auth, transport=transport, on_answer=slow_down
        )
        # the exports have an allowance of their own, far below that of the other calls
        self._exports = SourceClient(
            name, settings.base_url, settings, auth=auth, transport=transport,
            pace=Pace(name, within=(settings.exports_per_minute, 60.0)),
        )  # fmt: skip
        self._map = Mapper(
            source=name,
            web_url=settings.web_url or settings.base_url,
            external_id_system=settings.external_id_system or f"{name}.external_id",
            max_body_chars=settings.max_body_chars,
        )

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """See `adapters.base.Adapter`. All key types at once; many keys of a type in one query."""
        by_type: dict[KeyType, list[MatchKey]] = defaultdict(list)
        for key in dict.fromkeys(keys):
            by_type[key.type].append(key)
        jobs: list[Callable[[], Awaitable[dict[MatchKey, Found]]]] = []
        for key_type, some in by_type.items():
            jobs += self._find_jobs(key_type, some, call)
        found = {key: Found() for key in keys}
        for part in await together(lambda job: job(), jobs):
            found.update(part)
        return found

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """See `adapters.base.Adapter`. Part "account": the users' organizations, 100 in a call."""
        users = await self._users_by_id(ids, call)
        organizations: dict[int, models.Organization] = {}
        if "account" in parts:
            organizations = await self._organizations((u.organization_id for u in users.values()), call)
        return {
            str(user.id): self._map.profile(user, organizations.get(user.organization_id or 0))
            for user in users.values()
            if is_customer(user)
        }

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """See `adapters.base.Adapter`."""
        known = [owner for owner in owners if record_id(owner.ref)]
        if kind is RecordKind.TICKET:
            pieces = list(chunks(known, BATCH))
            read = await together(lambda piece: self._ticket_pages(piece, window, call), pieces)
        elif kind is RecordKind.COMMENT:
            read = await together(lambda owner: self._comment_pages(owner, window, call), known)
        else:
            raise SourceRejected(self.name, "page", f"no {kind.value} records")
        pages = {owner.ref: Page() for owner in owners}
        for part in read:
            pages.update(part)
        return pages

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """See `adapters.base.Adapter`. Zendesk leaves the latest minute out of its exports until it is over."""
        if kind is RecordKind.PROFILE:
            return await self._changed_users(cursor, call)
        if kind is RecordKind.TICKET:
            return await self._changed_tickets(cursor, call)
        raise SourceRejected(self.name, "changes", f"no changes of {kind.value} records")

    async def check(self, call: Call) -> str:
        """See `adapters.base.Adapter`."""
        me = (await self._api.call("check", "GET", "/api/v2/users/me", models.CurrentUser, call)).user
        if me.id is None or me.role not in ("agent", "admin"):
            raise SourceAuthFailed(self.name, "check", "signed in as nobody or as an end user")
        exports = "" if me.role == "admin" else "; changes need an admin"
        return f"Zendesk Support, signed in as {me.role}{exports}"

    async def aclose(self) -> None:
        """See `adapters.base.Adapter`."""
        await self._api.aclose()
        await self._exports.aclose()

    # --- find

    def _find_jobs(
        self, key_type: KeyType, keys: Sequence[MatchKey], call: Call
    ) -> list[Callable[[], Awaitable[dict[MatchKey, Found]]]]:
        if key_type in (KeyType.EMAIL, KeyType.PHONE):
            pieces = search.batches(keys, self._settings.default_country, BATCH)
            return [partial(self._find_by_terms, piece, call) for piece in pieces]
        if key_type is KeyType.NAME:
            return [partial(self._find_by_name, key, call) for key in keys]
        if key_type is KeyType.TICKET_NUMBER:
            return [lambda: self._find_by_ticket(keys, call)]
        if key_type is KeyType.CUSTOMER_NUMBER:
            return [lambda: self._find_by_number(keys, call)]
        raise SourceRejected(self.name, "find", f"cannot look up by {key_type.value}")

    async def _find_by_terms(self, keys: Sequence[MatchKey], call: Call) -> dict[MatchKey, Found]:
        """E-mail addresses or phone numbers of one query. A query with too many results is asked again in halves."""
        country = self._settings.default_country
        query = " ".join(search.terms(key, country) for key in keys)
        answer = await self._search_users(query, call)
        if answer.next_page and len(keys) > 1:
            middle = len(keys) // 2
            halves = await together(lambda k: self._find_by_terms(k, call), (keys[:middle], keys[middle:]))
            return halves[0] | halves[1]
        matched = {key: [u for u in answer.users if search.carries(u, key, country)] for key in keys}
        # an e-mail address belongs to one user, so further results are only similar ones
        more = bool(answer.next_page) and keys[0].type is not KeyType.EMAIL
        found = {key: self._found(users, more=more) for key, users in matched.items()}
        missed = [key for key in keys if key.type is KeyType.EMAIL and not matched[key]]
        claimed = {user.id for users in matched.values() for user in users}
        others = [user for user in answer.users if user.id not in claimed]
        return found | await self._find_by_identity(missed, others, call)

    async def _find_by_identity(
        self, keys: Sequence[MatchKey], candidates: Sequence[models.User], call: Call
    ) -> dict[MatchKey, Found]:
        """Users whom the search brought, but not for their primary address: their identities tell."""
        wanted = {key.value: key for key in keys}
        asked = [u for u in candidates if is_customer(u)][: self._settings.identity_lookups] if wanted else []
        found: dict[MatchKey, list[Profile]] = defaultdict(list)
        answers = await together(lambda user: self._identities(user.id, call), asked)
        for user, identities in zip(asked, answers, strict=True):
            profile = self._map.profile(user, identities=identities)
            for address in profile.emails:
                if key := wanted.get(address.value.lower()):
                    found[key].append(profile)
        return {key: Found(profiles=tuple(profiles)) for key, profiles in found.items()}

    async def _find_by_name(self, key: MatchKey, call: Call) -> dict[MatchKey, Found]:
        words = search.words(key.value)
        if not words:
            return {}
        answer = await self._search_users(" ".join(words), call)
        users = [user for user in answer.users if search.carries(user, key, None)]
        return {key: self._found(users, more=bool(answer.next_page))}

    async def _find_by_ticket(self, keys: Sequence[MatchKey], call: Call) -> dict[MatchKey, Found]:
        numbers = {key: key.value.strip().removeprefix("#") for key in keys}
        ids = list(dict.fromkeys(filter(record_id, numbers.values())))
        answers = await together(lambda piece: self._show_tickets(piece, call), chunks(ids, BATCH))
        requesters = {
            str(ticket.id): str(ticket.requester_id)
            for answer in answers
            for ticket in answer.tickets
            if ticket.status != "deleted" and ticket.requester_id is not None
        }
        users = await self._users_by_id(requesters.values(), call)
        return {
            key: self._found(filter(None, [users.get(requesters.get(number, ""))]))
            for key, number in numbers.items()
        }

    async def _find_by_number(self, keys: Sequence[MatchKey], call: Call) -> dict[MatchKey, Found]:
        numbers = {key: key.value.strip() for key in keys}
        users = await self._users_by_id(numbers.values(), call)
        return {key: self._found(filter(None, [users.get(number)])) for key, number in numbers.items()}

    def _found(self, users: Iterable[models.User], *, more: bool = False) -> Found:
        profiles = [self._map.profile(user) for user in users if is_customer(user)]
        return Found(profiles=tuple(profiles[:FIND_LIMIT]), truncated=more or len(profiles) > FIND_LIMIT)

    # --- windows

    async def _ticket_pages(self, owners: Sequence[Owner], window: Window, call: Call) -> dict[str, Page]:
        ended = False

        async def opened(rest: Sequence[Owner], before: Position | None) -> AsyncIterator[Sequence[Ticket]]:
            nonlocal ended
            if ended:
                return  # the last stream held all that the rest have
            refs = [owner.ref for owner in rest]
            async for tickets, more in self._ticket_stream(refs, before, window.limit, call):
                ended = not more
                yield tickets

        return await narrowing(opened, owners, window)

    async def _ticket_stream(
        self, owners: Sequence[str], before: Position | None, limit: int, call: Call
    ) -> AsyncIterator[tuple[Sequence[Ticket], bool]]:
        """The owners' tickets, newest first, and whether more follow. Every page is a new search from the last one's end.

        So the cap on a search's results is met only within a second, where it is the export's turn.
        """
        bound = before.at.replace(microsecond=0) if before else None
        size, number, more = min(BATCH, len(owners) * (limit + 2)), 1, True
        while more:
            if number * size > SEARCH_CAP and bound:
                async for tickets in self._tickets_of_second(owners, bound, call):
                    yield tickets, True
                bound, number = bound - timedelta(seconds=1), 1
            answer = await self._search_tickets(owners, bound, number, size, call)
            more = bool(answer.next_page and answer.results)
            yield self._tickets(answer.results), more
            if more:
                oldest = moment(min(ticket.created_at for ticket in answer.results))
                # within one second the search can only be paged on; else the bound moves down
                number = number + 1 if oldest == bound and size == BATCH else 1
                bound, size = oldest, BATCH

    async def _tickets_of_second(
        self, owners: Sequence[str], at: datetime, call: Call
    ) -> AsyncIterator[Sequence[Ticket]]:
        """All tickets of one second, where they are more than a search gives (bulk imports)."""
        after: str | None = None
        while True:
            answer = await self._export_tickets(owners, at, after, call)
            yield self._tickets(answer.results)
            after = answer.meta.after_cursor if answer.meta and answer.meta.has_more else None
            if not after or not answer.results:
                return

    async def _comment_pages(self, owner: Owner, window: Window, call: Call) -> dict[str, Page]:
        return await windows(self._comment_stream(owner.ref, window, call), [owner], window)

    async def _comment_stream(
        self, ticket_id: str, window: Window, call: Call
    ) -> AsyncIterator[Sequence[Comment]]:
        """A ticket's comments, newest first; without a time filter, a later window reads past the earlier ones."""
        size = BATCH if window.before else min(BATCH, window.limit + 2)
        after: str | None = None
        while True:
            answer = await self._ticket_comments(ticket_id, size, after, call)
            users = await self._authors(answer, call)
            yield [self._map.comment(comment, ticket_id, users) for comment in answer.comments]
            after = answer.meta.after_cursor if answer.meta and answer.meta.has_more else None
            if not after or not answer.comments:
                return

    async def _authors(self, answer: models.Comments, call: Call) -> dict[int, models.User]:
        """The comments' authors: those that came along, and by one more call those that did not."""
        users = {user.id: user for user in answer.users or ()}
        authors = {comment.author_id for comment in answer.comments if comment.author_id is not None}
        missing = [str(author) for author in sorted(authors - users.keys()) if author > 0]
        others = await self._users_by_id(missing, call)
        return users | {user.id: user for user in others.values()}

    def _tickets(self, tickets: Iterable[models.Ticket]) -> list[Ticket]:
        return [self._map.ticket(t) for t in tickets if t.requester_id is not None and t.status != "deleted"]

    # --- changes

    async def _changed_users(self, cursor: str | None, call: Call) -> Changes:
        answer = await self._export("users", cursor, models.ChangedUsers, call)
        deleted = tuple(str(user.id) for user in answer.users if user.active is False)
        records = tuple(self._map.profile(user) for user in answer.users if is_customer(user))
        latest = max((r.updated_at for r in records if r.updated_at), default=None)
        return self._step(records, deleted, cursor, latest, answer.after_cursor, answer.end_of_stream)

    async def _changed_tickets(self, cursor: str | None, call: Call) -> Changes:
        answer = await self._export("tickets", cursor, models.ChangedTickets, call)
        deleted: list[str] = []
        kept: list[models.Ticket] = []
        for raw in answer.tickets:
            slight = self._exports.decode("changes.tickets", raw, models.DeletedTicket)
            if slight.status == "deleted":
                deleted.append(str(slight.id))
            else:
                kept.append(self._exports.decode("changes.tickets", raw, models.Ticket))
        records = tuple(self._tickets(kept))
        latest = max((r.updated_at for r in records if r.updated_at), default=None)
        return self._step(records, tuple(deleted), cursor, latest, answer.after_cursor, answer.end_of_stream)

    def _step(
        self,
        records: tuple[Record, ...],
        deleted: tuple[str, ...],
        cursor: str | None,
        latest: datetime | None,
        after: str | None,
        ended: bool | None,
    ) -> Changes:
        """Our cursor is `<unix time>:<Zendesk's cursor>`; the latter is empty until there was a change."""
        since, _, before = (cursor or "0:").partition(":")
        # the exports leave out the latest minute, and refuse a start that lies in it
        if latest is not None:
            since = str(max(int(since), min(int(latest.timestamp()), int(time.time()) - 120)))
        return Changes(
            records=records,
            deleted=deleted,
            cursor=f"{since}:{after or before}",
            done=ended is not False or not after,
        )

    # --- endpoints

    async def _search_users(self, query: str, call: Call) -> models.Users:
        params = {"query": query, "per_page": BATCH}
        return await self._api.call(
            "find.users", "GET", "/api/v2/users/search", models.Users, call, params=params
        )

    async def _identities(self, user_id: int, call: Call) -> list[models.Identity]:
        answer = await self._api.call(
            "find.identities", "GET", f"/api/v2/users/{user_id}/identities", models.Identities, call,
            missing=models.Identities(identities=[]),
        )  # fmt: skip
        return answer.identities

    async def _users_by_id(self, ids: Iterable[str], call: Call) -> dict[str, models.User]:
        wanted = list(dict.fromkeys(filter(record_id, ids)))
        answers = await together(lambda piece: self._show_users(piece, call), chunks(wanted, BATCH))
        return {str(user.id): user for answer in answers for user in answer.users}

    async def _show_users(self, ids: Sequence[str], call: Call) -> models.Users:
        return await self._api.call(
            "read.users", "GET", "/api/v2/users/show_many", models.Users, call,
            params={"ids": ",".join(ids)}, missing=models.Users(users=[]),
        )  # fmt: skip

    async def _show_tickets(self, ids: Sequence[str], call: Call) -> models.Tickets:
        return await self._api.call(
            "find.tickets", "GET", "/api/v2/tickets/show_many", models.Tickets, call,
            params={"ids": ",".join(ids)}, missing=models.Tickets(tickets=[]),
        )  # fmt: skip

    async def _organizations(self, ids: Iterable[int | None], call: Call) -> dict[int, models.Organization]:
        wanted = [str(i) for i in dict.fromkeys(ids) if i is not None]
        answers = await together(
            lambda piece: self._api.call(
                "read.organizations", "GET", "/api/v2/organizations/show_many", models.Organizations, call,
                params={"ids": ",".join(piece)}, missing=models.Organizations(organizations=[]),
            ),
            chunks(wanted, BATCH),
        )  # fmt: skip
        return {o.id: o for answer in answers for o in answer.organizations}

    async def _search_tickets(
        self, owners: Sequence[str], bound: datetime | None, number: int, size: int, call: Call
    ) -> models.TicketResults:
        params = {
            "query": "type:ticket " + search.tickets_of(owners, bound),
            "sort_by": "created_at",
            "sort_order": "desc",
            "per_page": size,
            "page": number,
        }
        return await self._api.call(
            "page.tickets", "GET", "/api/v2/search", models.TicketResults, call, params=params
        )

    async def _export_tickets(
        self, owners: Sequence[str], at: datetime, after: str | None, call: Call
    ) -> models.TicketExport:
        query = f"{search.tickets_of(owners, at)} created>={search.stamp(at)}"
        params = {"query": query, "filter[type]": "ticket", "page[size]": BATCH}
        if after:
            params["page[after]"] = after
        return await self._api.call(
            "page.tickets_of_second", "GET", "/api/v2/search/export", models.TicketExport, call, params=params
        )

    async def _ticket_comments(
        self, ticket_id: str, size: int, after: str | None, call: Call
    ) -> models.Comments:
        params: dict[str, Any] = {"sort": "-created_at", "include": "users", "page[size]": size}
        if after:
            params["page[after]"] = after
        return await self._api.call(
            "page.comments", "GET", f"/api/v2/tickets/{ticket_id}/comments", models.Comments, call,
            params=params, missing=models.Comments(comments=[]),
        )  # fmt: skip

    async def _export(self, what: str, cursor: str | None, into: type[Any], call: Call) -> Any:
        """The description demands `start_time` in every request; where both are given, the cursor decides.

        Should a server heed the former, the stream still goes on from the last change seen.
        """
        since, _, after = (cursor or "0:").partition(":")
        if not since.isdecimal():
            raise SourceRejected(self.name, f"changes.{what}", "not a cursor of this adapter")
        params: dict[str, Any] = {"start_time": since, "per_page": _EXPORT_SIZE}
        if after:
            params["cursor"] = after
        path = f"/api/v2/incremental/{what}/cursor"
        return await self._exports.call(f"changes.{what}", "GET", path, into, call, params=params)


def record_id(text: str) -> bool:
    """Whether a text is an id as Zendesk writes it."""
    return text.isascii() and text.isdecimal() and len(text) <= 19 and text[0] != "0"


def slow_down(headers: Mapping[str, str], pace: Pace) -> None:
    """Pauses when the account's allowance for this minute is used up."""
    if headers.get("x-rate-limit-remaining", headers.get("ratelimit-remaining")) == "0":
        with contextlib.suppress(ValueError):
            pace.pause(float(headers.get("ratelimit-reset", "1")))
