"""The Mailchimp adapter and its calls, one private method for each endpoint."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from urllib.parse import quote

import msgspec

from adapters.base import FIND_LIMIT, Call, Changes, Found, KeyType, MatchKey, Owner, Page, Window
from adapters.email.mailchimp import mapping
from adapters.email.mailchimp.manifest import MANIFEST
from adapters.email.mailchimp.memory import Memory
from adapters.email.mailchimp.models import Audiences, Event, Feed, Member, Members, Problem, Search
from adapters.email.mailchimp.settings import MailchimpSettings
from adapters.errors import BadPayload, SourceRejected
from adapters.kit.auth import basic
from adapters.kit.http import SourceClient, Transport
from adapters.kit.paging import cut, together, windows
from adapters.records import EmailEvent, Profile, Record, RecordKind

T = TypeVar("T")
R = TypeVar("R")

_MEMBER_FIELDS = (
    "contact_id", "list_id", "email_address", "full_name", "web_id", "status", "unsubscribe_reason",
    "consents_to_one_to_one_messaging", "merge_fields", "interests", "language", "location",
    "marketing_permissions", "tags", "timestamp_signup", "timestamp_opt", "last_changed",
)  # fmt: skip
_EVENT_FIELDS = ",".join(f"activity.{name}" for name in Event.__struct_fields__)
_CONTACT_ID = re.compile(r"[0-9A-Za-z]{1,64}")  # no "@" and no "/": the path accepts e-mail addresses as well
_SHORTEST = 3  # characters that a search needs
_FEED_PAGE = 1000
_LISTS_PAGE = 1000
_OVERLAP = timedelta(seconds=1)  # times are whole seconds, and "since" may or may not include its own


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far an audience's changes have been listed.

    `since` is the last change seen. While more records than a page share one second, `offset` counts within
    it, and `anchor` is the last contact seen there.
    """

    since: str | None = None
    offset: int = 0
    anchor: str | None = None


