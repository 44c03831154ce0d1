"""One HTTP/1.1 connection: a request goes out, its answer comes in, and nothing of it is left for the next one."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable
from typing import cast

import httpx

from adapters.kit.body import Undecodable
from adapters.kit.incoming import Incoming
from adapters.kit.message import Answer, Origin


class Connection(asyncio.Protocol):
    """Carries one call at a time. Whatever is not exactly one whole answer to it ends the connection."""

    def __init__(self, origin: Origin, lost: Callable[[Connection], None]) -> None:
        """`lost` hears of the connection's end."""
        self.origin = origin
        self._idle_since = 0.0
        self.silent = True
        """Not a byte has come since the last request was sent."""
        self.reusable = False
        """The last answer came in whole, and nothing else; the server keeps the connection open."""
        self.ended = False
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._poll = select.poll()
        self._waiter: asyncio.Future[Answer] | None = None

    async def ask(
        self, written: bytes, *, head: bool, limit: int, read_timeout: float, deadline: float
    ) -> Answer:
        """Sends a request and waits for its answer; `head` for the method HEAD. See `Exchange` for limits and errors."""
        if self._transport.is_closing():
            raise httpx.WriteError("the server closed the connection")
        self.silent, self.reusable = True, False
        self._incoming = Incoming(headless=head, limit=limit)
        self._heard = self._loop.time()
        self._read_timeout = read_timeout
        self._deadline = self._heard + deadline - time.monotonic()
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        self._waiter = waiter
        self._transport.write(written)
        self._unsent = self._transport.get_write_buffer_size()
        self._watch()
        try:
            return await waiter
        finally:
            self._waiter = None
            self._timer.cancel()
            self._incoming.close()
            if not self.reusable:
                self.abort()
                if waiter.done() and not waiter.cancelled():
                    waiter.exception()  # cancelled just as it failed: nobody else will look

    def fit(self) -> bool:
        """Whether a request may go out: still open, and nothing has come that nobody asked for.

        What lies in the socket unread would be taken for the answer to the next request.
        """
        return not self._transport.is_closing() and not self._poll.poll(0)

    def rest(self) -> None:
        """From now on it is idle."""
        self._idle_since = self._loop.time()

    def idle_for(self) -> float:
        """Seconds since then."""
        return self._loop.time() - self._idle_since

    def abort(self) -> None:
        """Ends the connection at once."""
        self.reusable = False
        self._transport.abort()

    # --- what asyncio calls ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.abort()
            return
        self.silent = False
        self._heard = self._loop.time()
        self._incoming.feed(data)
        self._look()

    def eof_received(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._incoming.end()
            self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable, self.ended = False, True
        if exc is None:
            self._fail(httpx.RemoteProtocolError("the server closed the connection"))
        else:
            self._fail(httpx.ReadError("the connection broke"))
        self._lost(self)

    # --- how a call ends ---------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Whether what has come settles the call."""
        incoming = self._incoming
        if incoming.failure is not None:
            self._fail(incoming.failure)
        elif incoming.done:
            self._finish()

    def _finish(self) -> None:
        assert self._waiter is not None
        try:
            self._waiter.set_result(self._incoming.answer())
        except Undecodable as error:
            self._fail(error)
            return
        # a server that answers before it has read the whole request does not wait for the rest of it
        self.reusable = self._incoming.alone and not self._transport.get_write_buffer_size()

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _watch(self) -> None:
        self._timer = self._loop.call_at(min(self._deadline, self._heard + self._read_timeout), self._time_up)

    def _time_up(self) -> None:
        """One timer for each call: instead of being moved by each byte, it looks whether there was one."""
        now = self._loop.time()
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:  # a long request is on its way
            self._unsent, self._heard = unsent, now
        if now >= self._deadline:
            self._fail(TimeoutError("no whole answer within the time of the call"))
        elif now >= self._heard + self._read_timeout:
            self._fail(httpx.ReadTimeout("not a byte within the read timeout"))
        else:
            self._watch()
