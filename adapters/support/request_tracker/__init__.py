"""Request Tracker: requestors, their tickets and what was said on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.base import AdapterType
from adapters.support.request_tracker.client import RequestTrackerAdapter
from adapters.support.request_tracker.manifest import MANIFEST
from adapters.support.request_tracker.settings import RequestTrackerSettings

if TYPE_CHECKING:
    import httpx


def build(
    name: str, settings: RequestTrackerSettings, transport: httpx.AsyncBaseTransport | None
) -> RequestTrackerAdapter:
    """An adapter for one server; no I/O."""
    return RequestTrackerAdapter(name, MANIFEST, settings, transport)


adapter = AdapterType(manifest=MANIFEST, settings=RequestTrackerSettings, build=build)