class Mailchimp:
    """One Mailchimp account. A record is a contact; its contact id does not give away an address."""

    manifest = MANIFEST

    def __init__(self, name: str, settings: MailchimpSettings, transport: Transport | None = None) -> None:
        self.name = name
        self._settings = settings
        self._client = SourceClient(
            name, settings.root, settings, auth=basic("c360", settings.api_key), transport=transport
        )
        self._lists: Memory[str, tuple[str, ...]] = Memory(limit=1, seconds=600.0)
        self._homes: Memory[str, tuple[str, ...]] = Memory(limit=10_000, seconds=600.0)
        self._looking_up_lists = asyncio.Lock()
        self._feed_by_contact: bool | None = None

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """See `Adapter.find`. One call for each key (and audience, save for names)."""
        wanted = list(dict.fromkeys(keys))
        return dict(zip(wanted, await together(lambda key: self._find(key, call), wanted), strict=True))

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """See `Adapter.read`. One call for each id, and for each audience where it is not known yet."""
        wanted = list(dict.fromkeys(ids))
        contacts = await together(lambda id: self._contact(id, call), wanted)
        return {id: self._profile(members) for id, members in zip(wanted, contacts, strict=True) if members}

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """See `Adapter.page`. One call for each owner as long as the window lies within the newest events."""
        if kind is not RecordKind.EMAIL_EVENT:
            raise SourceRejected(self.name, f"page {kind.value}", "kind not supported")
        refs = list(dict.fromkeys(owner.ref for owner in owners))
        return dict(zip(refs, await together(lambda ref: self._events(ref, window, call), refs), strict=True))

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """See `Adapter.changes`. A step is one call for each audience. Mailchimp does not list deletions."""
        if kind is not RecordKind.PROFILE:
            raise SourceRejected(self.name, f"changes {kind.value}", "kind not supported")
        places = self._places(cursor)
        lists = await self._audiences(call)
        steps = await together(lambda id: self._changed(id, places.get(id, Place()), call), lists)
        records: list[Record] = [self._profile([member]) for members, _, _ in steps for member in members]
        records.sort(key=lambda record: (record.updated_at is not None, record.updated_at, record.id))
        following = {id: place for id, (_, place, _) in zip(lists, steps, strict=True)}
        return Changes(
            records=tuple(records),
            cursor=msgspec.json.encode(following).decode(),
            done=all(done for _, _, done in steps),
        )

    async def check(self, call: Call) -> str:
        """See `Adapter.check`. Also refuses audiences in the settings that the account does not have."""
        answer = await self._get_lists(0, call)
        wanted = set(self._settings.list_ids)
        there = {audience.id: audience for audience in answer.lists}
        if wanted - set(there) and len(answer.lists) < _LISTS_PAGE:
            raise SourceRejected(self.name, "check", "list_ids names an unknown audience")
        read = [audience for audience in answer.lists if not wanted or audience.id in wanted]
        members = sum(audience.stats.member_count or 0 for audience in read if audience.stats)
        audiences = f"{len(read)} audience" + ("" if len(read) == 1 else "s")
        return f"{MANIFEST.api}, {audiences}, {members} members"

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    # Look-ups

    async def _find(self, key: MatchKey, call: Call) -> Found:
        if key.type is KeyType.NAME:
            return await self._find_name(key.value, call)
        if key.type is KeyType.EMAIL:
            return self._found(await self._addressed(key.value.lower(), call))
        if key.type is KeyType.CUSTOMER_NUMBER:
            return self._found(await self._contact(key.value, call))
        raise SourceRejected(self.name, f"find {key.type.value}", "key not supported")

    async def _addressed(self, email: str, call: Call) -> list[Member]:
        """The entries with this address. Mailchimp's hash of it is worked out for the call, and not kept."""
        digest = hashlib.md5(email.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
        members = await self._in_lists(digest, await self._audiences(call), call)
        found = [m for m in members if (m.email_address or "").lower() == email]
        for contact in {m.contact_id for m in found}:
            self._homes.put(contact, tuple(m.list_id for m in found if m.contact_id == contact))
        return found

    async def _find_name(self, name: str, call: Call) -> Found:
        name = " ".join(name.encode("utf-8", "ignore").decode().split())
        if len(name) < _SHORTEST or not any(character.isalnum() for character in name):
            return Found()
        chosen = self._settings.list_ids
        answer = await self._search_members(name, chosen[0] if len(chosen) == 1 else None, call)
        members = {
            (m.list_id, m.contact_id): m
            for m in (*answer.exact_matches.members, *answer.full_search.members)
            if (not chosen or m.list_id in chosen) and mapping.bears(m, name, self._settings)
        }
        parts = (answer.exact_matches, answer.full_search)
        more = any(len(part.members) < part.total_items for part in parts)
        return self._found(members.values(), more=more)

    def _found(self, members: Iterable[Member], *, more: bool = False) -> Found:
        contacts: dict[str, list[Member]] = {}
        for member in members:
            contacts.setdefault(member.contact_id, []).append(member)
        profiles = [self._profile(entries) for entries in contacts.values()]
        return Found(profiles=tuple(profiles[:FIND_LIMIT]), truncated=more or len(profiles) > FIND_LIMIT)

    async def _contact(self, id: str, call: Call) -> list[Member]:
        """A contact's entries in the audiences, none where nobody has this id."""
        if not _CONTACT_ID.fullmatch(id):
            return []
        for lists in await self._where(id, call):
            members = [m for m in await self._in_lists(id, lists, call) if m.contact_id == id]
            if members:
                self._homes.put(id, tuple(m.list_id for m in members))
                return members
        return []

    async def _where(self, id: str, call: Call) -> list[tuple[str, ...]]:
        """The audiences to ask for a contact: those where it was seen; if it left them, the others."""
        lists = await self._audiences(call)
        home = tuple(list_id for list_id in self._homes.get(id) or () if list_id in lists)
        others = tuple(list_id for list_id in lists if list_id not in home)
        return [part for part in (home, others) if part]

    async def _in_lists(self, who: str, lists: Sequence[str], call: Call) -> list[Member]:
        answers = await together(lambda list_id: self._get_member(list_id, who, call), lists)
        return [member for member in answers if member is not None]

    def _profile(self, members: Sequence[Member]) -> Profile:
        return self._mapped("read", lambda: mapping.profile(self.name, members, self._settings))

    def _mapped(self, operation: str, work: Callable[[], R]) -> R:
        """A mapping; a value in the payload that makes no sense is a BadPayload."""
        try:
            return work()
        except (ValueError, OverflowError) as error:
            raise BadPayload(self.name, operation, type(error).__name__) from None

    async def _audiences(self, call: Call) -> tuple[str, ...]:
        """The audiences to read. The account's own list is remembered for ten minutes."""
        if self._settings.list_ids:
            return self._settings.list_ids
        async with self._looking_up_lists:
            lists = self._lists.get("all")
            if lists is None:
                lists = await self._all_lists(call)
                self._lists.put("all", lists)
            return lists

    async def _all_lists(self, call: Call) -> tuple[str, ...]:
        found: dict[str, None] = {}
        while True:
            answer = await self._get_lists(len(found), call)
            new = [audience.id for audience in answer.lists if audience.id not in found]
            found.update(dict.fromkeys(new))
            if len(answer.lists) < _LISTS_PAGE or not new:
                return tuple(found)

    # Activity

    async def _events(self, contact: str, window: Window, call: Call) -> Page:
        """The window of one contact, over the audiences where it is."""
        if not _CONTACT_ID.fullmatch(contact):
            return Page()
        for lists in await self._where(contact, call):
            feeds = await together(partial(self._feed, contact, window, call), lists)
            there = {list_id: page for list_id, page in zip(lists, feeds, strict=True) if page is not None}
            if there:
                self._homes.put(contact, tuple(there))
                records = [record for page in there.values() for record in page.records]
                return cut(records, window, has_more=any(page.has_more for page in there.values()))
        return Page()

    async def _feed(self, contact: str, window: Window, call: Call, list_id: str) -> Page | None:
        """The window of one contact in one audience; None where the audience does not have it."""
        count = min(_FEED_PAGE, max(50, 2 * window.limit)) if window.before is None else _FEED_PAGE
        who, first = await self._feed_start(list_id, contact, count, call)
        if first is None:
            return None
        pages = self._feed_pages(list_id, contact, who, first, count, call)
        return (await windows(pages, [Owner(ref=contact)], window))[contact]

    async def _feed_start(
        self, list_id: str, contact: str, count: int, call: Call
    ) -> tuple[str, list[Event] | None]:
        """The feed's first page, and the name by which the feed knows the contact.

        Mailchimp's description 3.0.55 says of other paths that they take a contact id, but not of this.
        Where the feed does not, it is asked by the member's hash, which is read for the purpose and not kept.
        """
        if self._feed_by_contact is not False:
            first = await self._get_feed(list_id, contact, count, 0, call)
            if first is not None:
                self._feed_by_contact = True
            if first is not None or self._feed_by_contact:
                return contact, first
        member = await self._get_member(list_id, contact, call, fields=("contact_id", "list_id", "id"))
        if member is None or member.contact_id != contact or member.id is None:
            return contact, None
        first = await self._get_feed(list_id, member.id, count, 0, call)
        if first is not None:
            self._feed_by_contact = False
        return member.id, first

    async def _feed_pages(
        self, list_id: str, contact: str, who: str, first: list[Event], count: int, call: Call
    ) -> AsyncIterator[list[EmailEvent]]:
        """The feed from its newest event on: each step is all that was read so far, so that equal events get
        the same ids on whichever page they stand."""
        feed, fresh = list(first), first
        while True:
            yield self._mapped("activity-feed", partial(mapping.events, self.name, contact, list_id, feed))
            if len(fresh) < count:
                return
            count = _FEED_PAGE
            fresh = await self._get_feed(list_id, who, count, len(feed), call) or []
            feed.extend(_unseen(feed, fresh))

    # Changes

    def _places(self, cursor: str | None) -> dict[str, Place]:
        if cursor is None:
            return {}
        try:
            return msgspec.json.decode(cursor, type=dict[str, Place])
        except msgspec.MsgspecError:
            raise SourceRejected(self.name, "changes", "not a cursor of this adapter") from None

    async def _changed(self, list_id: str, place: Place, call: Call) -> tuple[list[Member], Place, bool]:
        """A page of an audience's changes, where to go on, and whether it was the last page for now."""
        since = self._moment(place.since)
        after = (since - _OVERLAP).isoformat() if since else None
        members = (await self._get_members(list_id, after, place.offset, call)).members
        ids = [member.contact_id for member in members]
        if place.anchor is not None and place.anchor not in ids:
            # The records moved while they were counted: count again from the start of the second
            return members, Place(since=place.since), False
        newest = next((m.last_changed for m in reversed(members) if m.last_changed), None)
        moved = self._moment(newest)
        later = moved is not None and (since is None or moved > since)
        following = Place(since=newest if later else place.since)
        if len(members) < self._settings.page_size:
            return members, following, True
        if not later:
            offset = place.offset + len(members) - max(1, len(members) // 10)
            following = Place(since=place.since, offset=offset, anchor=ids[-1])
        return members, following, False

    def _moment(self, value: str | None) -> datetime | None:
        return self._mapped("changes", lambda: mapping.moment(value))

    # Endpoints

    async def _get_lists(self, offset: int, call: Call) -> Audiences:
        fields = "lists.id,lists.stats.member_count,total_items"
        params = {"fields": fields, "count": _LISTS_PAGE, "offset": offset}
        return await self._client.call("lists", "GET", "/lists", Audiences, call, params=params)

    async def _get_members(self, list_id: str, since: str | None, offset: int, call: Call) -> Members:
        params: dict[str, str | int] = {
            "fields": ",".join(f"members.{name}" for name in _MEMBER_FIELDS),
            "count": self._settings.page_size,
            "offset": offset,
            "sort_field": "last_changed",
            "sort_dir": "ASC",
        }
        if since is not None:
            params["since_last_changed"] = since
        path = f"/lists/{quote(list_id, safe='')}/members"
        return await self._client.call("members", "GET", path, Members, call, params=params)

    async def _get_member(
        self, list_id: str, who: str, call: Call, fields: Sequence[str] = _MEMBER_FIELDS
    ) -> Member | None:
        """`who` is a contact id or an address's hash."""
        path = f"/lists/{quote(list_id, safe='')}/members/{quote(who, safe='')}"
        return await self._optional("member", path, Member, {"fields": ",".join(fields)}, call)

    async def _get_feed(
        self, list_id: str, who: str, count: int, offset: int, call: Call
    ) -> list[Event] | None:
        path = f"/lists/{quote(list_id, safe='')}/members/{quote(who, safe='')}/activity-feed"
        params: dict[str, str | int] = {"fields": _EVENT_FIELDS, "count": count, "offset": offset}
        answer = await self._optional("activity-feed", path, Feed, params, call)
        return None if answer is None else answer.activity

    async def _search_members(self, query: str, list_id: str | None, call: Call) -> Search:
        names = [f"members.{name}" for name in _MEMBER_FIELDS] + ["total_items"]
        fields = ",".join(f"{part}.{name}" for part in ("exact_matches", "full_search") for name in names)
        params = {"query": query, "fields": fields}
        if list_id is not None:
            params["list_id"] = list_id
        path = "/search-members"
        return await self._client.call("search-members", "GET", path, Search, call, params=params)

    async def _optional(
        self, operation: str, path: str, into: type[T], params: Mapping[str, str | int], call: Call
    ) -> T | None:
        """An answer, or None where Mailchimp itself (nothing in front of it) says that there is none."""
        answer = await self._client.send(operation, "GET", path, call, params=params, missing_is_fine=True)
        if answer.status == 404:
            self._client.decode(operation, answer.body, Problem)
            return None
        return self._client.decode(operation, answer.body, into)


def _unseen(feed: Sequence[Event], fresh: Sequence[Event]) -> Sequence[Event]:
    """The new part of a further page: events that came in meanwhile push older ones onto the next page."""
    for size in range(min(len(feed), len(fresh)), 0, -1):
        if list(feed[-size:]) == list(fresh[:size]):
            return fresh[size:]
    return fresh


def build(name: str, settings: MailchimpSettings, transport: Transport | None) -> Mailchimp:
    """A configured source; opens no connection yet."""
    return Mailchimp(name, settings, transport)
