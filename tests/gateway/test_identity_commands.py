"""`c360 identity eval` and `train` on files: the figures, and one clear line for each mistake."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from gateway.cli import _explained
from gateway.commands import tables
from resolvers.identity.matching import model
from resolvers.identity.matching.person import FIELDS
from tests.gateway.test_cli import c360

ROWS = [
    {"who": "1", "first": "Anna", "last": "Weber", "born": "1980-02-03", "mail": "anna.w@mail.example"},
    {"who": "1", "first": "Anja", "last": "Weber", "born": "1980-02-03", "mail": ""},
    {"who": "2", "first": "Bruno", "last": "Weber", "born": "1980-02-03", "mail": ""},
    {"who": "3", "first": "Odile", "last": "Lindqvist", "born": "1955-11-30", "mail": "odile@mail.example"},
]
MAPPING = ["given_name=first", "family_name=last", "date_of_birth=born", "email=mail"]
OPTIONS = [option for pair in MAPPING for option in ("--map", pair)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, fieldnames=list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return file


async def test_the_figures_as_json(table: Path) -> None:
    result = await c360("identity", "eval", str(table), "--truth", "who", *OPTIONS, "--json")
    assert result.status == 0, result.err
    figures = json.loads(result.out)
    assert figures["pairwise"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert set(figures) == {
        "pairwise", "cluster", "bcubed", "largest_cluster", "review", "review_recall", "records_per_s", "peak_mb",
    }  # fmt: skip
    assert (figures["largest_cluster"], set(figures["bcubed"])) == (2, {"precision", "recall", "f1"})
    assert figures["peak_mb"] > 10
    assert result.err == ""


async def test_the_figures_as_text(table: Path) -> None:
    result = await c360("identity", "eval", str(table), "--truth", "who", *OPTIONS)
    assert result.status == 0, result.err
    assert "4 records of 3 people" in result.out
    assert "pairwise           1.0000   1.0000   1.0000" in result.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--truth", "nobody"), 'has no column "nobody" for --truth; it has who, first, last, born, mail'),
        (("--truth", "who", "--map", "surname=last"), f"the names are {', '.join(FIELDS)}"),
        (("--truth", "who", "--map", "city=town"), 'has no column "town" for city'),
        (("--truth", "who", "--map", "city"), "--map needs NAME=COLUMN"),
        (("--truth", "who"), "has no column that tells people apart"),
        (("--truth", "who", "--model", "absent.json", *OPTIONS), "absent.json cannot be read"),
        (("--truth", "who", "--train", *OPTIONS), "at least 100 are needed"),
    ],
)
async def test_mistakes_are_one_line(table: Path, arguments: tuple[str, ...], said: str) -> None:
    result = await c360("identity", "eval", str(table), *arguments)
    assert (result.status, result.out) == (1, "")
    assert said in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.csv", None, "cannot be read: No such file"),
        ("empty.csv", b"", "is empty"),
        ("latin.csv", b"who,given_name\n1,J\xfcrgen\n", "is not UTF-8 text"),
        ("broken.parquet", b"PAR?", "Parquet"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(tables.TableError, match=said) as caught:
        tables.read(file, {}, None)
    assert _explained(caught.value) == 1


def test_parquet_is_read_like_csv(table: Path, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed: pip install 'c360[training]'")
    parquet = tmp_path / "people.parquet"
    duckdb.connect().execute(f"COPY (FROM read_csv('{table}')) TO '{parquet}' (FORMAT parquet)")
    columns = tables.columns_of(MAPPING)
    assert tables.read(parquet, columns, "who") == tables.read(table, columns, "who")


async def test_a_trained_model_can_be_used(tmp_path: Path) -> None:

    file, output = tmp_path / "many.csv", tmp_path / "model.json"
    lines = ["who,given_name,family_name,date_of_birth"]
    for n in range(400):
        born = f"{1950 + n % 50}-{n % 12 + 1:02d}-{n % 28 + 1:02d}"
        lines += [f"{n},given{n * 7 % 400},family{n},{born}", f"{n},given{n * 7 % 400},familyx{n},{born}"]
    file.write_text("\n".join(lines))
    result = await c360("identity", "train", str(file), "--output", str(output))
    assert result.status == 0, result.err
    assert model.load(output).version in result.err
    result = await c360("identity", "eval", str(file), "--truth", "who", "--model", str(output), "--json")
    assert result.status == 0, result.err
    assert json.loads(result.out)["pairwise"]["precision"] == 1.0


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    file.write_text('{"fields": {}, "matches_per_record": 1}')
    with pytest.raises(model.ModelError, match="needs the field given"):
        model.load(file)
