"""The HTTP client of all adapters: timeouts, retries, rate limits, bounded bodies and typed decoding in one place."""

from __future__ import annotations

import asyncio
import functools
import random
import ssl
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar, cast

import httpx
import msgspec

from adapters.base import AdapterSettings, Call
from adapters.errors import (
    BadPayload,
    SourceAuthFailed,
    SourceError,
    SourceRateLimited,
    SourceRejected,
    SourceTimeout,
    SourceUnavailable,
)
from adapters.kit.auth import HeaderAuth, signed_in
from adapters.kit.body import Overweight, Undecodable
from adapters.kit.dialling import Dialler
from adapters.kit.httpx_exchange import HttpxExchange
from adapters.kit.message import Address, Answer, Exchange, Params, Request
from adapters.kit.pace import Pace, retry_after
from adapters.kit.wire import KEPT_IDLE, Wire

__all__ = ["Answer", "Headers", "Inspect", "Observer", "Params", "SourceClient", "Transport"]

T = TypeVar("T")
Transport = httpx.AsyncBaseTransport
Headers = Mapping[str, str]
"""An answer's headers, whatever case a name is asked in."""

_HEADERS = {"user-agent": "c360-gateway", "accept": "application/json", "accept-encoding": "gzip"}
_BACKOFF = 0.1
_MOST_DECODERS = 512

Inspect = Callable[[Answer], SourceError | None]
"""Finds errors that a vendor hides in a 200 answer (GraphQL), before the body is decoded for good."""

Observer = Callable[[str, str, float, int], None]
"""(operation, outcome, seconds, bytes) of each request that went out; the outcome is "ok" or an error's `code`."""


