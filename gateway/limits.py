"""How much one GraphQL document may ask for, found out before anything is fetched.

Depth and aliases are those of the document. Cost bounds the fields in the answer: each field counts 1, and
everything below a field with one of PAGE_ARGUMENTS (`first`, `ids` …) counts as often as that argument
allows. Fields under @skip and @include count in full. A fragment is measured once, however often it is
spread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_list_type,
    is_object_type,
)
from graphql.language import parse
from graphql.type import get_nullable_type, is_interface_type

from gateway.errors import Code
from gateway.settings import Limits

PAGE_ARGUMENTS = ("first", "ids", "decisions", "representations")
DEFAULT_PAGE = 20
"""What a `first` that is not given counts, where the schema has no default."""
INTROSPECTED_LIST = 5
"""What a list of the introspection schema counts."""
MAX_SAME_NAME = 50_000
"""Validation compares fields of one name in pairs; this bounds the sum of the squares of their numbers."""


def refuse(message: str, **extensions: Any) -> GraphQLError:
    """The error of a document that asks for too much."""
    return GraphQLError(message, extensions={"code": Code.COST_EXCEEDED.value, **extensions})


def parse_within(query: str, limits: Limits) -> DocumentNode:
    """Parses up to the allowed number of tokens. Raises GraphQLError."""
    try:
        return parse(query, max_lexical_tokens=limits.max_tokens, max_comments=limits.max_tokens)
    except GraphQLError as error:
        if "more than" in error.message and ("tokens" in error.message or "comments" in error.message):
            raise refuse(
                f"the document has more than {limits.max_tokens} tokens", limit="max_tokens"
            ) from None
        raise


@dataclass(frozen=True, slots=True)
class Cost:
    """`base` fields, and for each part the product of its sizes times the cost below it."""

    base: int = 0
    parts: tuple[tuple[tuple[int | str, ...], Cost], ...] = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        """The cost with these (coerced) variables."""
        try:
            return self._of(variables, {})
        except RecursionError:
            raise refuse("the document's fragments are nested too deeply", limit="max_depth") from None

    def _of(self, variables: Mapping[str, Any], known: dict[int, int]) -> int:
        if (cost := known.get(id(self))) is None:
            cost = self.base
            for sizes, below in self.parts:
                size = prod(n if isinstance(n, int) else _length(variables.get(n)) for n in sizes)
                cost += size * below._of(variables, known)
            known[id(self)] = cost
        return cost


@dataclass(frozen=True, slots=True)
class Measure:
    """What one operation asks for."""

    depth: int
    aliases: int
    cost: Cost

    def check(self, limits: Limits) -> None:
        """Raises the GraphQLError of the first limit that does not depend on variables and is passed."""
        if self.depth > limits.max_depth:
            text = f"the document is {self.depth} levels deep; at most {limits.max_depth} are allowed"
            raise refuse(text, limit="max_depth")
        if self.aliases > limits.max_aliases:
            text = f"the document has {self.aliases} aliases; at most {limits.max_aliases} are allowed"
            raise refuse(text, limit="max_aliases")

    def check_cost(self, variables: Mapping[str, Any], limits: Limits) -> int:
        """The cost; raises a GraphQLError where it is more than allowed."""
        cost = self.cost.of(variables)
        if cost > limits.max_cost:
            shown = str(cost) if cost < 10**12 else "more than 10^12"
            text = f"the document costs {shown}; at most {limits.max_cost} is allowed: ask for smaller pages"
            raise refuse(text, limit="max_cost")
        return cost


_NOTHING = Measure(0, 0, Cost())


def measure(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Measure:
    """Measures an operation, valid or not. Raises GraphQLError where its size cannot even be bounded."""
    names = Counter(_field_names(document))
    if sum(n * n for n in names.values()) > MAX_SAME_NAME:
        raise refuse("the document repeats the same field too often", limit="repeated_fields")
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    root = schema.get_root_type(operation.operation)
    try:
        return _Measurer(schema, fragments).selections(operation.selection_set, root)
    except RecursionError:
        raise refuse("the document's fragments are nested too deeply", limit="max_depth") from None


@dataclass(slots=True)
class _Measurer:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    done: dict[str, Measure] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)

    def selections(self, node: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Measure:
        parts = []
        for selection in node.selections if node else ():
            if isinstance(selection, FieldNode):
                parts.append(self.field(selection, parent))
            elif isinstance(selection, InlineFragmentNode):
                on = selection.type_condition
                type_ = self.schema.get_type(on.name.value) if on else parent
                parts.append(self.selections(selection.selection_set, type_))
            elif isinstance(selection, FragmentSpreadNode):
                parts.append(self.fragment(selection.name.value))
        return _sum(parts)

    def fragment(self, name: str) -> Measure:
        # unknown fragments and cycles are reported by validation; here they only must not run for ever
        if name in self.done or name in self.open or name not in self.fragments:
            return self.done.get(name, _NOTHING)
        self.open.add(name)
        node = self.fragments[name]
        found = self.selections(node.selection_set, self.schema.get_type(node.type_condition.name.value))
        self.open.discard(name)
        # by reference: copying the parts at each spread would let them double from fragment to fragment
        cost = Cost(0, (((), found.cost),)) if found.cost.parts else found.cost
        self.done[name] = Measure(found.depth, found.aliases, cost)
        return self.done[name]

    def field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Measure:
        name = node.name.value
        definition = _definition(self.schema, parent, name)
        below = self.selections(node.selection_set, get_named_type(definition.type) if definition else None)
        cost = _paged(_sizes(node, definition, parent), below.cost)
        aliases = below.aliases + (1 if node.alias else 0)
        # introspection has a depth rule of its own, and the usual tools ask for 15 levels of it
        depth = 0 if name in ("__schema", "__type") else below.depth + 1
        return Measure(depth, aliases, cost)


def _sum(parts: list[Measure]) -> Measure:
    return Measure(
        depth=max((part.depth for part in parts), default=0),
        aliases=sum(part.aliases for part in parts),
        cost=Cost(
            sum(part.cost.base for part in parts),
            tuple(p for part in parts for p in part.cost.parts),
        ),
    )


def _paged(sizes: tuple[int | str, ...], below: Cost) -> Cost:
    """The cost of one field: itself, and what is below it as often as its arguments allow."""
    if not sizes:
        return Cost(1 + below.base, below.parts)
    if not below.parts and all(isinstance(size, int) for size in sizes):
        return Cost(1 + prod(size for size in sizes if isinstance(size, int)) * below.base)
    return Cost(1, ((sizes, below),))


def _sizes(
    node: FieldNode, definition: GraphQLField | None, parent: GraphQLNamedType | None
) -> tuple[int | str, ...]:
    if definition is None:
        return ()
    if parent is not None and parent.name.startswith("__"):
        return (INTROSPECTED_LIST,) if is_list_type(get_nullable_type(definition.type)) else ()
    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    return tuple(
        _size(given.get(name), definition.args[name]) for name in PAGE_ARGUMENTS if name in definition.args
    )


def _size(value: ValueNode | None, argument: GraphQLArgument) -> int | str:
    if isinstance(value, VariableNode):
        return value.name.value
    if isinstance(value, IntValueNode):
        return max(0, int(value.value)) if len(value.value) < 12 else 10**12
    if isinstance(value, ListValueNode):
        return len(value.values)
    if value is None or isinstance(value, NullValueNode):
        return _default(argument)
    return 1


def _default(argument: GraphQLArgument) -> int:
    default = argument.default_value
    if argument.default is not None:
        literal = argument.default.literal
        default = int(literal.value) if isinstance(literal, IntValueNode) else argument.default.value
    return default if isinstance(default, int) else DEFAULT_PAGE


def _length(value: Any) -> int:
    if isinstance(value, bool) or value is None:
        return DEFAULT_PAGE
    if isinstance(value, int):
        return max(0, value)
    return len(value) if isinstance(value, list) else 1


def _definition(schema: GraphQLSchema, parent: GraphQLNamedType | None, name: str) -> GraphQLField | None:
    if parent is None:
        return None
    if is_object_type(parent) or is_interface_type(parent):
        return schema.get_field(parent, name)
    return None


def _field_names(document: DocumentNode) -> Iterator[str]:
    stack: list[SelectionSetNode | None] = [getattr(d, "selection_set", None) for d in document.definitions]
    while stack:
        node = stack.pop()
        for selection in node.selections if node else ():
            if isinstance(selection, FieldNode):
                yield selection.alias.value if selection.alias else selection.name.value
            stack.append(getattr(selection, "selection_set", None))
