"""Whether data answers a GraphQL document as a schema says: each selected field there, no other, each leaf of its type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_TEXTS = {
    "ID": r"gid://shopify/\w+/\d+(\?.+)?",
    "DateTime": _TIME,
    "Decimal": r"-?\d+(\.\d+)?",
    "Money": r"-?\d+(\.\d+)?",
    "UnsignedInt64": r"\d{1,20}",
    "URL": r"https?://\S+",
    "String": r"(?s).*",
}
"""How the vendor writes a scalar in JSON; one that is not here is an error, so that nothing passes unseen."""


class Answers:
    """Checks data against a document, on one schema."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        (self._operation,) = (
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        )
        self.leaves = 0
        """Values of scalars and enums that have been looked at."""

    def problems(self, data: Mapping[str, Any]) -> list[str]:
        """What is wrong with an answer's `data`, by place."""
        root = self._schema.query_type
        assert root is not None
        return list(self._object(root, [self._operation.selection_set], data, ""))

    def _object(
        self, kind: GraphQLObjectType, sets: list[SelectionSetNode], value: Any, place: str
    ) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place}: not an object"
            return
        fields: dict[str, list[FieldNode]] = {}
        for selections in sets:
            for node in self._fields(kind, selections):
                fields.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        if fields.keys() != value.keys():
            yield f"{place}: {sorted(fields.keys() ^ value.keys())} missing or not asked for"
        for name in fields.keys() & value.keys():
            of = kind.fields[fields[name][0].name.value].type
            inner = [node.selection_set for node in fields[name] if node.selection_set]
            yield from self._value(of, inner, value[name], f"{place}/{name}")

    def _fields(self, kind: GraphQLObjectType, selections: SelectionSetNode) -> Iterator[FieldNode]:
        """The fields that a selection means for an object type, fragments spread."""
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
                continue
            part = self._part(node)
            condition = part.type_condition
            wanted = self._schema.type_map[condition.name.value] if condition else kind
            if wanted is kind or (is_abstract_type(wanted) and self._schema.is_sub_type(wanted, kind)):
                yield from self._fields(kind, part.selection_set)

    def _part(self, node: SelectionNode) -> FragmentDefinitionNode | InlineFragmentNode:
        if isinstance(node, FragmentSpreadNode):
            return self._fragments[node.name.value]
        assert isinstance(node, InlineFragmentNode)
        return node

    def _value(
        self, of: GraphQLOutputType, sets: list[SelectionSetNode], value: Any, place: str
    ) -> Iterator[str]:
        if is_non_null_type(of):
            if value is None:
                yield f"{place}: null, where the schema promises a value"
                return
            of = of.of_type
        if value is None:
            return
        if is_list_type(of):
            if not isinstance(value, list):
                yield f"{place}: not a list"
                return
            for item in value:
                yield from self._value(of.of_type, sets, item, f"{place}/*")
        elif is_leaf_type(of):
            self.leaves += 1
            if not _is_leaf(of, value):
                yield f"{place}: {value!r} is no {of.name}"
        elif is_object_type(of):
            yield from self._object(of, sets, value, place)
        else:
            yield from self._one_of(get_named_type(of).name, sets, value, place)

    def _one_of(self, abstract: str, sets: list[SelectionSetNode], value: Any, place: str) -> Iterator[str]:
        """A node of some type: it must answer the selection as one of the types that the document names there."""
        nodes = [node for selections in sets for node in selections.selections]
        conditions = [self._part(node).type_condition for node in nodes if not isinstance(node, FieldNode)]
        kinds = [self._schema.type_map[name] for name in sorted({c.name.value for c in conditions if c})]
        tried = [
            list(self._object(kind, sets, value, place))
            for kind in kinds
            if isinstance(kind, GraphQLObjectType)
        ]
        yield from min(tried, key=len, default=[f"{place}: no type of {abstract} is asked for"])


def _is_leaf(kind: GraphQLLeafType, value: Any) -> bool:
    if isinstance(kind, GraphQLEnumType):
        return value in kind.values
    if kind.name == "Int":
        return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31
    if kind.name == "Float":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind.name == "Boolean":
        return isinstance(value, bool)
    pattern = _TEXTS.get(kind.name)
    assert pattern is not None, f"how is a {kind.name} written?"
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None
