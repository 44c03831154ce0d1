"""One HTTP request as ASGI gives it, read with as little ceremony as possible, and the client that may leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType

from starlette.types import Message, Receive, Scope

PATIENCE = 0.01
"""Seconds of work after which it is worth the while to look whether the client is still there."""


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Incoming:
    """Method, headers and body. Of a header that is sent twice, the first counts."""

    __slots__ = ("_first", "headers", "method", "receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        self._first: Message | None = None

    def get(self, name: str, default: str = "") -> str:
        """A header's value; the name is in lower case."""
        value = self.headers.get(name.encode("ascii"))
        return default if value is None else value.decode("latin-1")

    @property
    def query_string(self) -> bytes:
        value: bytes = self.scope["query_string"]
        return value

    async def whole(self) -> bytes | None:
        """The body where it has come in one piece, as small ones do. What was read is read again by `chunks`."""
        self._first = message = await self.receive()
        if message["type"] != "http.request" or message.get("more_body"):
            return None
        body: bytes = message.get("body", b"")
        return body

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. Raises ClientGone."""
        while True:
            message, self._first = self._first or await self.receive(), None
            if message["type"] == "http.disconnect":
                raise ClientGone
            yield message.get("body", b"")
            if not message.get("more_body"):
                return


class Watch:
    """Ends the work inside with ClientGone when the client leaves. The body must have been read.

    Most work is done before a second task would pay, so the first PATIENCE seconds nobody looks.
    """

    __slots__ = ("_gone", "_receive", "_task", "_timer", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None
        self._gone = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        watcher, self._watcher = self._watcher, None  # let go: how it ended refers back to this
        if watcher is not None and not watcher.done():
            watcher.cancel()
            await asyncio.wait([watcher])
        if self._gone and kind is asyncio.CancelledError:
            self._task.uncancel()
            raise ClientGone

    def _start(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        for _ in range(2):  # a body that nobody has read, as a GET's, comes first
            if (await self._receive())["type"] == "http.disconnect":
                self._gone = True
                self._task.cancel()
                return
