"""The contract of an adapter: what it must be able to do, and how it says what it cannot.

An adapter speaks one vendor's dialect and gives back canonical records. It knows nothing of customers, identity, caching,
GraphQL or other adapters. Every method takes many keys, ids or owners at once and needs as few calls as the vendor's batch
endpoints allow; it raises only `adapters.errors.SourceError` (and lets `asyncio.CancelledError` pass).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import httpx
import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator

from adapters.records import Activity, Profile, Record, RecordKind


class SourceKind(StrEnum):
    """The folder that an adapter lives in."""

    CRM = "crm"
    WEBSHOP = "webshop"
    SUPPORT = "support"
    EMAIL = "email"


class KeyType(StrEnum):
    """What a person can be looked up by."""

    EMAIL = "email"  # value: lower case
    PHONE = "phone"  # value: E.164, "+493090182001"
    CUSTOMER_NUMBER = "customer_number"
    ORDER_NUMBER = "order_number"
    TICKET_NUMBER = "ticket_number"
    NAME = "name"  # value: free text, any order of the names


class MatchKey(msgspec.Struct, frozen=True, gc=False):
    """A normalised look-up key. Its value is personal data: it never goes into a log or an error's text."""

    type: KeyType
    value: str = ""

    def __repr__(self) -> str:
        return f"MatchKey({self.type.value})"


class Found(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The profiles that carry a key, at most `FIND_LIMIT`. `truncated` when the source has more of them."""

    profiles: tuple[Profile, ...] = ()
    truncated: bool = False


FIND_LIMIT = 25
"""Profiles a key may bring back. A key that more people share is no key of a person, so nobody needs the rest."""


class Owner(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Whose activities are asked for. `ref` is the record id, and the key of the answer.

    For kinds with `owned_by` EMAIL, `ref` is an opaque word of the caller and `emails` (lower case) says whose.
    """

    ref: str
    emails: tuple[str, ...] = ()


class Position(msgspec.Struct, frozen=True, gc=False, order=True):
    """A place in a stream that runs from newest to oldest. Records at or above it have been seen already.

    `id` is compared as text among records of the same time; "" lies below and `LAST_ID` above every id.
    """

    at: datetime
    id: str


LAST_ID = "\U0010ffff"


class Window(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The part of each owner's stream that is asked for: the newest `limit` records strictly below `before`."""

    limit: int
    before: Position | None = None


class Page(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Newest first by (`at`, `id`), both descending. `has_more`: the source has older ones than these."""

    records: tuple[Activity, ...] = ()
    has_more: bool = False


class Changes(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A step of what changed, oldest change first. `cursor` continues after it; `done` when nothing newer is there now.

    A step may repeat records of the step before (vendors' clocks are coarse), but never leaves one out. `deleted` holds
    ids, where the vendor tells.
    """

    records: tuple[Record, ...] = ()
    deleted: tuple[str, ...] = ()
    cursor: str
    done: bool


class Call(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What travels with each call. `deadline` is on the clock of `time.monotonic()`, in seconds."""

    deadline: float
    correlation_id: str = "-"


class OwnedBy(StrEnum):
    """How a kind's records are found: by the id of their owner's record, or by the person's e-mail addresses."""

    RECORD = "record"
    EMAIL = "email"


class KindSupport(msgspec.Struct, frozen=True, kw_only=True):
    """How one record kind is read. `batch` owners or ids go into one call; `page` records at most come back in one.

    `calls` says in words how many calls n customers need, and why it cannot be fewer.
    """

    calls: str
    batch: int = 1
    page: int = 100
    owned_by: OwnedBy = OwnedBy.RECORD
    parts: frozenset[str] = frozenset()  # costly parts that are read only when asked for
    changes: bool = False


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter is and can do. Shown by `sources` in GraphQL, and checked by `adapters.contract`."""

    adapter: str
    title: str
    kind: SourceKind
    api: str  # the vendor's API and version that is spoken
    verified: str  # what its claims rest on: "the vendor's OpenAPI", "a real Tryton 8.2 server" …
    lookups: Mapping[KeyType, str]  # how each key is searched, and how exactly it is matched
    cannot_look_up: Mapping[KeyType, str]  # and why not; together with `lookups` it names every KeyType
    kinds: Mapping[RecordKind, KindSupport]
    profile_fields: frozenset[str]  # fields of `Profile` this source can ever fill, in their Python names
    quality: Mapping[str, str]  # rule of adapters/contract/quality.py -> "done" or "exempt: <reason>"


@runtime_checkable
class Adapter(Protocol):
    """One configured source. Made by `AdapterType.build`; safe for concurrent use; opens connections on first use."""

    name: str
    manifest: Manifest

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """The profiles that carry each key: every key is in the answer, with nothing where nobody has it.

        Only keys of `manifest.lookups` may be asked. A vendor's fuzzy search is filtered to what really carries an e-mail,
        phone or number; only NAME may answer approximately. An ORDER_NUMBER or TICKET_NUMBER finds its owner's profile.
        """
        ...

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """Profiles by record id; an id that the source does not (or no longer) have is missing from the answer."""
        ...

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """A window of each owner's activities, by `Owner.ref`: every owner is in the answer."""
        ...

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """The next step of changed records since `cursor`; None starts at the beginning of time."""
        ...

    async def check(self, call: Call) -> str:
        """One cheap authenticated call. Returns what answered ("Tryton 8.2, 120 parties"); raises a SourceError."""
        ...

    async def aclose(self) -> None:
        """Closes connections; the adapter is not used afterwards."""
        ...


class AdapterSettings(BaseModel):
    """What every `[sources.NAME]` table of c360.toml may hold; each adapter adds its own keys.

    All times are in seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    connect_timeout: float = Field(default=2.0, gt=0, description="Seconds to open a connection.")
    read_timeout: float = Field(default=5.0, gt=0, description="Seconds without a byte from the source.")
    call_timeout: float = Field(
        default=8.0, gt=0, description="Seconds for one call to the source, its retries included."
    )
    max_connections: int = Field(default=20, ge=1, le=200, description="Connections open at once.")
    max_body_bytes: int = Field(
        default=16_000_000, ge=1024, description="Largest answer that is read, in bytes."
    )
    retries: int = Field(
        default=2, ge=0, le=5, description="Repeats of a failed call that may be repeated safely."
    )
    requests_per_second: float | None = Field(
        default=None,
        gt=0,
        description="Own limit below the vendor's, where several programs share one allowance.",
    )
    http2: bool = Field(
        default=False,
        description="Speak HTTP/2 where the source offers it: many calls share a connection, at several times the CPU a call.",
    )

    @field_validator("http2")
    @classmethod
    def _can_speak_http2(cls, value: bool) -> bool:
        if value and importlib.util.find_spec("h2") is None:
            raise ValueError("HTTP/2 needs the package h2: install c360[http2], or leave http2 out")
        return value


class AdapterType(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry point of the group `c360.adapters` names: an adapter's manifest, settings and maker.

    `build(name, settings, transport)` must do no I/O; `transport` replaces the network in tests and may be ignored by adapters
    that do not speak HTTP.
    """

    manifest: Manifest
    settings: type[AdapterSettings]
    build: Callable[[str, Any, httpx.AsyncBaseTransport | None], Adapter]