class SourceClient:
    """Calls one source. Every failure comes out as one SourceError; nothing but SourceError and cancellation comes out."""

    def __init__(
        self,
        source: str,
        base_url: str,
        settings: AdapterSettings,
        *,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        pace: Pace | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        on_answer: Callable[[Headers, Pace], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`on_answer` reads the vendor's own rate-limit headers after each answer and may pause the pace."""
        self.source = source
        self.pace = pace or Pace(source, settings.requests_per_second)
        self._settings = settings
        self._base_url = base_url
        self._auth = auth
        self._headers = {**_HEADERS, **{name.lower(): value for name, value in (headers or {}).items()}}
        self._signature: dict[str, str] = {}
        if type(auth) is HeaderAuth:  # known beforehand, so no flow is needed
            self._auth, self._signature = None, dict([auth.header()])
        self._given_transport = transport
        self._address: Address | None = None
        self._exchange: Exchange | None = None
        self._on_answer = on_answer
        self._observer = observer
        self._places = asyncio.Semaphore(settings.max_connections)

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        decode: type[T],
        call: Call,
        *,
        params: Params | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        inspect: Inspect | None = None,
        missing: T | None = None,
    ) -> T:
        """One call, decoded into `decode` (unknown fields are accepted).

        `operation` names the call in errors, logs and metrics; it holds no personal data. A 404 gives `missing` where that
        is set. `repeatable` is false for calls that change something at the vendor.
        """
        answer = await self.send(
            operation, method, path, call, params=params, json=json, headers=headers,
            repeatable=repeatable, inspect=inspect, missing_is_fine=missing is not None,
        )  # fmt: skip
        if answer.status == 404 and missing is not None:
            return missing
        return self.decode(operation, answer.body, decode)

    def decode(self, operation: str, body: bytes, into: type[T]) -> T:
        """JSON bytes into a typed model; anything wrong with them is a BadPayload."""
        try:
            decoder: msgspec.json.Decoder[T] = _decoder(cast(Hashable, into))
            return decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise BadPayload(self.source, operation, _decoding_detail(error)) from None

    async def send(
        self,
        operation: str,
        method: str,
        path: str,
        call: Call,
        *,
        params: Params | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
        inspect: Inspect | None = None,
        missing_is_fine: bool = False,
    ) -> Answer:
        """One call with its retries, within the whole-call timeout and the caller's deadline. See `call`."""
        deadline = min(call.deadline, time.monotonic() + self._settings.call_timeout)
        all_headers = {"x-correlation-id": call.correlation_id, **(headers or {})}
        request = self._request(operation, method, path, params, json, content, all_headers, repeatable)
        tries = 1 + (self._settings.retries if repeatable else 0)
        tried = 0
        while True:
            tried += 1
            try:
                return await self._once(operation, request, deadline, inspect, missing_is_fine)
            except (SourceUnavailable, SourceRateLimited) as error:
                delay = _delay(error, tried)
                if tried == tries or delay is None or time.monotonic() + delay >= deadline:
                    raise
            await asyncio.sleep(delay)

    async def aclose(self) -> None:
        """Closes the connections."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.aclose()

    def _request(
        self,
        operation: str,
        method: str,
        path: str,
        params: Params | None,
        json: Any,
        content: bytes | None,
        headers: Mapping[str, str],
        repeatable: bool,
    ) -> Request:
        if path and not path.startswith(("/", "?")):  # "@elsewhere.example" would change the host
            raise SourceRejected(self.source, operation, "a path must start with a slash")
        merged = self._headers | {name.lower(): value for name, value in headers.items()} | self._signature
        try:
            if json is not None:
                content = msgspec.json.encode(json)
                merged.setdefault("content-type", "application/json")
            if self._address is None:
                self._address = Address(self._base_url)
            target = self._address.target(path, params)
        except (
            httpx.InvalidURL,
            httpx.UnsupportedProtocol,
            msgspec.MsgspecError,
            ValueError,
            TypeError,
        ) as error:
            # a key or an id that cannot be written down (a lone surrogate, an URL longer than httpx takes)
            raise SourceRejected(self.source, operation, f"not sent: {type(error).__name__}") from None
        return Request(method.upper(), self._address.origin, target, merged, content or b"", repeatable)

    async def _once(
        self,
        operation: str,
        request: Request,
        deadline: float,
        inspect: Inspect | None,
        missing_is_fine: bool,
    ) -> Answer:
        await self._place(operation, deadline)
        try:
            await self.pace.wait(operation, deadline)
            return await self._observed(operation, request, deadline, inspect, missing_is_fine)
        finally:
            self._places.release()

    async def _place(self, operation: str, deadline: float) -> None:
        """Takes one of the connections, when it is this call's turn."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise SourceTimeout(self.source, operation, "no time left")
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(left):
                await self._places.acquire()
        except TimeoutError:
            raise SourceTimeout(self.source, operation, "all connections are busy") from None

    async def _observed(
        self,
        operation: str,
        request: Request,
        deadline: float,
        inspect: Inspect | None,
        missing_is_fine: bool,
    ) -> Answer:
        """A good answer; tells the observer of every request, whatever becomes of it."""
        started, outcome, size = time.monotonic(), "CANCELLED", 0
        try:
            answer = await self._exchanged(operation, request, deadline)
            size = len(answer.body)
            error = self._refusal(operation, answer, missing_is_fine)
            if error is None and inspect is not None:
                error = inspect(answer)
            if error is not None:
                if isinstance(error, SourceRateLimited) and error.retry_after is not None:
                    self.pace.pause(error.retry_after)
                raise error
            outcome = "ok"
            return answer
        except SourceError as failed:
            outcome = failed.code
            raise
        finally:
            if self._observer is not None:
                self._observer(operation, outcome, time.monotonic() - started, size)

    async def _exchanged(self, operation: str, request: Request, deadline: float) -> Answer:
        """An answer of whatever status, read to its end."""
        limit = self._settings.max_body_bytes
        exchange = self._exchange or self._opened()
        try:
            if self._auth is None:
                answer = await exchange(request, deadline, limit)
            else:
                answer = await signed_in(self._auth, exchange, request, deadline, limit)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise SourceTimeout(self.source, operation, type(error).__name__) from None
        except Overweight:
            raise BadPayload(self.source, operation, f"body of more than {limit} bytes") from None
        except (Undecodable, httpx.DecodingError) as error:
            raise BadPayload(self.source, operation, f"undecodable body: {type(error).__name__}") from None
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, UnicodeEncodeError) as error:
            # a header that cannot be sent: a credential with a line break in it, or an address of no known kind
            raise SourceRejected(self.source, operation, f"not sent: {type(error).__name__}") from None
        except (httpx.TransportError, OSError) as error:
            raise SourceUnavailable(self.source, operation, type(error).__name__) from None
        if self._on_answer is not None:
            self._on_answer(answer.headers, self.pace)
        return answer

    def _refusal(self, operation: str, answer: Answer, missing_is_fine: bool) -> SourceError | None:
        """What a status other than success means."""
        status = answer.status
        if 200 <= status < 300 or (missing_is_fine and status == 404):
            return None
        detail, wait = f"HTTP {status}", retry_after(answer.headers)
        if status in (401, 403):
            return SourceAuthFailed(self.source, operation, detail)
        if status == 429:
            return SourceRateLimited(self.source, operation, detail, retry_after=wait)
        if status == 408:
            return SourceTimeout(self.source, operation, detail)
        if status >= 500:
            return SourceUnavailable(self.source, operation, detail, retry_after=wait)
        return SourceRejected(self.source, operation, detail)

    def _opened(self) -> Exchange:
        """The wire, or httpx where a transport was given or HTTP/2 is wanted; connects when it is used."""
        settings, most = self._settings, self._settings.max_connections
        transport = self._given_transport
        if transport is None and settings.http2:
            limits = httpx.Limits(
                max_connections=most, max_keepalive_connections=most, keepalive_expiry=KEPT_IDLE
            )
            transport = httpx.AsyncHTTPTransport(verify=_tls(), trust_env=False, http2=True, limits=limits)
        if transport is None:
            dialler = Dialler(settings.connect_timeout, _tls)
            self._exchange = Wire(dialler, read_timeout=settings.read_timeout, most=most)
        else:
            self._exchange = HttpxExchange(
                transport, connect_timeout=settings.connect_timeout, read_timeout=settings.read_timeout
            )
        return self._exchange


def _tls() -> ssl.SSLContext:
    """Trusts the usual authorities (reading them takes a tenth of a second)."""
    return httpx.create_ssl_context(trust_env=False)


@functools.lru_cache(_MOST_DECODERS)
def _decoder(into: Hashable) -> msgspec.json.Decoder[Any]:
    """Kept, since msgspec works out anew what `list[Model]` means each time it is not told through a Decoder."""
    return msgspec.json.Decoder(into)


def _delay(error: SourceError, tried: int) -> float | None:
    """Seconds before the next try: what the vendor asks for, else ever longer; None where trying again cannot help."""
    if isinstance(error, SourceRejected):
        return None
    if error.retry_after is not None:
        return error.retry_after
    return random.uniform(0.5, 1.0) * _BACKOFF * 2.0**tried


def _decoding_detail(error: Exception) -> str:
    """msgspec's own text names a path and types ("Expected `str` - at `$.results[0].id`"), never a value, unless a key of an
    object is not what it should be or a hook of ours raised; so only its usual forms get through."""
    text = str(error) if isinstance(error, msgspec.ValidationError) else ""
    return (
        f"{type(error).__name__}: {text}"
        if text.startswith(("Expected", "Object missing"))
        else type(error).__name__
    )
