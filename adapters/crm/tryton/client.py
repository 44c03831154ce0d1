"""Tryton's parties as a source of profiles, read over the REST API of a Tryton server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from adapters.base import FIND_LIMIT, Call, Changes, Found, Manifest, MatchKey, Owner, Page, Window
from adapters.crm.tryton import cursor as cursors
from adapters.crm.tryton import domains, mapping
from adapters.crm.tryton.domains import Domain
from adapters.crm.tryton.manifest import BATCH, KEYS, MANIFEST
from adapters.crm.tryton.models import PARTY_FIELDS, Changed, Party
from adapters.crm.tryton.settings import TrytonSettings
from adapters.errors import BadPayload, SourceRejected
from adapters.kit.auth import bearer
from adapters.kit.http import SourceClient, Transport
from adapters.kit.paging import chunks, together
from adapters.records import Profile, RecordKind

T = TypeVar("T")
Order = list[list[str]]

_BY_ID: Order = [["id", "ASC"]]
_BY_TIME: Order = [["last_modified_at", "ASC"], ["id", "ASC"]]


class TrytonAdapter:
    """One database of a Tryton server."""

    manifest: Manifest = MANIFEST

    def __init__(self, name: str, settings: TrytonSettings, transport: Transport | None = None) -> None:
        self.name = name
        self._settings = settings
        base_url = f"{settings.base_url.rstrip('/')}/{quote(settings.database, safe='')}/rest/model"
        self._client = SourceClient(name, base_url, settings, auth=bearer(settings.key), transport=transport)

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """See `Adapter.find`."""
        unique = list(dict.fromkeys(keys))
        for key in unique:
            if key.type not in self.manifest.lookups:
                raise SourceRejected(self.name, "find parties", f"cannot look up by {key.type.value}")
        askable = [key for key in unique if _is_askable(key)]
        parts = await together(lambda some: self._find_some(some, call), list(chunks(askable, KEYS)))
        return {key: Found() for key in unique} | _merged(parts)

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """See `Adapter.read`. There are no costly parts."""
        numbers = [int(id) for id in dict.fromkeys(ids) if _is_id(id)]
        batches = await together(lambda some: self._parties(some, call), list(chunks(numbers, BATCH)))
        profiles = (profile for batch in batches for profile in self._profiles("read parties", batch))
        return {profile.id: profile for profile in profiles}

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """Activities are not read: refuses every kind."""
        raise SourceRejected(self.name, "page", f"does not offer {kind.value}")

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """See `Adapter.changes`. Deactivated parties come as deleted; Tryton keeps no trace of deleted ones."""
        operation = "list changed parties"
        if kind is not RecordKind.PROFILE:
            raise SourceRejected(self.name, operation, f"does not offer {kind.value}")
        try:
            at = cursors.decode(cursor)
        except msgspec.MsgspecError:
            raise SourceRejected(self.name, operation, "not a cursor of this adapter") from None
        if at.started is None:
            at = msgspec.structs.replace(at, started=datetime.now(UTC))
        places = list(zip(cursors.MODELS, at.places, strict=True))
        streams = await together(lambda place: self._changed(*place, call), places)
        taken = self._mapped(operation, lambda: cursors.merge(streams, BATCH))
        following = self._mapped(operation, lambda: cursors.advanced(at, taken))
        done = taken == streams and all(len(stream) < BATCH for stream in streams)
        ids = list(self._mapped(operation, lambda: cursors.parties(taken)))
        batches = await together(lambda some: self._parties(some, call, every=True), list(chunks(ids, BATCH)))
        found = {party.id: party for batch in batches for party in batch}
        ordered = [found[id] for id in ids if id in found]
        return Changes(
            records=tuple(self._profiles(operation, [party for party in ordered if party.active])),
            deleted=tuple(str(party.id) for party in ordered if not party.active),
            cursor=(cursors.at_end(following) if done else following).encode(),
            done=done,
        )

    async def check(self, call: Call) -> str:
        """See `Adapter.check`. Tryton tells its version to administrators only."""
        parties = await self._search("check", "party.party", [], list[Party], call, limit=1)
        return f"Tryton, database {self._settings.database}, {'parties' if parties else 'no party'} to read"

    async def aclose(self) -> None:
        """See `Adapter.aclose`."""
        await self._client.aclose()

    async def _find_some(self, keys: Sequence[MatchKey], call: Call) -> dict[MatchKey, Found]:
        """One search for all keys; where more come back than a page holds, one for each half of the keys."""
        operation = "find parties"
        domain = domains.any_of(keys)
        parties = await self._search(operation, "party.party", domain, list[Party], call)
        if len(parties) >= BATCH and len(keys) > 1:
            middle = len(keys) // 2
            halves = [keys[:middle], keys[middle:]]
            return _merged(await together(lambda half: self._find_some(half, call), halves))
        carriers: dict[MatchKey, list[Profile]] = {key: [] for key in keys}
        while True:
            for profile in self._profiles(operation, parties):
                for key, some in carriers.items():
                    if mapping.carries(profile, key, self._settings.default_country):
                        some.append(profile)
            if len(parties) < BATCH or len(carriers[keys[0]]) > FIND_LIMIT:
                return {key: _found(some) for key, some in carriers.items()}
            beyond = [domain, ["id", ">", parties[-1].id]]
            parties = await self._search(operation, "party.party", beyond, list[Party], call)

    async def _parties(self, ids: Sequence[int], call: Call, *, every: bool = False) -> list[Party]:
        """Parties by id; with `every` the deactivated ones too."""
        domain: Domain = [["id", "in", list(ids)], *([domains.ANY_STATE] if every else [])]
        return await self._search("read parties", "party.party", domain, list[Party], call)

    async def _changed(self, model: str, place: cursors.Place, call: Call) -> list[Changed]:
        domain = domains.changed_after(place.at, place.id)
        fields = ["last_modified_at", *(["party"] if model != "party.party" else [])]
        operation = f"list changed {model}"
        return await self._search(
            operation, model, domain, list[Changed], call, fields=fields, order=_BY_TIME
        )

    async def _search(
        self,
        operation: str,
        model: str,
        domain: Domain,
        into: type[T],
        call: Call,
        *,
        fields: Sequence[str] = PARTY_FIELDS,
        order: Order = _BY_ID,
        limit: int = BATCH,
    ) -> T:
        """Search and read in one call. POST keeps what is searched out of the URL, and so out of access logs."""
        body: dict[str, Any] = {"domain": domain, "fields_names": fields, "order": order, "limit": limit}
        return await self._client.call(operation, "POST", f"/{model}/search_read", into, call, json=body)

    def _profiles(self, operation: str, parties: Sequence[Party]) -> list[Profile]:
        return self._mapped(
            operation, lambda: [mapping.profile(self.name, party, self._settings) for party in parties]
        )

    def _mapped(self, operation: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except (ValueError, ArithmeticError) as error:
            # the error's own text would quote the value
            raise BadPayload(
                self.name, operation, f"a value cannot be read: {type(error).__name__}"
            ) from None


def build(name: str, settings: TrytonSettings, transport: Transport | None = None) -> TrytonAdapter:
    """See `AdapterType.build`."""
    return TrytonAdapter(name, settings, transport)


def _is_askable(key: MatchKey) -> bool:
    """Half a surrogate pair cannot be sent, and no database keeps a NUL; nobody can carry them. Nor no name at all."""
    try:
        key.value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in key.value and bool(mapping.plain(key.value).split())


def _is_id(value: str) -> bool:
    """An id as Tryton writes it, within the range that its databases take."""
    return (
        value.isascii()
        and value.isdecimal()
        and len(value) <= 10
        and value == str(int(value))
        and int(value) < 2**31
    )


def _found(profiles: Sequence[Profile]) -> Found:
    return Found(profiles=tuple(profiles[:FIND_LIMIT]), truncated=len(profiles) > FIND_LIMIT)


def _merged(parts: Iterable[Mapping[MatchKey, Found]]) -> dict[MatchKey, Found]:
    return {key: found for part in parts for key, found in part.items()}
