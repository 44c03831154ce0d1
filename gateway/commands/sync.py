"""`c360 identity sync`: reads what changed at the sources since the last time into the identity map."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.commands.identity_group import app

if TYPE_CHECKING:
    from rich.progress import Progress

    from gateway.settings import Settings
    from resolvers.engine import Engine
    from resolvers.identity.sync import Report

STEPS_A_ROUND = 1000
"""Steps of one source in a round of --watch, so that no source keeps a round from ending."""

_UNLISTED = "lists no changes of people: its records come in when somebody asks"


@app.command()
def sync(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings: c360.toml.")],
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this source; repeatable.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Begin at the beginning, not where the last sync ended.")
    ] = False,
    watch: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=1, help="Go on until stopped, with such pauses.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Reads the sources' changes into the identity map; a run that was cut short goes on where it was."""
    from gateway import settings

    loaded = settings.load_with_fields(config)
    raise typer.Exit(asyncio.run(_run(loaded, source or [], full, watch, as_json)))


async def _run(settings: Settings, names: list[str], full: bool, watch: float | None, as_json: bool) -> int:
    from gateway.commands.maintenance import bars, chosen, opened
    from gateway.serving import stop_signals
    from resolvers.identity.sync import Sync

    with stop_signals() as stop, bars(*_columns()) as progress:
        async with opened(settings) as engine:
            work = Sync(engine.identity, engine.sources, told=_Bars(progress).told, stop=stop)
            sources = chosen(names, engine)
            while True:
                reports = await work.run(sources, full=full, most_steps=STEPS_A_ROUND if watch else None)
                progress.stop()
                await _summary(engine, reports, as_json, one_line=watch is not None)
                if watch is None or await _stopped_within(stop, watch):
                    break
                full = False
                progress.start()
    if watch is not None:
        return 0
    return 130 if stop.is_set() else int(not all(report.ok for report in reports))


async def _stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False


def _columns() -> list[Any]:
    from rich.progress import TextColumn

    return [TextColumn("{task.fields[counts]}")]


class _Bars:
    """A line for each source."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def told(self, report: Report) -> None:
        """Shows how far a source is."""
        if report.source not in self._tasks:
            self._tasks[report.source] = self._progress.add_task(report.source, total=None, counts="")
        done = 1 if report.stage.value not in ("reading", "waiting") else None
        wait = f"  asks to slow down, waiting {report.pause:.0f} s" if report.stage.value == "waiting" else ""
        self._progress.update(
            self._tasks[report.source], counts=_counts(report) + wait, total=done, completed=done
        )


def _counts(report: Report) -> str:
    return (
        f"{report.records:,} records read, {report.new:,} new, {report.links:,} links, "
        f"{report.review:+,} pairs to review"
    )


async def _summary(engine: Engine, reports: list[Report], as_json: bool, *, one_line: bool) -> None:
    from resolvers.identity.totals import totals

    found = await totals(engine.identity.store.engine)
    if as_json:
        body = {"sources": [_as_json(report) for report in reports], "map": _builtins(found)}
        print(json.dumps(body, indent=None if one_line else 2), flush=True)
        return
    width = max((len(report.source) for report in reports), default=0)
    for report in reports:
        if not one_line or report.records or report.deleted or not report.ok:
            print(f"{report.source:<{width}}  {_sentence(report)}", flush=True)
    if not one_line:
        held = f"{found.records:,} records of {found.customers:,} customers"
        print(f"The map holds {held}; {found.review:,} pairs wait for review.")


def _sentence(report: Report) -> str:
    if report.stage.value == "unlisted":
        return _UNLISTED
    parts = [_counts(report)]
    if report.deleted:
        parts.append(f"{report.deleted:,} deleted")
    if report.waited >= 1:
        parts.append(f"waited {report.waited:.0f} s for it to allow more")
    line = ", ".join(parts)
    if report.again:
        line += (
            f"\n  {report.again:,} could not be compared with every source and will be read again: sync again"
        )
    if report.problem:
        line += f"\n  {report.problem}{_advice(report)}"
    if report.stage.value == "stopped":
        line += "\n  stopped; the next sync goes on here"
    return line


def _advice(report: Report) -> str:
    if not report.expired:
        return "; the next sync goes on here"
    return (
        f"; where it was read to may have expired: c360 identity sync --full --source {report.source} "
        "begins at the beginning"
    )


def _as_json(report: Report) -> dict[str, Any]:
    found = _builtins(report)
    del found["pause"]
    found["waited"] = round(report.waited, 1)
    found["ok"] = report.ok
    return found


def _builtins(value: Any) -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(value))
