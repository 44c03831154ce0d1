"""Measures how this gateway's cost grows, and prints the curves in Markdown with their slopes.

    python -m bench.growth [--only customers --only documents] [--repetitions 5] [--requests N] [--seed 1]

Progress goes to stderr. bench/results/growth.json holds what was measured (with --only, the other curves stay as they are), and
docs/images/growth.svg is drawn from it. Memory over many requests: python -m bench.growth.memory.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.growth import cached, chart, curves, measure, report
from bench.growth.curves import Asked, Curve
from bench.growth.place import Place, Spec, place, say
from bench.peers.answers import Wrong
from bench.peers.load import Failed
from bench.peers.processes import NotStarted
from bench.peers.report import described, machine
from bench.peers.servers import ROOT, versions

RESULTS = ROOT / "bench" / "results" / "growth.json"
CHART = ROOT / "docs" / "images" / "growth.svg"
CUSTOMERS = 4000
_BY_ASKING: dict[str, Callable[[Asked], Curve]] = {
    "customers": curves.customers_in_a_list,
    "orders": curves.orders_in_a_page,
    "concurrency": curves.concurrency,
    "documents": curves.documents,
}
NAMES = ("customers", "orders", "sources", "concurrency", "documents", "cached")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when every curve that was asked for has been measured."""
    options = _parser().parse_args(arguments)
    if len(os.sched_getaffinity(0)) < 2:
        print("this needs two cores: one for the server, one for load and sources", file=sys.stderr)
        return 2
    wanted = [name for name in NAMES if not options.only or name in options.only]
    found: dict[str, Any] = {}
    about = machine()
    try:
        with place(options.seed, CUSTOMERS) as where:
            for name in wanted:
                found[name] = _measured(name, where, options)
    except (Failed, Wrong, NotStarted) as error:
        print(f"the measurement ended: {error}", file=sys.stderr)
        return 1
    for busy in report.warnings(found):
        say(f"take care: {busy}")
    print(report.markdown(found, described(about) + "."))
    _keep(options.output, found, about, options)
    return 0


def _measured(name: str, where: Place, options: argparse.Namespace) -> dict[str, Any]:
    say(f"{name} …")
    before = os.getloadavg()[0]
    if name == "cached":
        found = report.cached(cached.run(options.repetitions, where.core))
    else:
        curve = _curve(name, where, options)
        found = report.curve(curve, measure.run(curve, where, options.repetitions, options.seconds))
    return {**found, "load_average": [round(load, 1) for load in (before, os.getloadavg()[0])]}


def _curve(name: str, where: Place, options: argparse.Namespace) -> Curve:
    if name == "sources":
        curve = curves.sources(options.seed, where)
    else:
        curve = _BY_ASKING[name](Asked(options.seed, where.server(Spec()).names))
    if not options.requests:
        return curve
    points = [dataclasses.replace(point, most=options.requests) for point in curve.points]
    return dataclasses.replace(curve, points=points)


def _keep(file: Path, found: dict[str, Any], about: dict[str, object], options: argparse.Namespace) -> None:
    """Writes the results, with the curves of earlier runs that were not measured now; draws all of them."""
    known: dict[str, Any] = json.loads(file.read_text())["curves"] if file.exists() else {}
    settings = {"seed": options.seed, "customers": CUSTOMERS, "repetitions": options.repetitions,
                "seconds": options.seconds, "requests": options.requests}  # fmt: skip
    fresh = {
        name: {**one, "settings": settings, "machine": about, "versions": versions(["ours"])}
        for name, one in found.items()
    }
    merged = {name: one for name in NAMES if (one := fresh.get(name) or known.get(name))}
    _write(file, json.dumps({"curves": merged}, indent=1, ensure_ascii=False) + "\n")
    if file == RESULTS:
        _write(CHART, chart.svg(merged))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    say(f"wrote {file}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("--only", action="append", choices=NAMES, help="only this curve; may be repeated")
    parser.add_argument("--repetitions", type=_positive, default=5)
    parser.add_argument(
        "--requests", type=_positive, default=None, help="of a repetition at most; else by point"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="of a repetition at most")
    parser.add_argument("--seed", type=int, default=1, help="changes payloads and ids")
    parser.add_argument("--output", type=Path, default=RESULTS, help="default: bench/results/growth.json")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
