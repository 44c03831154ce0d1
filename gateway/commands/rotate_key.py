"""`c360 identity rotate-key`: renames what is kept under the previous secret, while gateways answer."""

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
    from resolvers.identity.rotation import Report, Rotation


@app.command("rotate-key")
def rotate_key(
    config: Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings: c360.toml.")],
    finish: Annotated[
        bool, typer.Option("--finish", help="Then remove what is still under an older secret.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Renames everything that is kept under the previous secret; a run that was cut short goes on where it was."""
    from gateway import settings

    loaded = settings.load_with_fields(config)
    raise typer.Exit(asyncio.run(_run(loaded, finish, as_json)))


async def _run(settings: Settings, finish: bool, as_json: bool) -> int:
    from gateway.commands.maintenance import bars, opened
    from gateway.serving import stop_signals

    with stop_signals() as stop, bars(*_columns()) as progress:
        async with opened(settings) as engine:
            rotation = _rotation(settings, engine, progress, stop)
            reports = await _renamed(rotation, finish, settings)
            progress.stop()
            removed = await rotation.finish() if finish and not stop.is_set() else None
            left = await engine.identity.store.rekeying.left(settings.identity.secret_version)
    if as_json:
        _print_json(reports, removed, left)
    else:
        _print_text(reports, removed, left)
    if stop.is_set():
        return 130
    return int(removed is None and any(report.unread for report in reports))


def _rotation(settings: Settings, engine: Engine, progress: Progress, stop: asyncio.Event) -> Rotation:
    from gateway.app import create_tokens
    from resolvers.identity.carried import keys_of
    from resolvers.identity.rotation import Rotation

    country = settings.identity.default_country
    return Rotation(
        engine.identity.store,
        create_tokens(settings),
        engine.sources,
        lambda profile: keys_of(profile, country),
        told=_Bars(progress).told,
        stop=stop,
    )


async def _renamed(rotation: Rotation, finish: bool, settings: Settings) -> list[Report]:
    from gateway.serving import StartError
    from resolvers.identity.rotation import RotationError

    if finish and settings.identity.previous_secret is None:
        return []  # nothing can be renamed any more, only removed
    try:
        return await rotation.run()
    except RotationError as error:
        raise StartError(str(error)) from None


def _columns() -> list[Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    return [BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}")]


class _Bars:
    """A bar for each source."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def told(self, report: Report) -> None:
        """Shows how far a source is."""
        if report.source not in self._tasks:
            self._tasks[report.source] = self._progress.add_task(report.source, total=report.found, note="")
        waits = report.stage.value == "waiting"
        note = f"asks to slow down, waiting {report.pause:.0f} s" if waits else ""
        self._progress.update(self._tasks[report.source], completed=report.renewed + report.gone, note=note)


def _print_json(reports: list[Report], removed: Any, left: Any) -> None:
    import msgspec

    sources = [{**msgspec.to_builtins(r), "waited": round(r.waited, 1)} for r in reports]
    for source in sources:
        del source["pause"]
    finished = None
    if removed is not None:
        finished = {**msgspec.to_builtins(removed[0]), "bytes_gone": removed[1]}
    print(json.dumps({"sources": sources, "removed": finished, "left": msgspec.to_builtins(left)}, indent=2))


def _print_text(reports: list[Report], removed: Any, left: Any) -> None:
    width = max((len(report.source) for report in reports), default=0)
    for r in reports:
        gone = f", {r.gone:,} are there no longer" if r.gone else ""
        print(f"{r.source:<{width}}  {r.renewed:,} of {r.found:,} records renamed{gone}")
        if r.problem:
            print(f"  {r.problem}: {r.unread:,} records stay under the previous secret")
    if removed is not None:
        _print_removed(*removed)
    elif left.nothing:
        print("Nothing is kept under another secret. Take identity.previous_secret out of the settings.")
    elif left.records:
        print(
            f"{left.records:,} records are still under the previous secret, and found by it. Run this again when their "
            "sources answer, or with --finish to give up their keys until they are read again."
        )
    else:
        print(
            "All records are renamed. What is left of the previous secret belongs to no record any more: "
            "c360 identity rotate-key --finish removes it."
        )


def _print_removed(left: Any, bytes_gone: bool) -> None:
    print(
        f"Nothing is kept under another secret any more; removed were the keys of {left.records:,} records, "
        f"{left.discoveries:,} discoveries and the keys of {left.verdicts:,} verdicts. "
        "Take identity.previous_secret out of the settings."
    )
    if left.records:
        print("c360 identity sync --full gives those records their keys again, when their sources answer.")
    if not bytes_gone:
        print(
            "The file was in use and still has the bytes of what was removed: run --finish again at a quiet moment."
        )
