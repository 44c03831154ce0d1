"""Delivers mail into Dovecot's folders over IMAP."""

from __future__ import annotations

import imaplib
import re
import uuid
from collections.abc import Sequence
from datetime import timedelta
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr

from tests.live.seed.plans import MailPlan
from tests.live.seed.records import Mail
from tests.live.systems import System
from tests.live.systems.base import HOST

REQUEST_SECONDS = 30.0
# A mail arrives a little after it was written; the two times must not be mistaken for one another.
TRANSIT = timedelta(seconds=45)
APPENDED = re.compile(rb"\[APPENDUID (\d+) (\d+)\]")


class DovecotSeed:
    """A signed-in mailbox; use it as a context manager."""

    def __init__(self, system: System) -> None:
        self._client = imaplib.IMAP4(HOST, system.port, timeout=REQUEST_SECONDS)
        self._client.login(system.username, system.secret)
        self._ids: dict[str, str] = {}

    def __enter__(self) -> DovecotSeed:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.logout()

    def deliver(self, plan: MailPlan) -> Mail:
        """One message into its folder, with an internal date of its own."""
        message_id = f"<{uuid.uuid4()}@mail.example>"
        in_reply_to = self._ids[plan.replies_to] if plan.replies_to else None
        self._ids[plan.subject] = message_id
        raw = _headers(plan, message_id, in_reply_to) + _body(plan)
        internal_date = plan.sent_at + TRANSIT
        status, answer = self._client.append(plan.folder, None, internal_date, raw)
        found = APPENDED.search(answer[0] or b"")
        if status != "OK" or found is None:
            raise RuntimeError(f"Dovecot refused a message for {plan.folder}")
        sender_name, sender = parseaddr(plan.sender)
        return Mail(
            folder=plan.folder,
            uid=int(found[2]),
            uid_validity=int(found[1]),
            message_id=message_id,
            subject=plan.subject,
            sender_name=sender_name,
            sender=sender,
            recipients=_addresses(plan.recipients),
            copied=_addresses(plan.copied),
            in_reply_to=in_reply_to,
            sent_at=plan.sent_at,
            internal_date=internal_date,
            text=plan.text,
            html=plan.html is not None,
            attachments=tuple(name for name, _ in plan.attachments),
            size=len(raw),
        )

    def remove(self, mail: Mail) -> None:
        """Takes a message out of its folder again."""
        self._client.select(mail.folder)
        self._client.uid("STORE", str(mail.uid), "+FLAGS", r"(\Deleted)")
        self._client.expunge()
        self._client.close()

    def count(self, folder: str) -> int:
        """How many messages a folder holds."""
        _, answer = self._client.select(folder, readonly=True)
        return int(answer[0] or 0)


def _headers(plan: MailPlan, message_id: str, in_reply_to: str | None) -> bytes:
    """Headers encoded in the mail's own character set, as mail programs do, not as Python would choose."""
    fields = {
        "From": _address_field([plan.sender], plan.charset),
        "To": _address_field(plan.recipients, plan.charset),
        "Cc": _address_field(plan.copied, plan.charset),
        "Subject": _text_field(plan.subject, plan.charset),
        "Date": format_datetime(plan.sent_at),
        "Message-ID": message_id,
        "In-Reply-To": in_reply_to or "",
        "References": in_reply_to or "",
    }
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value).encode("ascii")


def _body(plan: MailPlan) -> bytes:
    message = EmailMessage(policy=SMTP)
    message.set_content(plan.text, charset=plan.charset)
    if plan.html is not None:
        message.add_alternative(plan.html, subtype="html")
    for name, content in plan.attachments:
        message.add_attachment(content, maintype="image", subtype="png", filename=name)
    return message.as_bytes()


def _text_field(text: str, charset: str) -> str:
    return Header(text, None if text.isascii() else charset).encode(linesep="\r\n")


def _address_field(entries: Sequence[str], charset: str) -> str:
    return ", ".join(formataddr(parseaddr(entry), charset) for entry in entries)


def _addresses(entries: Sequence[str]) -> tuple[str, ...]:
    return tuple(parseaddr(entry)[1] for entry in entries)
