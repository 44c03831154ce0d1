"""Installs what the peers need into .cache/peers, once for each set of versions: npm packages by exact version and lock."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "peers"
NODE_PEERS = ("hive", "apollo", "mercurius", "tailcall")
_WITH_SHARED = ("apollo", "mercurius")
_NPM_WITHIN = 600


class Missing(Exception):
    """A peer cannot be run here. Its text says why, and what would help."""


def folder(peer: str) -> Path:
    return CACHE / peer


def install(peer: str) -> Path:
    """The peer's folder with its packages and its files as they are now. Raises Missing."""
    if peer == "tailcall" and (platform.machine() != "x86_64" or sys.platform != "linux"):
        raise Missing(
            f"its program is for Linux on x86-64, and this is {sys.platform} on {platform.machine()}"
        )
    for program in ("npm", "node"):
        if shutil.which(program) is None:
            raise Missing(f"{program} is not installed: install Node.js 20 or newer, then run this again")
    into = folder(peer)
    into.mkdir(parents=True, exist_ok=True)
    stamp, wanted = into / ".installed", _digest(peer)
    if not (stamp.exists() and stamp.read_text() == wanted):
        stamp.unlink(missing_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(HERE / peer / name, into / name)
        _npm(peer, into)
        stamp.write_text(wanted)
    shared = [*(HERE / "shared").iterdir()] if peer in _WITH_SHARED else []
    for file in [*(HERE / peer).iterdir(), *shared]:
        if file.suffix in (".mjs", ".graphql"):
            shutil.copyfile(file, into / file.name)
    return into


def _digest(peer: str) -> str:
    """Of what is installed."""
    files = [HERE / peer / name for name in ("package.json", "package-lock.json")]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _npm(peer: str, into: Path) -> None:
    print(f"installing {peer} (npm, once) …", file=sys.stderr, flush=True)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(
            command, cwd=into, capture_output=True, text=True, timeout=_NPM_WITHIN, check=False
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"npm did not end within {_NPM_WITHIN} s: is there a network?") from None
    if done.returncode:
        raise Missing(f"npm ci failed:\n{done.stderr[-1500:]}")
