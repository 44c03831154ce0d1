"""`c360 identity reconcile` on a file: lines for people, lines for programs, and nothing left behind."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commands import tables
from tests.gateway.test_cli import c360

COLUMNS = ("source", "source_id", "given_name", "surname", "date_of_birth", "email")
ROWS = [
    ("crm", "1", "Anna", "Weber", "1980-02-03", "anna.w@mail.example"),
    ("shop", "7", "Anja", "Weber", "1980-02-03", "anna.w@mail.example"),
    ("shop", "8", "Anna", "Weber", "1980-02-04", ""),
    ("crm", "2", "Bruno", "Weber", "1980-02-03", ""),
    ("crm", "3", "Odile", "Lindqvist", "1955-11-30", "odile@mail.example"),
]


def written(file: Path, rows: list[tuple[str, ...]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([COLUMNS, *rows])
    return file


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return written(tmp_path / "people.csv", ROWS)


async def test_lines_for_programs(table: Path) -> None:
    result = await c360(
        "identity", "reconcile", "--file", str(table), "--map", "family_name=surname", "--json"
    )
    assert result.status == 0, result.err
    found = [json.loads(line) for line in result.out.splitlines()]
    bands = {(":".join(p["a"]), ":".join(p["b"])): p["band"] for p in found}
    assert bands["crm:1", "shop:7"] == "same"
    assert bands["crm:1", "crm:2"] == "review"  # brother and sister
    assert {"a", "b", "weight", "probability", "band", "doubts", "contributions"} == set(found[0])
    for p in found:
        assert sum(bar["weight"] for bar in p["contributions"]) == pytest.approx(p["weight"])
    assert all(p["probability"] >= 0.1 for p in found)
    assert not any(["crm", "3"] in (p["a"], p["b"]) for p in found)
    assert result.err.count("\n") == 1  # a summary, and no progress bar


async def test_lines_for_people(table: Path) -> None:
    result = await c360("identity", "reconcile", "--file", str(table), "--map", "family_name=surname")
    assert result.status == 0, result.err
    (line,) = [line for line in result.out.splitlines() if "crm:1 shop:7" in line]
    assert line.startswith("same 1.0000 ")
    assert "= prior -13." in line
    assert "email exact +" in line
    (line,) = [line for line in result.out.splitlines() if "crm:1 crm:2" in line]
    assert line.startswith("review 0.")
    assert "different given names" in line
    assert "review" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--map", "surname=family"), "--map does not know"),
        (("--map", "city=town"), 'has no column "town" for city'),
        (("--model", "absent.json"), "absent.json cannot be read"),
    ],
)
async def test_mistakes_are_one_line(table: Path, arguments: tuple[str, ...], said: str) -> None:
    result = await c360("identity", "reconcile", "--file", str(table), *arguments)
    assert (result.status, result.out) == (1, "")
    assert said in result.err
    assert result.err.count("\n") == 1


async def test_a_backend_that_there_is_not(table: Path) -> None:
    result = await c360("identity", "reconcile", "--file", str(table), "--backend", "abacus")
    assert result.status == 2
    assert "duckdb" in result.err


def test_sigterm_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    rows = [(source, str(n), f"Anna{n}", f"Weber{n}", f"{1940 + n % 60}-02-03", f"p{n}@mail.example")
            for n in range(1000) for source in ("crm", "shop")]  # fmt: skip
    file, temporary = written(tmp_path / "many.csv", rows), tmp_path / "temporary"
    temporary.mkdir()
    command = [
        sys.executable, "-c", "from gateway.cli import main; main()",
        "identity", "reconcile", "--file", str(file), "--map", "family_name=surname", "--json",
    ]  # fmt: skip
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith(b"{")  # it now waits for somebody to read the rest
        assert len(list(temporary.iterdir())) == 1
        running.send_signal(signal.SIGTERM)
        running.communicate()
        assert running.returncode == 128 + signal.SIGTERM
    assert list(temporary.iterdir()) == []


def test_a_stream_gives_the_people_of_the_table(table: Path) -> None:
    columns = tables.columns_of(["family_name=surname"])
    assert list(tables.stream(table, columns, "DE")) == list(tables.read(table, columns, None, "DE").people)


def test_an_id_that_a_source_uses_twice_stays_two_records(tmp_path: Path) -> None:
    people = tables.stream(written(tmp_path / "twice.csv", [ROWS[0], ROWS[0]]), {}, "DE")
    assert [p.ref for p in people] == [("crm", "1"), ("crm", "1 (row 2)")]
