"""Serves this gateway as `c360 serve` does, with any number of the benchmark's sources; its output's first line is its port."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import urlsplit

from bench.growth.sources import ALL, adapters_of
from bench.peers.ours import KEY, SECRET
from gateway import serving, telemetry
from gateway.commands.serve import running
from gateway.serving import stop_signals
from gateway.settings import Settings, SettingsError, validate


def settings(map_file: str, stub: str, sources: int, *, searched: bool) -> Settings:
    """What an operator would write: an API key, the map, the sources; everything else as it is shipped."""
    table: dict[str, Any] = {
        "server": {"port": 0},
        "auth": {"mode": "api_keys", "api_keys": [{"name": "bench", "key": KEY}]},
        "identity": {"url": f"sqlite+aiosqlite:///{map_file}", "secret": SECRET, "default_country": "DE"},
        "sources": {
            source: {"adapter": adapter, "base_url": stub}
            for source, adapter in adapters_of(sources, searched=searched).items()
        },
    }
    mistakes: list[Any] = []
    made = validate(table, ALL, where="the benchmark's settings", mistakes=mistakes)
    if made is None:
        raise SettingsError(mistakes)
    return made


async def serve(chosen: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    telemetry.configure(chosen.log, development=chosen.development)
    with stop_signals() as stop:
        async with running(chosen, ALL) as url:
            print(urlsplit(url).port, flush=True)
            await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--map", required=True)
    parser.add_argument("--stub", required=True, help="http://127.0.0.1:PORT")
    parser.add_argument("--sources", type=int, default=4)
    parser.add_argument("--searched", action="store_true", help="the CRM can be asked for e-mail addresses")
    options = parser.parse_args()
    serving.run(serve(settings(options.map, options.stub, options.sources, searched=options.searched)))


if __name__ == "__main__":
    main()
