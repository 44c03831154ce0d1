"""What happened between a person and the company: the interface that orders, tickets, e-mail events and messages share."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import strawberry
from graphql import GraphQLResolveInfo

from adapters.records import Activity as ActivityRecord
from resolvers.connection import name_of


class FromRecord:
    """Lets a GraphQL type be served by canonical records as they are, without copying them into objects of its own."""

    record: ClassVar[type[Any]]

    @classmethod
    def is_type_of(cls, obj: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return isinstance(obj, cls.record)


def _id(root: strawberry.Parent[ActivityRecord]) -> strawberry.ID:
    return strawberry.ID(name_of(root))


def _record_id(root: strawberry.Parent[ActivityRecord]) -> str:
    return root.id


@strawberry.interface(description="Something that happened at a time that never changes.")
class Activity:
    id: strawberry.ID = strawberry.field(resolver=_id, description="Opaque; unique among all sources.")
    at: datetime = strawberry.field(description="When it happened; orders the timeline.")
    source: str = strawberry.field(description="The source's name, as configured.")
    record_id: str = strawberry.field(resolver=_record_id, description="The source's own id.")
    url: str | None = strawberry.field(description="Where to see it in the source's own user interface.")
    updated_at: datetime | None
