"""HTTP answers to GraphQL requests as ASGI messages: their headers, compression, and what clients may keep."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import orjson
from starlette.types import Send

from gateway.execution.answers import Answers, Kept
from gateway.incoming import Incoming

Header = tuple[bytes, bytes]
WORTH_PACKING = 1024
"""Bytes from which an answer is compressed for clients that ask for it."""
_LEVEL = 4  # of 9: on JSON a tenth larger than the best, in a third of its time
_NO_GZIP = re.compile(rb"gzip\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")
_VARY = b"Accept, Accept-Encoding"
_VARY_KEPT = b"Accept, Accept-Encoding, Authorization, X-API-Key, X-Purpose"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that nobody keeps, or the one that is `kept`."""

    status: int
    media: str
    body: bytes = b""
    headers: Mapping[str, str] = {}
    kept: Kept | None = None


def reply(
    status: int, media: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Reply:
    """A reply of this body."""
    return Reply(status=status, media=media, body=encoded(body), headers=headers or {})


def encoded(body: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8."""
    try:
        return orjson.dumps(body)
    except TypeError:
        # half a surrogate pair in a vendor's text, or a whole number beyond 64 bits: the plain encoder escapes it
        text = json.dumps(body, ensure_ascii=True, separators=(",", ":"), default=datetime.isoformat)
        return text.encode("ascii")


async def send_reply(send: Send, incoming: Incoming, given: Reply) -> None:
    """Sends an answer that may not be kept by anyone."""
    headers: list[Header] = [
        (b"content-type", given.media.encode("ascii") + b"; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"vary", _VARY),
        (b"x-content-type-options", b"nosniff"),
        *((name.lower().encode("ascii"), value.encode("latin-1")) for name, value in given.headers.items()),
    ]
    body = given.body
    if len(body) >= WORTH_PACKING and takes_gzip(incoming):
        body = gzip.compress(body, _LEVEL, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": given.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_kept(send: Send, incoming: Incoming, media: str, kept: Kept, answers: Answers) -> None:
    """Sends a kept answer, or only that it is still the one that the client has."""
    packed = len(kept.body) >= WORTH_PACKING and takes_gzip(incoming)
    etag = b'"%s-gzip"' % kept.etag if packed else b'"%s"' % kept.etag
    scope = b"private" if kept.private else b"public"
    headers: list[Header] = [
        (b"cache-control", b"%s, max-age=%d" % (scope, kept.expires - kept.at)),
        (b"age", b"%d" % (answers.clock() - kept.at)),
        (b"etag", etag),
        (b"vary", _VARY_KEPT),
        (b"x-content-type-options", b"nosniff"),
    ]
    known = incoming.headers.get(b"if-none-match")
    if known is not None and _names(known, kept.etag):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    body = kept.body
    if packed:
        if kept.packed is None:
            answers.pack(kept, gzip.compress(kept.body, _LEVEL, mtime=0))
        body = kept.packed or kept.body
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-type", media.encode("ascii") + b"; charset=utf-8"))
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def takes_gzip(incoming: Incoming) -> bool:
    """Whether the client takes compressed answers."""
    accepted = incoming.headers.get(b"accept-encoding", b"").lower()
    return b"gzip" in accepted and not _NO_GZIP.search(accepted)


def _names(if_none_match: bytes, etag: bytes) -> bool:
    """Whether one of the client's tags is this body's, compressed or not: it then has the bytes (weak comparison)."""
    tags = [tag.strip().removeprefix(b"W/").strip(b'"') for tag in if_none_match.split(b",")]
    return b"*" in tags or etag in tags or etag + b"-gzip" in tags
