"""Installs, starts and stops the four real third-party servers that the gateway is proven against."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.live.systems import dovecot, request_tracker, tryton, vendure
from tests.live.systems.base import Recipe, Report, System
from tests.live.systems.packages import cache_root
from tests.live.systems.processes import HarnessError, Processes, Server

__all__ = ["NAMES", "HarnessError", "Server", "System", "install", "print_progress", "start"]

Result = TypeVar("Result")
NAMES = (tryton.NAME, vendure.NAME, request_tracker.NAME, dovecot.NAME)


def print_progress(text: str) -> None:
    """One line of progress, on stderr."""
    print(f"live: {text}", file=sys.stderr, flush=True)


def install(names: Sequence[str] = NAMES, *, report: Report = print_progress) -> None:
    """Installs the named systems side by side; does nothing for one that is installed."""
    with contextlib.closing(Processes()) as processes:
        jobs = [partial(_install, recipe, processes, report) for recipe in _recipes(names).values()]
        _together(jobs, processes)


@contextlib.contextmanager
def start(
    names: Sequence[str] = NAMES, *, workdir: Path | None = None, report: Report = print_progress
) -> Iterator[Mapping[str, System]]:
    """Installs and starts the named systems, each clean; all are stopped however the block ends.

    Data and logs go to `workdir`, by default a temporary folder. A system that does not come up is a
    HarnessError.
    """
    with contextlib.ExitStack() as stack:
        folder = workdir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="c360-live-")))
        processes = stack.enter_context(contextlib.closing(Processes()))
        jobs = [
            partial(_bring_up, recipe, folder / name, processes, report)
            for name, recipe in _recipes(names).items()
        ]
        yield {system.name: system for system in _together(jobs, processes)}


def _recipes(names: Sequence[str]) -> dict[str, Recipe]:
    known: dict[str, Recipe] = {
        tryton.NAME: tryton,
        vendure.NAME: vendure,
        request_tracker.NAME: request_tracker,
        dovecot.NAME: dovecot,
    }
    unknown = [name for name in names if name not in known]
    if unknown:
        raise HarnessError(f"unknown system {', '.join(unknown)}; there are {', '.join(known)}")
    return {name: known[name] for name in names}


def _install(recipe: Recipe, processes: Processes, report: Report) -> None:
    recipe.install(cache=cache_root(), processes=processes, report=report)


def _bring_up(recipe: Recipe, workdir: Path, processes: Processes, report: Report) -> System:
    cache = cache_root()
    recipe.install(cache=cache, processes=processes, report=report)
    workdir.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    system = recipe.start(cache=cache, workdir=workdir, processes=processes)
    report(f"{system.name} answers on {system.base_url} after {time.monotonic() - begun:.1f} s")
    return system


def _together(jobs: Sequence[Callable[[], Result]], processes: Processes) -> list[Result]:
    """Runs the jobs side by side; the first failure ends the processes of the others too."""
    with ThreadPoolExecutor(max(1, len(jobs))) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            processes.close()
            raise
    return [future.result() for future in futures]
