"""The text of a message: which part of it to fetch, and that part as plain text. Attachments are never fetched."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from adapters.kit.text import plain

_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")
_ENCODINGS = frozenset({"7bit", "8bit", "binary", "base64", "quoted-printable"})
_DEEPEST = 20


class Part(msgspec.Struct, frozen=True):
    """A text part: its number in the message (RFC 9051 §6.4.5), and how its bytes are to be read."""

    section: str
    subtype: str
    charset: str
    encoding: str
    size: int


def text_part(structure: Any) -> Part | None:
    """The part that says what the message says, plain text before HTML; None where there is no text."""
    return _text_of(structure, "", 0)


def _text_of(node: Any, section: str, depth: int) -> Part | None:
    if depth > _DEEPEST or not isinstance(node, tuple) or not node:
        return None
    if not isinstance(node[0], list):
        return _leaf(node, section or "1")
    found = list(_parts(node, section, depth))
    if _word(node[1]) == "alternative":
        return next((part for part in found if part.subtype == "plain"), found[0] if found else None)
    return found[0] if found else None


def _parts(node: Any, section: str, depth: int) -> Iterator[Part]:
    for number, child in enumerate(node[0], start=1):
        part = _text_of(child, f"{section}.{number}" if section else str(number), depth + 1)
        if part is not None:
            yield part


def _leaf(node: Any, section: str) -> Part | None:
    kind, subtype = _word(node[0]), _word(node[1] if len(node) > 1 else None)
    if kind != "text" or subtype not in ("plain", "html") or len(node) < 7:
        return None
    disposition = node[9] if len(node) > 9 else None
    if isinstance(disposition, tuple) and disposition and _word(disposition[0]) == "attachment":
        return None
    encoding = _word(node[5])
    return Part(
        section=section,
        subtype=subtype,
        charset=_charset(node[2]),
        encoding=encoding if encoding in _ENCODINGS else "8bit",
        size=node[6] if isinstance(node[6], int) else 0,
    )


def _charset(parameters: Any) -> str:
    words = parameters if isinstance(parameters, tuple) else ()
    named = {_word(name): value for name, value in zip(words[::2], words[1::2], strict=False)}
    charset = _word(named.get("charset"))
    return charset if _CHARSET.fullmatch(charset) else "us-ascii"


def _word(value: Any) -> str:
    """An atom or string of the structure, in lower case."""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace").lower()
    return str(value).lower() if isinstance(value, int) else ""


def readable(part: Part, content: bytes, *, truncated: bool) -> str | None:
    """The first bytes of a part as plain text. Whatever its character set cannot read is replaced."""
    head = (
        f"MIME-Version: 1.0\r\nContent-Type: text/{part.subtype}; charset={part.charset}\r\n"
        f"Content-Transfer-Encoding: {part.encoding}\r\n\r\n"
    )
    message = email.message_from_bytes(head.encode("ascii") + content, policy=email.policy.default)
    decoded = message.get_payload(decode=True)
    text = _decoded(decoded if isinstance(decoded, bytes) else b"", part.charset)
    if truncated:
        text = text.rstrip("\ufffd")
    text = plain(text) if part.subtype == "html" else text
    return text.replace("\r\n", "\n").replace("\x00", "").strip() or None


def _decoded(content: bytes, charset: str) -> str:
    """Mail that does not tell its character set, or a wrong one, is most often UTF-8."""
    if charset in ("us-ascii", "ascii"):
        charset = "utf-8"
    try:
        return content.decode(charset, errors="replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", errors="replace")
