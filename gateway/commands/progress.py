"""A progress bar for long commands: on a terminal on stderr, elsewhere nothing."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Told:
    """Hands what matching and training say on to the progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._task = progress, progress.add_task("reading", total=None)

    def said(self, text: str) -> None:
        self._progress.update(self._task, description=text, total=None)

    def done(self, text: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=text, completed=done, total=total)


def bar() -> Progress:
    """On a terminal a bar on stderr, elsewhere nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
