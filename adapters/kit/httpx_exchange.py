"""Requests over an httpx transport: for HTTP/2, and for transports that tests and others bring."""

from __future__ import annotations

import asyncio
import time

import httpx

from adapters.kit.body import read_body
from adapters.kit.message import Answer, Request


class HttpxExchange:
    """An `Exchange` over any `httpx.AsyncBaseTransport`.

    httpx's own client is left out: it would log every URL (they hold e-mail addresses), keep the cookies of one call for the
    next, and inflate a compressed body before its size can be judged.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, *, connect_timeout: float, read_timeout: float
    ) -> None:
        """Timeouts are in seconds."""
        self._transport = transport
        self._timeouts = httpx.Timeout(read_timeout, connect=connect_timeout).as_dict()

    async def __call__(self, request: Request, deadline: float, limit: int) -> Answer:
        """See `Exchange`."""
        sent = httpx.Request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.content or None,
            extensions={"timeout": self._timeouts},
        )
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            response = await self._transport.handle_async_request(sent)
            try:
                body = await read_body(response, limit)
            finally:
                await response.aclose()
        return Answer(response.status_code, response.headers, body)

    async def aclose(self) -> None:
        """See `Exchange`."""
        await self._transport.aclose()
