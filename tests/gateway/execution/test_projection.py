"""What a projection may do, and what it must leave to graphql-core, on a schema made of every kind of type."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import orjson
import pytest
import strawberry
from graphql import ExecutionResult, execute, parse
from strawberry.schema.config import StrawberryConfig

from gateway.execution.documents import core_schema
from gateway.execution.executor import CompiledExecutor
from gateway.execution.plan import Plans
from gateway.execution.prepared import Prepared


class Odd:
    """Says of itself what it is told."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


@strawberry.enum
class Colour(Enum):
    RED = "r"
    GREEN = "g"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Cat(Named):
    lives: int
    colour: Colour | None = None

    @strawberry.field
    def shout(self) -> str:
        return self.name.upper()


@strawberry.type
class Dog(Named):
    born: date | None = None
    friends: list[Annotated[Cat, strawberry.lazy(__name__)]] = strawberry.field(default_factory=list)


@strawberry.type
class Box:
    text: str | None
    must: str
    flag: bool | None
    number: int | None
    real: float | None
    price: Decimal | None
    at: datetime | None
    colour: Colour | None
    tags: list[str]
    grid: list[list[int | None] | None] | None
    pet: Cat | Dog | None
    named: Named | None
    pets: list[Cat | Dog]
    inner: Annotated[Box, strawberry.lazy(__name__)] | None


def _prepared(name: str) -> Prepared[Any]:
    """A field that needs nothing from a source, but could."""
    return Prepared(lambda parent, *_: parent.wanted and [], lambda parent, *_: getattr(parent, name))


LATER, SOON = _prepared("later_"), _prepared("soon_")


@strawberry.type
class Ready:
    must: str

    @strawberry.field(metadata=LATER.metadata)
    async def later(self, info: strawberry.Info[Any, None]) -> str:
        return self.later_  # type: ignore[attr-defined]

    @strawberry.field(metadata=SOON.metadata)
    async def soon(self, info: strawberry.Info[Any, None]) -> str | None:
        return self.soon_  # type: ignore[attr-defined]


@strawberry.type
class Query:
    @strawberry.field
    def ready(self, info: strawberry.Info[Any, None]) -> list[Ready | None]:
        return info.context

    @strawberry.field
    async def all_ready(self, info: strawberry.Info[Any, None]) -> list[Ready] | None:
        return info.context

    @strawberry.field
    def box(self, info: strawberry.Info[Any, None]) -> Box | None:
        return info.context

    @strawberry.field
    async def boxes(self, info: strawberry.Info[Any, None]) -> list[Box]:
        await asyncio.sleep(0)
        return [info.context, info.context]


SCHEMA = core_schema(strawberry.Schema(Query, types=[Cat, Dog], config=StrawberryConfig()))
TOM, REX = Cat(name="Tom", lives=9, colour=Colour.RED), Dog(name="Rex", born=date(2020, 2, 29))
FULL = """
fragment All on Box {
  text must flag number real price at colour tags grid
  pet { __typename ... on Cat { lives colour shout } ... on Dog { born friends { name } } }
  named { __typename name ... on Dog { born } }
  pets { ... on Named { name } ... on Cat { n: lives } }
}
query($yes: Boolean!, $no: Boolean!) {
  box { ...All inner { ...All again: must must @skip(if: $no) number @include(if: $no) inner @include(if: $yes) { must } } }
  boxes { kind: __typename must ... @include(if: $no) { text } tags @skip(if: $yes) }
}
"""


def box(**changed: Any) -> Any:
    sound = {
        "text": "t", "must": "m", "flag": True, "number": 7, "real": 1.5, "price": Decimal("1.50"),
        "at": datetime(2024, 1, 1, tzinfo=UTC), "colour": Colour.GREEN, "tags": ["a"], "grid": [[1, None], None], "pet": TOM,
        "named": REX, "pets": [TOM, REX], "inner": None,
    }  # fmt: skip
    return Odd(**{**sound, **changed})


async def both(value: Any, document: str = FULL) -> tuple[Any, Any, Plans]:
    node = parse(document)
    plans = Plans(node, after=0)
    variables = {"yes": True, "no": False} if "$yes" in document else {}
    answers = []
    for used in (None, plans):
        found = execute(
            SCHEMA,
            node,
            context_value=value,
            variable_values=variables,
            executor_class=CompiledExecutor,
            plans=used,
        )
        answer = found if isinstance(found, ExecutionResult) else await found
        errors = sorted(
            (repr((e.path, e.message, e.locations, type(e.original_error))) for e in answer.errors or ()),
            key=str,
        )
        answers.append((orjson.loads(orjson.dumps(answer.data)), errors))
    return answers[0], answers[1], plans


async def test_sound_data_is_projected_as_graphql_core_would() -> None:
    plain, compiled, plans = await both(box(inner=box(inner=box())))
    assert compiled == plain
    assert plain[1] == []
    assert list(plain[0]["box"]) == list(compiled[0]["box"])
    assert len(plans) > 0


