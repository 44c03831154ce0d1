"""`python -m tests.live.systems`: installs the real systems, or keeps them running until told to stop."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from types import FrameType

from tests.live.systems import NAMES, HarnessError, install, start

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """`install [system ...]` or `up [system ...]`; no name means all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.systems", description=__doc__)
    parser.add_argument("command", choices=("install", "up"))
    parser.add_argument("systems", nargs="*", metavar="system", help=f"one or more of {', '.join(NAMES)}")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    try:
        if chosen.command == "install":
            install(chosen.systems or NAMES)
        else:
            _up(chosen.systems or NAMES)
    except HarnessError as error:
        print(f"live: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("live: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _up(names: list[str] | tuple[str, ...]) -> None:
    """One JSON line for each system, then nothing until a signal comes."""
    with start(names) as systems, contextlib.suppress(KeyboardInterrupt):
        for system in systems.values():
            print(json.dumps(system.describe()), flush=True)
        while True:
            signal.pause()


def _leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
