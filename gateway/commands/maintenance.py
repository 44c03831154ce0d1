"""What the long-running commands on the identity map share: opening it with its log, and the bars on a terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from gateway import telemetry
from gateway.app import create_engine, open_engine
from gateway.commands.serve import reason, try_sqlite
from gateway.serving import StartError
from gateway.settings import Settings
from gateway.telemetry import Metrics
from resolvers.engine import Engine


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Engine]:
    """The engine of these settings, its store up to date. Raises SettingsError or StartError."""
    # now, not earlier: while bars are shown, sys.stderr is what keeps lines and bars apart
    telemetry.configure(settings.log, development=settings.development)
    try_sqlite(settings)
    engine = create_engine(settings, Metrics())
    try:
        await open_engine(engine)
    except Exception as error:  # a database driver's
        raise StartError(f"cannot open the identity store: {reason(error)}") from None
    try:
        yield engine
    finally:
        await engine.aclose()


def bars(*columns: ProgressColumn) -> Progress:
    """On a terminal a line for each source on stderr, elsewhere nothing."""
    console = Console(stderr=True)
    shown = (SpinnerColumn(), TextColumn("{task.description}"), *columns, TimeElapsedColumn())
    # standard output is the caller's: it may go to a file while bars are shown
    return Progress(
        *shown, console=console, transient=True, disable=not console.is_terminal, redirect_stdout=False
    )


def chosen(names: Sequence[str], engine: Engine) -> list[str]:
    """The sources to work on, all where none is named. Raises StartError for one that is not configured."""
    configured = [adapter.name for adapter in engine.sources]
    for name in names:
        if name not in configured:
            raise StartError(
                f'no source is called "{name}"; the settings have {", ".join(configured) or "none"}'
            )
    return [name for name in configured if name in names] if names else configured
