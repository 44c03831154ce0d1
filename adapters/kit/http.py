"""The HTTP client of all adapters: timeouts, retries, rate limits, bounded bodies and typed decoding in one place.

It speaks to an httpx transport directly. httpx's own client would log every URL (they hold e-mail addresses), keep the cookies of
one call for the next, and inflate a compressed body before its size can be judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, TypeVar

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
from adapters.kit.body import Overweight, Undecodable, read_body
from adapters.kit.pace import Pace, retry_after

T = TypeVar("T")
Transport = httpx.AsyncBaseTransport
Headers = httpx.Headers
Params = Mapping[str, Any] | list[tuple[str, Any]]

_HEADERS = {"user-agent": "c360-gateway", "accept": "application/json", "accept-encoding": "gzip"}
_KEEPALIVE = 30.0
_BACKOFF = 0.1


class Answer(msgspec.Struct, frozen=True):
    """A successful answer, read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes


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
        on_answer: Callable[[httpx.Headers, Pace], None] | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`on_answer` reads the vendor's own rate-limit headers after each answer and may pause the pace."""
        self.source = source
        self.pace = pace or Pace(source, settings.requests_per_second)
        self._settings = settings
        self._base_url = base_url.rstrip("/")
        self._auth = auth
        self._headers = {**_HEADERS, **{name.lower(): value for name, value in (headers or {}).items()}}
        self._given_transport = transport
        self._transport: httpx.AsyncBaseTransport | None = None
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
            return msgspec.json.decode(body, type=into)
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
        request = self._request(operation, method, path, params, json, content, all_headers)
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
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    def _request(
        self,
        operation: str,
        method: str,
        path: str,
        params: Params | None,
        json: Any,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> httpx.Request:
        if path and not path.startswith(("/", "?")):  # "@elsewhere.example" would change the host
            raise SourceRejected(self.source, operation, "a path must start with a slash")
        timeouts = httpx.Timeout(self._settings.read_timeout, connect=self._settings.connect_timeout)
        merged = {**self._headers, **{name.lower(): value for name, value in headers.items()}}
        try:
            if json is not None:
                content = msgspec.json.encode(json)
                merged.setdefault("content-type", "application/json")
            return httpx.Request(
                method,
                self._base_url + path,
                params=params or None,  # httpx drops a query in `path` for any other value
                headers=merged,
                content=content,
                extensions={"timeout": timeouts.as_dict()},
            )
        except (httpx.InvalidURL, msgspec.MsgspecError, ValueError, TypeError) as error:
            # a key or an id that cannot be written down (a lone surrogate, an URL longer than httpx takes)
            raise SourceRejected(self.source, operation, f"not sent: {type(error).__name__}") from None

    async def _once(
        self,
        operation: str,
        request: httpx.Request,
        deadline: float,
        inspect: Inspect | None,
        missing_is_fine: bool,
    ) -> Answer:
        async with self._place(operation, deadline):
            with self._observed(operation) as sizes:
                answer = await self._exchange(operation, request, deadline)
                sizes.append(len(answer.body))
                error = self._refusal(operation, answer, missing_is_fine)
                if error is None and inspect is not None:
                    error = inspect(answer)
                if error is None:
                    return answer
                if isinstance(error, SourceRateLimited) and error.retry_after is not None:
                    self.pace.pause(error.retry_after)
                raise error

    @contextlib.asynccontextmanager
    async def _place(self, operation: str, deadline: float) -> AsyncIterator[None]:
        """One of the connections, when it is this call's turn."""
        if deadline <= time.monotonic():
            raise SourceTimeout(self.source, operation, "no time left")
        try:
            async with _until(deadline):
                await self._places.acquire()
        except TimeoutError:
            raise SourceTimeout(self.source, operation, "all connections are busy") from None
        try:
            await self.pace.wait(operation, deadline)
            yield
        finally:
            self._places.release()

    @contextlib.contextmanager
    def _observed(self, operation: str) -> Iterator[list[int]]:
        """Tells the observer of a request; the body's size goes into the list that this gives."""
        started, outcome, sizes = time.monotonic(), "CANCELLED", [0]
        try:
            yield sizes
            outcome = "ok"
        except SourceError as error:
            outcome = error.code
            raise
        finally:
            if self._observer is not None:
                self._observer(operation, outcome, time.monotonic() - started, sizes[-1])

    async def _exchange(self, operation: str, request: httpx.Request, deadline: float) -> Answer:
        """An answer of whatever status, read to its end."""
        limit = self._settings.max_body_bytes
        try:
            async with _until(deadline):
                response = await self._respond(request)
                try:
                    body = await read_body(response, limit)
                finally:
                    await response.aclose()
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
            self._on_answer(response.headers, self.pace)
        return Answer(response.status_code, response.headers, body)

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        """The response, its body not read yet, after whatever round trips the sign-in makes."""
        transport = self._open()
        if self._auth is None:
            return await transport.handle_async_request(request)
        flow = self._auth.async_auth_flow(request)
        try:
            asked = await anext(flow)
            while True:
                asked.extensions.setdefault("timeout", request.extensions["timeout"])
                response = await transport.handle_async_request(asked)
                response.request = asked
                try:
                    asked = await flow.asend(response)
                except StopAsyncIteration:
                    return response
                except BaseException:
                    await response.aclose()
                    raise
                await response.aclose()
        finally:
            await flow.aclose()

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

    def _open(self) -> httpx.AsyncBaseTransport:
        if self._transport is None:
            most = self._settings.max_connections
            self._transport = self._given_transport or httpx.AsyncHTTPTransport(
                verify=_tls(self._base_url),
                trust_env=False,
                limits=httpx.Limits(
                    max_connections=most, max_keepalive_connections=most, keepalive_expiry=_KEEPALIVE
                ),
            )
        return self._transport


def _tls(base_url: str) -> ssl.SSLContext:
    """Trusts the usual authorities; nobody where the source is not asked over TLS (reading them takes a tenth of a second)."""
    if base_url.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context(trust_env=False)


def _until(deadline: float) -> asyncio.Timeout:
    return asyncio.timeout(max(0.0, deadline - time.monotonic()))


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
