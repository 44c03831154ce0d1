"""What a run says: the table, the ratios of the goals, and the file of results."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.peers.measure import CELLS, IDENTICAL, LATENCY, SLOWEST

Row = Mapping[str, Any]

CALLS = len(LATENCY)
"""Upstream calls that both queries need."""
_LOAD_TOO_BUSY = 0.85
_ORDER = ("ours", "hive", "apollo", "mercurius", "tailcall", "plain")
_COLUMNS = ("cpu_ms", "rps", "p50_ms", "p99_ms", "calls", "rss_mb")
_HEADS = ("CPU-ms a request", "requests/s", "p50 ms", "p99 ms", "upstream calls", "RSS MB")


@dataclass(frozen=True)
class Goal:
    """A goal and what was measured; `value` is None where the run did not measure it."""

    what: str
    limit: str
    value: float | None
    met: bool | None


class Figures:
    """The rows of a run, looked up by what they are about."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = {(row["server"], row["query"], row["cell"]): row for row in rows}

    def get(self, server: str, query: str, cell: str, column: str) -> float | None:
        row = self._rows.get((server, query, cell))
        return None if row is None else float(row[column])

    def ratio(self, peer: str, query: str, cell: str, column: str) -> float | None:
        """Ours to the peer's."""
        ours, theirs = self.get("ours", query, cell, column), self.get(peer, query, cell, column)
        return None if ours is None or not theirs else ours / theirs


def goals(rows: Sequence[Row], identical: Mapping[str, int]) -> list[Goal]:
    """The goals that ratios within one run decide."""
    figures = Figures(rows)

    def slowest(query: str, column: str) -> float | None:
        found = figures.get("ours", query, "latency", column)
        return None if found is None else found / SLOWEST

    found = [
        _at_most(f"one customer, p50 to the slowest source ({SLOWEST} ms)", 1.10, slowest("A", "p50_ms")),
        _at_most(f"one customer, p99 to the slowest source ({SLOWEST} ms)", 1.30, slowest("A", "p99_ms")),
        _at_most(f"50 customers, p50 to the slowest source ({SLOWEST} ms)", 1.25, slowest("B", "p50_ms")),
        _at_most("upstream calls, one customer", 4, figures.get("ours", "A", "cold", "calls")),
        _at_most("upstream calls, 50 customers", 4, figures.get("ours", "B", "cold", "calls")),
        _at_most("upstream calls, warm", 0, figures.get("ours", "A", "warm", "calls")),
        _at_most(f"upstream calls, {IDENTICAL} identical cold requests at once", 4, identical.get("ours")),
    ]
    for query, what, limits in (
        ("A", "one customer", {"hive": 0.30, "apollo": 0.55, "mercurius": 0.95, "tailcall": 2.5}),
        ("B", "50 customers", {"hive": 0.45, "apollo": 0.80, "mercurius": 1.2}),
    ):
        for peer, limit in limits.items():
            ratio = figures.ratio(peer, query, "cold", "cpu_ms")
            found.append(_at_most(f"CPU a request, {what}, to {peer}", limit, ratio))
    rate = figures.ratio("apollo", "A", "warm", "rps")
    found.append(
        Goal("warm requests/s to apollo's response cache", "≥ 5", rate, None if rate is None else rate >= 5)
    )
    found.append(_at_most("CPU-ms of a warm answer", 0.17, figures.get("ours", "A", "warm", "cpu_ms")))
    return found


def _at_most(what: str, limit: float, value: float | None) -> Goal:
    return Goal(what, f"≤ {limit:g}", value, None if value is None else value <= limit + 1e-9)


def markdown(
    rows: Sequence[Row],
    spread: Sequence[Row],
    refused: Mapping[str, str],
    identical: Mapping[str, int],
    machine: str,
) -> str:
    """The whole report."""
    parts = [
        _table(rows, spread),
        _goal_table(goals(rows, identical)),
        *(
            ["Not measured:\n\n" + _listed(f"{what}: {why}" for what, why in refused.items())]
            if refused
            else []
        ),
        *(["Take care:\n\n" + _listed(warned)] if (warned := notes(rows, spread)) else []),
        f"{machine}. Servers on one core, load and stub on the other; medians over the repetitions (quartiles in brackets), "
        f"percentiles over all requests. A: one customer, 835 leaves; B: 50 customers. *cold*: sources at 0 ms, 16 connections "
        f"for A and 8 for B; *latency*: sources at {'/'.join(map(str, LATENCY.values()))} ms, one connection; "
        "*warm*: one question repeated, for servers with a cache of answers.",
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row], spread: Sequence[Row]) -> str:
    quartiles = {(s["server"], s["query"], s["cell"]): s["cpu_ms_quartiles"] for s in spread}
    lines = [
        f"| cell | query | server | {' | '.join(_HEADS)} | ours to theirs, CPU |",
        "|---" * (len(_HEADS) + 4) + "|",
    ]
    for row in sorted(rows, key=_place):
        key = (row["server"], row["query"], row["cell"])
        ratio = Figures(rows).ratio(row["server"], row["query"], row["cell"], "cpu_ms")
        cells = [f"{row[column]:g}" for column in _COLUMNS]
        if low_high := quartiles.get(key):
            cells[0] += f" ({low_high[0]:g}–{low_high[1]:g})"
        last = "" if ratio is None or row["server"] == "ours" else f"{ratio:.2f}"
        lines.append(f"| {row['cell']} | {row['query']} | {row['server']} | {' | '.join(cells)} | {last} |")
    return "\n".join(lines)


def _place(row: Row) -> tuple[int, str, int]:
    server = row["server"]
    return (
        CELLS.index(row["cell"]),
        row["query"],
        _ORDER.index(server) if server in _ORDER else len(_ORDER),
    )


def _goal_table(found: Sequence[Goal]) -> str:
    lines = ["| goal | limit | measured | met |", "|---|---|---|---|"]
    for goal in found:
        value = "not measured" if goal.value is None else f"{goal.value:.2f}"
        met = {None: "", True: "yes", False: "no"}[goal.met]
        lines.append(f"| {goal.what} | {goal.limit} | {value} | {met} |")
    return "\n".join(lines)


def notes(rows: Sequence[Row], spread: Sequence[Row]) -> list[str]:
    """What makes a figure say something else than it seems to."""
    found = [
        f"{_name(row)}: {row['calls']:g} upstream calls instead of {CALLS}: it is not what the others are compared in"
        for row in rows
        if row["cell"] != "warm" and abs(row["calls"] - CALLS) > 0.01
    ]
    found += [
        f"{_name(row)}: load and stub took {row['load_busy']:.0%} of their core, so they may have held the server up"
        for row in spread
        if row.get("load_busy", 0) > _LOAD_TOO_BUSY
    ]
    return found


def _name(row: Row) -> str:
    return f"{row['server']}, {row['query']}, {row['cell']}"


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {' '.join(line.split())[:400]}" for line in lines)


def machine() -> dict[str, object]:
    """The machine's description, and its load now: figures of a busy machine are worth less."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "load_average": [round(each, 2) for each in os.getloadavg()],
    }


def described(found: Mapping[str, object]) -> str:
    """The machine in a sentence."""
    load = found["load_average"]
    assert isinstance(load, list)
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['system']}, load average {load[0]:g} before the run"
    )
