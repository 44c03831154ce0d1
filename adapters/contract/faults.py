"""Everything that a source can do wrong, as httpx transports, and the error class that each fault must become."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import httpx

from adapters.errors import (
    BadPayload,
    SourceAuthFailed,
    SourceError,
    SourceRateLimited,
    SourceTimeout,
    SourceUnavailable,
)

FAULTY_BODY_LIMIT = 65_536
"""`max_body_bytes` of adapters that are built to meet a fault."""

FAULTY_TIMEOUT = 0.25
"""Connect, read and call timeout, in seconds, of adapters that are built to meet a fault."""

RETRY_AFTER = 7.0
"""Seconds that RATE_LIMITED asks to wait."""


class Fault(StrEnum):
    """What the source does instead of answering."""

    REFUSED = "refused"  # nobody listens
    DROPPED = "dropped"  # the connection is closed before an answer
    CONNECT_TIMEOUT = "connect_timeout"
    READ_TIMEOUT = "read_timeout"
    HANG = "hang"  # the connection opens, and then nothing ever comes
    SLOW_DRIP = "slow_drip"  # a byte now and then, for ever: no read times out, the whole call must
    UNAUTHORIZED = "unauthorized"  # 401
    FORBIDDEN = "forbidden"  # 403
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After
    SERVER_ERROR = "server_error"  # 500
    MAINTENANCE = "maintenance"  # 503 with an HTML page
    HTML = "html"  # an HTML page with status 200
    EMPTY = "empty"  # status 200 without a body
    TRUNCATED = "truncated"  # half of the right answer
    WRONG_SHAPE = "wrong_shape"  # JSON, but neither an object nor a list of objects
    WRONG_TYPES = "wrong_types"  # the right answer's shape with other types in it
    TOO_LARGE = "too_large"  # the right answer behind more blanks than max_body_bytes


EXPECTED: Mapping[Fault, type[SourceError]] = MappingProxyType(
    {
        Fault.REFUSED: SourceUnavailable,
        Fault.DROPPED: SourceUnavailable,
        Fault.CONNECT_TIMEOUT: SourceTimeout,
        Fault.READ_TIMEOUT: SourceTimeout,
        Fault.HANG: SourceTimeout,
        Fault.SLOW_DRIP: SourceTimeout,
        Fault.UNAUTHORIZED: SourceAuthFailed,
        Fault.FORBIDDEN: SourceAuthFailed,
        Fault.RATE_LIMITED: SourceRateLimited,
        Fault.SERVER_ERROR: SourceUnavailable,
        Fault.MAINTENANCE: SourceUnavailable,
        Fault.HTML: BadPayload,
        Fault.EMPTY: BadPayload,
        Fault.TRUNCATED: BadPayload,
        Fault.WRONG_SHAPE: BadPayload,
        Fault.WRONG_TYPES: BadPayload,
        Fault.TOO_LARGE: BadPayload,
    }
)
"""The exact class (not a subclass of it) that must come out of every operation."""

_PAGE = b"<!doctype html><html><head><title>Back soon</title></head><body><h1>We are down for maintenance</h1></body></html>"
_SIMPLE: Mapping[Fault, tuple[int, Mapping[str, str], bytes]] = MappingProxyType(
    {
        Fault.UNAUTHORIZED: (401, {"content-type": "application/json"}, b'{"message": "unauthorized"}'),
        Fault.FORBIDDEN: (403, {"content-type": "application/json"}, b'{"message": "forbidden"}'),
        Fault.RATE_LIMITED: (
            429,
            {"retry-after": f"{RETRY_AFTER:.0f}", "content-type": "text/plain"},
            b"slow down",
        ),
        Fault.SERVER_ERROR: (500, {"content-type": "text/plain"}, b"Internal Server Error"),
        Fault.MAINTENANCE: (503, {"content-type": "text/html; charset=utf-8"}, _PAGE),
        Fault.HTML: (200, {"content-type": "text/html; charset=utf-8"}, _PAGE),
        Fault.EMPTY: (200, {"content-type": "application/json"}, b""),
        Fault.WRONG_SHAPE: (200, {"content-type": "application/json"}, b'[["wrong"], 7]'),
    }
)
_RAISED: Mapping[Fault, type[httpx.TransportError]] = MappingProxyType(
    {
        Fault.REFUSED: httpx.ConnectError,
        Fault.DROPPED: httpx.RemoteProtocolError,
        Fault.CONNECT_TIMEOUT: httpx.ConnectTimeout,
        Fault.READ_TIMEOUT: httpx.ReadTimeout,
    }
)


class CountingTransport(httpx.AsyncBaseTransport):
    """Passes requests on and counts them."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.calls = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


class FaultyTransport(httpx.AsyncBaseTransport):
    """Answers with one fault, after `healthy` calls (a sign-in, say) that `inner` answers as it should.

    TRUNCATED, WRONG_TYPES and TOO_LARGE spoil what `inner` answers; the others never reach it.
    """

    def __init__(self, fault: Fault, inner: httpx.AsyncBaseTransport, healthy: int = 0) -> None:
        self._fault, self._inner, self._healthy = fault, inner, healthy

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._healthy > 0:
            self._healthy -= 1
            return await self._inner.handle_async_request(request)
        if self._fault in _RAISED:
            # as real transports do, the text names the address: it must not come out of the adapter
            raise _RAISED[self._fault](f"cannot talk to {request.url}", request=request)
        if self._fault in _SIMPLE:
            status, headers, body = _SIMPLE[self._fault]
            return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
        if self._fault is Fault.HANG:
            await asyncio.Event().wait()
        if self._fault is Fault.SLOW_DRIP:
            return _json_answer(_Drip())
        return _json_answer(httpx.ByteStream(self._spoilt(await self._right_body(request))))

    async def _right_body(self, request: httpx.Request) -> bytes:
        response = await self._inner.handle_async_request(request)
        try:
            return await response.aread()
        finally:
            await response.aclose()

    def _spoilt(self, body: bytes) -> bytes:
        if self._fault is Fault.TRUNCATED:
            return body[: len(body) // 2] or b'{"half": ['
        if self._fault is Fault.TOO_LARGE:
            return b" " * FAULTY_BODY_LIMIT + b" " + body
        return json.dumps(_other_types(json.loads(body))).encode()


class _Drip(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(FAULTY_TIMEOUT / 20)


def _json_answer(stream: httpx.AsyncByteStream) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, stream=stream)


def _other_types(value: Any) -> Any:
    """The same shape with every text, number and truth value replaced by an object."""
    if isinstance(value, dict):
        return {key: _other_types(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_other_types(item) for item in value]
    return None if value is None else {"wrong": True}
