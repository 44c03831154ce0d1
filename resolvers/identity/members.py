"""A customer as the map knows it: an id and the records that belong to it."""

from __future__ import annotations

from datetime import datetime

import msgspec

Ref = tuple[str, str]
"""A record: (source, record id)."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A source record of a customer."""

    source: str
    record_id: str
    linked_at: datetime
    confidence: float


class StoredCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer as the map knows it. `redirected_from` is the older id that was asked for, if it was."""

    id: str
    redirected_from: str | None = None
    members: tuple[Member, ...] = ()
