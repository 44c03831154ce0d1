"""The contract between the harness and its systems, and the little that all of them share."""

from __future__ import annotations

import dataclasses
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.live.systems.processes import HarnessError, Processes, Server

HOST = "127.0.0.1"
START_ATTEMPTS = 3

Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class System:
    """A running server: where it listens and how to sign in."""

    name: str
    base_url: str
    port: int
    username: str
    secret: str = dataclasses.field(repr=False)
    extra: Mapping[str, str] = dataclasses.field(default_factory=dict)
    server: Server = dataclasses.field(repr=False)

    def stop(self) -> None:
        """Ends the server and all its processes."""
        self.server.stop()

    def describe(self) -> dict[str, Any]:
        """What another program needs to use the system: URL, port, credentials, process id."""
        return {
            "name": self.name,
            "base_url": self.base_url,
            "host": HOST,
            "port": self.port,
            "username": self.username,
            "secret": self.secret,
            "pid": self.server.pid,
            **self.extra,
        }


class Recipe(Protocol):
    """How one system is installed and started; each system's module is one."""

    def install(self, *, cache: Path, processes: Processes, report: Report) -> None:
        """Installs into `cache`, unless that was done before."""

    def start(self, *, cache: Path, workdir: Path, processes: Processes) -> System:
        """Starts a clean copy that keeps its data in `workdir`, and waits until it answers."""


def free_port() -> int:
    """A port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def new_secret() -> str:
    """A password or key that nobody can guess."""
    return secrets.token_urlsafe(18)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_text(text)


def start_on_free_port(launch: Callable[[int], System]) -> System:
    """Launches on a free port, and on another one when somebody took it in between."""
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            return launch(free_port())
        except HarnessError as error:
            if attempt == START_ATTEMPTS or not _port_taken(error):
                raise
    raise AssertionError("unreachable")


def _port_taken(error: HarnessError) -> bool:
    text = str(error).lower()
    return "in use" in text or "eaddrinuse" in text
