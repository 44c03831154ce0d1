"""Representations of federation's `_entities`, checked before Strawberry's resolver, which takes them as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    Node,
    ValueNode,
    VariableNode,
    Visitor,
    value_from_ast_untyped,
    visit,
)
from strawberry.federation.schema_directives import Key


def check_representations(schema: GraphQLSchema) -> None:
    """Makes the scalar `_Any` accept only what names one of the entities, with the fields of its key."""
    entities, scalar = schema.type_map.get("_Entity"), schema.type_map.get("_Any")
    if not isinstance(entities, GraphQLUnionType) or not isinstance(scalar, GraphQLScalarType):
        return
    keys = {
        type_.name: _key_fields(type_.extensions.get("strawberry-definition")) for type_ in entities.types
    }

    def from_value(value: Any) -> dict[str, Any]:
        return _representation(value, keys)

    def from_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        value = value_from_ast_untyped(node, variables)
        if variables is None and _has_variables(node):
            return value  # validation: it is checked when the variables are known
        return from_value(value)

    scalar.parse_value = from_value  # type: ignore[method-assign]
    scalar.coerce_input_value = from_value
    scalar.parse_literal = from_literal  # type: ignore[method-assign]


def _representation(value: Any, keys: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """A copy with the key's fields only: the resolver would take others for arguments."""
    name = value.get("__typename") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in keys:
        raise GraphQLError(f"a representation is an object with __typename, one of {', '.join(keys)}")
    missing = [field for field in keys[name] if not isinstance(value.get(field), str | int)]
    if missing:
        raise GraphQLError(f"a representation of {name} needs {', '.join(missing)}")
    return {"__typename": name, **{field: str(value[field]) for field in keys[name]}}


def _key_fields(definition: Any) -> tuple[str, ...]:
    key = next(d for d in definition.directives if isinstance(d, Key))
    return tuple(str(key.fields).split())


def _has_variables(node: ValueNode) -> bool:
    found: list[Node] = []

    class Finder(Visitor):
        def enter_variable(self, variable: VariableNode, *_: Any) -> None:
            found.append(variable)

    visit(node, Finder())
    return bool(found)
