"""From a message's headers to canonical records. No I/O; what is broken in a header is read as well as it can be."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message as Mime
from email.parser import HeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from urllib.parse import quote

import msgspec

from adapters.email.imap.query import Wanted, normal
from adapters.email.imap.settings import ImapSettings
from adapters.kit.text import bounded, text
from adapters.records import Direction, Message

_LONGEST = 1000
_MOST_RECIPIENTS = 200
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A message without its text, as far as it was read."""

    mailbox: str
    validity: int
    uid: int
    at: datetime
    size: int | None
    senders: tuple[str, ...]
    recipients: tuple[str, ...]
    subject: str | None
    message_id: str | None
    sent_at: datetime | None

    @property
    def id(self) -> str:
        """Names the message for as long as the mailbox keeps its numbering."""
        return f"{self.mailbox}:{self.validity}:{self.uid}"

    @property
    def people(self) -> Iterable[str]:
        """The addresses that it is from and to, in their normal form."""
        return map(normal, (*self.senders, *self.recipients))

    @property
    def twin(self) -> tuple[object, ...] | None:
        """What copies of a message have in common. The id alone would let a sender hide other people's mail."""
        return None if self.message_id is None else (self.message_id, self.senders, self.sent_at)


def head(mailbox: str, validity: int, uid: int, at: datetime, size: int | None, raw: bytes) -> Head:
    """A message's head from its header lines."""
    fields = HeaderParser().parsestr(raw.decode("utf-8", "replace"))
    return Head(
        mailbox=mailbox,
        validity=validity,
        uid=uid,
        at=at,
        size=size,
        senders=_addresses(fields, "from"),
        recipients=_addresses(fields, "to", "cc"),
        subject=_words(fields.get("subject")),
        message_id=bounded(_bare(fields.get("message-id")), _LONGEST)[0],
        sent_at=_date(fields.get("date")),
    )


def _addresses(fields: Mime, *names: str) -> tuple[str, ...]:
    lines = [_bare(line) or "" for name in names for line in fields.get_all(name, [])]
    found = (address.strip() for _, address in getaddresses(lines))
    return tuple(dict.fromkeys(address for address in found if "@" in address and address.isprintable()))


def _bare(value: object) -> str | None:
    """A header's value on one line."""
    return text(_UNSEEN.sub(" ", str(value))) if value is not None else None


def _words(value: object) -> str | None:
    """Encoded words (RFC 2047) as text."""
    bare = _bare(value)
    if bare is None:
        return None
    try:
        decoded = "".join(_piece(piece, charset) for piece, charset in decode_header(bare))
    except (HeaderParseError, ValueError):
        decoded = bare
    return bounded(_bare(decoded), _LONGEST)[0]


def _piece(piece: bytes | str, charset: str | None) -> str:
    if isinstance(piece, str):
        return piece
    try:
        return piece.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return piece.decode("utf-8", "replace")


def _date(value: object) -> datetime | None:
    """What the Date header claims; without a zone it is taken as UTC, nonsense says nothing."""
    try:
        at = parsedate_to_datetime(_bare(value) or "")
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at if at.year > 1970 else None


def message(
    source: str,
    head: Head,
    owner: Wanted,
    settings: ImapSettings,
    own: Collection[str],
    body: str | None = None,
    body_truncated: bool = False,
) -> Message:
    """A message of one owner's correspondence: inbound when the owner wrote it."""
    theirs = any(normal(sender) in owner.addresses and normal(sender) not in own for sender in head.senders)
    return _message(source, head, owner.ref, theirs, settings, body, body_truncated)


def unasked(source: str, head: Head, settings: ImapSettings, own: Collection[str]) -> Message | None:
    """The same for a message that nobody asked for: its owner is the address on the other side, if there is one."""
    inbound = not any(normal(sender) in own for sender in head.senders)
    others = [
        address for address in map(normal, head.senders if inbound else head.recipients) if address not in own
    ]
    return _message(source, head, others[0], inbound, settings) if others else None


def _message(
    source: str,
    head: Head,
    owner: str,
    inbound: bool,
    settings: ImapSettings,
    body: str | None = None,
    body_truncated: bool = False,
) -> Message:
    return Message(
        source=source,
        id=head.id,
        url=_url(head, settings),
        created_at=head.at,
        updated_at=head.at,  # a message never changes
        at=head.at,
        owner=owner,
        subject=head.subject,
        sender=head.senders[0] if head.senders else None,
        recipients=head.recipients[:_MOST_RECIPIENTS],
        direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
        mailbox=head.mailbox,
        message_id=head.message_id,
        sent_at=head.sent_at,
        size=head.size,
        body=body,
        body_truncated=body_truncated,
    )


def _url(head: Head, settings: ImapSettings) -> str | None:
    if settings.message_url is None:
        return None
    url = settings.message_url
    for name, value in (
        ("mailbox", head.mailbox),
        ("uid", str(head.uid)),
        ("message_id", head.message_id or ""),
    ):
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return url
