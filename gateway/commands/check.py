"""`c360 check`: settings, store, cache and each source, all at once; what is wrong, and how to mend it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from rich.console import Console

from adapters.base import Adapter, Call
from adapters.errors import (
    BadPayload,
    SourceAuthFailed,
    SourceError,
    SourceRateLimited,
    SourceRejected,
    SourceTimeout,
)
from gateway import migrations
from gateway import settings as configuration
from gateway.app import create_engine, trusted_documents
from gateway.commands.serve import SQLITE, reason, warnings
from gateway.execution.documents import Documents, core_schema
from gateway.schema import build_schema
from gateway.settings import Settings, SettingsError
from gateway.telemetry import Metrics
from resolvers.engine import Engine

WITHIN = 10.0
"""Seconds that each part has to answer."""

_MEND: tuple[tuple[type[SourceError], str], ...] = (
    (SourceAuthFailed, "check the credentials in [sources.{name}], and the rights that docs/adapters names"),
    (SourceTimeout, "check the address in [sources.{name}] and that this machine may connect to it"),
    (SourceRateLimited, "wait; if it stays so, set requests_per_second in [sources.{name}]"),
    (SourceRejected, "check the address and the version in [sources.{name}]"),
    (BadPayload, "check that the address in [sources.{name}] is the API, not a web page or a proxy"),
    (SourceError, "check the address in [sources.{name}] and that the system runs"),
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out of one part. `mend` says what to do where it is not `ok`."""

    part: str
    ok: bool
    detail: str
    mend: str | None = None


def run(path: Path, *, as_json: bool) -> int:
    """Checks, prints, and gives the exit status: 0 when everything works."""
    try:
        settings = configuration.load_with_fields(path)
        engine = create_engine(settings, Metrics())
    except SettingsError as error:
        findings = [Finding(part="settings", ok=False, detail=str(mistake)) for mistake in error.mistakes]
    else:
        findings = [Finding(part="settings", ok=True, detail=f"{path.name} is understood")]
        with Console(stderr=True).status("asking the store, the cache and the sources …"):
            findings += _documents(settings)
            findings += asyncio.run(_everything(settings, engine))
        if not as_json:
            _print_lines(f"warning: {line}" for line in warnings(settings))
    if as_json:
        print(json.dumps([msgspec.to_builtins(finding) for finding in findings], indent=2))
    else:
        _print_table(findings)
    return 0 if all(finding.ok for finding in findings) else 1


def _documents(settings: Settings) -> list[Finding]:
    """The manifest, where there is one: every hash, and every document against the schema and the limits."""
    path = settings.documents.manifest
    if path is None:
        return []
    try:
        found = trusted_documents(settings, Documents(core_schema(build_schema()), settings.limits))
    except SettingsError as error:
        mend = "mend the document and add it anew: c360 documents add"
        return [Finding(part="documents", ok=False, detail=str(m), mend=mend) for m in error.mistakes]
    return [Finding(part="documents", ok=True, detail=f"{path}: all {len(found)} can be run")]


async def _everything(settings: Settings, engine: Engine) -> list[Finding]:
    try:
        checks = [
            _bounded("store", _store(settings, engine)),
            _bounded("cache", _cache(settings, engine)),
            *(_bounded(f"sources.{a.name}", _source(a)) for a in engine.sources),
        ]
        return list(await asyncio.gather(*checks))
    finally:
        await engine.aclose()


async def _bounded(part: str, check: Awaitable[Finding]) -> Finding:
    try:
        async with asyncio.timeout(WITHIN):
            return await check
    except TimeoutError:
        detail = f"no answer within {WITHIN:g} seconds"
        return Finding(part=part, ok=False, detail=detail, mend="check the address and the network")
    except Exception as error:  # a driver's; one broken part must not hide the others
        return Finding(part=part, ok=False, detail=reason(error), mend="check its settings")


async def _store(settings: Settings, engine: Engine) -> Finding:
    url = settings.identity.url.get_secret_value()
    where = _shown(url)
    if url.startswith(SQLITE) and (finding := _new_file(Path(url.removeprefix(SQLITE)))):
        return finding
    try:
        await engine.identity.store.ping()
        behind = await migrations.pending(engine.identity.store.engine)
    except Exception as error:  # whatever the driver raises
        mend = "check identity.url, and that the database runs and lets this user in"
        return Finding(part="store", ok=False, detail=f"{where}: {reason(error)}", mend=mend)
    state = "its tables will be brought up to date at the next start" if behind else "answers, up to date"
    return Finding(part="store", ok=True, detail=f"{where} {state}")


def _new_file(file: Path) -> Finding | None:
    """What to say of a database file that is not there yet; looking at it would make it."""
    if file.exists():
        return None
    if file.parent.is_dir():
        return Finding(part="store", ok=True, detail=f"{file} will be made at the first start")
    mend = f"make the folder {file.parent}, or change identity.url"
    return Finding(part="store", ok=False, detail=f"{file}: there is no such folder", mend=mend)


async def _cache(settings: Settings, engine: Engine) -> Finding:
    where = _shown(settings.cache.url.get_secret_value())
    try:
        await engine.cache.ping()
    except Exception as error:  # whatever the driver raises
        mend = "check cache.url and that Redis runs; until then every question goes to the sources"
        return Finding(part="cache", ok=False, detail=f"{where}: {reason(error)}", mend=mend)
    return Finding(part="cache", ok=True, detail=f"{where} answers")


async def _source(adapter: Adapter) -> Finding:
    part = f"sources.{adapter.name}"
    call = Call(deadline=time.monotonic() + WITHIN, correlation_id=uuid.uuid4().hex)
    try:
        answered = await adapter.check(call)
    except SourceError as error:
        mend = next(text for kind, text in _MEND if isinstance(error, kind)).format(name=adapter.name)
        detail = f"{error.code}: {adapter.name} {error.summary}" + (
            f" ({error.detail})" if error.detail else ""
        )
        return Finding(part=part, ok=False, detail=detail, mend=mend)
    return Finding(part=part, ok=True, detail=answered)


def _shown(url: str) -> str:
    """A URL without user and password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _print_table(findings: list[Finding]) -> None:
    width = max(len(finding.part) for finding in findings)
    for finding in findings:
        print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.part:<{width}}  {finding.detail}")
        if finding.mend:
            print(f"      {'':<{width}}  -> {finding.mend}")


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)
