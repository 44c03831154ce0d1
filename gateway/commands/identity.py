"""`c360 identity eval` and `train`: how well matching does on a table of people, and weights estimated from one."""

from __future__ import annotations

import csv
import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from resolvers.identity.matching import evaluation, model, training
from resolvers.identity.matching.person import FIELDS, Person, Ref, from_row, months_come_first
from resolvers.identity.matching.scorer import Scorer

Row = Mapping[str, str]
_CELL = 20_000_000
_TRUTH = "truth of the record"  # no name among FIELDS


class TableError(Exception):
    """The table cannot be used. Its text is for the person who asks."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """People, and who each record really is, where the table says."""

    people: Sequence[Person]
    truth: Mapping[Ref, str]


def evaluate(
    file: Path,
    *,
    truth: str,
    mapping: list[str],
    train: bool,
    model_file: Path | None,
    country: str | None,
    as_json: bool,
) -> int:
    """Matches, compares with the truth, prints. Raises TableError, model.ModelError or training.TrainingError."""
    columns = columns_of(mapping)
    weights = model.load(model_file) if model_file else model.default()
    with _progress() as progress:
        told, began = _Told(progress), time.perf_counter()
        table = read(file, columns, truth, country)
        reading = time.perf_counter() - began
        if train:
            weights = training.estimate(table.people, told.said)
        started = time.perf_counter()
        clusters = evaluation.match(table.people, Scorer(weights, len(table.people)), told.done)
        seconds = time.perf_counter() - started
    found = evaluation.figures(dict(table.truth), clusters)
    speed = (
        len(table.people) / (reading + seconds) if table.people else 0.0
    )  # normalising them counts, training not
    print(json.dumps(_as_json(found, speed), indent=2) if as_json else _as_text(found, speed, table, weights))
    return 0


def train(file: Path, *, output: Path, mapping: list[str], country: str | None) -> int:
    """Estimates a model and writes it. Raises TableError or training.TrainingError."""
    table = read(file, columns_of(mapping), None, country)
    with _progress() as progress:
        made = training.estimate(table.people, _Told(progress).said)
    try:
        output.write_bytes(model.dump(made))
    except OSError as error:
        raise TableError(f"{output} cannot be written: {error.strerror}") from None
    print(f"{output}: model {made.version}, estimated from {len(table.people):,} records", file=sys.stderr)
    return 0


def columns_of(mapping: Iterable[str]) -> dict[str, str]:
    """Our name -> the table's column, for those that are mapped."""
    columns = {}
    for pair in mapping:
        name, equals, column = pair.partition("=")
        if not equals or not column:
            raise TableError(f'--map needs NAME=COLUMN, such as --map family_name=surname (got "{pair}")')
        if name not in FIELDS:
            raise TableError(f'--map does not know "{name}"; the names are {", ".join(FIELDS)}')
        columns[name] = column
    return columns


def read(file: Path, columns: Mapping[str, str], truth: str | None, country: str | None = None) -> Table:
    """Reads a CSV or Parquet file; raises TableError."""
    header, rows = _parquet(file) if file.suffix.lower() in (".parquet", ".pq") else _csv(file)
    for name, column in columns.items():
        if column not in header:
            raise TableError(f'{file} has no column "{column}" for {name}; it has {", ".join(header)}')
    if truth is not None and truth not in header:
        raise TableError(f'{file} has no column "{truth}" for --truth; it has {", ".join(header)}')
    of = {name: columns.get(name, name) for name in FIELDS if columns.get(name, name) in header}
    if not set(of) - {"source", "source_id", "country", "state"}:
        raise TableError(
            f"{file} has no column that tells people apart; name them as {', '.join(FIELDS)}, or use --map"
        )
    whose = {_TRUTH: truth} if truth is not None else {}
    table = [{name: row.get(column) or "" for name, column in (of | whose).items()} for row in rows]
    month_first = months_come_first(row.get("date_of_birth", "") for row in table)
    people, who = [], {}
    for number, values in enumerate(table, 1):
        ref = (values.get("source") or "file", values.get("source_id") or f"row {number}")
        if ref in who:
            ref = (ref[0], f"{ref[1]} (row {number})")  # a source that uses an id twice
        people.append(from_row(values, ref, country, month_first=month_first))
        who[ref] = values.get(_TRUTH) or f"nobody {number}"
    return Table(people=people, truth=who if truth is not None else {})


