"""What an answer needs is asked for in one wave, and nothing waits for a sibling."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest
from graphql import ExecutionResult, execute, parse

from gateway.context import Context
from gateway.execution.documents import core_schema
from gateway.execution.executor import CompiledExecutor
from gateway.execution.plan import Plans
from gateway.schema import build_schema
from tests.property.compiled.odd import OddWorld, asker, odd_world

SCHEMA = core_schema(build_schema())
ALL = """
query($ids: [ID!]!) {
  customers(ids: $ids) {
    displayName emailAddresses { value } account { name }
    orders { nodes { number lines { title } } } tickets { edges { cursor node { subject } } }
    emailEvents { nodes { type } pageInfo { endCursor } } timeline { nodes { __typename at } } MORE
  }
}
"""
MIXED = ALL.replace("MORE", "provenance { field value } sources { source state }")
KINDS = ("page order", "page ticket", "page email_event", "page message")


async def _world(folder: Path) -> OddWorld:
    world = await odd_world(folder, 6, Random(1), wrong=False)
    for source in world.sources.values():
        source.calls.clear()
        source.gate = asyncio.Event()
    return world


@pytest.mark.parametrize("document", [ALL.replace("MORE", ""), MIXED], ids=["prepared", "mixed"])
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
async def test_every_source_is_asked_before_any_has_answered(
    tmp_path: Path, document: str, compiled: bool
) -> None:
    world = await _world(tmp_path)
    node = parse(document)
    session = world.engine.session(asker())
    result: Any = execute(
        SCHEMA, node, variable_values={"ids": list(world.customers)}, executor_class=CompiledExecutor,
        context_value=Context(session=session, asker=session.asker), plans=Plans(node, after=0) if compiled else None,
    )  # fmt: skip
    answering = asyncio.ensure_future(result)
    for _ in range(200):
        await asyncio.sleep(0)
    begun = {name: sorted(operation for operation, _ in s.calls) for name, s in world.sources.items()}
    for source in world.sources.values():
        assert source.gate is not None
        source.gate.set()
    answer = await answering
    assert isinstance(answer, ExecutionResult)
    assert answer.errors is None
    assert begun == {name: sorted(("read", *KINDS)) for name in world.sources}, "one batch each, for all six"
    after = {name: sorted(operation for operation, _ in s.calls) for name, s in world.sources.items()}
    assert after == begun, "and nothing else"
    await session.aclose()
    await world.engine.aclose()
