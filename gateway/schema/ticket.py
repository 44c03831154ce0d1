"""Support tickets and their threads."""

from __future__ import annotations

from datetime import datetime

import strawberry

from adapters import records
from gateway.schema.activity import Activity, FromRecord
from gateway.schema.common import Request
from gateway.schema.paging import CommentConnection, page
from resolvers.connection import page_size, read_cursor

strawberry.enum(records.TicketStatus, description="A ticket's state in the words of all sources.")


@strawberry.type(description="A conversation with the support team. `at` is when it was opened.")
class Ticket(FromRecord, Activity):
    record = records.Ticket

    number: str
    subject: str | None
    status: records.TicketStatus
    priority: str | None = strawberry.field(description="In the source's own words.")
    channel: str | None
    queue: str | None
    tags: list[str]
    description: str | None
    solved_at: datetime | None

    @strawberry.field(description="The thread, newest first; null when the source cannot be asked.")
    async def comments(
        root: strawberry.Parent[records.Ticket],
        info: Request,
        first: int | None = 20,
        after: str | None = None,
    ) -> CommentConnection | None:
        found = await info.context.session.comments(
            root.source, root.id, page_size(first), read_cursor(after), info.path
        )
        return page(CommentConnection, found, after)
