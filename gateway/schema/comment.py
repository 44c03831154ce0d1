"""One entry of a ticket's thread."""

from __future__ import annotations

import strawberry

from adapters import records
from gateway.schema.activity import Activity, FromRecord

strawberry.enum(records.AuthorRole, description="Who wrote it.")


@strawberry.type(description="One entry of a ticket's thread.")
class Comment(FromRecord, Activity):
    record = records.Comment

    role: records.AuthorRole
    author: str | None
    public: bool = strawberry.field(description="False for notes that the customer does not see.")
    body: str | None = strawberry.field(description="As plain text, bounded.")
    body_truncated: bool
