"""Stoplight's Prism: installed by name into an ignored folder, and run as a checking proxy before the sandbox.

`python -m tests.specs.prism` installs it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.live.systems.packages import install_once
from tests.live.systems.processes import HarnessError, Processes, Server
from tests.specs.described import Description

PACKAGE = "@stoplight/prism-cli@5.16.0"
CACHE_VARIABLE = "C360_PRISM_CACHE"
NEED_VARIABLE = "C360_NEED_PRISM"
READY = re.compile(r"Prism is listening on (http://127\.0\.0\.1:\d+)")
START_SECONDS = 240.0
INSTALL_SECONDS = 600.0


def folder() -> Path:
    """Where Prism is kept between runs."""
    default = Path(__file__).resolve().parents[2] / ".cache" / "prism"
    return Path(os.environ.get(CACHE_VARIABLE) or default).resolve()


def program() -> Path:
    """The program itself, whether or not it is there."""
    return folder() / "node_modules" / ".bin" / "prism"


def why_not() -> str | None:
    """Why Prism cannot be run now; None when it can."""
    if shutil.which("node") is None:
        return "Node.js is not installed, and Prism needs it"
    stamp = folder() / "stamp"
    if not program().exists() or not stamp.exists() or stamp.read_text() != PACKAGE:
        return "Prism is not installed (make specs installs and runs it)"
    return None


def install() -> None:
    """Installs Prism unless this version is there. Raises HarnessError with npm's last words, or RuntimeError."""
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is not installed, and Prism comes from there")
    folder().parent.mkdir(parents=True, exist_ok=True)
    log = folder().with_name("prism-install.log")

    def build() -> None:
        (folder() / "package.json").write_text('{"private": true}\n')
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        command = [npm, "install", *quiet, PACKAGE]
        with contextlib.closing(Processes()) as processes:
            processes.run(command, log=log, seconds=INSTALL_SECONDS, cwd=folder())

    install_once(folder(), PACKAGE, build)


@contextlib.contextmanager
def proxies(upstreams: Mapping[Description, str]) -> Iterator[dict[str, str]]:
    """One Prism for each description, before the server it describes; gives their addresses by name.

    They start together and are ready when the block begins. Violations are told in a header of each answer, and change
    nothing else, so that every request and answer goes its whole way.
    """
    with contextlib.closing(Processes()) as processes, tempfile.TemporaryDirectory() as logs:
        waiting: dict[str, tuple[Server, Path]] = {}
        for description, upstream in upstreams.items():
            log = Path(logs) / f"{description.name}.log"
            command: list[str | Path] = [program(), "proxy", "-h", "127.0.0.1", "-p", "0"]
            command += [description.path, upstream]
            waiting[description.name] = (
                processes.spawn(f"Prism for {description.name}", command, log=log),
                log,
            )
        deadline = time.monotonic() + START_SECONDS
        for server, log in waiting.values():
            server.wait_until(lambda log=log: _address(log) is not None, deadline - time.monotonic())  # type: ignore[misc]
        yield {name: _address(log) or "" for name, (_, log) in waiting.items()}


def _address(log: Path) -> str | None:
    """Where a Prism listens (the system chooses the port), once it does."""
    found = READY.search(log.read_text(errors="replace"))
    return found.group(1) if found else None


if __name__ == "__main__":
    try:
        install()
    except (RuntimeError, HarnessError) as error:
        sys.stderr.write(f"Prism could not be installed: {error}\n")
        sys.exit(1 if os.environ.get("CI", "").lower() == "true" else 0)
