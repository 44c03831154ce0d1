"""The curves as small multiples in one SVG that is legible on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _COLUMNS = 380, 230, 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 18, 40, 44
_NEAR = 30
"""Pixels that two labels of the x axis lie apart at least."""
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px }
.faint { fill: #59636e }
.axis { stroke: #8c959f; fill: none }
.grid { stroke: #d1d9e0; stroke-width: .5 }
.fit { stroke: #8c959f; stroke-dasharray: 4 3; fill: none }
.line { stroke: #0969da; fill: none; stroke-width: 1.5 }
.other { stroke: #bc4c00 }
.dot { fill: #0969da; stroke: #0969da }
.dot.other { fill: #bc4c00; stroke: #bc4c00 }
.beyond { fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .faint { fill: #9198a1 }
  .axis { stroke: #6e7681 }
  .grid { stroke: #3d444d }
  .fit { stroke: #6e7681 }
  .line { stroke: #4493f8 }
  .other { stroke: #f0883e }
  .dot { fill: #4493f8; stroke: #4493f8 }
  .dot.other { fill: #f0883e; stroke: #f0883e }
  .beyond { fill: none }
}
"""
Scale = Callable[[float], float]


def svg(curves: Mapping[str, Mapping[str, Any]]) -> str:
    """One panel for each curve."""
    rows = math.ceil(len(curves) / _COLUMNS)
    panels = []
    for number, found in enumerate(curves.values()):
        x, y = number % _COLUMNS * _WIDTH, number // _COLUMNS * _HEIGHT
        panels.append(f'<g transform="translate({x},{y})">{"".join(_panel(found))}</g>')
    label = "How cost grows: " + "; ".join(str(found["title"]).lower() for found in curves.values())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH * _COLUMNS} {_HEIGHT * rows}" role="img" '
        f'aria-label="{escape(label)}"><style>{_STYLE}</style>{"".join(panels)}</svg>\n'
    )


def _panel(found: Mapping[str, Any]) -> list[str]:
    memory = "bound" in found["rows"][0]
    of, unit = ("grown_mb", "MB of memory") if memory else ("cpu_ms", "CPU-ms a request")
    log = memory or found["fit"] == "log-log"
    x = _across([float(row["x"]) for row in found["rows"]], log=log)
    most = max(float(row[of]) for row in found["rows"])
    ticks = _ticks(most)
    y = _up(max(most, ticks[-1]))
    parts = [
        f'<text class="title" x="{_LEFT}" y="16">{escape(found["title"])}</text>',
        f'<text class="faint" x="{_LEFT}" y="31">{unit}</text>',
        *_y_axis(ticks, y),
        *_x_axis(found, x),
    ]
    if not memory:
        return [*parts, _fit(found, x, y), *_series(found["rows"], of, x, y, "")]
    for bound, kind in zip(sorted({row["bound"] for row in found["rows"]}), ("", " other"), strict=False):
        rows = [row for row in found["rows"] if row["bound"] == bound]
        parts += _series(rows, of, x, y, kind)
        last = rows[-1]
        place = f'x="{x(float(last["x"])):.1f}" y="{y(last[of]) - 8:.1f}"'
        parts.append(f'<text class="faint" text-anchor="end" {place}>bound {bound:,.0f}</text>')
    return parts


def _across(values: Sequence[float], *, log: bool) -> Scale:
    of: Scale = math.log10 if log else float
    low, high = (of(min(values)) if log else 0.0), of(max(values))
    room = _WIDTH - _LEFT - _RIGHT
    return lambda value: _LEFT + room * (of(value) - low) / (high - low)


def _up(most: float) -> Scale:
    room = _HEIGHT - _TOP - _BOTTOM
    return lambda value: _TOP + room * (1 - float(value) / most)


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 to just above `most`, three to six of them."""
    rough = most / 4
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough)
    return [step * n for n in range(math.ceil(most / step) + 1)]


def _y_axis(ticks: Sequence[float], y: Scale) -> list[str]:
    right = _WIDTH - _RIGHT
    return [
        f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{right}"/>'
        f'<text class="faint" text-anchor="end" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}">{tick:g}</text>'
        for tick in ticks
    ]


def _x_axis(found: Mapping[str, Any], x: Scale) -> list[str]:
    bottom = _HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{_LEFT} {bottom}H{_WIDTH - _RIGHT}"/>']
    taken = math.inf
    for value in sorted({float(row["x"]) for row in found["rows"]}, reverse=True):
        if taken - x(value) >= _NEAR:
            taken = x(value)
            parts.append(
                f'<text class="faint" text-anchor="middle" x="{taken:.1f}" y="{bottom + 16}">{_short(value)}</text>'
            )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="faint" text-anchor="middle" x="{middle}" y="{bottom + 32}">{escape(found["x"])}</text>'
    )
    return parts


def _short(value: float) -> str:
    for size, sign in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{sign}"
    return f"{value:g}"


def _fit(found: Mapping[str, Any], x: Scale, y: Scale) -> str:
    """The fitted line over the points that it was made of."""
    slope, intercept = found["slope"]["slope"], found["slope"]["intercept"]
    values = [float(row["x"]) for row in found["rows"] if not row.get("beyond")]

    def at(value: float) -> float:
        if found["fit"] == "log-log":
            return float(10 ** (intercept + slope * math.log10(value)))
        return float(intercept + slope * value)

    return f'<path class="fit" d="M{" L".join(f"{x(v):.1f} {y(at(v)):.1f}" for v in values)}"/>'


def _series(rows: Sequence[Mapping[str, Any]], of: str, x: Scale, y: Scale, kind: str) -> list[str]:
    """A line with a dot for each row, hollow beyond a bound, and whiskers from quartile to quartile."""
    places = [(x(float(row["x"])), y(row[of]), row) for row in rows]
    parts = [f'<path class="line{kind}" d="M{" L".join(f"{px:.1f} {py:.1f}" for px, py, _ in places)}"/>']
    for px, py, row in places:
        if quartiles := row.get(f"{of}_quartiles"):
            low, high = (y(value) for value in quartiles)
            parts.append(f'<path class="line{kind}" d="M{px:.1f} {low:.1f}V{high:.1f}"/>')
        beyond = " beyond" if row.get("beyond") else ""
        parts.append(
            f'<circle class="dot{kind}{beyond}" cx="{px:.1f}" cy="{py:.1f}" r="3">'
            f"<title>{row['x']:,.0f}: {row[of]:.2f}</title></circle>"
        )
    return parts
