"""Values that several nouns share: money, postal addresses, and what a field needs to know of its request."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import strawberry
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode
from strawberry.types import Info

from gateway.context import Context

Request = Info[Context, None]


@strawberry.type(description="An exact amount of one currency.")
class Money:
    amount: Decimal = strawberry.field(description="In major units: 12.50 is twelve and a half.")
    currency: str = strawberry.field(description="ISO 4217.")


@strawberry.type(description="A postal address, as one source has it.")
class Address:
    label: str | None
    name: str | None
    company: str | None
    street: str | None = strawberry.field(description="Several lines are separated by line feeds.")
    postcode: str | None
    city: str | None
    region: str | None
    country: str | None = strawberry.field(description="ISO 3166 alpha-2 where the source says it that way.")


def asks_for(info: Info[Any, Any], name: str) -> bool:
    """Whether the selection below this field names a field `name` anywhere; @skip and @include are not looked at."""
    return any(
        name in _names(node.selection_set, info) for node in info._raw_info.field_nodes if node.selection_set
    )


def _names(selection: SelectionSetNode, info: Info[Any, Any]) -> set[str]:
    return {field.name.value for field in _fields(selection, info, set())}


def _fields(selection: SelectionSetNode, info: Info[Any, Any], seen: set[str]) -> Iterator[FieldNode]:
    for node in selection.selections:
        if isinstance(node, FieldNode):
            yield node
            if node.selection_set:
                yield from _fields(node.selection_set, info, seen)
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, info, seen)
        elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
            seen.add(node.name.value)
            fragment = info._raw_info.fragments[node.name.value]
            yield from _fields(fragment.selection_set, info, seen)
