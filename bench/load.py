"""A load generator: one request, sent again and again over a few connections, every answer compared with the first."""

from __future__ import annotations

import asyncio
import re
import time
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, expected: bytes, until: float) -> None:
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._request = request
        self._expected = expected
        self._until = until
        self._answers = 0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        if length is None or len(rest) < int(length[1]):
            return
        if rest != self._expected or not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError("an answer differs from the first"))
            self._transport.close()
            return
        self._buffer = b""
        self._answers += 1
        if time.monotonic() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(self._answers)


async def _load(port: int, request: bytes, expected: bytes, seconds: float, connections: int) -> int:
    loop = asyncio.get_running_loop()
    until = time.monotonic() + seconds
    made = [
        await loop.create_connection(lambda: _Connection(request, expected, until), "127.0.0.1", port)
        for _ in range(connections)
    ]
    return sum(await asyncio.gather(*(protocol.done for _, protocol in made)))


def load(port: int, request: bytes, expected: bytes, *, seconds: float, connections: int) -> int:
    """Answers within the time, all of them `expected`. Raises RuntimeError where one is not."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(port, request, expected, seconds, connections))
