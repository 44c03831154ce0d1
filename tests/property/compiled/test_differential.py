"""Compiled and plain execution give the same data and the same errors, for random documents over sources with random faults."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
import pytest
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLSchema,
    execute,
    parse,
    parse_value,
    print_schema,
    validate,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import queries

from gateway.context import Context
from gateway.errors import of_failures
from gateway.execution.documents import core_schema
from gateway.execution.executor import CompiledExecutor
from gateway.execution.plan import Plans
from gateway.schema import build_schema
from tests.property.compiled.odd import OddWorld, asker, fail_some, odd_world
from tests.property.compiled.variations import varied

DOCUMENTS = int(os.environ.get("C360_DIFFERENTIAL", "300"))
"""CI runs 20,000."""
SCHEMA: GraphQLSchema = core_schema(build_schema())
_NOW = re.compile(r'"20(2[5-9]|[3-9]\d)-\d\d-\d\dT[^"]*"')
"""A moment of the test's own run; the records are of 2024."""
_SCALARS = {"_Any": st.nothing(), "DateTime": st.just(parse_value('"2024-05-01T00:00:00+00:00"'))}


@dataclass
class Answer:
    """The data as JSON, and the errors, each a tuple that begins with its path."""

    data: str
    errors: list[Any]

    def by_null(self) -> dict[str, Counter[str]]:
        """The errors by the null above the field that they name; "" where its parent is there."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for error in self.errors:
            found[self._null_above(error[0] or [])][repr(error)] += 1
        return found

    def _null_above(self, path: list[str | int]) -> str:
        data: Any = orjson.loads(self.data)
        for n, key in enumerate(path):
            if data is None:
                return repr(["data", *path[:n]])
            data = data[key]
        return ""


class Both:
    """Runs a document both ways."""

    def __init__(self, world: OddWorld, runner: asyncio.Runner) -> None:
        self.world, self._runner = world, runner
        self.planned = 0

    def run(self, document: DocumentNode, variables: dict[str, Any], plans: Plans | None) -> Answer:
        return self._runner.run(self._run(document, variables, plans))

    async def _run(self, document: DocumentNode, variables: dict[str, Any], plans: Plans | None) -> Answer:
        session = self.world.engine.session(asker())
        result = execute(
            SCHEMA, document, variable_values=variables,
            context_value=Context(session=session, asker=session.asker), executor_class=CompiledExecutor, plans=plans,
        )  # fmt: skip
        answer = result if isinstance(result, ExecutionResult) else await result
        await session.aclose()
        errors = [(e.path, e.message, e.locations, type(e.original_error)) for e in answer.errors or ()]
        failures = [
            (f.get("path"), f["message"], f["extensions"])
            for f in of_failures(session.errors, answer.data, "-")
        ]
        return Answer(_NOW.sub('"now"', orjson.dumps(answer.data).decode()), [*errors, *failures])


def same_errors(a: Answer, b: Answer) -> bool:
    """The same, but for what stood below a parent that some other field's error made null: fields that were under way there
    are cancelled, and how far they had come is chance. One error must be the same there too.
    """
    mine, theirs = a.by_null(), b.by_null()
    return mine.keys() == theirs.keys() and all(
        mine[place] & theirs[place] if place else mine[place] == theirs[place] for place in mine
    )


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with asyncio.Runner() as runner:
        world = runner.run(odd_world(tmp_path_factory.mktemp("odd"), 24, Random(360)))
        yield Both(world, runner)
        runner.run(world.engine.aclose())


@pytest.mark.timeout(2400)
# graphql-core cancels what it has not begun; where Python cannot even warn of that (in a frame without builtins, as a
# NamedTuple's), pytest hears of it as an exception that nobody could catch
@pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@settings(
    max_examples=DOCUMENTS, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(document=queries(print_schema(SCHEMA), custom_scalars=_SCALARS), seed=st.integers(0, 2**32))
def test_compiled_and_plain_execution_are_the_same(both: Both, document: str, seed: int) -> None:
    chance = Random(seed)
    text, variables = varied(document, SCHEMA, both.world.customers, chance)
    node = parse(text)
    if validate(SCHEMA, node):
        return  # two fields of one name that a fragment brought together, or the like
    fail_some(both.world, chance)
    plain = both.run(node, variables, None)
    plans = Plans(node, after=0)
    compiled = both.run(node, variables, plans)
    assert compiled.data == plain.data, text
    assert same_errors(compiled, plain), text
    both.planned += len(plans) > 0


def test_the_documents_were_compiled(both: Both) -> None:
    assert both.planned > DOCUMENTS / 10
