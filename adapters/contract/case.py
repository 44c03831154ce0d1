"""What the contract suite needs to know of an adapter under test: what is in its source, and how to count and break calls."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import httpx
from pydantic import BaseModel, SecretStr

from adapters.base import Adapter, AdapterSettings, AdapterType, MatchKey, Owner
from adapters.contract.faults import (
    FAULTY_BODY_LIMIT,
    FAULTY_TIMEOUT,
    CountingTransport,
    Fault,
    FaultyTransport,
)
from adapters.records import RecordKind


@dataclass(frozen=True, kw_only=True)
class ContractCase:
    """An adapter on a source whose content is known. `over_http` makes one for adapters that speak HTTP."""

    adapter: Adapter
    find: Mapping[MatchKey, frozenset[str]]
    """Keys and the ids of exactly the profiles that carry them; at least one key of each type in `manifest.lookups`.
    For NAME the ids that must be among those found."""

    find_calls: int
    """The most calls that all keys of `find` at once may take."""

    profiles: Mapping[str, Mapping[str, Any]]
    """Ids of profiles that exist, and what some of their fields must hold (all parts asked for). At least two."""

    owners: Mapping[RecordKind, Mapping[Owner, tuple[str, ...]]]
    """For each kind: owners, and the ids of all their activities, newest first. At least two owners with records a kind."""

    calls: Callable[[], int]
    """Upstream calls so far."""

    faulty: Callable[[Fault], AbstractAsyncContextManager[Adapter | None]]
    """A fresh adapter whose source does nothing but this; None where the protocol has no such fault."""

    missing_id: str = "999999999"
    """A well-formed record id that the source does not have."""

    read_calls: int | None = None
    """The most calls for reading all of `profiles` with all parts, where the default does not fit: one for each batch, and
    one more for each part."""

    page_calls: Mapping[RecordKind, int] = field(default_factory=dict)
    """The most calls for the newest 2 activities of all of a kind's owners at once, where the default does not fit: the most
    that one of them needs alone, times the batches, plus the vendor's pages that hold all their records."""

    secrets: tuple[str, ...] = ()
    """Credentials that must never show up in an error or a log."""

    @classmethod
    def over_http(
        cls,
        type_: AdapterType,
        settings: AdapterSettings,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        find: Mapping[MatchKey, frozenset[str]],
        find_calls: int,
        profiles: Mapping[str, Mapping[str, Any]],
        owners: Mapping[RecordKind, Mapping[Owner, tuple[str, ...]]],
        missing_id: str = "999999999",
        read_calls: int | None = None,
        page_calls: Mapping[RecordKind, int] | None = None,
        sign_in_calls: int = 0,
        name: str = "under-test",
    ) -> ContractCase:
        """A case on `transport` (None: the network). `sign_in_calls` come before any other and stay healthy in fault tests."""
        network = transport or httpx.AsyncHTTPTransport(trust_env=False)
        counting = CountingTransport(network)
        return cls(
            adapter=type_.build(name, settings, counting),
            find=find,
            find_calls=find_calls,
            profiles=profiles,
            owners=owners,
            calls=lambda: counting.calls,
            faulty=_faulty(type_, settings, network, sign_in_calls, name),
            missing_id=missing_id,
            read_calls=read_calls,
            page_calls=page_calls or {},
            secrets=tuple(secrets_of(settings)),
        )


def _faulty(
    type_: AdapterType, settings: AdapterSettings, network: httpx.AsyncBaseTransport, healthy: int, name: str
) -> Callable[[Fault], AbstractAsyncContextManager[Adapter | None]]:
    @contextlib.asynccontextmanager
    async def faulty(fault: Fault) -> AsyncIterator[Adapter | None]:
        changed: dict[str, object] = {"retries": 0, "max_body_bytes": FAULTY_BODY_LIMIT}
        if fault in (Fault.HANG, Fault.SLOW_DRIP):
            changed |= dict.fromkeys(("connect_timeout", "read_timeout", "call_timeout"), FAULTY_TIMEOUT)
        transport = FaultyTransport(fault, network, healthy)
        adapter = type_.build(name, settings.model_copy(update=changed), transport)
        try:
            yield adapter
        finally:
            await adapter.aclose()

    return faulty


def secrets_of(settings: BaseModel) -> list[str]:
    """Every non-empty SecretStr in a settings model, nested ones included."""
    found: list[str] = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            found.append(value.get_secret_value())
        elif isinstance(value, BaseModel):
            found.extend(secrets_of(value))
    return [secret for secret in found if secret]
