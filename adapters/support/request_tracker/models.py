"""What RT's REST 2.0 answers, as far as it is read. Unknown fields are accepted.

RT writes numbers now as text, now as numbers, and a missing value as empty text; times are texts, always in UTC.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

Number = int | str


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """A page of a collection. `total` and `pages` are null where RT's user may not see everything."""

    items: list[T]
    page: float = 1
    pages: float | None = None


class User(msgspec.Struct, frozen=True, rename="pascal"):
    id: Number = msgspec.field(name="id")
    type: str | None = msgspec.field(name="type", default=None)
    name: str | None = None
    email_address: str | None = None
    real_name: str | None = None
    mobile_phone: str | None = None
    work_phone: str | None = None
    home_phone: str | None = None
    lang: str | None = None
    organization: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    created: str | None = None
    last_updated: str | None = None


USER_FIELDS = (
    "id,Name,EmailAddress,RealName,MobilePhone,WorkPhone,HomePhone,Lang,Organization,"
    "Address1,Address2,City,State,Zip,Country,Created,LastUpdated"
)


class UserGroup(msgspec.Struct, frozen=True):
    """The group of one user that RT keeps for each; the only collection in which users can be searched by number."""

    id: Number
    user: User = msgspec.field(name="Instance")


class Reference(msgspec.Struct, frozen=True):
    """Something that RT points to. Members and requestors may be groups as well as users."""

    id: Number
    type: str | None = None


class Group(msgspec.Struct, frozen=True):
    id: Number
    members: list[Reference] = msgspec.field(name="Members", default_factory=list)


class Queue(msgspec.Struct, frozen=True):
    name: str | None = msgspec.field(name="Name", default=None)


class Ticket(msgspec.Struct, frozen=True, rename="pascal"):
    created: str
    status: str
    id: Number = msgspec.field(name="id")
    requestor: list[Reference] = msgspec.field(default_factory=list)
    subject: str | None = None
    last_updated: str | None = None
    resolved: str | None = None
    priority: Number | None = None
    queue: Queue | str | None = None


TICKET_FIELDS = "id,Subject,Status,Created,LastUpdated,Resolved,Priority,Queue,Requestor"


class Requested(msgspec.Struct, frozen=True):
    """A ticket, for the sake of those who asked for it."""

    id: Number
    requestors: list[User] = msgspec.field(name="Requestor", default_factory=list)

    def people(self) -> list[User]:
        """The requestors without groups."""
        return [one for one in self.requestors if one.type != "group"]


class Transaction(msgspec.Struct, frozen=True, rename="pascal"):
    type: str
    created: str
    object_id: Number
    id: Number = msgspec.field(name="id")
    creator: User | str | None = None


class LoggedChange(msgspec.Struct, frozen=True):
    """A transaction, for the sake of what it changed."""

    id: Number
    type: str = msgspec.field(name="Type")
    object_id: Number = msgspec.field(name="ObjectId")


class Attachment(msgspec.Struct, frozen=True, rename="pascal"):
    transaction_id: Number
    id: Number = msgspec.field(name="id")
    content_type: str | None = None
    content: str | None = None


class Version(msgspec.Struct, frozen=True):
    version: str = msgspec.field(name="Version")
