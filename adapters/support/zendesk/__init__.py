"""Zendesk Support: end users, their tickets and the comments on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.base import AdapterType
from adapters.support.zendesk.client import ZendeskAdapter
from adapters.support.zendesk.manifest import MANIFEST
from adapters.support.zendesk.settings import ZendeskSettings

if TYPE_CHECKING:
    import httpx


def build(name: str, settings: ZendeskSettings, transport: httpx.AsyncBaseTransport | None) -> ZendeskAdapter:
    """An adapter for one account; no I/O."""
    return ZendeskAdapter(name, MANIFEST, settings, transport)


adapter = AdapterType(manifest=MANIFEST, settings=ZendeskSettings, build=build)
