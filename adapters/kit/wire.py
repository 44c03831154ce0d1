"""Requests over kept HTTP/1.1 connections, at little CPU: the way of all calls unless settings or tests want another."""

from __future__ import annotations

import asyncio
import time

import httpx

from adapters.kit.connection import Connection
from adapters.kit.dialling import Dialler
from adapters.kit.message import Answer, Origin, Request, written

KEPT_IDLE = 30.0
_CLOSING_TURNS = 100


class Wire:
    """An `Exchange` with a pool of connections, made for one event loop.

    A connection goes back into the pool only after one whole answer and nothing else; any doubt ends it, since what is left on
    it would be somebody else's data. The caller bounds how many requests there are at once, and so the connections in use.
    """

    def __init__(
        self, dialler: Dialler, *, read_timeout: float, most: int, kept_idle: float = KEPT_IDLE
    ) -> None:
        """At most `most` connections are kept, for `kept_idle` seconds without use. Seconds without a byte: `read_timeout`."""
        self._dialler = dialler
        self._read_timeout = read_timeout
        self._most = most
        self._kept_idle = kept_idle
        self._idle: list[Connection] = []  # the one that was used last comes last
        self._open: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def __call__(self, request: Request, deadline: float, limit: int) -> Answer:
        """See `Exchange`. A kept connection that the server had closed costs a repeatable request nothing but time."""
        data = written(request)
        connection = self._take(request.origin)
        if connection is not None:
            try:
                return await self._ask(connection, request, data, deadline, limit)
            except (httpx.RemoteProtocolError, httpx.NetworkError):
                if not (request.repeatable and connection.silent):
                    raise
        self._make_room()
        connection = await self._dialler.open(request.origin, deadline - time.monotonic(), self._lost)
        if not connection.ended:
            self._open.add(connection)
        return await self._ask(connection, request, data, deadline, limit)

    async def aclose(self) -> None:
        """Ends all connections; calls under way fail."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._idle.clear()
        for connection in self._open:
            connection.abort()
        for _ in range(_CLOSING_TURNS):  # the event loop closes the sockets in its next turns
            if not self._open:
                break
            await asyncio.sleep(0)

    async def _ask(
        self, connection: Connection, request: Request, data: bytes, deadline: float, limit: int
    ) -> Answer:
        try:
            return await connection.ask(
                data,
                head=request.method == "HEAD",
                limit=limit,
                read_timeout=self._read_timeout,
                deadline=deadline,
            )
        finally:
            if connection.reusable:
                self._keep(connection)

    def _take(self, origin: Origin) -> Connection | None:
        """A kept connection to this very origin that may be used at once."""
        for place in range(len(self._idle) - 1, -1, -1):
            connection = self._idle[place]
            if connection.origin != origin:
                continue
            del self._idle[place]
            if connection.idle_for() < self._kept_idle and connection.fit():
                return connection
            connection.abort()
        return None

    def _keep(self, connection: Connection) -> None:
        connection.rest()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._kept_idle, self._end_idle)

    def _end_idle(self) -> None:
        """Ends what was idle too long, and looks again when the next could be."""
        for connection in [each for each in self._idle if each.idle_for() >= self._kept_idle]:
            self._idle.remove(connection)
            connection.abort()
        self._sweep = None
        if self._idle:
            left = max(0.001, self._kept_idle - self._idle[0].idle_for())
            self._sweep = asyncio.get_running_loop().call_later(left, self._end_idle)

    def _make_room(self) -> None:
        """Connections kept to another origin count too."""
        if len(self._open) >= self._most and self._idle:
            self._idle.pop(0).abort()

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
