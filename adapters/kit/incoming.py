"""One answer in HTTP/1.1 as it comes in: parsed, bounded, and told apart from whatever else lies on the connection."""

from __future__ import annotations

import httptools
import httpx

from adapters.kit.body import Body, Overweight, Undecodable
from adapters.kit.message import Answer, Headers

_MOST_OVERHEAD = 102_400
"""Bytes that may come in a row without any of the body in them: headers, interim answers, what surrounds chunks."""


class Incoming:
    """Made anew for each answer, parser included, so that nothing of another one can be in it.

    After each `feed` and after `end`: `failure` says why this is no answer, `done` that it is here in whole, `alone` that nothing
    came after it and the server keeps the connection open.
    """

    __slots__ = (
        "_body", "_bodyless", "_complete", "_encoding", "_headers", "_headless", "_kept", "_limit", "_overhead", "_parser",
        "_status", "_surplus", "failure",
    )  # fmt: skip

    def __init__(self, *, headless: bool, limit: int) -> None:
        """`headless` for answers to HEAD, which have headers only. The body, inflated, may have `limit` bytes."""
        self.failure: Exception | None = None
        self._headless, self._limit = headless, limit
        self._headers: list[tuple[bytes, bytes]] = []
        self._encoding = b""
        self._status = self._overhead = 0
        self._body: Body | None = None  # there once the headers are complete
        self._bodyless = self._complete = self._kept = self._surplus = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def done(self) -> bool:
        return self._complete or (self._bodyless and self._body is not None)

    @property
    def alone(self) -> bool:
        return self._complete and self._kept and not self._surplus

    def feed(self, data: bytes) -> None:
        """The next bytes from the network."""
        self._overhead += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._surplus = True
            if not self._complete and self.failure is None:
                self.failure = httpx.RemoteProtocolError("not an answer in HTTP")
        if self._overhead > _MOST_OVERHEAD and not self._complete and self.failure is None:
            self.failure = httpx.RemoteProtocolError("headers without end")

    def end(self) -> None:
        """The connection has ended in good order; so does a body whose length the headers do not tell."""
        if self._body is not None and not any(
            name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self._headers
        ):
            self._complete = True

    def answer(self) -> Answer:
        """Raises Undecodable where the body turns out to be cut off."""
        assert self._body is not None
        return Answer(self._status, Headers(self._headers), self._body.finish())

    def close(self) -> None:
        """Lets go of the parser, which refers back: the body would stay until the garbage collector comes."""
        del self._parser

    # --- what the parser calls ---------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            self._surplus = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._body is not None:
            return  # a trailer, or another answer's
        self._headers.append((name, value))
        if len(name) == 16 and name.lower() == b"content-encoding":
            self._encoding = value
        elif len(name) == 17 and name.lower() == b"transfer-encoding" and value.lower() != b"chunked":
            self.failure = httpx.RemoteProtocolError("a transfer-encoding that was not asked for")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._body is not None or status < 200:
            return
        self._status, self._overhead = status, 0
        self._bodyless = self._headless or status in (204, 304)
        try:
            self._body = Body("" if self._bodyless else self._encoding.decode("latin-1"), self._limit)
        except Undecodable as error:
            self.failure = error

    def on_body(self, piece: bytes) -> None:
        if self._body is None or self._complete or self._bodyless or self.failure is not None:
            return
        self._overhead = 0
        try:
            self._body.feed(piece)
        except (Overweight, Undecodable) as error:
            self.failure = error

    def on_message_complete(self) -> None:
        if self._body is None:  # an interim answer (1xx)
            self._headers.clear()
            self._encoding = b""
        elif not self._complete:
            self._complete = True
            self._kept = self._parser.should_keep_alive()
