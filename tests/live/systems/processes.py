"""Owns every process that the harness starts, so that none of them outlives it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

Command = Sequence[str | Path]

LOG_TAIL_LINES = 25
STOP_SECONDS = 10.0
POLL_SECONDS = 0.1


class HarnessError(Exception):
    """A real system could not be installed, started or stopped; the text says what to do about it."""


class Server:
    """One server in a process group of its own."""

    def __init__(
        self, name: str, owner: Processes, launch: Callable[[], subprocess.Popen[bytes]], log: Path
    ) -> None:
        self.name = name
        self._owner = owner
        self._launch = launch
        self._process = launch()
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Polls until `ready` is true; a server that dies or is too slow is an error with its last words."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise HarnessError(f"{self.name} ended while starting.\n{tail(self._log)}")
            if time.monotonic() > deadline:
                raise HarnessError(f"{self.name} was not ready after {seconds:.0f} s.\n{tail(self._log)}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Ends the whole group, by force if it does not go when asked; stopping twice is fine."""
        self._owner.end(self._process)

    def restart(self) -> None:
        """Starts it again as it was started, on the data that it left; the caller waits until it answers."""
        self.stop()
        self._process = self._launch()


class Processes:
    """Runs the installers and servers of one harness; closing it ends whatever still runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._spared: set[int] = set()
        self._folders: list[Path] = []
        self._closed = False

    def run(
        self,
        command: Command,
        *,
        log: Path,
        seconds: float,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        spare: bool = False,
    ) -> None:
        """Runs a command to its end; a failure is an error with the end of its output.

        A spared command is waited for when the harness closes, not ended: half a package installation would
        leave the machine worse than before.
        """
        process = self._start(command, log=log, env=env, cwd=cwd, user=None, spare=spare)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise HarnessError(f"{_title(command)} took longer than {seconds:.0f} s.\n{tail(log)}") from None
        finally:
            self.end(process)
        if code != 0:
            raise HarnessError(f"{_title(command)} failed with exit code {code}.\n{tail(log)}")

    def spawn(
        self,
        name: str,
        command: Command,
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> Server:
        """Starts a server that runs until it is stopped or the harness closes; `user` needs root."""
        launch = partial(self._start, command, log=log, env=env, cwd=cwd, user=user, spare=False)
        return Server(name, self, launch, log)

    def scratch(self, user: str | None) -> Path:
        """A new folder that belongs to `user` (None: to us) and is removed on close.

        It lies in the system's temporary folder, because another user may not be let into the checkout's.
        """
        folder = Path(tempfile.mkdtemp(prefix="c360-live-"))
        self._folders.append(folder)
        if user is not None:
            shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
        return folder

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Ends the group of one child, once: after that its id may be another's."""
        with self._lock:
            if self._children.pop(process.pid, None) is None:
                return
        _end_group(process)

    def close(self) -> None:
        """Ends everything that still runs, removes the scratch folders and refuses to start more."""
        with self._lock:
            self._closed = True
            children = list(self._children.values())
        for process in children:
            if process.pid in self._spared:
                process.wait()
            self.end(process)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _start(
        self,
        command: Command,
        *,
        log: Path,
        env: Mapping[str, str] | None,
        cwd: Path | None,
        user: str | None,
        spare: bool,
    ) -> subprocess.Popen[bytes]:
        with self._lock, log.open("ab") as output:
            if self._closed:
                raise HarnessError("the harness is closing")
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
            )
            self._children[process.pid] = process
            if spare:
                self._spared.add(process.pid)
            return process


def tail(log: Path) -> str:
    """The last lines of a log, or nothing if there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the group of `process`, then SIGKILL to whatever is left of it."""
    _signal_group(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + STOP_SECONDS
    while group_lives(process.pid):
        if time.monotonic() > deadline:
            raise HarnessError(f"processes of group {process.pid} do not end")
        time.sleep(POLL_SECONDS)


def group_lives(group: int) -> bool:
    """Whether any process of a group still runs; the dead that nobody has asked about yet do not count."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name, in brackets, may hold anything; state, parent and group come after it.
            state, _, member_of = status.read_text().rpartition(")")[2].split()[:3]
            if int(member_of) == group and state not in ("Z", "X"):
                return True
    return False


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _title(command: Command) -> str:
    program, *arguments = (str(part) for part in command[:3])
    return " ".join([Path(program).name, *arguments])
