"""Relay's machinery: page information, edges, and the connections of one kind of thing."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import strawberry

from adapters.records import Activity
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
    edges = [_Placed(record) for record in found.records]
    return into(
        edges=cast("list[Edge[Any]]", edges),
        page_info=cast("PageInfo", _PlacedPage(edges, found.has_next, after)),
        missing=list(found.partial),
    )


class _Placed:
    """An edge whose cursor is made when it is asked for."""

    __slots__ = ("node",)

    def __init__(self, node: Activity) -> None:
        self.node = node

    @property
    def cursor(self) -> str:
        return place_of(self.node).cursor()


class _PlacedPage:
    """A page's information, made when it is asked for."""

    __slots__ = ("_edges", "has_next_page", "has_previous_page")

    def __init__(self, edges: list[_Placed], has_next_page: bool, after: str | None) -> None:
        self._edges, self.has_next_page, self.has_previous_page = edges, has_next_page, after is not None

    @property
    def start_cursor(self) -> str | None:
        return self._edges[0].cursor if self._edges else None

    @property
    def end_cursor(self) -> str | None:
        return self._edges[-1].cursor if self._edges else None
