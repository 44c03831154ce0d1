"""E-mail: what happened with campaigns, and the correspondence of a mailbox."""

from __future__ import annotations

from datetime import datetime

import strawberry

from adapters import records
from gateway.schema.activity import Activity, FromRecord

strawberry.enum(records.EmailEventType, description="What happened with a campaign's e-mail.")
strawberry.enum(records.Direction, description="INBOUND: from the customer.")


@strawberry.type(description="Something that happened with one e-mail of a campaign.")
class EmailEvent(FromRecord, Activity):
    record = records.EmailEvent

    type: records.EmailEventType
    campaign_id: str | None
    campaign: str | None
    link: str | None
    reason: str | None = strawberry.field(description="Of a bounce or an unsubscription.")


@strawberry.type(
    description="One e-mail of the customer's correspondence. `at` is when the mailbox received it."
)
class Message(FromRecord, Activity):
    record = records.Message

    subject: str | None
    sender: str | None
    recipients: list[str]
    direction: records.Direction
    mailbox: str | None
    message_id: str | None
    sent_at: datetime | None = strawberry.field(description="What the e-mail's own Date header claims.")
    size: int | None = strawberry.field(description="In bytes.")
    body: str | None = strawberry.field(description="As plain text, bounded.")
    body_truncated: bool
