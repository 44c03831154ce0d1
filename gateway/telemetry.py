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
from collections.abc import Awaitable, Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO, TypeVar

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from adapters.base import Adapter, Call, Changes, Found, MatchKey, Owner, Page, Window
from adapters.errors import SourceError
from adapters.records import Profile, RecordKind
from gateway.settings import Log

T = TypeVar("T")

METRICS_TYPE = CONTENT_TYPE_LATEST
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
        self._upstream_series: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._cache_series: dict[tuple[str, str, str], Counter] = {}
        self.answers = Counter(
            "c360_answers",
            "Answers to documents that may be kept: kept, shared with one under way, or made.",
            ["answer"],
            registry=self.registry,
        )
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def observe_upstream(self, source: str, operation: str, outcome: str, seconds: float) -> None:
        """One operation of a source. `outcome` is "ok" or an error code; `operation` holds no personal data."""
        series = self._upstream_series.get((source, operation, outcome))
        if series is None:  # looking a series up costs more than counting in it
            series = (
                self.upstream.labels(source, operation, outcome),
                self.upstream_seconds.labels(source, operation),
            )
            self._upstream_series[source, operation, outcome] = series
        series[0].inc()
        series[1].observe(seconds)

    def cached(self, source: str, kind: str, outcome: str, items: int) -> None:
        """See `resolvers.caching.counting.Counts`. All three names come from closed sets."""
        series = self._cache_series.get((source, kind, outcome))
        if series is None:  # looked up once: a warm answer must not pay for it
            series = self._cache_series[source, kind, outcome] = self.cache_items.labels(
                source, kind, outcome
            )
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
    handler = Lines(stream, log.format)
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


class Lines(logging.StreamHandler[TextIO]):
    """The handler of all lines. `quick` writes one that needs no care: no exception, nothing but short plain words in it."""

    def __init__(self, stream: TextIO, format_: str) -> None:
        super().__init__(stream)
        self._render = _json_line if format_ == "json" else None if stream.isatty() else _text_line

    def quick(self, level: str, event: str, facts: Mapping[str, Any]) -> bool:
        """Whether it could be written so; as structlog would, to the letter."""
        if self._render is None:
            return False
        text = self._render(level, event, facts, datetime.now(UTC).isoformat()[:-6] + "Z")
        with contextlib.suppress(OSError, ValueError), self.lock or contextlib.nullcontext():
            self.stream.write(text)
            self.stream.flush()
        return True


def _json_line(level: str, event: str, facts: Mapping[str, Any], at: str) -> str:
    return _json({**facts, "level": level, "timestamp": at, "event": event}) + "\n"


def _text_line(level: str, event: str, facts: Mapping[str, Any], at: str) -> str:
    shown = " ".join(f"{name}={facts[name]}" for name in sorted(facts))
    return f"{at} [{level:<9}] {event:<30} {shown}\n"


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


class ObservedAdapter:
    """An adapter whose calls are counted and timed, whatever protocol it speaks."""

    def __init__(self, adapter: Adapter, metrics: Metrics) -> None:
        self.name = adapter.name
        self.manifest = adapter.manifest
        self._adapter = adapter
        self._metrics = metrics

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """See `Adapter.find`."""
        return await self._observed("find", self._adapter.find(keys, call))

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """See `Adapter.read`."""
        return await self._observed("read", self._adapter.read(ids, parts, call))

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """See `Adapter.page`."""
        pages = self._adapter.page(kind, owners, window, parts, call)
        return await self._observed(f"page {kind._value_}", pages)

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """See `Adapter.changes`."""
        return await self._observed(f"changes {kind.value}", self._adapter.changes(kind, cursor, call))

    async def check(self, call: Call) -> str:
        """See `Adapter.check`."""
        return await self._observed("check", self._adapter.check(call))

    async def aclose(self) -> None:
        """See `Adapter.aclose`."""
        await self._adapter.aclose()

    async def _observed(self, operation: str, work: Awaitable[T]) -> T:
        started, outcome = time.perf_counter(), "INTERNAL"
        try:
            done = await work
            outcome = "ok"
            return done
        except SourceError as error:
            outcome = error.code
            raise
        except asyncio.CancelledError:
            outcome = "CANCELLED"
            raise
        finally:
            self._metrics.observe_upstream(self.name, operation, outcome, time.perf_counter() - started)
