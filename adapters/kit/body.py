"""Taking in an answer's body without ever holding more of it than allowed, however well it was compressed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

import httpx

_GZIP = 16 + zlib.MAX_WBITS
_MOST_MEMBERS = 1000


class Overweight(Exception):
    """The body, inflated, is larger than the limit."""


class Undecodable(Exception):
    """The body is compressed in a way that was not asked for, or damaged."""


class Body:
    """A body that comes in pieces. Raises Overweight or Undecodable as soon as a piece shows it."""

    __slots__ = ("_bytes", "_inflater", "_limit", "_members", "_zipped")

    def __init__(self, encoding: str, limit: int) -> None:
        """`encoding` is the answer's Content-Encoding, `limit` the most bytes that the inflated body may have."""
        encoding = encoding.strip().lower()
        self._zipped = encoding in ("gzip", "x-gzip")
        if not self._zipped and encoding not in ("identity", ""):
            raise Undecodable("a content-encoding that was not asked for")
        self._bytes = bytearray()
        self._limit = limit
        self._members = 0
        self._inflater: zlib._Decompress | None = None

    def feed(self, piece: bytes) -> None:
        """The next piece as it came from the network."""
        if self._zipped:
            self._inflate(piece)
        else:
            self._bytes += piece
        if len(self._bytes) > self._limit:
            raise Overweight

    def finish(self) -> bytes:
        """The whole body, when nothing more comes."""
        if self._inflater is not None and not self._inflater.eof:
            raise Undecodable("truncated gzip")
        return bytes(self._bytes)

    def _inflate(self, piece: bytes) -> None:
        """gzip may consist of several members one after the other; servers that flush seldom use it, but may."""
        while piece and len(self._bytes) <= self._limit:
            if self._inflater is None or self._inflater.eof:
                self._inflater = zlib.decompressobj(_GZIP)
                self._members += 1
                if self._members > _MOST_MEMBERS:  # each costs a copy of what follows it
                    raise Undecodable("too many gzip members")
            try:
                self._bytes += self._inflater.decompress(piece, self._limit - len(self._bytes) + 1)
            except zlib.error as error:
                raise Undecodable("damaged gzip") from error
            piece = self._inflater.unconsumed_tail or self._inflater.unused_data


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """The whole body, inflated, of a response that comes straight from an httpx transport; at most `limit` bytes.

    Raises Overweight or Undecodable, and what the transport raises while the body comes in.
    """
    body = Body(response.headers.get("content-encoding", ""), limit)
    stream = response.stream
    assert isinstance(stream, AsyncIterable)
    async for piece in stream:
        body.feed(piece)
    return body.finish()
