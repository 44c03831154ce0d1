"""The four sources of the benchmark, served from this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bench.peers.stub import Connection, World

SEED, CUSTOMERS = 7, 60


@pytest.fixture(scope="session")
def world_of_seed() -> World:
    return World(SEED, CUSTOMERS)


@pytest.fixture
def world(world_of_seed: World) -> World:
    world_of_seed.calls.clear()
    return world_of_seed


@pytest_asyncio.fixture
async def stub(world: World) -> AsyncIterator[str]:
    """Its URL."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(world, loop), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
