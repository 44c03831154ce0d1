"""The report of the curves in Markdown: a table for each, its slope, and what the slope means in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.growth.curves import Curve
from bench.growth.fit import Line, line
from bench.growth.measure import slope

Row = Mapping[str, Any]
_COLUMNS = {
    "customers": ("cpu_ms", "rps", "p50_ms", "p99_ms", "calls"),
    "orders": ("cpu_ms", "rps", "p50_ms", "p99_ms", "calls"),
    "sources": ("cpu_ms", "rps", "p50_ms", "p99_ms", "calls"),
    "concurrency": ("cpu_ms", "rps", "p50_ms", "p99_ms", "served", "refused", "rss_mb"),
    "documents": ("cpu_ms", "rps", "p50_ms", "p99_ms", "rss_mb"),
    "cached": ("bound", "kept", "grown_mb", "put_us", "get_us"),
}
_HEADS = {
    "cpu_ms": "CPU-ms a request (quartiles)", "rps": "requests/s", "p50_ms": "p50 ms", "p99_ms": "p99 ms",
    "calls": "upstream calls", "served": "answered", "refused": "refused", "rss_mb": "RSS, MB", "bound": "bound",
    "kept": "entries kept", "grown_mb": "RSS grown by, MB", "put_us": "CPU-µs to keep one", "get_us": "to find one",
}  # fmt: skip
TOO_BUSY = 0.9
"""Load and stub at this share of their core may hold the server up: CPU is still the server's own, times are not."""


def curve(made: Curve, rows: Sequence[Row]) -> dict[str, Any]:
    """What the results file holds of a curve of requests."""
    found = slope(rows, log=made.log)
    return {
        "title": made.title,
        "x": made.x,
        "fit": "log-log" if made.log else "linear",
        "rows": list(rows),
        "slope": {"of": "cpu_ms", **_line(found)},
        "meaning": meaning(made.x, rows, found, log=made.log),
    }


def cached(rows: Sequence[Row]) -> dict[str, Any]:
    """The same of the cache in the process: the line is that of memory by entries kept."""
    found = line([float(row["kept"]) for row in rows], [float(row["grown_mb"]) for row in rows])
    most = max(rows, key=lambda row: (row["x"], row["bound"]))
    text = (
        f"Memory follows what is kept, {found.slope * 1e6:,.0f} bytes an entry (payloads of {most['payload_bytes']:,.0f}), "
        f"and not what passes by: of {most['x']:,.0f} customers {most['kept']:,.0f} stay where the bound is {most['bound']:,.0f}."
    )
    return {
        "title": "Cached customers",
        "x": "customers",
        "fit": "linear",
        "rows": list(rows),
        "slope": {"of": "grown_mb by kept", **_line(found)},
        "meaning": text,
    }


def _line(found: Line) -> dict[str, float]:
    return {
        "slope": round(found.slope, 9),
        "error": round(found.error, 9),
        "intercept": round(found.intercept, 6),
    }


def meaning(x: str, rows: Sequence[Row], found: Line, *, log: bool) -> str:
    """A sentence about the slope."""
    kept = [row for row in rows if not row.get("beyond")]
    first, last = kept[0], kept[-1]
    times, cost = last["x"] / first["x"], last["cpu_ms"] / first["cpu_ms"]
    span = f"{times:g} times as many {x} cost {cost:.2f} times as much"
    if not log:
        each = f"{found.slope:.3f} ± {found.error:.3f} CPU-ms for each of the {x}"
        return f"Linear: {each}, beside {found.intercept:.2f} CPU-ms whatever their number; {span}."
    text = f"Log-log: CPU a request grows with the power {found.slope:.3f} ± {found.error:.3f} of the {x}; {span}."
    for row in rows:
        if row.get("beyond"):
            refused = f" over all, of which {row['refused']:,} were refused" if row["refused"] else ""
            text += f" Beyond the bound, at {row['x']:,}: {row['cpu_ms']:.2f} CPU-ms{refused}."
    return text


def markdown(curves: Mapping[str, Mapping[str, Any]], about: str) -> str:
    """All curves, one after the other, and what they were measured on."""
    parts = []
    for name, found in curves.items():
        parts += [f"### {found['title']}", _table(_COLUMNS[name], found), found["meaning"]]
    return "\n\n".join([*parts, about]) + "\n"


def _table(columns: Sequence[str], found: Mapping[str, Any]) -> str:
    lines = [
        f"| {found['x']} | {' | '.join(_HEADS[column] for column in columns)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for row in found["rows"]:
        mark = " (beyond the bound)" if row.get("beyond") else ""
        cells = " | ".join(_cell(row, column) for column in columns)
        lines.append(f"| {row['x']:,.0f}{mark} | {cells} |")
    return "\n".join(lines)


def _cell(row: Row, column: str) -> str:
    value = row[column]
    if column == "cpu_ms":
        low, high = row["cpu_ms_quartiles"]
        return f"{value:.2f} ({low:.2f}–{high:.2f})"
    if column in ("served", "refused", "kept", "bound"):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def warnings(curves: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Points at which load and stub were so busy that times say more about them than about the gateway."""
    return [
        f"{name} {row['x']}: load and stub took {row['load_busy']:.0%} of their core"
        for name, found in curves.items()
        for row in found["rows"]
        if row.get("load_busy", 0.0) > TOO_BUSY
    ]
