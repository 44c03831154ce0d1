"""Measures a curve: every point checked and warmed up, then all points in turns, by what the system accounts to the server."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.growth.curves import Curve, Point
from bench.growth.fit import Line, line, log_log
from bench.growth.load import Load, drive
from bench.growth.place import Place, say
from bench.peers.answers import Wrong

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One repetition of one point. `load_busy` is the share of their core that load and stub used."""

    cpu_ms: float
    rps: float
    calls: float
    rss_mb: float
    load_busy: float
    refused: int
    served: int
    latencies: Sequence[float]


def run(curve: Curve, where: Place, repetitions: int, seconds: float) -> list[Row]:
    """A row for each point. Raises Failed, Wrong, NotStarted."""
    for point in curve.points:
        _prepare(curve, point, where)
    samples: dict[int, list[Sample]] = {point.x: [] for point in curve.points}
    for repetition in range(repetitions):
        turn = repetition % len(curve.points)
        for point in [*curve.points[turn:], *curve.points[:turn]]:  # no point is always the first
            found = _sample(curve, point, where, seconds)
            samples[point.x].append(found)
            say(
                f"{curve.name} {point.x}, {repetition + 1}/{repetitions}: {found.cpu_ms:.2f} CPU-ms, {found.rps:.0f}/s, "
                f"{found.rss_mb:.0f} MB, {found.refused} refused"
            )
    return [row(point.x, samples[point.x], beyond=point.beyond) for point in curve.points]


def _prepare(curve: Curve, point: Point, where: Place) -> None:
    one = where.server(point.spec)
    for _ in range(2):
        _judge(curve, point, _drive(where, point, most=1, seconds=20.0))
    load = _drive(where, point, most=point.warm_up, seconds=120.0)
    _judge(curve, point, load)
    one.process.drained()


def _sample(curve: Curve, point: Point, where: Place, seconds: float) -> Sample:
    process = where.server(point.spec).process
    before, loading = process.drained(), where.load_cpu()
    where.calls()
    load = _drive(where, point, most=point.most, seconds=seconds)
    loading = where.load_cpu() - loading
    calls, used = where.calls(), process.drained() - before
    _judge(curve, point, load)
    return Sample(
        cpu_ms=used / load.asked * 1e3,
        rps=load.served / load.seconds,
        calls=calls / load.served,
        rss_mb=process.rss_mb(),
        load_busy=loading / load.seconds,
        refused=load.refused,
        served=load.served,
        latencies=load.latencies,
    )


def _drive(where: Place, point: Point, *, most: int, seconds: float) -> Load:
    one = where.server(point.spec)
    load = asyncio.run(
        drive(
            one.process.port, point.ask, first=one.next, connections=point.connections, most=most, seconds=seconds
        )
    )  # fmt: skip
    one.next += load.asked
    return load


def _judge(curve: Curve, point: Point, load: Load) -> None:
    """Raises Wrong where answers are not what they should be, or somebody was refused who should not have been."""
    others = load.asked - load.served - load.refused
    if load.errors > load.refused or others or (load.refused and not point.beyond):
        raise Wrong(
            f"{curve.name} {point.x}: answered by status: {dict(load.statuses)}, {load.errors} with errors"
        )
    for number, body in load.bodies.items():
        point.check(number, body)


def row(x: int, samples: Sequence[Sample], *, beyond: bool) -> Row:
    """Medians over the repetitions with the quartiles of CPU-ms, percentiles over all requests."""
    latencies = [each for sample in samples for each in sample.latencies]
    cpu = [sample.cpu_ms for sample in samples]
    return {
        "x": x,
        "cpu_ms": round(statistics.median(cpu), 3),
        "cpu_ms_quartiles": [round(_quantile(cpu, share), 3) for share in (0.25, 0.75)],
        "rps": round(statistics.median(s.rps for s in samples), 1),
        "p50_ms": round(_quantile(latencies, 0.5) * 1e3, 2),
        "p99_ms": round(_quantile(latencies, 0.99) * 1e3, 2),
        "calls": round(statistics.mean(s.calls for s in samples), 2),
        "rss_mb": round(statistics.median(s.rss_mb for s in samples), 1),
        "refused": sum(s.refused for s in samples),
        "served": sum(s.served for s in samples),
        "load_busy": round(statistics.median(s.load_busy for s in samples), 2),
        "beyond": beyond,
    }


def _quantile(values: Iterable[float], share: float) -> float:
    """Interpolated between the two nearest values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def slope(rows: Sequence[Mapping[str, Any]], *, log: bool, of: str = "cpu_ms") -> Line:
    """The line through the rows that belong to it."""
    kept = [row for row in rows if not row.get("beyond")]
    fit = log_log if log else line
    return fit([float(row["x"]) for row in kept], [float(row[of]) for row in kept])
