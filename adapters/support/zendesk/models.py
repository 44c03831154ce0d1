"""What Zendesk answers, as far as it is read. Unknown fields are accepted."""

from __future__ import annotations

from datetime import datetime

import msgspec


class User(msgspec.Struct, frozen=True):
    id: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    role: str | None = None
    active: bool | None = None
    locale: str | None = None
    external_id: str | None = None
    organization_id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class Users(msgspec.Struct, frozen=True):
    users: list[User]
    next_page: str | None = None


class Me(msgspec.Struct, frozen=True):
    """`id` is null for the anonymous user whom Zendesk answers instead of refusing bad credentials."""

    id: int | None = None
    role: str | None = None


class CurrentUser(msgspec.Struct, frozen=True):
    user: Me


class Identity(msgspec.Struct, frozen=True):
    type: str
    value: str | None = None
    primary: bool | None = None


class Identities(msgspec.Struct, frozen=True):
    identities: list[Identity]


class Organization(msgspec.Struct, frozen=True):
    id: int
    name: str | None = None


class Organizations(msgspec.Struct, frozen=True):
    organizations: list[Organization]


class Via(msgspec.Struct, frozen=True):
    channel: str | int | None = None


class Ticket(msgspec.Struct, frozen=True):
    id: int
    status: str
    created_at: datetime
    requester_id: int | None = None
    updated_at: datetime | None = None
    subject: str | None = None
    description: str | None = None
    priority: str | None = None
    tags: list[str] | None = None
    via: Via | None = None


class DeletedTicket(msgspec.Struct, frozen=True):
    """What is sure of a ticket in an export, where erased tickets are little more than a number."""

    id: int
    status: str | None = None


class Tickets(msgspec.Struct, frozen=True):
    tickets: list[Ticket]


class TicketResults(msgspec.Struct, frozen=True):
    """A page of a search that is limited to tickets."""

    results: list[Ticket]
    next_page: str | None = None


class Meta(msgspec.Struct, frozen=True):
    has_more: bool | None = None
    after_cursor: str | None = None


class TicketExport(msgspec.Struct, frozen=True):
    """A page of the search export, which has no cap and no order that could be relied on."""

    results: list[Ticket]
    meta: Meta | None = None


class Comment(msgspec.Struct, frozen=True):
    id: int
    created_at: datetime
    author_id: int | None = None
    public: bool | None = None
    plain_body: str | None = None
    body: str | None = None
    html_body: str | None = None
    via: Via | None = None


class Comments(msgspec.Struct, frozen=True):
    comments: list[Comment]
    users: list[User] | None = None
    meta: Meta | None = None


class ChangedUsers(msgspec.Struct, frozen=True):
    users: list[User]
    after_cursor: str | None = None
    end_of_stream: bool | None = None


class ChangedTickets(msgspec.Struct, frozen=True):
    tickets: list[msgspec.Raw]
    after_cursor: str | None = None
    end_of_stream: bool | None = None
