"""Growth from given figures: the arithmetic of slopes, the tables, the chart; and what the stub and the load do for them."""

from __future__ import annotations

import json
import math
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.growth import __main__, chart, memory, report
from bench.growth.curves import Curve
from bench.growth.fit import line, log_log
from bench.growth.load import drive
from bench.growth.measure import Sample, row, slope
from bench.growth.sources import adapters_of, named
from bench.growth.stub import LONG, MOST_ORDERS, Longer, history
from bench.peers import data
from bench.peers.load import request
from bench.peers.ours.identity import SOURCES


def _row(x: int, cpu_ms: float, **figures: Any) -> dict[str, Any]:
    usual = {
        "cpu_ms_quartiles": [cpu_ms * 0.9, cpu_ms * 1.1], "rps": 200.0, "p50_ms": 5.0, "p99_ms": 9.0, "calls": 4.0,
        "rss_mb": 120.0, "refused": 0, "served": 400, "load_busy": 0.3, "beyond": False,
    }  # fmt: skip
    return {"x": x, "cpu_ms": cpu_ms, **usual, **figures}


def _cached(x: int, bound: int) -> dict[str, Any]:
    kept = min(x, bound)
    return {
        "x": x,
        "bound": bound,
        "kept": kept,
        "payload_bytes": 638,
        "grown_mb": kept * 0.001,
        "put_us": 3.5,
        "get_us": 0.5,
    }


LINEAR = Curve(name="customers", title="Customers <in> a list", x="customers", points=())
LOG = Curve(name="concurrency", title="Connections at once", x="connections", points=(), log=True)
LINEAR_ROWS = [_row(x, 1.0 + 0.5 * x) for x in (1, 2, 10, 100)]
LOG_ROWS = [_row(x, 2.0) for x in (1, 16, 256)] + [_row(320, 1.0, refused=70, beyond=True)]
CACHED_ROWS = [_cached(x, bound) for bound in (10_000, 100_000) for x in (1000, 100_000, 1_000_000)]


def _curves() -> dict[str, Any]:
    return {
        "customers": report.curve(LINEAR, LINEAR_ROWS),
        "concurrency": report.curve(LOG, LOG_ROWS),
        "cached": report.cached(CACHED_ROWS),
    }


# --- lines ---


@given(st.floats(-50, 50), st.floats(-50, 50), st.sets(st.integers(-100, 100), min_size=3, max_size=12))
def test_a_line_is_found_again(slope_: float, intercept: float, xs: set[int]) -> None:
    found = line([float(x) for x in xs], [intercept + slope_ * x for x in xs])
    assert found.slope == pytest.approx(slope_, abs=1e-6)
    assert found.at(3) == pytest.approx(intercept + 3 * slope_, abs=1e-5)
    assert found.error == pytest.approx(0, abs=1e-5)


def test_the_error_of_a_slope_is_the_textbooks() -> None:
    """Five points worked by hand: residuals 0.1, -0.2, 0, 0.2, -0.1 about y = x leave the slope as it is."""
    found = line([1, 2, 3, 4, 5], [1 + 0.1, 2 - 0.2, 3.0, 4 + 0.2, 5 - 0.1])
    left = sum(
        (y - found.at(x)) ** 2 for x, y in zip([1, 2, 3, 4, 5], [1.1, 1.8, 3.0, 4.2, 4.9], strict=True)
    )
    assert found.slope == pytest.approx(1.0)
    assert found.error == pytest.approx(math.sqrt(left / 3 / 10))


def test_two_points_leave_nothing_to_judge_by() -> None:
    assert line([1, 2], [1, 5]).error == math.inf


@pytest.mark.parametrize(("xs", "ys"), [([1.0], [1.0]), ([2.0, 2.0], [1.0, 3.0]), ([1.0, 2.0], [1.0])])
def test_what_is_no_line_is_refused(xs: list[float], ys: list[float]) -> None:
    with pytest.raises(ValueError):
        line(xs, ys)


@given(st.floats(-2, 2), st.floats(0.01, 100))
def test_a_power_is_found_again(power: float, factor: float) -> None:
    xs = [1.0, 10.0, 100.0, 1000.0]
    assert log_log(xs, [factor * x**power for x in xs]).slope == pytest.approx(power, abs=1e-6)


def test_points_beyond_a_bound_are_no_part_of_the_line() -> None:
    assert slope(LOG_ROWS, log=True).slope == pytest.approx(0)


# --- rows, tables, words ---


def _sample(cpu_ms: float, latencies: list[float]) -> Sample:
    return Sample(
        cpu_ms=cpu_ms, rps=100.0, calls=4.0, rss_mb=120.0, load_busy=0.2, refused=2, served=len(latencies),
        latencies=latencies,
    )  # fmt: skip


def test_a_row_has_medians_quartiles_and_percentiles_over_all() -> None:
    found = row(10, [_sample(c, [c / 1000] * 50) for c in (1.0, 2.0, 3.0, 4.0, 90.0)], beyond=False)
    assert (found["cpu_ms"], found["cpu_ms_quartiles"]) == (3.0, [2.0, 4.0])
    assert (found["p50_ms"], found["p99_ms"]) == (3.0, 90.0)
    assert (found["served"], found["refused"]) == (250, 10)


