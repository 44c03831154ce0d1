"""The chart of a run: CPU-ms a request by server, as an SVG that is legible on light and on dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_BAR, _GAP, _LEFT, _WIDTH, _TOP = 20, 8, 190, 720, 34
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.peer { fill: #8c959f }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .peer { fill: #6e7681 }
  .ours { fill: #4493f8 }
}
"""


def svg(rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    """Bars of the cell `cold`, least first, one group for each query."""
    parts: list[str] = []
    y = 0
    for query, title in (("A", "One customer, 835 leaves"), ("B", "50 customers in a list")):
        found = sorted(
            (row for row in rows if row["query"] == query and row["cell"] == "cold"),
            key=lambda row: float(row["cpu_ms"]),
        )
        if found:
            y = _group(parts, f"{title}: CPU-ms a request", found, titles, y)
    label = "CPU milliseconds a request by server, cold: less is better"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img" aria-label="{label}">'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>\n"
    )


def _group(
    parts: list[str], title: str, rows: Sequence[Mapping[str, Any]], titles: Mapping[str, str], y: int
) -> int:
    """Adds a group and gives where the next begins."""
    most = max(float(row["cpu_ms"]) for row in rows)
    room = _WIDTH - _LEFT - 70
    parts.append(f'<text class="title" x="0" y="{y + 20}">{escape(title)}</text>')
    y += _TOP
    for row in rows:
        server, value = str(row["server"]), float(row["cpu_ms"])
        length = max(2.0, value / most * room)
        kind = "ours" if server == "ours" else "peer"
        middle = y + _BAR - 5
        parts.append(
            f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(titles.get(server, server))}</text>'
            f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>'
            f'<text x="{_LEFT + length + 6:.1f}" y="{middle}">{value:.1f}</text>'
        )
        y += _BAR + _GAP
    return y + 12
