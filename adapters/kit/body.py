"""Reading an answer's body without ever holding more of it than allowed, however well it was compressed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable

import httpx

_GZIP = 16 + zlib.MAX_WBITS


class Overweight(Exception):
    """The body, inflated, is larger than the limit."""


class Undecodable(Exception):
    """The body is compressed in a way that was not asked for, or damaged."""


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """The whole body, inflated, of a response that comes straight from a transport; at most `limit` bytes.

    Raises Overweight or Undecodable, and what the transport raises while the body comes in.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    stream = response.stream
    assert isinstance(stream, AsyncIterable)
    if encoding in ("identity", ""):
        return await _plain(stream, limit)
    if encoding in ("gzip", "x-gzip"):
        return await _inflated(stream, limit)
    raise Undecodable("a content-encoding that was not asked for")


async def _plain(stream: AsyncIterable[bytes], limit: int) -> bytes:
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > limit:
            raise Overweight
    return bytes(body)


async def _inflated(stream: AsyncIterable[bytes], limit: int) -> bytes:
    """gzip may consist of several members one after the other; servers that flush seldom use it, but may."""
    body = bytearray()
    inflater = zlib.decompressobj(_GZIP)
    fresh = True
    async for chunk in stream:
        while chunk:
            if inflater.eof:
                inflater = zlib.decompressobj(_GZIP)
            try:
                body += inflater.decompress(chunk, limit - len(body) + 1)
            except zlib.error as error:
                raise Undecodable("damaged gzip") from error
            fresh = False
            if len(body) > limit:
                raise Overweight
            chunk = inflater.unconsumed_tail or inflater.unused_data
    if not fresh and not inflater.eof:
        raise Undecodable("truncated gzip")
    return bytes(body)
