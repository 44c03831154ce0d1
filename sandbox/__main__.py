"""`python -m sandbox`: starts the four servers and prints one JSON line when all are ready."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import threading

from sandbox.server import NotLoopback, running
from sandbox.world import SYSTEMS


def main() -> int:
    """Runs until SIGTERM or SIGINT, or until stdin closes where that was asked for."""
    options = _options()
    try:
        asyncio.run(_serve(options))
    except (NotLoopback, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=360)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    for system in SYSTEMS:
        parser.add_argument(f"--{system}-port", type=int, default=0, help="0 means a free port")
    parser.add_argument(
        "--latency", type=_latency, default={}, metavar="SYSTEM=MS,…", help="hubspot=20,shopify=40"
    )
    parser.add_argument("--no-limits", action="store_true", help="lift the vendors' rate limits")
    parser.add_argument("--strict", action="store_true", help="leave out what has no value instead of null")
    parser.add_argument("--with-parent", action="store_true", help="stop when stdin closes")
    return parser.parse_args()


def _latency(text: str) -> dict[str, float]:
    latency = {}
    for part in filter(None, text.split(",")):
        system, _, value = part.partition("=")
        if system not in SYSTEMS:
            raise argparse.ArgumentTypeError(f"{system!r} is none of {', '.join(SYSTEMS)}")
        latency[system] = float(value)
    return latency


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.with_parent:
        _watch_stdin(loop, stop)
    async with running(
        people=options.people,
        seed=options.seed,
        host=options.host,
        ports={system: getattr(options, f"{system}_port") for system in SYSTEMS},
        latency_ms=options.latency,
        limits=not options.no_limits,
        strict=options.strict,
    ) as sandbox:
        print(json.dumps(sandbox.endpoints()), flush=True)
        await stop.wait()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Sets the event when stdin ends, which it does when the parent does."""

    def wait() -> None:
        # The descriptor itself: a thread inside sys.stdin would hold its lock when the interpreter ends.
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the loop has ended before the parent
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
