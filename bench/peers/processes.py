"""Processes pinned to one core each, and what the system accounts to them: CPU time of all their threads, and memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

START_WITHIN = 60.0
"""Seconds that a server may take until it listens."""
_PR_SET_PDEATHSIG = 1
_DRAIN_WITHIN = 3.0
_PAUSE = 0.05
_QUIET_S = 0.001
"""A process that uses less than this in a pause has done its work."""


class NotStarted(Exception):
    """A process did not get ready. Its text has the end of what it wrote."""


class Process:
    """A running server. Its errors go to a log file. Close it, whatever happens."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        core: int,
        log: Path,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        """`port` is where it will listen; without one, the first line of its output says so. Raises NotStarted."""
        self.name = name
        self._log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        self._errors: IO[bytes] = log.open("wb")
        announced = port is None
        try:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if announced else self._errors,
                stderr=self._errors,
                preexec_fn=_prepare(core),
            )
        except OSError as error:
            self._errors.close()
            raise NotStarted(f"{name} cannot be started: {error.strerror} ({command[0]})") from None
        try:
            self.port = port if port is not None else self._announced()
            self._listening()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def _announced(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line.isdigit():
            raise NotStarted(f"{self.name} did not say where it listens: {line.decode()!r}\n{self._tail()}")
        return int(line)

    def _listening(self) -> None:
        until = time.monotonic() + START_WITHIN
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise NotStarted(f"{self.name} ended with status {self._process.returncode}\n{self._tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise NotStarted(f"{self.name} does not listen after {START_WITHIN:.0f} s\n{self._tail()}")

    def _tail(self) -> str:
        self._errors.flush()
        return self._log.read_text(errors="replace")[-1500:]

    def cpu_s(self) -> float:
        """CPU seconds of all threads of the process and its children so far."""
        return sum(cpu_s(pid) for pid in _family(self.pid))

    def rss_mb(self) -> float:
        """Resident memory of the process and its children, in MB (1,000,000 bytes)."""
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _family(self.pid))
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def drained(self) -> float:
        """`cpu_s` when the work that was left over is done (garbage, log lines); after three seconds in any case."""
        until = time.monotonic() + _DRAIN_WITHIN
        used = self.cpu_s()
        while time.monotonic() < until:
            time.sleep(_PAUSE)
            before, used = used, self.cpu_s()
            if used - before < _QUIET_S:
                break
        return used

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


def _prepare(core: int) -> Callable[[], None]:
    """What a process does first: it takes its core before it makes threads, and ends when this one is killed."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        os.sched_setaffinity(0, {core})
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return prepare


def cpu_s(pid: int) -> float:
    """CPU seconds of the threads that a process has now, exact where the kernel keeps schedstat, else in hundredths."""
    if not Path(f"/proc/{pid}/schedstat").exists():
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    used = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            used += int(task.read_text().split()[0])
    return used / 1e9


def _family(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        number: int = s.getsockname()[1]
        return number
