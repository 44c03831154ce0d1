"""Installs what the real systems need: Debian packages, npm packages, Python packages, each by name."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.live.systems.processes import HarnessError, Processes

CACHE_VARIABLE = "C360_LIVE_CACHE"
INSTALL_SECONDS = 1200.0
STAMP = "stamp"
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\nexit 101\n"
SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")


def cache_root() -> Path:
    """Where installations and template databases are kept between runs."""
    default = Path(__file__).resolve().parents[3] / ".cache" / "live"
    root = Path(os.environ.get(CACHE_VARIABLE) or default).resolve()
    root.mkdir(parents=True, exist_ok=True)
    return root


def install_once(folder: Path, recipe: str, build: Callable[[], None]) -> bool:
    """Builds `folder` from nothing, unless its stamp names the same recipe; True if it was built.

    Two runs at once wait for each other. A build that fails leaves no stamp, so the next run starts again.
    """
    with locked(folder.with_name(f"{folder.name}.lock")):
        stamp = folder / STAMP
        if stamp.exists() and stamp.read_text() == recipe:
            return False
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        build()
        stamp.write_text(recipe)
        return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock between processes and threads for as long as the block runs."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(paths: Sequence[Path]) -> str:
    """A short fingerprint of some files, for a stamp."""
    seen = hashlib.sha256()
    for path in sorted(paths):
        seen.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return seen.hexdigest()[:16]


def program(name: str) -> str | None:
    """The path of a program, looked for in the system folders too: an ordinary user's PATH lacks them."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS]))


def debian_version(package: str) -> str | None:
    """The installed version of a Debian package; None when it is not installed."""
    if shutil.which("dpkg-query") is None:
        return None
    answer = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package],
        capture_output=True,
        text=True,
        check=False,
    )
    status, _, version = answer.stdout.partition(" ")
    return version if status == "installed" else None


def install_debian(
    packages: Sequence[str], *, processes: Processes, report: Callable[[str], None], log: Path
) -> None:
    """Installs what is missing of some Debian packages, without starting the services that they bring."""
    with locked(cache_root() / "apt.lock"):
        missing = [package for package in packages if debian_version(package) is None]
        if not missing:
            return
        command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
        if shutil.which("apt-get") is None or os.geteuid() != 0:
            raise HarnessError(f"needs Debian packages that only root can install: {' '.join(command)}")
        report(f"installing {', '.join(missing)} (apt, up to 2 minutes) ...")
        with _services_held():
            _apt(["apt-get", "update"], processes=processes, log=log)
            _apt(command, processes=processes, log=log)


def _apt(command: Sequence[str], *, processes: Processes, log: Path) -> None:
    """One apt command; it waits for another apt's lock and is never ended half way."""
    options = ["-o", "DPkg::Lock::Timeout=600"]
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    processes.run([*command, *options], log=log, seconds=INSTALL_SECONDS, env=env, spare=True)


@contextlib.contextmanager
def _services_held() -> Iterator[None]:
    """Debian's own switch against starting services; a machine that has one keeps it."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(POLICY_TEXT)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
