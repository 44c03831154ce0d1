"""A map and its sync, on each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest_asyncio

from adapters.base import Adapter
from resolvers.caching.customers import Customers
from resolvers.identity.map import IdentityMap
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.sync import Sync
from resolvers.identity.tokens import Tokens
from resolvers.sources import Sources
from tests.resolvers.conftest import SECRET

MakeSync = Callable[..., Sync]


def synced(store: IdentityStore, adapters: Sequence[Adapter], **options: Any) -> Sync:
    sources = Sources(adapters)
    identity = IdentityMap(store, Tokens(SECRET), Customers(), sources, IdentityOptions(default_country="DE"))
    return Sync(identity, sources, **options)


@pytest_asyncio.fixture
async def make_sync(store: IdentityStore) -> AsyncIterator[MakeSync]:
    """`make_sync(*sources, **options of Sync)`."""
    yield lambda *adapters, **options: synced(store, adapters, **options)
