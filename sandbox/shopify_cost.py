"""Shopify's calculated query cost and the bucket it is paid from."""

from __future__ import annotations

import math
import time
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)


class Bucket:
    """A leaky bucket: full at first, refilled at a steady rate up to its size."""

    def __init__(self, size: float, restore: float) -> None:
        self.size, self.restore = size, restore
        self._level, self._at = size, time.monotonic()

    @property
    def level(self) -> float:
        now = time.monotonic()
        self._level = min(self.size, self._level + (now - self._at) * self.restore)
        self._at = now
        return self._level

    def take(self, cost: float) -> bool:
        if cost > self.level:
            return False
        self._level -= cost
        return True

    def give_back(self, cost: float) -> None:
        self._level = min(self.size, self.level + cost)


class CostOf:
    """The requested cost of an operation.

    A record costs 1, a connection 2 and as many times its node's cost as it is big, values such as money nothing.
    The size counts in full up to 10 and by its logarithm above: the vendor publishes no formula, and this one gives
    the 25 points that it was seen to ask for a product's 250 variants with one object each.
    """

    def __init__(
        self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode], variables: dict[str, Any]
    ) -> None:
        self._schema, self._fragments, self._variables = schema, fragments, variables

    def operation(self, operation: OperationDefinitionNode) -> int:
        root = self._schema.query_type
        return self._selections(operation.selection_set, root) if root else 0

    def _selections(self, selection_set: SelectionSetNode | None, parent: Any) -> int:
        if selection_set is None:
            return 0
        return sum(self._selection(selection, parent) for selection in selection_set.selections)

    def _selection(self, node: Any, parent: Any) -> int:
        if isinstance(node, InlineFragmentNode):
            inner = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
            return self._selections(node.selection_set, inner)
        if isinstance(node, FragmentSpreadNode):
            fragment = self._fragments[node.name.value]
            return self._selections(
                fragment.selection_set, self._schema.get_type(fragment.type_condition.name.value)
            )
        if not isinstance(node, FieldNode) or not isinstance(
            parent, GraphQLObjectType | GraphQLInterfaceType
        ):
            return 0
        field = parent.fields.get(node.name.value)
        return self._field(node, get_named_type(field.type)) if field else 0

    def _field(self, node: FieldNode, kind: Any) -> int:
        if node.selection_set is None:
            return 0
        children = self._selections(node.selection_set, kind)
        if kind.name.endswith("Connection"):
            return 2 + _weight(self._number(node, "first") or self._number(node, "last") or 1) * children
        is_record = kind.name == "Node" or any(i.name == "Node" for i in getattr(kind, "interfaces", ()))
        return _weight(self._length(node, "ids")) * (children + (1 if is_record else 0))

    def _number(self, node: FieldNode, name: str) -> int:
        value = self._argument(node, name)
        return value if isinstance(value, int) else 0

    def _length(self, node: FieldNode, name: str) -> int:
        value = self._argument(node, name)
        return len(value) if isinstance(value, list) else 1

    def _argument(self, node: FieldNode, name: str) -> object:
        for argument in node.arguments or ():
            if argument.name.value != name:
                continue
            if isinstance(argument.value, VariableNode):
                return self._variables.get(argument.value.name.value)
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, ListValueNode):
                return list(argument.value.values)
        return None


def _weight(size: int) -> int:
    return size if size <= 10 else 10 + int(math.log10(size / 10))


def actual(data: Any) -> int:
    """The cost of what was found: a record 1, a connection 2, counted in the answer itself."""
    if isinstance(data, list):
        return sum(actual(item) for item in data)
    if not isinstance(data, dict):
        return 0
    cost = sum(actual(value) for value in data.values())
    if "pageInfo" in data or "nodes" in data or "edges" in data:
        return cost + 2
    return cost + (1 if str(data.get("id", "")).startswith("gid://") else 0)
