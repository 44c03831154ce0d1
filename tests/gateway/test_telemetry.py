"""Log lines and figures: what they say, and that they hold no personal data."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog

from adapters.base import Call
from adapters.errors import SourceTimeout
from gateway.settings import Log
from gateway.telemetry import Metrics, ObservedAdapter, configure
from tests.gateway.small import KEY, Small, open_settings, settings

PERSONAL = "ada@example.org"


class Lines(io.StringIO):
    """What was logged, parsed."""

    @property
    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def stderr() -> Iterator[Lines]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    lines = Lines()
    yield lines
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()


async def test_an_access_line_says_who_and_how_long_and_nothing_personal(stderr: Lines) -> None:
    configure(Log(format="json"), development=False, stream=stderr)
    async with Small(settings()).client(headers={"x-api-key": KEY, "x-correlation-id": "c-1"}) as client:
        query = f'query Q($n: String!) {{ hello(name: $n) x: hello(name: "{PERSONAL}") }}'
        await client.get("/graphql", params={"query": query, "variables": json.dumps({"n": PERSONAL})})
        await client.get(f"/people/{PERSONAL}")
    access = [line for line in stderr.parsed if line["event"] == "request"]
    assert [line["path"] for line in access] == ["/graphql", "(other)"]
    assert access[0].items() >= {
        "correlation_id": "c-1", "principal": "tests", "outcome": "OK", "status": 200, "method": "GET",
    }.items()  # fmt: skip
    assert PERSONAL not in stderr.getvalue()
    assert "httpx" not in stderr.getvalue()
    assert KEY not in stderr.getvalue()


@pytest.mark.parametrize("development", [False, True])
async def test_an_unexpected_error_is_logged_with_its_place_and_its_text_only_in_development(
    stderr: Lines, development: bool
) -> None:
    configure(Log(format="json"), development=development, stream=stderr)
    environment = "development" if development else "production"
    small = Small(open_settings(environment=environment))
    async with small.client(headers={"x-correlation-id": "c-2"}) as client:
        await client.post("/graphql", json={"query": '{ person(by: {email: "a"}) { failing } }'})
    line = next(line for line in stderr.parsed if line["event"] == "unexpected error")
    assert line["correlation_id"] == "c-2"
    assert "RuntimeError" in line["stack"]
    assert "failing" in line["stack"]
    assert (PERSONAL in line["stack"]) is development


async def test_lines_of_the_standard_library_are_treated_alike(stderr: Lines) -> None:
    configure(Log(format="json"), development=False, stream=stderr)
    log = logging.getLogger("some.library")
    log.warning("source failed", extra={"source": "crm"})
    try:
        raise ValueError(PERSONAL)
    except ValueError:
        log.exception("an adapter failed")
    logging.getLogger("httpx").info("GET https://crm.example/contacts?email=%s", PERSONAL)
    first, second = stderr.parsed
    assert (first["event"], first["source"], first["level"]) == ("source failed", "crm", "warning")
    assert "ValueError" in second["stack"]
    assert PERSONAL not in stderr.getvalue()


async def test_text_lines_are_written_too(stderr: Lines) -> None:
    configure(Log(format="text", level="warning"), development=False, stream=stderr)
    structlog.stdlib.get_logger("x").info("not this")
    structlog.stdlib.get_logger("x").warning("but this", number=7)
    assert "but this" in stderr.getvalue()
    assert "number=7" in stderr.getvalue()
    assert "not this" not in stderr.getvalue()


async def test_requests_are_counted_by_outcome() -> None:
    small = Small()
    async with small.client() as client:
        await client.post("/graphql", json={"query": "{ hello }"})
        await client.post("/graphql", json={"query": "{ late }"})
        await client.post("/graphql", json={"query": "{"})
        await client.post("/graphql", content=b"")
        shown = (await client.get("/metrics")).text
    for line in ('outcome="OK"} 1.0', 'outcome="PARTIAL"} 1.0', 'outcome="BAD_USER_INPUT"} 2.0'):
        assert f"c360_requests_total{{{line}" in shown
    assert "c360_requests_in_flight 0.0" in shown


class Failing:
    name = "crm"
    manifest = None

    async def check(self, call: Call) -> str:
        if call.deadline:
            raise SourceTimeout("crm", "check")
        return "fine"


async def test_operations_of_sources_are_counted() -> None:
    metrics = Metrics()
    adapter = ObservedAdapter(Failing(), metrics)  # type: ignore[arg-type]
    assert await adapter.check(Call(deadline=0)) == "fine"
    with pytest.raises(SourceTimeout):
        await adapter.check(Call(deadline=1))
    shown = metrics.exposition().decode()
    for outcome in ("ok", "SOURCE_TIMEOUT"):
        labels = f'{{operation="check",outcome="{outcome}",source="crm"}}'
        assert f"c360_source_operations_total{labels} 1.0" in shown


def test_items_of_the_source_cache_are_counted() -> None:
    metrics = Metrics()
    for items in (2, 3):
        metrics.cached("crm", "profile", "hit", items)
    metrics.cached("crm", "find", "miss", 1)
    shown = metrics.exposition().decode()
    assert 'c360_source_cache_items_total{kind="profile",outcome="hit",source="crm"} 5.0' in shown
    assert 'c360_source_cache_items_total{kind="find",outcome="miss",source="crm"} 1.0' in shown


async def test_readiness_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.app.READY_WITHIN", 0.05)

    async def fine() -> None:
        return None

    async def broken() -> None:
        raise OSError("postgresql://user:password@db7")

    async def hanging() -> None:
        await asyncio.Event().wait()

    async with Small(probes={"store": fine}).client() as client:
        assert (await client.get("/readyz")).json() == {"status": "ready", "store": "ok"}
    async with Small(probes={"store": broken, "cache": hanging}).client() as client:
        response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"status": "not ready", "store": "unavailable", "cache": "unavailable"}


@pytest.mark.parametrize("format_", ["json", "text"])
async def test_the_short_way_of_an_access_line_writes_what_structlog_would(
    stderr: Lines, format_: Literal["json", "text"], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(Log(format=format_), development=False, stream=stderr)
    async with Small(settings()).client(headers={"x-api-key": KEY, "x-correlation-id": "c-1"}) as client:
        await client.post("/graphql", json={"query": "{ hello }"})
        monkeypatch.setattr("gateway.telemetry.Lines.quick", lambda *_: False)
        await client.post("/graphql", json={"query": "{ hello }"})
    short, long = (without_times(line, format_) for line in stderr.getvalue().splitlines())
    assert short == long


def without_times(line: str, format_: str) -> object:
    if format_ == "json":
        facts = json.loads(line)
        assert facts.pop("timestamp").endswith("Z")
        assert facts.pop("ms") >= 0
        return facts
    return re.sub(r"^[0-9T:.-]+Z|ms=[0-9.]+", "", line)
