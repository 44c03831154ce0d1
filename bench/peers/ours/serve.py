"""Serves this gateway as `c360 serve` does, with the benchmark's sources; the first line of its output is its port."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any
from urllib.parse import urlsplit

from bench.peers.ours import KEY, SECRET
from bench.peers.ours.identity import SOURCES
from bench.peers.ours.sources import ADAPTERS
from gateway import telemetry
from gateway.commands.serve import running
from gateway.serving import stop_signals
from gateway.settings import Settings, SettingsError, validate


def settings(map_file: str, stub: str) -> Settings:
    """What an operator would write: an API key, the map, the four sources; everything else as it is shipped."""
    table: dict[str, Any] = {
        "server": {"port": 0},
        "auth": {"mode": "api_keys", "api_keys": [{"name": "bench", "key": KEY}]},
        "identity": {"url": f"sqlite+aiosqlite:///{map_file}", "secret": SECRET, "default_country": "DE"},
        "sources": {source: {"adapter": f"bench-{source}", "base_url": stub} for source in SOURCES},
    }
    mistakes: list[Any] = []
    made = validate(table, ADAPTERS, where="the benchmark's settings", mistakes=mistakes)
    if made is None:
        raise SettingsError(mistakes)
    return made


async def serve(chosen: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    telemetry.configure(chosen.log, development=chosen.development)
    with stop_signals() as stop:
        async with running(chosen, ADAPTERS) as url:
            print(urlsplit(url).port, flush=True)
            await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--map", required=True)
    parser.add_argument("--stub", required=True, help="http://127.0.0.1:PORT")
    options = parser.parse_args()
    asyncio.run(serve(settings(options.map, options.stub)))


if __name__ == "__main__":
    main()
