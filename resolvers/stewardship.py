"""What a steward asks for in one request: decisions in their name, and the list of what waits for one."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Sequence

import msgspec

from resolvers.errors import InvalidArgument
from resolvers.identity.chronicle import Place, Review
from resolvers.identity.decisions import Decided
from resolvers.identity.map import IdentityMap
from resolvers.identity.members import Ref

MAX_MEMBERS = 100
"""Records that one split may name."""


class Stewardship:
    """`actor` is who decides, as the log keeps it. All methods raise InvalidArgument."""

    def __init__(self, identity: IdentityMap, actor: str) -> None:
        self._identity = identity
        self._actor = actor

    async def merge(self, ids: Sequence[str], reason: str) -> Decided:
        """Makes customers one."""
        asked = [customer_id(i, "ids") for i in ids]
        return await self._identity.merge(asked, actor=self._actor, reason=_text(reason))

    async def split(self, of: str, members: Sequence[Ref], reason: str) -> Decided:
        """Makes some members another customer."""
        if len(members) > MAX_MEMBERS:
            raise InvalidArgument("members", f"members may name at most {MAX_MEMBERS} records")
        refs = [_record(ref, "members") for ref in members]
        asked = customer_id(of, "id")
        return await self._identity.split(asked, refs, actor=self._actor, reason=_text(reason))

    async def confirm(self, a: Ref, b: Ref, reason: str) -> Decided:
        """Two records are one person."""
        return await self._identity.confirm(
            _record(a, "a"), _record(b, "b"), actor=self._actor, reason=_text(reason)
        )

    async def reject(self, a: Ref, b: Ref, reason: str) -> Decided:
        """Two records are different people."""
        return await self._identity.reject(
            _record(a, "a"), _record(b, "b"), actor=self._actor, reason=_text(reason)
        )

    async def undo(self, event_id: str, reason: str) -> Decided:
        """Takes an event back."""
        if not (event_id.isascii() and event_id.isdecimal() and len(event_id) < 20):
            raise InvalidArgument("id", "id is not the id of an event (expected a number)")
        return await self._identity.undo(int(event_id), actor=self._actor, reason=_text(reason))

    async def review(self, first: int, after: str | None) -> tuple[Sequence[Review], bool]:
        """A page of the pairs that wait, most valuable first, and whether there are more."""
        return await self._identity.store.chronicle.review(first, _place(after))


def customer_id(value: str, argument: str) -> str:
    """A customer id in its canonical form."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidArgument(argument, f"{argument} is not a customer id (expected a UUID)") from None


def review_cursor(review: Review) -> str:
    """Where the page after this pair begins."""
    return base64.urlsafe_b64encode(msgspec.json.encode(review.place)).decode().rstrip("=")


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=Place)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise InvalidArgument("after", "after is not a cursor of this connection") from None


def _record(ref: Ref, argument: str) -> Ref:
    source, record_id = ref
    if not 1 <= len(source) <= 100 or not 1 <= len(record_id) <= 255:
        raise InvalidArgument(
            argument, f"{argument} must name a source and a record id of at most 255 characters"
        )
    return _storable(source, argument), _storable(record_id, argument)


def _text(reason: str) -> str:
    return _storable(reason.strip(), "reason")


def _storable(value: str, argument: str) -> str:
    """Text that every database can hold."""
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InvalidArgument(argument, f"{argument} holds characters that are no text")
    return value
