"""Plans: how each field of one selection is executed, found out once for a document and kept with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    SelectionSetNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.execution.values import VariableValues, get_argument_values

from gateway.execution.prepared import DIRECT, METADATA, Arguments, Direct, Prepared
from gateway.execution.projection import NotPlain, Projection, Projector

MAX_FLAGS = 64
"""Combinations of the variables in @skip and @include for which one document keeps plans."""
MAX_PLANS = 500
"""Selections of one document, and one such combination, that are planned."""


@dataclass(frozen=True, slots=True)
class Step:
    """One field. With `plain` it is a function of the parent; with `prepared` it is asked for, read and projected; with `direct`
    its resolver is called without ceremony; else it is executed. `arguments` are None where they depend on variables.
    """

    name: str
    nodes: FieldDetailsList
    field: GraphQLField
    plain: Projection | None = None
    prepared: Prepared[Any] | None = None
    direct: Direct | None = None
    project: Projection | None = None
    arguments: Arguments | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """The fields of a selection. `mixed`: some are executed by graphql-core."""

    steps: tuple[Step, ...]
    mixed: bool


Selections = dict[tuple[Any, ...], Plan | None]


class Plans:
    """The plans of one document. None are made when it runs for the first time: many documents never run again."""

    def __init__(self, document: DocumentNode, *, after: int = 1) -> None:
        """`after` so many executions, selections are planned."""
        self._left = after
        self._flags = sorted(_flags(document))
        self._by_flags: dict[tuple[Any, ...], Selections] = {}
        self._usable = not any(
            isinstance(d, FragmentDefinitionNode) and d.variable_definitions for d in document.definitions
        )

    def __len__(self) -> int:
        """Selections that are planned."""
        return sum(plan is not None for kept in self._by_flags.values() for plan in kept.values())

    def selections(self, variables: VariableValues) -> Selections | None:
        """Where the plans for these variables are kept; None while there are none."""
        if not self._usable:
            return None
        if self._left > 0:
            self._left -= 1
            return None
        flags = tuple(variables.coerced.get(name) for name in self._flags)
        found = self._by_flags.get(flags)
        if found is None and len(self._by_flags) < MAX_FLAGS:
            found = self._by_flags[flags] = {}
        return found


def key(parent: GraphQLObjectType, grouped: GroupedFieldSet) -> tuple[Any, ...]:
    """Names a selection: its nodes live as long as the document."""
    return (parent.name, *(id(d.node) for nodes in grouped.values() for d in nodes))


def planned(
    schema: GraphQLSchema,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues,
    projector: Projector,
    parent: GraphQLObjectType,
    grouped: GroupedFieldSet,
) -> Plan | None:
    """The plan of a selection; None where graphql-core does it as well alone."""
    steps = []
    for name, nodes in grouped.items():
        if any(d.defer_usage is not None or d.fragment_variable_values is not None for d in nodes):
            return None
        field = schema.get_field(parent, nodes[0].node.name.value)
        if field is None:
            return None
        steps.append(_step(name, nodes, field, fragments, variables, projector, parent))
    if all(step.plain is None and step.prepared is None and step.direct is None for step in steps):
        return None
    others = [step for step in steps if step.plain is None and step.prepared is None]
    return Plan(tuple(steps), bool(others))


def _step(
    name: str,
    nodes: FieldDetailsList,
    field: GraphQLField,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues,
    projector: Projector,
    parent: GraphQLObjectType,
) -> Step:
    definition = field.extensions.get("strawberry-definition")
    metadata = definition.metadata if definition is not None else {}
    prepared: Prepared[Any] | None = metadata.get(METADATA)
    node = nodes[0].node
    if (direct := metadata.get(DIRECT)) is not None:
        return Step(name, nodes, field, direct=direct)
    try:
        if prepared is None:
            return Step(name, nodes, field, plain=projector.field(parent, nodes))
        project = projector.value(field.type, nodes)
    except NotPlain:
        return Step(name, nodes, field)
    arguments = None if _has_variables(node) else get_argument_values(field, node, variables)
    return Step(
        name, nodes, field, prepared=prepared, project=project, arguments=arguments,
        names=names_below([d.node for d in nodes], fragments),
    )  # fmt: skip


def names_below(nodes: list[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]) -> frozenset[str]:
    """The names of all fields below these; @skip and @include are not looked at."""
    seen: set[str] = set()
    return frozenset(
        field.name.value
        for node in nodes
        if node.selection_set
        for field in _fields(node.selection_set, fragments, seen)
    )


def _fields(
    selection: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], seen: set[str]
) -> Iterator[FieldNode]:
    for node in selection.selections:
        if isinstance(node, FieldNode):
            yield node
            if node.selection_set:
                yield from _fields(node.selection_set, fragments, seen)
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, fragments, seen)
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
            seen.add(node.name.value)
            yield from _fields(fragments[node.name.value].selection_set, fragments, seen)


def _has_variables(node: FieldNode) -> bool:
    return any(_variables(argument.value) for argument in node.arguments or ())


def _flags(document: DocumentNode) -> set[str]:
    """The variables that @skip and @include look at."""
    found: set[str] = set()

    class Finder(Visitor):
        def enter_directive(self, node: Any, *_: Any) -> None:
            if node.name.value in ("skip", "include"):
                found.update(name for argument in node.arguments or () for name in _variables(argument.value))

    visit(document, Finder())
    return found


def _variables(value: Node) -> list[str]:
    found: list[str] = []

    class Finder(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            found.append(node.name.value)

    visit(value, Finder())
    return found
