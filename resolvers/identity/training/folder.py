"""A private folder for the length of a run. It holds personal data, so it is removed whatever happens to the run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "c360-run-"
_LOCK = "in-use"


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder (mode 0700) under TMPDIR, gone afterwards. Also removes what a run that was killed has left there.

    A run holds a lock in its folder, which the system frees when the process ends: nothing else can tell dead from slow.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, still in use, or just removed
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
