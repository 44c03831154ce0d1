"""The control side of a sandbox server: faults, latency, call counts, settings and changes, apart from its dialect."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.webhooks import Change, Delivery, Webhooks

MODES = (
    "ok",
    "down",
    "error",
    "rate_limited",
    "unauthorized",
    "garbage",
    "wrong_shape",
    "truncated",
    "dropped",
    "html",
    "slow_body",
    "hang",
)
"""What a server can do instead of answering well:

down: closes the connection unanswered · error: the vendor's 500 · rate_limited, unauthorized: the vendor's refusal ·
garbage: 200 with bytes that are no JSON · wrong_shape: 200 with JSON of other types · truncated: 200 with half of the
body · dropped: the connection breaks in the middle of the body · html: 200 with a page · slow_body: one byte at a
time · hang: no answer until the client gives up
"""

Handler = Callable[[Request], Awaitable[Response]]


class BadControl(ValueError):
    """A control request asks for what does not exist; the message says what would."""


class Dialect(Protocol):
    """What the control side needs of a vendor's dialect."""

    def authenticate(self, request: Request) -> Response | None:
        """The vendor's refusal, or None where the credentials are right."""

    def admit(self, request: Request, operation: str) -> Response | None:
        """The vendor's refusal where a rate limit is reached, else None."""

    def unauthorized(self) -> Response: ...

    def limited(self) -> Response: ...

    def failed(self) -> Response: ...

    def finish(self, response: Response) -> None:
        """Adds the headers that the vendor puts on every answer."""

    def change(self, wish: dict[str, Any]) -> Change: ...

    def create(self, wish: dict[str, Any]) -> Change: ...

    def sign(self, change: Change, url: str, secret: str) -> Delivery: ...


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, media_type="application/json")


