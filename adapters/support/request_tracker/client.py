"""Request Tracker's REST 2.0: one private method per endpoint, put together to what an adapter must do."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from pydantic import SecretStr

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
from adapters.errors import BadPayload, SourceAuthFailed, SourceRejected
from adapters.kit.auth import HeaderAuth, basic
from adapters.kit.http import SourceClient
from adapters.kit.paging import chunks, narrowing, together
from adapters.records import Activity, Profile, RecordKind, Ticket
from adapters.support.request_tracker import models, queries
from adapters.support.request_tracker.mapping import Mapper, is_person
from adapters.support.request_tracker.settings import RequestTrackerSettings

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

BATCH = 100
"""Records in a page of RT's, and so many ids, owners or keys go into one query."""

PHONE_KEYS = 20
PHONE_TRIES = 5
"""Numbers in one query, and how often it is asked anew for further users who have them."""

AGENTS_SECONDS = 600.0
"""How long the list of agents is believed."""

OVERLAP = 50
"""Transactions that are read again by the next step: their numbers are given before they can be seen."""

_LIST, _LOG = "list", "log"

_Matches = dict[MatchKey, tuple[list[models.User], bool]]
"""Users by key, and whether there may be more of them."""


class RequestTrackerAdapter:
    """One Request Tracker server."""

    def __init__(
        self,
        name: str,
        manifest: Manifest,
        settings: RequestTrackerSettings,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.name = name
        self.manifest = manifest
        self._settings = settings
        self._api = SourceClient(
            name, f"{settings.base_url}/REST/2.0", settings, auth=_sign_in(settings), transport=transport
        )
        self._map = Mapper(
            source=name,
            web_url=settings.web_url or settings.base_url,
            statuses=settings.statuses,
            max_body_chars=settings.max_body_chars,
        )
        self._agents: frozenset[str] = frozenset()
        self._agents_until = float("-inf")
        self._agents_lock = asyncio.Lock()

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """See `adapters.base.Adapter`. All key types at once; many keys of a type in one query."""
        by_type: dict[KeyType, list[MatchKey]] = defaultdict(list)
        for key in dict.fromkeys(keys):
            by_type[key.type].append(key)
        jobs: list[Callable[[], Awaitable[_Matches]]] = []
        for key_type, some in by_type.items():
            jobs += self._find_jobs(key_type, some, call)
        matches: _Matches = {key: ([], False) for key in keys}
        for part in await together(lambda job: job(), jobs):
            for key, (found, more) in part.items():
                matches[key] = (matches[key][0] + found, matches[key][1] or more)
        agents = await self._privileged(call) if any(some for some, _ in matches.values()) else frozenset()
        return {key: self._found(some, more, agents) for key, (some, more) in matches.items()}

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """See `adapters.base.Adapter`."""
        users = await self._users_by_id(ids, call)
        agents = await self._privileged(call) if users else frozenset()
        with_account = "account" in parts
        return {
            id_: self._profile(user, with_account)
            for id_, user in users.items()
            if self._is_customer(user, agents)
        }

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """See `adapters.base.Adapter`."""
        pieces = list(chunks([owner for owner in owners if queries.number(owner.ref)], BATCH))
        if kind is RecordKind.TICKET:
            read = await together(lambda piece: self._ticket_pages(piece, window, call), pieces)
        elif kind is RecordKind.COMMENT:
            read = await together(lambda piece: self._comment_pages(piece, window, call), pieces)
        else:
            raise SourceRejected(self.name, "page", f"no {kind.value} records")
        pages = {owner.ref: Page() for owner in owners}
        for part in read:
            pages.update(part)
        return pages

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """See `adapters.base.Adapter`. First all records by number, then what the log of transactions names.

        Times are of no use here (see `queries.ZONES`); numbers rise for ever.
        """
        if kind not in (RecordKind.PROFILE, RecordKind.TICKET):
            raise SourceRejected(self.name, "changes", f"no changes of {kind.value} records")
        if cursor is None:
            cursor = f"{_LIST}:{await self._latest_transaction(call)}:0"
        phase, *numbers = cursor.split(":")
        if not all(n == "0" or (n.isdecimal() and n.isascii()) for n in numbers):
            phase = ""
        if phase == _LIST and len(numbers) == 2:
            return await self._listed(kind, numbers[0], numbers[1], call)
        if phase == _LOG and len(numbers) == 1:
            return await self._logged(kind, numbers[0], call)
        raise SourceRejected(self.name, "changes", "not a cursor of this adapter")

    async def check(self, call: Call) -> str:
        """See `adapters.base.Adapter`."""
        version = await self._api.call("check", "GET", "/rt", models.Version, call)
        # without the right AdminUsers, RT leaves conditions out and answers with everybody
        nobody = await self._search_users(queries.any_of("EmailAddress", ["nobody@invalid"]), 1, call)
        if nobody.items:
            raise SourceAuthFailed(self.name, "check", "the RT user lacks the right AdminUsers")
        agents = await self._privileged(call)
        return f"Request Tracker {version.version}, {len(agents)} privileged users"

    async def aclose(self) -> None:
        """See `adapters.base.Adapter`."""
        await self._api.aclose()

    # --- people

    def _find_jobs(
        self, key_type: KeyType, keys: Sequence[MatchKey], call: Call
    ) -> list[Callable[[], Awaitable[_Matches]]]:
        Finder = Callable[[Sequence[MatchKey], Call], Awaitable[_Matches]]
        finders: dict[KeyType, list[tuple[int, Finder]]] = {
            KeyType.EMAIL: [(BATCH, self._find_by_email)],
            KeyType.PHONE: [(PHONE_KEYS, self._find_by_phone)],
            KeyType.NAME: [(1, self._find_by_name)],
            KeyType.TICKET_NUMBER: [(BATCH, self._find_by_ticket)],
            KeyType.CUSTOMER_NUMBER: [(BATCH, self._find_by_number), (BATCH, self._find_by_login)],
        }
        if key_type not in finders:
            raise SourceRejected(self.name, "find", f"cannot look up by {key_type.value}")
        return [
            partial(find, piece, call) for size, find in finders[key_type] for piece in chunks(keys, size)
        ]

    async def _find_by_email(self, keys: Sequence[MatchKey], call: Call) -> _Matches:
        values = [key.value for key in keys if queries.usable(key.value)]
        users = await self._all_users(queries.any_of("EmailAddress", values), call) if values else []
        by_email = _grouped((user.email_address or "").strip().lower() for user in users)
        return {key: ([users[i] for i in by_email.get(key.value, ())], False) for key in keys}

    async def _find_by_login(self, keys: Sequence[MatchKey], call: Call) -> _Matches:
        values = [key.value for key in keys if queries.usable(key.value) and not queries.number(key.value)]
        users = await self._all_users(queries.any_of("Name", values), call) if values else []
        by_name = _grouped((user.name or "").lower() for user in users)
        return {key: ([users[i] for i in by_name.get(key.value.lower(), ())], False) for key in keys}

    async def _find_by_number(self, keys: Sequence[MatchKey], call: Call) -> _Matches:
        users = await self._users_by_id([key.value for key in keys], call)
        return {key: ([users[key.value]], False) for key in keys if key.value in users}

    async def _find_by_name(self, keys: Sequence[MatchKey], call: Call) -> _Matches:
        (key,) = keys
        words = queries.words(key.value)
        if not words:
            return {}
        found = await self._search_users(queries.all_words("RealName", words), 1, call)
        users = [user for user in found.items if queries.has_words(user, key.value)]
        return {key: (users, _has_more(found))}

    async def _find_by_phone(self, keys: Sequence[MatchKey], call: Call) -> _Matches:
        """Numbers are searchable only as those of tickets' requestors.

        Where the tickets do not fit into a page, those of the users seen so far are left out of the next one.
        """
        patterns = [pattern for key in keys if (pattern := queries.digits(key.value))]
        users: dict[str, models.User] = {}
        more, tries = bool(patterns), 0
        while more and tries < PHONE_TRIES:
            query = queries.tickets_by_phone(patterns, users)
            found = await self._search_requestors(query, call)
            users |= {str(user.id): user for ticket in found.items for user in ticket.people()}
            more, tries = _has_more(found), tries + 1
        if more and len(keys) > 1:
            middle = len(keys) // 2
            halves = await together(lambda k: self._find_by_phone(k, call), (keys[:middle], keys[middle:]))
            return halves[0] | halves[1]
        country = self._settings.default_country
        return {
            key: ([user for user in users.values() if queries.has_phone(user, key.value, country)], more)
            for key in keys
        }

    async def _find_by_ticket(self, keys: Sequence[MatchKey], call: Call) -> _Matches:
        numbers = {key: key.value.strip().removeprefix("#") for key in keys}
        ids = [n for n in dict.fromkeys(numbers.values()) if queries.number(n)]
        if not ids:
            return {}
        found = await self._search_requestors(queries.either(f"id = {n}" for n in ids), call)
        requestors = {str(ticket.id): ticket.people() for ticket in found.items}
        return {key: (requestors.get(n, []), False) for key, n in numbers.items()}

    def _found(self, users: Iterable[models.User], more: bool, agents: frozenset[str]) -> Found:
        distinct = {str(user.id): user for user in users if self._is_customer(user, agents)}
        profiles = tuple(self._profile(user) for user in list(distinct.values())[:FIND_LIMIT])
        return Found(profiles=profiles, truncated=more or len(distinct) > FIND_LIMIT)

    def _is_customer(self, user: models.User, agents: frozenset[str]) -> bool:
        agent = (user.name or "").lower() in agents and not self._settings.include_privileged
        return is_person(user) and not agent

    async def _privileged(self, call: Call) -> frozenset[str]:
        """Names of the users who answer tickets. RT says of no user in a list whether they are one, so it is remembered."""
        async with self._agents_lock:
            if time.monotonic() >= self._agents_until:
                self._agents = await self._read_privileged(call)
                self._agents_until = time.monotonic() + AGENTS_SECONDS
            return self._agents

    async def _read_privileged(self, call: Call) -> frozenset[str]:
        conditions = queries.any_of("Domain", ["SystemInternal"]) + queries.any_of("Name", ["Privileged"])
        groups = await self._collection(
            "agents", "groups", models.Listing[models.Reference], conditions, [("fields", "id")], 1, call
        )
        if not groups.items:
            raise SourceAuthFailed(self.name, "agents", "the RT user lacks the right SeeGroup")
        group = await self._api.call("agents", "GET", f"/group/{groups.items[0].id}", models.Group, call)
        return frozenset(str(member.id).lower() for member in group.members)

    # --- windows

    async def _ticket_pages(self, owners: Sequence[Owner], window: Window, call: Call) -> dict[str, Page]:
        async def read(refs: Sequence[str], bound: datetime | None, size: int, page: int) -> _Read:
            order = queries.order("Created", "id", direction="DESC")
            found = await self._search_tickets(queries.tickets_of(refs, bound), order, size, page, call)
            records = [r for ticket in found.items for r in self._mapped(self._map.tickets, ticket, refs)]
            return records, _has_more(found)

        return await narrowing(_opener(read, window.limit), owners, window)

    async def _comment_pages(self, owners: Sequence[Owner], window: Window, call: Call) -> dict[str, Page]:
        agents = await self._privileged(call)

        async def read(refs: Sequence[str], bound: datetime | None, size: int, page: int) -> _Read:
            found = await self._search_entries(queries.entries_of(refs, bound), size, page, call)
            parts = await self._text_parts([str(entry.id) for entry in found.items], call)
            records = [self._mapped(self._map.comment, e, parts[str(e.id)], agents) for e in found.items]
            return records, _has_more(found)

        return await narrowing(_opener(read, window.limit), owners, window)

    async def _text_parts(self, entries: Sequence[str], call: Call) -> dict[str, list[models.Attachment]]:
        """The text parts of transactions, without attached files."""
        parts: dict[str, list[models.Attachment]] = defaultdict(list)
        more, page = bool(entries), 1
        while more:
            found = await self._search_text_parts(entries, page, call)
            for part in found.items:
                parts[str(part.transaction_id)].append(part)
            more, page = _has_more(found), page + 1
        return parts

    # --- changes

    async def _listed(self, kind: RecordKind, anchor: str, after: str, call: Call) -> Changes:
        """A step through all records by number; `anchor` is where the log is taken up afterwards."""
        if kind is RecordKind.TICKET:
            order = queries.order("id", direction="ASC")
            found = await self._search_tickets(f"id > {after}", order, BATCH, 1, call)
            records = tuple(
                r for ticket in found.items for r in self._mapped(self._map.tickets, ticket, None)
            )
            last, more = [t.id for t in found.items][-1:], _has_more(found)
            return self._list_step(records, anchor, last, more)
        conditions = [{"field": "id", "operator": ">", "value": after}]
        groups = await self._search_user_groups(conditions, call)
        agents = await self._privileged(call)
        people = [group.user for group in groups.items if self._is_customer(group.user, agents)]
        last, more = [g.id for g in groups.items][-1:], _has_more(groups)
        return self._list_step(tuple(self._profile(user) for user in people), anchor, last, more)

    @staticmethod
    def _list_step(
        records: tuple[Ticket, ...] | tuple[Profile, ...],
        anchor: str,
        last: Sequence[models.Number],
        more: bool,
    ) -> Changes:
        if more and last:
            return Changes(records=records, cursor=f"{_LIST}:{anchor}:{last[0]}", done=False)
        # what changed while the list was read is in the log
        return Changes(records=records, cursor=f"{_LOG}:{max(0, int(anchor) - OVERLAP)}", done=False)

    async def _logged(self, kind: RecordKind, after: str, call: Call) -> Changes:
        """A step through the log of transactions: what they changed, as it is now."""
        about = "RT::Ticket" if kind is RecordKind.TICKET else "RT::User"
        found = await self._search_log(about, after, call)
        ids = list(dict.fromkeys(str(change.object_id) for change in found.items))
        disabled = {
            str(c.object_id): c.type == "Disabled" for c in found.items if c.type in ("Disabled", "Enabled")
        }
        records: list[Ticket] | list[Profile]
        if kind is RecordKind.TICKET:
            tickets = await self._tickets_by_id(ids, call)
            there = {str(ticket.id) for ticket in tickets}
            records = [r for ticket in tickets for r in self._mapped(self._map.tickets, ticket, None)]
        else:
            users = await self._users_by_id(ids, call)
            there = {id_ for id_ in users if not disabled.get(id_)}
            agents = await self._privileged(call) if users else frozenset()
            records = [self._profile(users[i]) for i in there if self._is_customer(users[i], agents)]
        last = max((int(change.id) for change in found.items), default=int(after))
        done = not _has_more(found)
        return Changes(
            records=tuple(records),
            deleted=tuple(id_ for id_ in ids if id_ not in there),
            cursor=f"{_LOG}:{max(0, last - OVERLAP) if done else last}",
            done=done,
        )

    # --- endpoints

    async def _collection(
        self,
        operation: str,
        collection: str,
        into: type[models.Listing[T]],
        conditions: Sequence[queries.Condition],
        params: list[tuple[str, Any]],
        page: int,
        call: Call,
        size: int = BATCH,
    ) -> models.Listing[T]:
        """A page of a collection that takes JSON conditions. They go by POST, so no personal data is in a URL."""
        return await self._api.call(
            operation, "POST", f"/{collection}", into, call,
            params=[*params, ("per_page", size), ("page", page)], json=list(conditions),
        )  # fmt: skip

    async def _tickets(
        self, operation: str, into: type[models.Listing[T]], params: list[tuple[str, Any]], call: Call
    ) -> models.Listing[T]:
        """A page of the tickets that TicketSQL finds. The query goes by POST: it may hold phone numbers, and be long."""
        answer = await self._api.send(
            operation, "POST", "/tickets", call, content=urlencode(params).encode(),
            headers={"content-type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        return self._api.decode(operation, answer.body, into)

    async def _search_users(
        self, conditions: Sequence[queries.Condition], page: int, call: Call
    ) -> models.Listing[models.User]:
        fields = [("fields", models.USER_FIELDS)]
        return await self._collection(
            "find.users", "users", models.Listing[models.User], conditions, fields, page, call
        )

    async def _all_users(self, conditions: Sequence[queries.Condition], call: Call) -> list[models.User]:
        """E-mail addresses and names belong to one user each, so that a page more means hardly anything."""
        users: list[models.User] = []
        more, page = True, 1
        while more and page <= 2:
            found = await self._search_users(conditions, page, call)
            users += found.items
            more, page = _has_more(found), page + 1
        return users

    async def _search_user_groups(
        self, conditions: Sequence[queries.Condition], call: Call
    ) -> models.Listing[models.UserGroup]:
        params = [
            ("fields", "id,Instance"),
            ("fields[Instance]", models.USER_FIELDS),
            *queries.order("id", direction="ASC"),
        ]
        domain = queries.any_of("Domain", ["ACLEquivalence"])
        return await self._collection(
            "read.users", "groups", models.Listing[models.UserGroup], [*domain, *conditions], params, 1, call
        )

    async def _users_by_id(self, ids: Iterable[str], call: Call) -> dict[str, models.User]:
        wanted = [id_ for id_ in dict.fromkeys(ids) if queries.number(id_)]
        answers = await together(
            lambda piece: self._search_user_groups(queries.any_of("Instance", piece), call),
            chunks(wanted, BATCH),
        )
        users = (group.user for answer in answers for group in answer.items)
        return {id_: user for user in users if (id_ := str(user.id)) in wanted}

    async def _search_requestors(self, query: str, call: Call) -> models.Listing[models.Requested]:
        params: list[tuple[str, Any]] = [
            ("query", query), ("fields", "id,Requestor"), ("fields[Requestor]", models.USER_FIELDS),
            *queries.order("id", direction="DESC"), ("per_page", BATCH), ("page", 1),
        ]  # fmt: skip
        return await self._tickets("find.requestors", models.Listing[models.Requested], params, call)

    async def _search_tickets(
        self, query: str, order: list[tuple[str, Any]], size: int, page: int, call: Call
    ) -> models.Listing[models.Ticket]:
        params: list[tuple[str, Any]] = [
            ("query", query), ("fields", models.TICKET_FIELDS), ("fields[Requestor]", "id"), ("fields[Queue]", "Name"),
            *order, ("per_page", size), ("page", page),
        ]  # fmt: skip
        return await self._tickets("tickets", models.Listing[models.Ticket], params, call)

    async def _tickets_by_id(self, ids: Sequence[str], call: Call) -> list[models.Ticket]:
        if not ids:
            return []
        query = queries.either(f"id = {id_}" for id_ in ids)
        return (await self._search_tickets(query, [], BATCH, 1, call)).items

    async def _search_entries(
        self, query: str, size: int, page: int, call: Call
    ) -> models.Listing[models.Transaction]:
        params: list[tuple[str, Any]] = [
            ("query", query), ("fields", "id,ObjectId,Type,Created,Creator"), ("fields[Creator]", "id,Name,RealName"),
            *queries.order("Created", "id", direction="DESC"), ("per_page", size), ("page", page),
        ]  # fmt: skip
        return await self._api.call(
            "page.comments", "GET", "/transactions", models.Listing[models.Transaction], call, params=params
        )

    async def _search_text_parts(
        self, entries: Sequence[str], page: int, call: Call
    ) -> models.Listing[models.Attachment]:
        conditions = [
            *queries.any_of("TransactionId", entries),
            *queries.any_of("ContentType", ["text/plain", "text/html"]),
            {"field": "Filename", "operator": "IS", "value": "NULL"},
        ]
        params = [
            ("fields", "id,TransactionId,ContentType,Content"),
            *queries.order("id", direction="ASC"),
        ]
        return await self._collection(
            "page.comment_texts",
            "attachments",
            models.Listing[models.Attachment],
            conditions,
            params,
            page,
            call,
        )

    async def _search_log(self, about: str, after: str, call: Call) -> models.Listing[models.LoggedChange]:
        conditions = [
            *queries.any_of("ObjectType", [about]),
            {"field": "id", "operator": ">", "value": after},
        ]
        params = [("fields", "id,Type,ObjectId"), *queries.order("id", direction="ASC")]
        return await self._collection(
            "changes.log", "transactions", models.Listing[models.LoggedChange], conditions, params, 1, call
        )

    async def _latest_transaction(self, call: Call) -> str:
        conditions = [{"field": "id", "operator": ">", "value": "0"}]
        params = [("fields", "id"), *queries.order("id", direction="DESC")]
        found = await self._collection(
            "changes.latest",
            "transactions",
            models.Listing[models.Reference],
            conditions,
            params,
            1,
            call,
            size=1,
        )
        return str(found.items[0].id) if found.items else "0"

    def _profile(self, user: models.User, with_account: bool = False) -> Profile:
        try:
            return self._map.profile(user, with_account=with_account)
        except ValueError:
            raise BadPayload(self.name, "users", "a time cannot be read") from None

    def _mapped(self, mapping: Callable[..., T], *arguments: Any) -> T:
        try:
            return mapping(*arguments)
        except ValueError:
            raise BadPayload(self.name, "page", "a time cannot be read") from None


_Read = tuple[Sequence[Activity], bool]
"""A page, newest first, and whether there are more."""

_Reader = Callable[[Sequence[str], datetime | None, int, int], Awaitable[_Read]]
"""Reads a page: of these owners, from this time down, of this size, with this number."""


def _opener(
    read: _Reader, limit: int
) -> Callable[[Sequence[Owner], Position | None], AsyncIterator[Sequence[Activity]]]:
    """Streams of `read`. RT has no cap on pages, so each is one query read page by page."""
    ended = False

    async def opened(owners: Sequence[Owner], before: Position | None) -> AsyncIterator[Sequence[Activity]]:
        nonlocal ended
        refs = [owner.ref for owner in owners]
        size, page = min(BATCH, len(refs) * (limit + 2)), 1
        while not ended:  # once it is, the last stream held all that these owners have
            records, more = await read(refs, before.at if before else None, size, page)
            ended, page = not more, page + 1
            yield records

    return opened


def _has_more(found: models.Listing[Any]) -> bool:
    """Whether pages follow; where RT does not say how many, there are as long as something came."""
    return bool(found.items) if found.pages is None else found.page < found.pages


def _grouped(words: Iterable[str]) -> dict[str, list[int]]:
    """Positions by word."""
    groups: dict[str, list[int]] = defaultdict(list)
    for position, word in enumerate(words):
        groups[word].append(position)
    return groups


def _sign_in(settings: RequestTrackerSettings) -> HeaderAuth:
    if settings.token is not None:
        return HeaderAuth(settings.token, prefix="token ")
    return basic(settings.username or "", settings.password or SecretStr(""))
