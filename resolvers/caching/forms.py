"""The form of entries outside of the process: MessagePack, with a fingerprint of the records' shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from adapters.base import Found, Page
from adapters.records import Activity, Comment, EmailEvent, Message, Order, Profile, RecordKind, Ticket
from resolvers.caching.life import FIND
from resolvers.caching.local import OVERHEAD, Entry
from resolvers.identity.members import StoredCustomer

CUSTOMER = "customer"
"""The kind of entries of the identity map."""
_GROWTH = 5
"""Bytes in memory for each byte of the encoded form, as in `Ask.size`."""

_ACTIVITIES: Mapping[str, type[Activity]] = {
    RecordKind.ORDER.value: Order,
    RecordKind.TICKET.value: Ticket,
    RecordKind.COMMENT.value: Comment,
    RecordKind.EMAIL_EVENT.value: EmailEvent,
    RecordKind.MESSAGE.value: Message,
}


class Form(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An entry as it lies in Redis. `generations` holds those of its tags when it was written, in the tags' order."""

    at: float
    until: float
    negative: bool
    parts: tuple[str, ...]
    limit: int
    tags: tuple[str, ...]
    generations: tuple[bytes, ...]
    value: msgspec.Raw


def _page_of(record: type[Activity]) -> Any:
    fields = [("records", tuple[record, ...], ()), ("has_more", bool, False)]  # type: ignore[valid-type]
    return msgspec.defstruct(f"PageOf{record.__name__}", fields, frozen=True)


_TYPES: Mapping[str, Any] = {
    FIND: Found,
    RecordKind.PROFILE.value: Profile | None,
    CUSTOMER: StoredCustomer,
    **{kind: _page_of(record) for kind, record in _ACTIVITIES.items()},
}
_decoders = {kind: msgspec.msgpack.Decoder(shape) for kind, shape in _TYPES.items()}
_form = msgspec.msgpack.Decoder(Form)
_encode = msgspec.msgpack.encode


def fingerprint() -> bytes:
    """Eight bytes that change with the shape of anything that is kept, so that no deploy reads what another shape wrote."""
    _, components = msgspec.json.schema_components([*_TYPES.values(), Form])
    return hashlib.sha256(json.dumps(components, sort_keys=True).encode()).digest()[:8]


def to_bytes(entry: Entry, generations: tuple[bytes, ...]) -> bytes:
    """The entry's form. Its failure stays here: that is this process's experience."""
    return _encode(
        Form(
            at=entry.at,
            until=entry.until,
            negative=entry.negative,
            parts=tuple(sorted(entry.parts)),
            limit=entry.limit,
            tags=entry.tags,
            generations=generations,
            value=msgspec.Raw(_encode(entry.value)),
        )
    )


def from_bytes(kind: str, raw: bytes) -> tuple[Entry, tuple[bytes, ...]] | None:
    """An entry and the generations of its tags; None for what cannot be understood."""
    try:
        form = _form.decode(raw)
        value = _decoders[kind].decode(form.value)
    except (msgspec.MsgspecError, KeyError):
        return None
    if len(form.tags) != len(form.generations):
        return None
    if kind in _ACTIVITIES:
        value = Page(records=value.records, has_more=value.has_more)
    entry = Entry(
        value=value,
        at=form.at,
        until=form.until,
        negative=form.negative,
        parts=frozenset(form.parts),
        limit=form.limit,
        tags=form.tags,
        size=OVERHEAD + len(form.value) * _GROWTH,
    )
    return entry, form.generations
