"""Compares this gateway with its peers on one core each, and prints the table in Markdown.

    python -m bench.peers [--server ours --server apollo] [--query A] [--cell cold] [--repetitions 5] [--seed 1]

Progress goes to stderr. `bench/results/peers.json` holds what was measured; docs/images/peers.svg is drawn from a run of all
servers. What a peer needs is installed into .cache/peers from npm, once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.peers import chart, measure, report
from bench.peers.servers import ALL, ROOT, versions

RESULTS = ROOT / "bench" / "results" / "peers.json"
CHART = ROOT / "docs" / "images" / "peers.svg"
LEAST_CUSTOMERS = 2000


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when something was measured."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.customers < LEAST_CUSTOMERS:
        parser.error(
            f"--customers must be at least {LEAST_CUSTOMERS}: with fewer, caches would answer for the sources"
        )
    if len(os.sched_getaffinity(0)) < 2:
        print(
            "this needs two cores, one for the server and one for load and sources; here is one",
            file=sys.stderr,
        )
        return 2
    names = list(dict.fromkeys(options.server or ALL))
    plan = measure.Plan(
        servers=[ALL[name] for name in names],
        queries=options.query or ["A", "B"],
        cells=options.cell or measure.CELLS,
        repetitions=options.repetitions,
        seconds=options.seconds,
        requests=options.requests,
        seed=options.seed,
        customers=options.customers,
    )
    machine = report.machine()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped too
    result = measure.run(plan)
    rows = measure.rows(result)
    if not rows:
        print("nothing was measured; what went wrong is above", file=sys.stderr)
        return 1
    spread = measure.spread(result)
    print(report.markdown(rows, spread, result.refused, result.identical, report.described(machine)))
    found = {
        "rows": rows,
        "versions": versions(names),
        "machine": machine,
        "settings": {
            "seed": plan.seed, "customers": plan.customers, "repetitions": plan.repetitions,
            "seconds": plan.seconds, "requests": plan.requests, "latency_ms": measure.LATENCY,
        },
        "spread": spread,
        "refused": result.refused,
        "identical_requests_calls": result.identical,
    }  # fmt: skip
    _write(options.output, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if set(names) == set(ALL) and options.output == RESULTS:
        _write(CHART, chart.svg(rows, {name: server.title for name, server in ALL.items()}))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--server", action="append", choices=list(ALL), help="only this one; may be repeated")
    parser.add_argument("--query", action="append", choices=["A", "B"])
    parser.add_argument("--cell", action="append", choices=measure.CELLS)
    parser.add_argument("--repetitions", type=_positive, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a repetition at most")
    parser.add_argument("--requests", type=_positive, default=2000, help="of a repetition at most")
    parser.add_argument("--seed", type=int, default=1, help="changes payloads and ids")
    parser.add_argument("--customers", type=_positive, default=4000)
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: bench/results/peers.json")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"wrote {file}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
