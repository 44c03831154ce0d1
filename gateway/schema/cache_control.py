"""`@cacheControl`: which answers may be kept, and for how long; on queries by who asks, on types and fields by the schema."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

import strawberry
from graphql import DirectiveLocation
from strawberry import Schema
from strawberry.schema_directive import Location

S = TypeVar("S", bound=Schema)


@strawberry.enum(
    name="CacheControlScope",
    description="PUBLIC: every caller with the same rights may get the kept answer. PRIVATE: only the one who asked.",
)
class CacheScope(Enum):
    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"


@strawberry.schema_directive(
    name="cacheControl",
    description=(
        "On a query: its whole answer may be kept for `maxAge` seconds. On a type or field: answers with it may be kept "
        "at most so long, whatever the query says; 0 is never. The strictest wins."
    ),
    locations=[Location.OBJECT, Location.INTERFACE, Location.UNION, Location.FIELD_DEFINITION],
)
class CacheControl:
    max_age: int | None = strawberry.UNSET
    scope: CacheScope | None = strawberry.UNSET


def on_queries(schema: S) -> S:
    """The same schema, in which queries too may carry the directive: Strawberry's schema directives cannot say so."""
    directive = schema._schema.get_directive("cacheControl")
    if directive is not None and DirectiveLocation.QUERY not in directive.locations:
        directive.locations = (DirectiveLocation.QUERY, *directive.locations)
    return schema
