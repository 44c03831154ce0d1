"""The report of given figures: the table, the ratios of the goals, the chart; and the command's refusals."""

from __future__ import annotations

import os
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.peers import __main__, chart, install, measure, report
from bench.peers.measure import Result, Sample


def _row(server: str, query: str, cell: str, **figures: float) -> dict[str, Any]:
    usual = {"cpu_ms": 4.0, "rps": 200.0, "p50_ms": 66.0, "p99_ms": 90.0, "calls": 4.0, "rss_mb": 100.0}
    return {"server": server, "query": query, "cell": cell, **usual, **figures}


ROWS = [
    _row("tailcall", "A", "cold", cpu_ms=2),
    _row("ours", "A", "cold", cpu_ms=3),
    _row("hive", "A", "cold", cpu_ms=10),
    _row("mercurius", "A", "cold", cpu_ms=2.5),
    _row("ours", "A", "latency"),
    _row("ours", "A", "warm", cpu_ms=0.15, rps=6000, calls=0),
    _row("apollo", "A", "warm", cpu_ms=0.8, rps=1000, calls=0),
]


def _goals(identical: dict[str, int] | None = None) -> dict[str, report.Goal]:
    return {goal.what: goal for goal in report.goals(ROWS, identical or {})}


def test_goals_are_ratios_within_the_run() -> None:
    goals = _goals({"ours": 4})
    assert goals["CPU a request, one customer, to hive"] == report.Goal(
        "CPU a request, one customer, to hive", "≤ 0.3", 0.3, True
    )
    assert goals["CPU a request, one customer, to mercurius"].value == pytest.approx(1.2)
    assert goals["CPU a request, one customer, to mercurius"].met is False
    assert goals["CPU a request, one customer, to tailcall"].met is True
    assert goals["warm requests/s to apollo's response cache"].value == 6
    assert goals["warm requests/s to apollo's response cache"].met is True
    assert goals["one customer, p50 to the slowest source (60 ms)"].value == pytest.approx(1.1)
    assert goals["one customer, p99 to the slowest source (60 ms)"].met is False
    assert goals["upstream calls, 64 identical cold requests at once"].met is True


def test_what_was_not_measured_meets_nothing() -> None:
    goals = _goals()
    for what in ("CPU a request, one customer, to apollo", "upstream calls, 50 customers"):
        assert goals[what].value is None
        assert goals[what].met is None
    assert goals["upstream calls, 64 identical cold requests at once"].met is None


def test_table_shows_figures_ratios_and_refusals() -> None:
    spread = [{"server": "ours", "query": "A", "cell": "cold", "cpu_ms_quartiles": [2.9, 3.2]}]
    text = report.markdown(ROWS, spread, {"hive, B, cold": "data[3].id is\n'x'"}, {}, "A machine")
    lines = text.splitlines()
    assert "| cold | A | ours | 3 (2.9–3.2) | 200 | 66 | 90 | 4 | 100 |  |" in lines
    assert "| cold | A | hive | 10 | 200 | 66 | 90 | 4 | 100 | 0.30 |" in lines
    assert "- hive, B, cold: data[3].id is 'x'" in lines
    servers = [line.split("|")[3].strip() for line in lines if line.startswith("| cold")]
    assert servers == ["ours", "hive", "mercurius", "tailcall"]
    table = lines[: lines.index("")]
    assert len({line.count("|") for line in table}) == 1
    assert len(table) == 2 + len(ROWS)


def test_what_spoils_a_figure_is_said() -> None:
    spoiled = [
        _row("ours", "A", "cold", calls=2.5),
        _row("hive", "A", "cold", calls=9),
        _row("plain", "A", "cold"),
    ]
    busy = [{"server": "plain", "query": "A", "cell": "cold", "cpu_ms_quartiles": [1, 2], "load_busy": 0.97}]
    notes = report.notes(spoiled, busy)
    assert [note.split(":")[0] for note in notes] == ["ours, A, cold", "hive, A, cold", "plain, A, cold"]
    assert "2.5 upstream calls instead of 4" in notes[0]
    assert "load" in notes[2]
    assert report.notes(ROWS, []) == []


def test_chart_is_xml_with_a_bar_for_each_server() -> None:
    root = ElementTree.fromstring(chart.svg(ROWS, {"ours": "this <gateway>"}))
    space = "{http://www.w3.org/2000/svg}"
    bars = root.findall(f"{space}rect")
    texts = [text.text for text in root.findall(f"{space}text")]
    assert len(bars) == 4
    assert "this <gateway>" in texts
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths == sorted(widths)
    assert widths[-1] == pytest.approx(5 * widths[0], rel=0.01)


def test_rows_are_medians_and_percentiles_over_all_requests() -> None:
    def sample(cpu: float, latencies: list[float]) -> Sample:
        return Sample(cpu_ms=cpu, rps=100, calls=4, rss_mb=80, busy=0.9, load_busy=0.2, latencies=latencies)

    result = Result()
    result.samples["ours", "A", "cold"] = [
        sample(3, [0.01] * 98),
        sample(9, [0.02]),
        sample(4, [0.5]),
    ]
    (row,) = measure.rows(result)
    assert row == {
        "server": "ours", "query": "A", "cell": "cold", "cpu_ms": 4, "rps": 100, "p50_ms": 10, "p99_ms": 500,
        "calls": 4, "rss_mb": 80,
    }  # fmt: skip
    (spread,) = measure.spread(result)
    assert spread["requests"] == 100


def test_one_core_is_not_enough(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    assert __main__.main([]) == 2
    assert "two cores" in capsys.readouterr().err


def test_few_customers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        __main__.main(["--customers", "100"])
    assert "at least 2000" in capsys.readouterr().err


def test_without_npm_a_peer_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(install.Missing, match="install Node"):
        install.install("apollo")


def test_tailcall_is_for_one_kind_of_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(install.Missing, match="aarch64"):
        install.install("tailcall")


@pytest.mark.parametrize("peer", install.NODE_PEERS)
def test_versions_are_exact_and_no_registry_is_named(peer: str) -> None:
    package = (install.HERE / peer / "package.json").read_text()
    lock = (install.HERE / peer / "package-lock.json").read_text()
    assert not set("^~*") & set(package)
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
