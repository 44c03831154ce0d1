"""The public contract as Strawberry types: a file per noun, thin fields that call the resolvers."""

from __future__ import annotations

from strawberry import federation

from gateway.schema.cache_control import CacheControl, on_queries
from gateway.schema.message import EmailEvent, Message
from gateway.schema.order import Order
from gateway.schema.query import Query
from gateway.schema.stewardship import Mutation
from gateway.schema.ticket import Ticket


def build_schema() -> federation.Schema:
    """The executable schema, a federation 2.9 subgraph."""
    schema = federation.Schema(
        query=Query,
        mutation=Mutation,
        types=[Order, Ticket, EmailEvent, Message],
        schema_directives=[CacheControl],
        federation_version="2.9",
    )
    return on_queries(schema)