def _csv(file: Path) -> tuple[Sequence[str], Iterator[Row]]:
    csv.field_size_limit(_CELL)
    try:
        text = file.read_text(encoding="utf-8-sig", errors="strict")
    except UnicodeDecodeError:
        raise TableError(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise TableError(f"{file} cannot be read: {error.strerror}") from None
    reader = csv.DictReader(text.replace("\0", "").splitlines(keepends=True), delimiter=_delimiter(text))
    try:
        header = list(reader.fieldnames or ())
    except csv.Error as error:
        raise TableError(f"{file} is no CSV: {error}") from None
    if not header:
        raise TableError(f"{file} is empty: its first line names the columns")
    return header, _rows(file, reader)


def _rows(file: Path, reader: csv.DictReader[str]) -> Iterator[Row]:
    try:
        yield from reader
    except csv.Error as error:
        raise TableError(f"{file}, line {reader.line_num}: {error}") from None


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _parquet(file: Path) -> tuple[Sequence[str], Iterator[Row]]:
    try:
        import duckdb
    except ImportError:
        raise TableError(
            "Parquet needs duckdb: pip install 'c360[training]', or convert the file to CSV"
        ) from None
    try:
        file.open("rb").close()
        found = duckdb.connect(":memory:").execute("SELECT * FROM read_parquet(?)", [str(file)])
        header = [column[0] for column in found.description or ()]
        rows = found.fetchall()
    except OSError as error:
        raise TableError(f"{file} cannot be read: {error.strerror}") from None
    except duckdb.Error:
        raise TableError(f"{file} is no Parquet file") from None
    return header, ({name: _cell(value) for name, value in zip(header, row, strict=True)} for row in rows)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


class _Told:
    """Hands what matching and training say on to the progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._task = progress, progress.add_task("reading", total=None)

    def said(self, text: str) -> None:
        self._progress.update(self._task, description=text, total=None)

    def done(self, text: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=text, completed=done, total=total)


def _progress() -> Progress:
    """On a terminal a bar on stderr, elsewhere nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _peak_mb() -> float:
    """Peak resident memory of this process in MB (1,000,000 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _as_json(found: evaluation.Figures, speed: float) -> dict[str, Any]:
    return {
        "pairwise": msgspec.to_builtins(found.pairwise),
        "cluster": msgspec.to_builtins(found.cluster),
        "bcubed": msgspec.to_builtins(found.bcubed),
        "largest_cluster": found.largest_cluster,
        "review": found.review,
        "review_recall": found.review_recall,
        "records_per_s": round(speed, 1),
        "peak_mb": round(_peak_mb(), 1),
    }


def _as_text(found: evaluation.Figures, speed: float, table: Table, weights: model.Model) -> str:
    lines = [
        f"{len(table.people):,} records of {len(set(table.truth.values())):,} people, model {weights.version}",
        "",
        f"{'':16}precision   recall       F1",
    ]
    for name, quality in (
        ("pairwise", found.pairwise),
        ("cluster pairs", found.cluster),
        ("B-cubed", found.bcubed),
    ):
        lines.append(f"{name:14}{quality.precision:11.4f}{quality.recall:9.4f}{quality.f1:9.4f}")
    lines += [
        "",
        f"largest cluster   {found.largest_cluster:,} records",
        f"review band       {found.review:,} pairs (pairwise recall with them decided rightly: {found.review_recall:.4f})",
        f"speed             {speed:,.0f} records a second",
        f"peak memory       {_peak_mb():,.0f} MB",
    ]
    return "\n".join(lines)
