"""Whether and for how long the answer to an operation may be kept: what its `@cacheControl` says, and the schema's hints.

An operation without the directive is never kept. The strictest hint wins: the smallest `maxAge`, and PRIVATE before PUBLIC.
Fields under @skip and @include count in any case, so that the hint belongs to the document and not to a request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from graphql import (
    DirectiveNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
)

from gateway.schema.cache_control import CacheControl, CacheScope

DIRECTIVE = "cacheControl"


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """`max_age` in seconds, above zero. A `private` answer is only for the principal who asked."""

    max_age: int
    private: bool


def hint(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Hint | None:
    """The hint of a valid document's operation; None where its answers may not be kept."""
    given = next((d for d in operation.directives or () if d.name.value == DIRECTIVE), None)
    if given is None or operation.operation is not OperationType.QUERY:
        return None
    max_age, scope = _stated(given)
    if max_age is None:
        return None
    # PRIVATE where nothing is said: sharing is for those who ask for it
    private = scope is not CacheScope.PUBLIC
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    for limit in _Walk(schema, fragments).selections(operation.selection_set, schema.query_type):
        if isinstance(limit.max_age, int):
            max_age = min(max_age, limit.max_age)
        private = private or limit.scope is CacheScope.PRIVATE
    return Hint(max_age=max_age, private=private) if max_age > 0 else None


def _stated(directive: DirectiveNode) -> tuple[int | None, CacheScope | None]:
    """What an operation's directive says; no age where it depends on variables, since a hint is the document's."""
    values = {argument.name.value: argument.value for argument in directive.arguments or ()}
    age, scope = values.get("maxAge"), values.get("scope")
    max_age = int(age.value) if isinstance(age, IntValueNode) else None
    return max_age, CacheScope[scope.value] if isinstance(scope, EnumValueNode) else None


class _Walk:
    """All hints of the schema that a selection meets."""

    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._seen: set[str] = set()

    def selections(
        self, node: SelectionSetNode | None, parent: GraphQLNamedType | None
    ) -> Iterator[CacheControl]:
        for selection in node.selections if node else ():
            if isinstance(selection, FieldNode):
                yield from self._field(selection, parent)
            elif isinstance(selection, InlineFragmentNode):
                on = selection.type_condition
                type_ = self._schema.get_type(on.name.value) if on else parent
                yield from _of(type_)
                yield from self.selections(selection.selection_set, type_)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in self._seen:
                self._seen.add(selection.name.value)
                fragment = self._fragments[selection.name.value]
                type_ = self._schema.get_type(fragment.type_condition.name.value)
                yield from _of(type_)
                yield from self.selections(fragment.selection_set, type_)

    def _field(self, node: FieldNode, parent: Any) -> Iterator[CacheControl]:
        definition = self._schema.get_field(parent, node.name.value)
        if definition is None:
            return
        yield from _of(definition)
        type_ = get_named_type(definition.type)
        yield from _of(type_)
        if is_abstract_type(type_):
            for possible in self._schema.get_possible_types(type_):
                yield from _of(possible)
        yield from self.selections(node.selection_set, type_)


def _of(definition: Any) -> Iterable[CacheControl]:
    strawberrys = (getattr(definition, "extensions", None) or {}).get("strawberry-definition")
    return (d for d in getattr(strawberrys, "directives", None) or () if isinstance(d, CacheControl))
