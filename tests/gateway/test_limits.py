"""Depth, tokens, aliases and cost: found out before anything runs, and in little time whatever the document."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError, build_schema, get_introspection_query, parse
from graphql.utilities import get_operation_ast

from gateway.execution.documents import BadDocument, Documents
from gateway.limits import DEFAULT_PAGE, Measure, measure
from gateway.settings import Limits

SCHEMA = build_schema(
    """
    type Query { a(first: Int): Query, b: Int, p(first: Int = 7): Query, many(ids: [ID!]!): [Query], c(x: ID): Int
                 _entities(representations: [String!]!): [Query] }
    """
)


def measured(query: str) -> Measure:
    document = parse(query)
    operation = get_operation_ast(document)
    assert operation is not None
    return measure(SCHEMA, document, operation)


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ b }", 1),
        ("{ a(first: 10) { b } }", 1 + 10),
        ("{ a(first: 10) { b c a(first: 5) { b } } }", 1 + 10 * (2 + 1 + 5)),
        ("{ a { b } }", 1 + DEFAULT_PAGE),
        ("{ a(first: null) { b } }", 1 + DEFAULT_PAGE),
        ("{ p { b } }", 1 + 7),
        ('{ many(ids: ["1", "2", "3"]) { b c } }', 1 + 3 * 2),
        ('{ many(ids: "1") { b } }', 1 + 1),
        ('{ _entities(representations: ["x", "y"]) { b } }', 1 + 2),
        ("{ ...f ...f } fragment f on Query { b c }", 4),
        ("{ ... on Query { b } ... { c } }", 2),
        ("{ a(first: -5) { b } }", 1),
    ],
)
def test_cost_counts_fields_times_page_sizes(query: str, cost: int) -> None:
    assert measured(query).cost.of({}) == cost


@pytest.mark.parametrize(
    ("variables", "cost"),
    [
        ({"n": 3, "i": ["1", "2"]}, 1 + 3 * (1 + 2)),
        ({"n": 0, "i": []}, 1),
        ({"n": None, "i": ["1"]}, 1 + 20 * 2),
    ],
)
def test_cost_knows_variables(variables: dict[str, Any], cost: int) -> None:
    query = "query($n: Int, $i: [ID!]!) { a(first: $n) { ...f } } fragment f on Query { many(ids: $i) { b } }"
    assert measured(query).cost.of(variables) == cost


def test_fragments_that_double_are_measured_in_linear_time() -> None:
    levels = 200
    spreads = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(levels))
    query = f"query($n: Int) {{ ...f0 }} {spreads} fragment f{levels} on Query {{ x: a(first: $n) {{ b }} }}"
    found = measured(query)
    assert found.aliases == 2**levels
    assert found.cost.of({"n": 1}) == 2**levels * 2


def test_depth_and_aliases_look_into_fragments() -> None:
    found = measured("{ x: a { ...f } } fragment f on Query { y: a { z: a { b } } ... on Query { b } }")
    assert (found.depth, found.aliases) == (4, 3)


def test_introspection_by_the_usual_tools_is_allowed() -> None:
    operation = Documents(SCHEMA, Limits()).operation(get_introspection_query(), None)
    operation.measure.check_cost({}, Limits())


NEST = "a {" * 20 + "b" + "}" * 20


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("{" + "b " * 3000 + "c " * 3000 + "}", "max_tokens"),
        ("{ b" + "\n# x" * 6000 + "}", "max_tokens"),
        ("{" + NEST + "}", "max_depth"),
        ("{" + " ".join(f"x{n}: b" for n in range(101)) + "}", "max_aliases"),
        ("{" + "b " * 400 + "}", "repeated_fields"),
        ("{ a(first: 100) { a(first: 100) { a(first: 100) { b c } } } }", "max_cost"),
        ("{ a(first: 250) { a(first: 250) { b c } } }", "max_cost"),
        ("{ a(first: " + "9" * 4000 + ") { b } }", "max_cost"),
        ("{ ...f0 } " + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} }}" for n in range(600))
         + " fragment f600 on Query { b }", "max_depth"),
    ],
)  # fmt: skip
def test_each_limit_refuses(query: str, limit: str) -> None:
    limits = Limits()
    with pytest.raises((BadDocument, GraphQLError)) as caught:
        Documents(SCHEMA, limits).operation(query, None).measure.check_cost({}, limits)
    error = caught.value.errors[0] if isinstance(caught.value, BadDocument) else caught.value
    if limit == "max_cost" and "9999" in query:
        assert "Int" in error.message  # validation knows that it is no 32-bit number
        return
    assert error.extensions == {"code": "COST_EXCEEDED", "limit": limit}


@pytest.mark.parametrize(
    "query",
    [
        "{ ...f } fragment f on Query { ...f }",
        "{ ...f } fragment f on Query { a { ...g } } fragment g on Query { a { ...f } }",
        "{ ...missing }",
        "{ a(first: $n) { b } }",
        "{ nothing { nothing(first: 3) { x } } }",
        "fragment f on Query { b }",
        "query A { b } query A { b }",
        "{ c(x: " + "[" * 400 + "]" * 400 + ") }",
        "{" + "a {" * 1500 + "b" + "}" * 1500 + "}",
        "type X { y: Int }",
        "\ufeff",
        "{ b @nothing }",
    ],
)
def test_invalid_documents_are_refused_and_never_crash(query: str) -> None:
    with pytest.raises(BadDocument):
        Documents(SCHEMA, Limits()).operation(query, None)


def test_documents_are_kept_within_bounds() -> None:
    documents = Documents(SCHEMA, Limits(), max_entries=3, max_characters=100)
    first = documents.operation("{ b }", None)
    assert documents.operation("{ b }", None) is first
    for n in range(10):
        documents.operation(f"query Q{n} {{ b }}", None)
    assert len(documents) == 3
    assert documents.operation("{ b }", None) is not first
    documents.operation("{ b }" + " " * 95, None)
    assert len(documents) == 1


def test_one_document_with_several_operations() -> None:
    documents = Documents(SCHEMA, Limits())
    query = "query A { b } query B { a { b } }"
    assert documents.operation(query, "A").measure.depth == 1
    assert documents.operation(query, "B").measure.depth == 2
    for name in (None, "C"):
        with pytest.raises(BadDocument):
            documents.operation(query, name)