class Window:
    """A sliding window: at most `limit` calls in `seconds`. A limit of None admits everything."""

    def __init__(self, limit: int | None, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self._times: deque[float] = deque()

    def admit(self) -> bool:
        now = time.monotonic()
        self._forget(now)
        if self.limit is not None and len(self._times) >= self.limit:
            return False
        self._times.append(now)
        return True

    @property
    def remaining(self) -> int:
        self._forget(time.monotonic())
        return max(0, self.limit - len(self._times)) if self.limit is not None else 1_000_000

    @property
    def free_in(self) -> int:
        """Whole seconds until the next call would be admitted."""
        if self.limit is None or len(self._times) < self.limit:
            return 0
        return max(1, int(self.seconds - (time.monotonic() - self._times[0])) + 1)

    def clear(self) -> None:
        self._times.clear()

    def _forget(self, now: float) -> None:
        while self._times and now - self._times[0] >= self.seconds:
            self._times.popleft()


@dataclass(slots=True, kw_only=True)
class Faults:
    """What goes wrong at the moment."""

    latency_ms: float = 0
    mode: str = "ok"
    times: int | None = None
    """How many more calls the mode holds for; None for ever."""
    operations: tuple[str, ...] = ()
    """The operations that are hit; none named means all."""

    def strike(self, operation: str) -> str:
        """The mode for this call; counts it."""
        if self.mode == "ok" or (self.operations and operation not in self.operations):
            return "ok"
        if self.times is None:
            return self.mode
        mode = self.mode
        self.times -= 1
        if self.times <= 0:
            self.mode, self.times, self.operations = "ok", None, ()
        return mode


@dataclass(slots=True, kw_only=True)
class Controls:
    """One server's switches and counts, used over HTTP or directly by tests in the same process."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the dialect, such as limits; each dialect documents its own."""
    faults: Faults = field(default_factory=Faults)
    calls: Counter[str] = field(default_factory=Counter)
    """Calls per operation, failed and refused ones included."""
    details: Counter[str] = field(default_factory=Counter)
    """What was asked for inside calls that have only one operation: the root fields of GraphQL documents."""
    webhooks: Webhooks = field(default_factory=Webhooks)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server is about to stop, so that answers that would never end do."""
    active: int = 0
    """Calls being answered at this moment."""

    def set_faults(self, wish: dict[str, Any]) -> None:
        """Replaces the faults; what the wish leaves out returns to normal. Raises BadControl for a wrong one."""
        unknown = sorted(set(wish) - {"latency_ms", "mode", "times", "operations"})
        mode, latency, times = wish.get("mode", "ok"), wish.get("latency_ms", 0), wish.get("times")
        if unknown:
            raise BadControl(f"unknown {', '.join(unknown)}; choose from latency_ms, mode, times, operations")
        if mode not in MODES:
            raise BadControl(f"mode must be one of {', '.join(MODES)}")
        if not isinstance(latency, int | float) or not 0 <= latency <= 600_000:
            raise BadControl("latency_ms must be a number from 0 to 600000")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise BadControl("times must be a whole number above 0, or null")
        operations = tuple(str(name) for name in wish.get("operations") or ())
        self.faults = Faults(latency_ms=latency, mode=mode, times=times, operations=operations)

    def set_settings(self, wish: dict[str, Any]) -> None:
        unknown = sorted(set(wish) - set(self.settings))
        if unknown:
            raise BadControl(f"unknown {', '.join(unknown)}; choose from {', '.join(sorted(self.settings))}")
        self.settings.update(wish)

    def defaults(self, **settings: Any) -> None:
        """Sets what nobody has set yet; each dialect calls this once when it is created."""
        for name, value in settings.items():
            self.settings.setdefault(name, value)


class Guard:
    """Stands before every operation of a dialect: counts, delays, breaks, authenticates, limits; in this order."""

    def __init__(self, controls: Controls, dialect: Dialect) -> None:
        self._controls = controls
        self._dialect = dialect

    def route(self, path: str, operation: str, handler: Handler, method: str = "GET") -> Route:
        async def guarded(request: Request) -> Response:
            self._controls.active += 1
            try:
                return await self._answer(request, operation, handler)
            finally:
                self._controls.active -= 1

        return Route(path, guarded, methods=[method], name=operation)

    async def _answer(self, request: Request, operation: str, handler: Handler) -> Response:
        controls, dialect = self._controls, self._dialect
        controls.calls[operation] += 1
        # Limits are judged on arrival, as a vendor's front door does, and not after the delay.
        refusal = dialect.authenticate(request) or dialect.admit(request, operation)
        if controls.faults.latency_ms:
            await asyncio.sleep(controls.faults.latency_ms / 1000)
        mode = controls.faults.strike(operation)
        if mode not in ("ok", "truncated", "dropped", "slow_body"):
            return _fault(mode, dialect, controls.closing)
        response = refusal or await handler(request)
        dialect.finish(response)
        return response if mode == "ok" else _Spoilt(response, mode, controls.closing)


def _fault(mode: str, dialect: Dialect, closing: asyncio.Event) -> Response:
    if mode in ("down", "hang"):
        return _Silence(mode, closing)
    if mode == "html":
        return Response("<!doctype html><title>Sign in</title><p>Please sign in.", media_type="text/html")
    if mode == "garbage":
        return Response(b"\x00\xff\xfe{]\x80 not json", media_type="application/json")
    if mode == "wrong_shape":
        return Response(
            b'{"data":7,"results":"none","users":{"id":[]},"members":3,"tickets":null}',
            media_type="application/json",
        )
    return {"error": dialect.failed, "rate_limited": dialect.limited, "unauthorized": dialect.unauthorized}[
        mode
    ]()


async def _abort(receive: Receive) -> bool:
    """Breaks the connection under uvicorn, whose `receive` belongs to an object that holds the transport."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is None:
        return False
    transport.abort()
    await _gone(receive)
    return True


async def _gone(receive: Receive) -> None:
    """Returns when the client is no longer there."""
    while (await receive())["type"] != "http.disconnect":
        pass


class _Silence(Response):
    """No answer at all: the connection is closed (down), or kept open until the client gives up (hang)."""

    def __init__(self, mode: str, closing: asyncio.Event) -> None:
        super().__init__(status_code=503)
        self._mode, self._closing = mode, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._mode == "hang":
            waits = [asyncio.create_task(_gone(receive)), asyncio.create_task(_set(self._closing))]
            _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        if not await _abort(receive):
            await super().__call__(scope, receive, send)


async def _set(event: asyncio.Event) -> None:
    await event.wait()


class _Spoilt(Response):
    """A good answer that arrives badly."""

    def __init__(self, good: Response, mode: str, closing: asyncio.Event) -> None:
        super().__init__(good.body, good.status_code, media_type=good.media_type)
        self._mode, self._closing = mode, closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self.body)
        half = body[: len(body) // 2]
        if self._mode == "truncated":
            await Response(half, self.status_code, media_type=self.media_type)(scope, receive, send)
            return
        if self._mode == "slow_body":
            await StreamingResponse(self._drip(body), self.status_code, media_type=self.media_type)(
                scope, receive, send
            )
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})
        if not await _abort(receive):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drip(self, body: bytes) -> AsyncIterator[bytes]:
        for i in range(len(body)):
            if self._closing.is_set():
                return
            yield body[i : i + 1]
            await asyncio.sleep(0.1)