async def test_sound_data_below_the_root_is_never_walked_field_by_field() -> None:
    walked: list[str] = []

    class Watched(CompiledExecutor):
        def execute_field(self, parent_type: Any, *rest: Any) -> Any:
            walked.append(parent_type.name)
            return super().execute_field(parent_type, *rest)

    node = parse(FULL)
    variables = {"yes": True, "no": False}
    await execute(
        SCHEMA,
        node,
        context_value=box(inner=box()),
        variable_values=variables,
        executor_class=Watched,
        plans=Plans(node, after=0),
    )  # type: ignore[misc]
    assert walked == ["Query", "Query"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"must": None}, {"must": 5}, {"must": ["a"]}, {"must": ValueError("no")}, {"text": b"bytes"}, {"text": True},
        {"flag": "yes"}, {"flag": 1}, {"number": 2**31}, {"number": -(2**31)}, {"number": 1.0}, {"number": 1.5}, {"number": True},
        {"real": float("nan")}, {"real": float("inf")}, {"real": 3}, {"real": "3"}, {"price": "1"}, {"price": Exception("no")},
        {"at": "2024"}, {"at": date(2024, 1, 1)}, {"colour": "g"}, {"colour": "no"}, {"colour": []}, {"tags": None},
        {"tags": "ab"},
        {"tags": ("a", "b")}, {"tags": [None]}, {"tags": {"a"}}, {"tags": (c for c in "ab")}, {"grid": [[1, "x"]]}, {"grid": [5]},
        {"pet": Odd()}, {"pet": None}, {"named": 5}, {"pets": [None]}, {"pets": [TOM, "x"]}, {"pet": Cat(name="Tom", lives=None)},
        {"pet": Cat(name=None, lives=1)}, {"pet": Dog(name="R", friends=[TOM, REX])}, {"named": Cat(name=5, lives=1)},
        {"inner": Odd(must="m")}, {"inner": []}, {"inner": box(must=None)}, {"inner": ValueError("inner")},
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_wrong_is_told_as_graphql_core_tells_it(wrong: dict[str, Any]) -> None:
    if "tags" in wrong and hasattr(wrong["tags"], "send"):
        wrong = {"tags": {"k": 1}.keys()}  # a generator could be read only once, by either
    plain, compiled, _ = await both(box(inner=box()) if not wrong else box(**{"inner": box(), **wrong}))
    assert compiled == plain


def ready(**changed: Any) -> Any:
    return Odd(**{"must": "m", "later_": "l", "soon_": "s", "wanted": True, **changed})


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"must": None}, {"must": ["x"]}, {"later_": None}, {"later_": ValueError("late")}, {"soon_": b"x"}, {"soon_": None},
        {"wanted": None}, {"wanted": None, "later_": None}, {"wanted": None, "must": None}, {"must": None, "later_": None},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("field", ["ready", "allReady"])
@pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited"
)  # graphql-core cancels what it has not begun
async def test_lists_of_prepared_objects(wrong: dict[str, Any], field: str) -> None:
    people = [ready(), None, ready(**wrong), ready()]
    for value in (people, [ready(**wrong)], [], (ready(), ready(**wrong)), None):
        document = f"{{ {field} {{ later must soon __typename }} }}"
        plain, compiled, plans = await both(value, document)
        assert compiled[0] == plain[0]
        assert compiled[1] == plain[1] or (plain[0] is None and set(compiled[1]) & set(plain[1]))
        assert len(plans) == 1 or not value


async def test_a_field_that_looks_further_is_left_to_graphql_core() -> None:
    _, _, plans = await both(box(), "{ box { must } }")
    assert len(plans) == 1, "of the box; the root's fields need the context"


async def test_conditions_have_plans_of_their_own() -> None:
    node = parse("query($a: Boolean!) { box { must text @include(if: $a) } }")
    plans = Plans(node, after=0)
    seen = []
    for a in (True, False, True):
        found = execute(
            SCHEMA,
            node,
            context_value=box(),
            variable_values={"a": a},
            executor_class=CompiledExecutor,
            plans=plans,
        )
        assert isinstance(found, ExecutionResult)
        seen.append(found.data)
    assert seen == [
        {"box": {"must": "m", "text": "t"}},
        {"box": {"must": "m"}},
        {"box": {"must": "m", "text": "t"}},
    ]
    assert len(plans) == 2


async def test_a_document_is_compiled_when_it_comes_again() -> None:
    node = parse("{ box { must } }")
    plans = Plans(node)
    for expected in (0, 1, 1):
        found = execute(SCHEMA, node, context_value=box(), executor_class=CompiledExecutor, plans=plans)
        assert isinstance(found, ExecutionResult)
        assert found.data == {"box": {"must": "m"}}
        assert len(plans) == expected
