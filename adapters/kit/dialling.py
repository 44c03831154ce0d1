"""Opening connections: names resolved and kept for a while, each address tried in turn, TLS with the name checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable

import httpx

from adapters.kit.connection import Connection
from adapters.kit.message import Origin

_NAMES_KEPT = 60.0
_MOST_NAMES = 64
_WAITED_FOR = 3
"""A dead address may use a third of the time that is left, so that others get their turn."""

Lookup = Callable[[str, int], asyncio.Future[list[str]]]


class Names:
    """Addresses of hosts. Callers at the same time share one question; an answer is kept for a minute, a failure is not."""

    def __init__(self, lookup: Lookup | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """`lookup(host, port)` asks the resolver of the machine if it is not given."""
        self._lookup, self._clock = lookup or _asked, clock
        self._kept: dict[tuple[str, int], tuple[float, asyncio.Future[list[str]]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """At least one address, in the order in which to try. Raises OSError."""
        if _is_address(host):
            return [host]
        now = self._clock()
        until, found = self._kept.get((host, port), (0.0, None))
        if found is None or until <= now:
            if len(self._kept) >= _MOST_NAMES:
                self._kept.clear()
            found = self._lookup(host, port)
            found.add_done_callback(lambda done: self._forget_failure(host, port, done))
            self._kept[host, port] = (now + _NAMES_KEPT, found)
        # shielded: who gives up must not end what others wait for
        return await asyncio.shield(found)

    def forget(self, host: str, port: int) -> None:
        """None of the addresses answered: ask anew next time."""
        self._kept.pop((host, port), None)

    def _forget_failure(self, host: str, port: int, done: asyncio.Future[list[str]]) -> None:
        if (done.cancelled() or done.exception() is not None) and self._kept.get((host, port), (0, None))[
            1
        ] is done:
            self.forget(host, port)


class Dialler:
    """Opens connections to any origin."""

    def __init__(self, timeout: float, tls: Callable[[], ssl.SSLContext], names: Names | None = None) -> None:
        """`timeout`, in seconds, is for a connection with all that it needs: name, TCP, TLS. `tls` is called when needed."""
        self._timeout = timeout
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._names = names or Names()

    async def open(self, origin: Origin, seconds: float, lost: Callable[[Connection], None]) -> Connection:
        """A new connection within `seconds`, or the connect timeout if that is shorter.

        Raises httpx.ConnectError or httpx.ConnectTimeout; `lost` is what a Connection wants to know.
        """
        until = asyncio.get_running_loop().time() + min(seconds, self._timeout)
        try:
            async with asyncio.timeout_at(until):
                addresses = await self._names.addresses(origin.host, origin.port)
                return await self._first_that_answers(addresses, origin, until, lost)
        except TimeoutError:
            self._names.forget(origin.host, origin.port)
            raise httpx.ConnectTimeout("no connection in time") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: a host that cannot be a name in DNS
            self._names.forget(origin.host, origin.port)
            raise httpx.ConnectError(type(error).__name__) from None

    async def _first_that_answers(
        self, addresses: list[str], origin: Origin, until: float, lost: Callable[[Connection], None]
    ) -> Connection:
        loop = asyncio.get_running_loop()
        failure: OSError = OSError("no address")
        for tried, address in enumerate(addresses):
            left = until - loop.time()
            try:
                async with asyncio.timeout(left / min(_WAITED_FOR, len(addresses) - tried)):
                    return await self._connect(address, origin, lost)
            except OSError as error:  # TimeoutError is one
                failure = error
        raise failure

    async def _connect(self, address: str, origin: Origin, lost: Callable[[Connection], None]) -> Connection:
        secure = origin.scheme == "https"
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(origin, lost),
            address,
            origin.port,
            ssl=self._context() if secure else None,
            server_hostname=origin.host if secure else None,
        )
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


def _asked(host: str, port: int) -> asyncio.Future[list[str]]:
    async def ask() -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    return asyncio.ensure_future(ask())


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
