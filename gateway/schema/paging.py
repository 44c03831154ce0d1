"""Relay's machinery: page information, edges, and the connections of one kind of thing."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import strawberry

from gateway.schema.comment import Comment
from resolvers.connection import Slice, place_of

Node = TypeVar("Node")
C = TypeVar("C", bound="Connection[Any]")


@strawberry.type(description="Where a page lies in its connection.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="An item of a connection and its cursor.")
class Edge(Generic[Node]):
    cursor: str
    node: Node


@strawberry.type
class Connection(Generic[Node]):
    edges: list[Edge[Node]]
    page_info: PageInfo
    missing: list[str] = strawberry.field(
        description="Sources that should have contributed to this page and could not."
    )

    @strawberry.field(description="The items without their cursors.")
    def nodes(self) -> list[Node]:
        return [edge.node for edge in self.edges]


@strawberry.type(name="CommentConnection", description="A page of a ticket's thread, newest first.")
class CommentConnection(Connection[Comment]):
    pass


def page(into: type[C], found: Slice | None, after: str | None) -> C | None:
    """A connection from a slice; None stays None."""
    if found is None:
        return None
    edges: list[Edge[Any]] = [Edge(cursor=place_of(r).cursor(), node=r) for r in found.records]
    return into(
        edges=edges,
        page_info=PageInfo(
            has_next_page=found.has_next,
            has_previous_page=after is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        missing=list(found.partial),
    )
