"""What the gateway tells its operators: log lines with a correlation id, and figures for Prometheus.

Nothing here holds personal data: no query text, no variables, no URL of an upstream call, no path that is not
one of our own routes. The text of an unexpected exception may hold anything, so in production only its type
and stack are written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import sys
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.base import Adapter, Call, Changes, Found, MatchKey, Owner, Page, Window
from adapters.errors import SourceError
from adapters.records import Profile, RecordKind
from gateway.errors import Code, plain
from gateway.settings import Log

CORRELATION_HEADER = "X-Correlation-Id"
METRICS_TYPE = CONTENT_TYPE_LATEST
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_QUIET = (
    "httpx",
    "httpcore",
    "hpack",
    "urllib3",
    "asyncio",
    "aiosqlite",
    "sqlalchemy",
    "alembic",
    "imapclient",
    "uvicorn.access",
)
"""Libraries whose INFO and DEBUG lines hold URLs, statements or addresses."""


class Metrics:
    """The gateway's figures, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "c360_requests", "GraphQL requests by outcome.", ["outcome"], registry=self.registry
        )
        self.seconds = Histogram(
            "c360_request_seconds", "Time to a GraphQL answer.", registry=self.registry, buckets=_SECONDS
        )
        self.in_flight = Gauge("c360_requests_in_flight", "GraphQL requests at work.", registry=self.registry)
        self.upstream = Counter(
            "c360_source_operations",
            "Operations of sources, each of one call or more.",
            ["source", "operation", "outcome"],
            registry=self.registry,
        )
        self.upstream_seconds = Histogram(
            "c360_source_operation_seconds",
            "Time of an operation of a source.",
            ["source", "operation"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.cache_items = Counter(
            "c360_source_cache_items",
            "Items asked of the source cache, by what became of them.",
            ["source", "kind", "outcome"],
            registry=self.registry,
        )
        self._cache_series: dict[tuple[str, str, str], Counter] = {}
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def observe_upstream(self, source: str, operation: str, outcome: str, seconds: float) -> None:
        """One operation of a source. `outcome` is "ok" or an error code; `operation` holds no personal data."""
        self.upstream.labels(source, operation, outcome).inc()
        self.upstream_seconds.labels(source, operation).observe(seconds)

    def cached(self, source: str, kind: str, outcome: str, items: int) -> None:
        """See `resolvers.caching.counting.Counts`. All three names come from closed sets."""
        series = self._cache_series.get((source, kind, outcome))
        if series is None:  # looked up once: a warm answer must not pay for it
            series = self._cache_series[source, kind, outcome] = self.cache_items.labels(source, kind, outcome)
        series.inc(items)

    def exposition(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)


def configure(log: Log, *, development: bool, stream: TextIO | None = None) -> None:
    """Sends every log line, ours and the libraries', to stderr (or `stream`) in one format. Called once."""
    stream = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _stack_of(development),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if log.format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log.level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def _stack_of(development: bool) -> structlog.typing.Processor:
    def processor(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        info = event.pop("exc_info", None)
        if info is True:
            info = sys.exc_info()
        error = info[1] if isinstance(info, tuple) else info
        if isinstance(error, BaseException):
            event["stack"] = described(error, development)
        return event

    return processor


def described(error: BaseException, development: bool) -> str:
    """An unexpected exception for the log: with its text only where nobody's data is at stake."""
    return "".join(traceback.format_exception(error)) if development else stack(error)


def stack(error: BaseException) -> str:
    """Types and places of an exception and of what caused it, without any text of theirs."""
    return " <- ".join(_one_stack(each) for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    seen: set[int] = set()
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _one_stack(error: BaseException) -> str:
    places = " > ".join(_places(error.__traceback__))
    return f"{type(error).__module__}.{type(error).__qualname__} at {places or '?'}"


def _places(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace):
        path = re.split(r"[\\/]", frame.filename)
        yield f"{'/'.join(path[-3:])}:{frame.lineno} {frame.name}"


def correlation_id(headers: Headers) -> str:
    """The client's id where it is harmless, else a new one."""
    given = headers.get(CORRELATION_HEADER, "")
    return given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex


class Tracing:
    """The outermost layer: gives each request its correlation id, logs it, and lets no exception out."""

    def __init__(self, app: ASGIApp, routes: frozenset[str], development: bool = False) -> None:
        """`routes` are the paths that may be named in the log; any other could hold anything."""
        self._app = app
        self._routes = routes
        self._development = development
        self._log = structlog.stdlib.get_logger("gateway.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlation = correlation_id(Headers(scope=scope))
        scope.setdefault("state", {})["correlation_id"] = correlation
        started = time.perf_counter()
        status = 0

        async def traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[CORRELATION_HEADER] = correlation
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=correlation):
            try:
                await self._app(scope, receive, traced)
            except Exception as error:  # the last place where it can be masked
                self._log.error("unexpected error", stack=described(error, self._development))
                if status == 0:
                    await _internal_error(traced, correlation)
            self._log.info("request", **self._line(scope, status or 499, time.perf_counter() - started))

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


class ObservedAdapter:
    """An adapter whose calls are counted and timed, whatever protocol it speaks."""

    def __init__(self, adapter: Adapter, metrics: Metrics) -> None:
        self.name = adapter.name
        self.manifest = adapter.manifest
        self._adapter = adapter
        self._metrics = metrics

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """See `Adapter.find`."""
        with self._observed("find"):
            return await self._adapter.find(keys, call)

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """See `Adapter.read`."""
        with self._observed("read"):
            return await self._adapter.read(ids, parts, call)

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """See `Adapter.page`."""
        with self._observed(f"page {kind.value}"):
            return await self._adapter.page(kind, owners, window, parts, call)

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """See `Adapter.changes`."""
        with self._observed(f"changes {kind.value}"):
            return await self._adapter.changes(kind, cursor, call)

    async def check(self, call: Call) -> str:
        """See `Adapter.check`."""
        with self._observed("check"):
            return await self._adapter.check(call)

    async def aclose(self) -> None:
        """See `Adapter.aclose`."""
        await self._adapter.aclose()

    @contextlib.contextmanager
    def _observed(self, operation: str) -> Iterator[None]:
        started, outcome = time.perf_counter(), "INTERNAL"
        try:
            yield
            outcome = "ok"
        except SourceError as error:
            outcome = error.code
            raise
        except asyncio.CancelledError:
            outcome = "CANCELLED"
            raise
        finally:
            self._metrics.observe_upstream(self.name, operation, outcome, time.perf_counter() - started)
