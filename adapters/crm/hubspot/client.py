"""HubSpot's CRM as a source of profiles: contacts, and the company that each belongs to."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from adapters.base import FIND_LIMIT, Call, Changes, Found, KeyType, Manifest, MatchKey, Owner, Page, Window
from adapters.crm.hubspot import cursor as cursors
from adapters.crm.hubspot import limits, mapping, queries
from adapters.crm.hubspot.manifest import MANIFEST
from adapters.crm.hubspot.models import (
    Association,
    BatchAssociations,
    BatchError,
    BatchObjects,
    CrmObject,
    SearchResults,
)
from adapters.crm.hubspot.settings import HubSpotSettings
from adapters.errors import BadPayload, SourceRateLimited, SourceRejected
from adapters.kit.auth import bearer
from adapters.kit.http import SourceClient, Transport
from adapters.kit.pace import Pace
from adapters.kit.paging import chunks, together
from adapters.kit.phones import e164
from adapters.records import Account, Profile, RecordKind

T = TypeVar("T")
Groups = Callable[[Sequence[MatchKey]], list[list[queries.Filter]]]
Carries = Callable[[Profile, str], bool]

_BATCH = 100  # inputs of a batch read, and values of an IN filter
_PHONES = 25  # phone numbers a search: four written forms each
_PAGE = 200
_REACH = 10_000  # a search shows no more results than these
_MISSING = "OBJECT_NOT_FOUND"


class HubSpotAdapter:
    """One HubSpot account, read through CRM objects v3 and associations v4."""

    manifest: Manifest = MANIFEST

    def __init__(self, name: str, settings: HubSpotSettings, transport: Transport | None = None) -> None:
        self.name = name
        self._settings = settings
        auth = bearer(settings.token)
        self._objects = SourceClient(
            name, settings.base_url, settings, auth=auth, transport=transport, on_answer=limits.heed
        )
        # searches have their own, much lower limit, and must not hold up batch reads
        pace = Pace(name, settings.searches_per_second, burst=2)
        self._searches = SourceClient(
            name, settings.base_url, settings, auth=auth, transport=transport, pace=pace
        )

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """See `Adapter.find`."""
        by_type: dict[KeyType, list[MatchKey]] = {}
        for key in dict.fromkeys(keys):
            if key.type not in self.manifest.lookups:
                raise SourceRejected(self.name, "find contacts", f"cannot look up by {key.type.value}")
            if _is_text(key.value):
                by_type.setdefault(key.type, []).append(key)
        found = await together(lambda one: self._find_of(one[0], one[1], call), list(by_type.items()))
        return {key: Found() for key in keys} | _merged(found)

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """See `Adapter.read`."""
        known = [id for id in dict.fromkeys(ids) if _is_id(id)]
        batches = await together(
            lambda some: self._read_batch(some, parts, call), list(chunks(known, _BATCH))
        )
        return {id: profile for batch in batches for id, profile in batch.items()}

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """HubSpot's activities are not read: refuses every kind."""
        raise SourceRejected(self.name, "page", f"does not offer {kind.value}")

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """See `Adapter.changes`. Archived contacts are not told: HubSpot cannot list them by time."""
        operation = "list changed contacts"
        if kind is not RecordKind.PROFILE:
            raise SourceRejected(self.name, operation, f"does not offer {kind.value}")
        try:
            at = cursors.decode(cursor)
        except msgspec.MsgspecError:
            raise SourceRejected(self.name, operation, "not a cursor of this adapter") from None
        if not at.started:
            at = msgspec.structs.replace(at, started=time.time_ns() // 1_000_000)
        results = await self._search(operation, call, **queries.changed(at))
        profiles = self._mapped(operation, lambda: [self._profile(contact) for contact in results.results])
        following, done = self._mapped(operation, lambda: cursors.following(at, results))
        return Changes(records=tuple(profiles), cursor=following.encode(), done=done)

    async def check(self, call: Call) -> str:
        """See `Adapter.check`."""
        results = await self._search("check", call, groups=[], sorts=[], limit=1)
        return f"HubSpot CRM v3, {results.total} contacts"

    async def aclose(self) -> None:
        """See `Adapter.aclose`."""
        await self._objects.aclose()
        await self._searches.aclose()

    async def _find_of(self, type: KeyType, keys: Sequence[MatchKey], call: Call) -> dict[MatchKey, Found]:
        match type:
            case KeyType.CUSTOMER_NUMBER:
                profiles = await self.read([key.value for key in keys], frozenset(), call)
                return {
                    key: Found(profiles=(profiles[key.value],) if key.value in profiles else ())
                    for key in keys
                }
            case KeyType.NAME:
                found = await together(lambda key: self._find_name(key, call), keys)
                return dict(zip(keys, found, strict=True))
            case KeyType.PHONE:
                groups: Groups
                carries: Carries
                batches = list(chunks(keys, _PHONES))
                groups, carries = queries.phones, self._carries_phone
            case _:
                batches = list(chunks(keys, _BATCH))
                groups, carries = queries.emails, _carries_email
        return _merged(await together(lambda some: self._find_by(some, groups, carries, call), batches))

    async def _find_by(
        self,
        keys: Sequence[MatchKey],
        groups: Groups,
        carries: Carries,
        call: Call,
    ) -> dict[MatchKey, Found]:
        """One search for all keys; where more come back than a page holds, one for each half of the keys."""
        operation = "find contacts"
        results = await self._search(operation, call, groups=groups(keys))
        if results.after is not None and len(keys) > 1:
            middle = len(keys) // 2
            halves = [keys[:middle], keys[middle:]]
            return _merged(await together(lambda half: self._find_by(half, groups, carries, call), halves))
        carriers: dict[MatchKey, dict[str, Profile]] = {key: {} for key in keys}
        while True:
            self._gather(operation, results, carriers, carries)
            crowded = len(keys) == 1 and len(carriers[keys[0]]) > FIND_LIMIT
            if results.after is None or crowded:
                return {key: _found(some.values()) for key, some in carriers.items()}
            if not results.after.isdecimal() or int(results.after) >= _REACH:
                return {key: _found(some.values(), truncated=True) for key, some in carriers.items()}
            results = await self._search(operation, call, groups=groups(keys), after=results.after)

    def _gather(
        self,
        operation: str,
        results: SearchResults,
        carriers: dict[MatchKey, dict[str, Profile]],
        carries: Carries,
    ) -> None:
        profiles = self._mapped(operation, lambda: [self._profile(contact) for contact in results.results])
        for profile in profiles:
            for key, some in carriers.items():
                if carries(profile, key.value):
                    some[profile.id] = profile

    async def _find_name(self, key: MatchKey, call: Call) -> Found:
        """HubSpot's own full-text search, best matches first; it takes one text at a time."""
        operation = "find contacts by name"
        results = await self._search(
            operation, call, groups=[], sorts=[], query=key.value[:3000], limit=FIND_LIMIT
        )
        profiles = self._mapped(operation, lambda: [self._profile(contact) for contact in results.results])
        # the search also looks into e-mail addresses and company names
        named = [profile for profile in profiles if mapping.is_named(profile, key.value)]
        return _found(named, truncated=results.after is not None)

    def _carries_phone(self, profile: Profile, number: str) -> bool:
        says = any(address.country for address in profile.addresses)  # a country that is only known by a name
        region = profile.country or (None if says else self._settings.default_country)
        return any(e164(phone.value, region) == number for phone in profile.phones)

    async def _read_batch(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> dict[str, Profile]:
        async def contacts() -> list[CrmObject]:
            return await self._batch_read("contacts", ids, mapping.CONTACT_PROPERTIES, call)

        async def accounts() -> dict[str, Account]:
            return await self._accounts(ids, call) if "account" in parts else {}

        reads: list[Callable[[], Any]] = [contacts, accounts]
        objects, of_contact = await together(lambda read: read(), reads)
        asked = set(ids)  # a merged contact answers to its old id as well, under the new one
        profiles = self._mapped(
            "read contacts",
            lambda: [
                self._profile(o, of_contact.get(o.id)) for o in objects if o.id in asked and not o.archived
            ],
        )
        return {profile.id: profile for profile in profiles}

    async def _accounts(self, ids: Sequence[str], call: Call) -> dict[str, Account]:
        """The company of each contact, by contact id."""
        companies = await self._company_ids(ids, call)
        wanted = list(dict.fromkeys(companies.values()))
        batches = await together(
            lambda some: self._batch_read("companies", some, mapping.COMPANY_PROPERTIES, call),
            list(chunks(wanted, _BATCH)),
        )
        accounts = self._mapped(
            "read companies",
            lambda: {o.id: mapping.account(o, self._settings) for batch in batches for o in batch},
        )
        return {contact: accounts[id] for contact, id in companies.items() if id in accounts}

    async def _company_ids(self, ids: Sequence[str], call: Call) -> dict[str, str]:
        """Primary or first company by contact id. Reads on where the primary one is on no page yet."""
        companies: dict[str, str] = {}
        inputs: list[dict[str, str]] = [{"id": id} for id in ids]
        while inputs:
            following = []
            for association in await self._associations(inputs, call):
                contact, company = str(association.from_.id), mapping.company_id(association)
                primary = mapping.has_primary(association)
                if company is not None and (primary or contact not in companies):
                    companies[contact] = company
                if not primary and association.to and association.paging and association.paging.next:
                    following.append({"id": contact, "after": association.paging.next.after})
            inputs = following
        return companies

    async def _associations(self, inputs: list[dict[str, str]], call: Call) -> list[Association]:
        operation = "read companies of contacts"
        path = "/crm/v4/associations/contacts/companies/batch/read"
        answer = await self._objects.call(
            operation, "POST", path, BatchAssociations, call, json={"inputs": inputs}
        )
        self._refuse_partial(operation, answer.errors)
        return answer.results

    async def _batch_read(
        self, objects: str, ids: Sequence[str], properties: Sequence[str], call: Call
    ) -> list[CrmObject]:
        operation = f"read {objects}"
        if objects == "contacts":
            properties = [*properties, *self._settings.external_ids]
        body = {"inputs": [{"id": id} for id in ids], "properties": properties, "propertiesWithHistory": []}
        answer = await self._objects.call(
            operation, "POST", f"/crm/v3/objects/{objects}/batch/read", BatchObjects, call,
            params={"archived": "false"}, json=body,
        )  # fmt: skip
        self._refuse_partial(operation, answer.errors)
        return answer.results

    async def _search(
        self,
        operation: str,
        call: Call,
        *,
        groups: list[list[queries.Filter]],
        sorts: Sequence[str] = (),
        query: str | None = None,
        limit: int = _PAGE,
        after: str = "0",
    ) -> SearchResults:
        body: dict[str, Any] = {
            "filterGroups": [{"filters": filters} for filters in groups],
            "sorts": sorts,
            "properties": [*mapping.CONTACT_PROPERTIES, *self._settings.external_ids],
            "limit": limit,
            "after": after,
        }
        if query is not None:
            body["query"] = query
        return await self._searches.call(
            operation, "POST", "/crm/v3/objects/contacts/search", SearchResults, call, json=body
        )

    def _refuse_partial(self, operation: str, errors: Sequence[BatchError]) -> None:
        """A 207 for ids that are not there is an answer; any other reason would silently lose records."""
        reasons = {error.category or "" for error in errors} - {_MISSING}
        if "RATE_LIMITS" in reasons:
            raise SourceRateLimited(self.name, operation, "HTTP 207 RATE_LIMITS")
        if reasons:
            words = " ".join(sorted(reason for reason in reasons if re.fullmatch(r"[A-Z_]{1,40}", reason)))
            raise SourceRejected(self.name, operation, f"HTTP 207 {words}".strip())

    def _profile(self, contact: CrmObject, account: Account | None = None) -> Profile:
        return mapping.profile(self.name, contact, self._settings, account)

    def _mapped(self, operation: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except (ValueError, ArithmeticError) as error:
            # the error's own text would quote the value
            raise BadPayload(
                self.name, operation, f"a value cannot be read: {type(error).__name__}"
            ) from None


def build(name: str, settings: HubSpotSettings, transport: Transport | None = None) -> HubSpotAdapter:
    """See `AdapterType.build`."""
    return HubSpotAdapter(name, settings, transport)


def _is_text(value: str) -> bool:
    """Half a surrogate pair is no text: it cannot be sent, so nobody can carry it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_id(value: str) -> bool:
    """HubSpot refuses a whole batch for an id that is no number."""
    return value.isascii() and value.isdecimal() and len(value) < 19


def _found(profiles: Iterable[Profile], *, truncated: bool = False) -> Found:
    some = tuple(profiles)
    return Found(profiles=some[:FIND_LIMIT], truncated=truncated or len(some) > FIND_LIMIT)


def _merged(parts: Iterable[Mapping[MatchKey, Found]]) -> dict[MatchKey, Found]:
    return {key: found for part in parts for key, found in part.items()}


def _carries_email(profile: Profile, address: str) -> bool:
    return any(email.value.lower() == address for email in profile.emails)