def control_routes(controls: Controls, dialect: Dialect) -> list[Route]:
    """The routes under /__sandbox/; they answer clients on this machine only."""
    side = _ControlSide(controls, dialect)
    return [
        _control("/__sandbox/faults", "GET", side.faults),
        _control("/__sandbox/faults", "PUT", side.set_faults),
        _control("/__sandbox/settings", "GET", side.settings),
        _control("/__sandbox/settings", "PUT", side.set_settings),
        _control("/__sandbox/calls", "GET", side.calls),
        _control("/__sandbox/calls", "DELETE", side.forget_calls),
        _control("/__sandbox/webhooks", "GET", side.webhooks),
        _control("/__sandbox/webhooks", "PUT", side.register_webhook),
        _control("/__sandbox/webhooks", "DELETE", side.forget_webhook),
        _control("/__sandbox/change", "POST", side.change),
        _control("/__sandbox/create", "POST", side.create),
    ]


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _control(path: str, method: str, handler: Callable[[Any], Awaitable[object]]) -> Route:
    async def guarded(request: Request) -> Response:
        # The Host header is looked at as well, so that no web page in a browser here can reach the controls.
        if not _is_local(request.client.host if request.client else "") or not _is_local(
            request.url.hostname or ""
        ):
            return json_response({"error": "the controls answer on loopback only"}, 403)
        try:
            wish = orjson.loads(body) if (body := await request.body()) else {}
            if not isinstance(wish, dict):
                raise BadControl("the body must be a JSON object")
            return json_response(await handler(wish))
        except (BadControl, orjson.JSONDecodeError) as error:
            return json_response({"error": str(error)}, 400)

    return Route(path, guarded, methods=[method])


class _ControlSide:
    """The handlers of the control routes."""

    def __init__(self, controls: Controls, dialect: Dialect) -> None:
        self._controls, self._dialect = controls, dialect

    async def faults(self, _: dict[str, Any]) -> object:
        now = self._controls.faults
        operations = list(now.operations)
        return {"latency_ms": now.latency_ms, "mode": now.mode, "times": now.times, "operations": operations}

    async def set_faults(self, wish: dict[str, Any]) -> object:
        self._controls.set_faults(wish)
        return await self.faults({})

    async def settings(self, _: dict[str, Any]) -> object:
        return self._controls.settings

    async def set_settings(self, wish: dict[str, Any]) -> object:
        self._controls.set_settings(wish)
        return self._controls.settings

    async def calls(self, _: dict[str, Any]) -> object:
        controls = self._controls
        return {
            "total": controls.calls.total(),
            "operations": dict(sorted(controls.calls.items())),
            "details": dict(sorted(controls.details.items())),
        }

    async def forget_calls(self, _: dict[str, Any]) -> object:
        self._controls.calls.clear()
        self._controls.details.clear()
        return await self.calls({})

    async def webhooks(self, _: dict[str, Any]) -> object:
        return self._controls.webhooks.report()

    async def register_webhook(self, wish: dict[str, Any]) -> object:
        url, secret = wish.get("url"), wish.get("secret", "")
        if (
            not isinstance(url, str)
            or not url.startswith(("http://", "https://"))
            or not isinstance(secret, str)
        ):
            raise BadControl("give url (http or https) and secret")
        self._controls.webhooks.register(url, secret)
        return self._controls.webhooks.report()

    async def forget_webhook(self, _: dict[str, Any]) -> object:
        self._controls.webhooks.forget()
        return self._controls.webhooks.report()

    async def change(self, wish: dict[str, Any]) -> object:
        return await self._tell(self._dialect.change(wish), wish)

    async def create(self, wish: dict[str, Any]) -> object:
        return await self._tell(self._dialect.create(wish), wish)

    async def _tell(self, change: Change, wish: dict[str, Any]) -> object:
        hooks = self._controls.webhooks
        if hooks.target:
            url, secret = hooks.target
            hooks.send(self._dialect.sign(change, url, secret))
            if wish.get("wait"):
                await hooks.idle()
        return {"kind": change.kind, "id": change.record_id, "updated": change.at}