def test_the_report_says_what_the_slopes_mean() -> None:
    text = report.markdown(_curves(), "A machine.")
    assert "| 100 | 51.00 (45.90–56.10) |" in text
    assert "0.500 ± 0.000 CPU-ms for each of the customers, beside 1.00 CPU-ms" in text
    assert "power 0.000 ± 0.000 of the connections" in text
    assert "at 320: 1.00 CPU-ms over all, of which 70 were refused" in text
    assert "1,000 bytes an entry" in text
    assert "of 1,000,000 customers 100,000 stay" in text
    assert text.endswith("A machine.\n")


def test_a_busy_load_is_told() -> None:
    curves = {"customers": report.curve(LINEAR, [*LINEAR_ROWS, _row(200, 101.0, load_busy=0.97)])}
    assert report.warnings(curves) == ["customers 200: load and stub took 97% of their core"]


def test_the_chart_is_a_panel_for_each_curve() -> None:
    drawn = ElementTree.fromstring(chart.svg(_curves()))
    space = "{http://www.w3.org/2000/svg}"
    panels = drawn.findall(f"{space}g")
    dots = [len(panel.findall(f"{space}circle")) for panel in panels]
    assert dots == [4, 4, 6]
    assert "Customers <in> a list" in [text.text for text in panels[0].findall(f"{space}text")]
    _, _, width, height = (float(number) for number in drawn.attrib["viewBox"].split())
    for circle in drawn.iter(f"{space}circle"):
        assert 0 < float(circle.attrib["cx"]) < width
        assert 0 < float(circle.attrib["cy"]) < height
    assert "prefers-color-scheme: dark" in chart.svg(_curves())


def test_hollow_dots_lie_beyond_the_bound() -> None:
    drawn = chart.svg({"concurrency": report.curve(LOG, LOG_ROWS)})
    assert drawn.count('class="dot beyond"') == 1


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--repetitions", "0"], ["--requests", "x"]])
def test_wrong_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        __main__.main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


# --- memory ---


def test_memory_that_settles_is_flat_and_memory_that_grows_is_not() -> None:
    settled = [(n * 5000, 120.0 if n < 5 else 136.0 + n % 2 * 0.2) for n in range(21)]
    leaking = [(n * 5000, 120.0 + n * 0.5) for n in range(21)]
    assert memory.flat(memory.second_half(settled))
    assert not memory.flat(memory.second_half(leaking))
    text = memory.markdown(leaking, {"200": 90, "401": 10, "503": 0, "with errors": 20})
    assert "+10.00 ± 0.00 MB for 100,000 requests: growing. Peak 130.0 MB (within" in text
    assert "90 200, 10 401, 20 with errors" in text


def test_the_mixed_requests_are_of_every_kind_and_repeat_nothing_by_chance() -> None:
    names = {n: f"id-{n}" for n in range(50)}
    asked = [memory.Mixed(1, names)(number) for number in range(300)]
    assert asked == [memory.Mixed(1, names)(number) for number in range(300)]
    bodies = [json.loads(each.partition(b"\r\n\r\n")[2])["query"].split("(")[0].split()[1] for each in asked]
    assert set(bodies) == {"OneCustomer", "FiftyCustomers", "Timeline", "Search", "Wrong", "TooLarge"}
    assert sum(b"Authorization" not in each for each in asked) == 10


# --- sources, stub, load ---


def test_sources_come_in_fours() -> None:
    assert list(named(6)) == [*SOURCES, "crm2", "shop2"]
    assert adapters_of(5, searched=True)["crm2"] == "bench-searched-crm"
    assert adapters_of(4, searched=False)["crm"] == "bench-crm"


def test_a_long_history_is_one_stream() -> None:
    orders = list(history(data.person(1, 3)))
    times = [order["at"] for order in orders]
    assert len({order["id"] for order in orders}) == len(orders) == MOST_ORDERS > data.ORDERS
    assert times == sorted(times, reverse=True) and len(set(times)) == MOST_ORDERS


@pytest.fixture(scope="module")
def longer() -> Longer:
    return Longer(7, 5)


def _answer(longer: Longer, target: str) -> Any:
    return json.loads(longer.answer(target)[0].partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(("limit", "more"), [(50, False), (51, True), (250, False)])
def test_the_stub_gives_long_pages(longer: Longer, limit: int, more: bool) -> None:
    """Up to 50 it is the stub of the comparison with peers, whose customers have no more."""
    id_ = data.person_id(7, 2)
    (feed,) = _answer(longer, f"/shop/orders?customers={id_}&limit={limit}")
    assert (feed["customer"], len(feed["nodes"]), feed["hasMore"]) == (id_, limit, more)
    assert LONG > 2


def test_the_stub_finds_people_by_their_addresses(longer: Longer) -> None:
    ids = [data.person_id(7, n) for n in (1, 3)]
    found = _answer(
        longer, f"/crm/found?emails={ids[0]}%40example.com,{ids[1]}%40example.com,nobody%40example.com"
    )
    assert [contact["id"] for contact in found] == ids


async def test_the_load_counts_what_is_not_200(stub: str) -> None:
    """The stub of the sources answers 404 to what it does not know."""
    port = int(stub.rpartition(":")[2])
    paths = ["/crm/contacts?ids=nobody", "/nowhere"]
    load = await drive(
        port, lambda n: request(paths[n % 2], (), b""), first=0, connections=2, most=10, seconds=10.0
    )
    assert load.statuses == {200: 5, 404: 5}
    assert (load.asked, load.served, load.refused, len(load.latencies)) == (10, 5, 0, 5)
