"""The outermost layer of the gateway: correlation ids, and one log line for each request, at the price of its bytes."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import Code, plain
from gateway.telemetry import Lines, described

CORRELATION_HEADER = b"x-correlation-id"
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def correlation_id(scope: Scope) -> str:
    """The client's id where it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == CORRELATION_HEADER and _SANE_ID.fullmatch(value):
            sane: bytes = value
            return sane.decode("ascii")
    return secrets.token_hex(16)


class Tracing:
    """Gives each request its correlation id, logs it, and lets no exception out."""

    def __init__(self, app: ASGIApp, routes: frozenset[str], development: bool = False) -> None:
        """`routes` are the paths that may be named in the log; any other could hold anything."""
        self._app = app
        self._routes = routes
        self._development = development
        self._log = structlog.stdlib.get_logger("gateway.access")
        self._level = logging.getLogger("gateway.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        correlation = correlation_id(scope)
        scope.setdefault("state", {})["correlation_id"] = correlation
        status = 0

        async def traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (CORRELATION_HEADER, correlation.encode("ascii"))]
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=correlation):
            try:
                await self._app(scope, receive, traced)
            except Exception as error:  # the last place where it can be masked
                self._log.error("unexpected error", stack=described(error, self._development))
                if status == 0:
                    await _internal_error(traced, correlation)
            if self._level.isEnabledFor(logging.INFO):
                self._write(self._line(scope, status or 499, time.perf_counter() - started), correlation)

    def _write(self, line: dict[str, Any], correlation: str) -> None:
        handlers = logging.getLogger().handlers
        lines = handlers[0] if len(handlers) == 1 and isinstance(handlers[0], Lines) else None
        # round structlog and logging, which take more time than a kept answer
        if lines is None or not lines.quick("info", "request", {"correlation_id": correlation, **line}):
            self._log.info("request", **line)

    def _line(self, scope: Scope, status: int, seconds: float) -> dict[str, Any]:
        path = scope["path"] if scope["path"] in self._routes else "(other)"
        noted = scope["state"].get("noted", {})
        return {
            "method": scope["method"],
            "path": path,
            "status": status,
            "ms": round(seconds * 1000, 1),
            **noted,
        }


def note(scope: Scope, **facts: Any) -> None:
    """Adds facts without personal data to the request's log line."""
    scope.setdefault("state", {}).setdefault("noted", {}).update(facts)


async def _internal_error(send: Send, correlation: str) -> None:
    body = orjson.dumps({"errors": [plain(Code.INTERNAL, "internal error", correlationId=correlation)]})
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
