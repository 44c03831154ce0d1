"""Tables of people on disk, CSV or Parquet, read a row at a time."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from resolvers.identity.matching.person import FIELDS, Person, Ref, from_row, months_come_first

Row = Mapping[str, str]
Opened = tuple[Sequence[str], Callable[[], Iterator[Row]]]
"""The names of the columns, and what reads the rows from the beginning."""

_CELL = 20_000_000
_TRUTH = "truth of the record"  # no name among FIELDS
_DATES_LOOKED_AT = 100_000
_BATCH = 10_000


class TableError(Exception):
    """The table cannot be used. Its text is for the person who asks."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """People, and who each record really is, where the table says."""

    people: Sequence[Person]
    truth: Mapping[Ref, str]


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
    """Reads a whole CSV or Parquet file; raises TableError."""
    people, who = [], {}
    for person, whose in _stream(file, columns, truth, country):
        people.append(person)
        if truth is not None:
            who[person.ref] = whose
    return Table(people=people, truth=who)


def stream(file: Path, columns: Mapping[str, str], country: str | None = None) -> Iterator[Person]:
    """The people of a CSV or Parquet file, one at a time; raises TableError, at once where the file is no such table."""
    return (person for person, _ in _stream(file, columns, None, country))


def _stream(
    file: Path, columns: Mapping[str, str], truth: str | None, country: str | None
) -> Iterator[tuple[Person, str]]:
    header, rows = _parquet(file) if file.suffix.lower() in (".parquet", ".pq") else _csv(file)
    of = _columns(file, header, columns, truth)

    def values() -> Iterator[dict[str, str]]:
        return ({name: row.get(column) or "" for name, column in of.items()} for row in rows())

    month_first = months_come_first(
        row.get("date_of_birth", "") for row in islice(values(), _DATES_LOOKED_AT)
    )
    return _people(values(), country, month_first=month_first)


def _people(
    rows: Iterator[dict[str, str]], country: str | None, *, month_first: bool
) -> Iterator[tuple[Person, str]]:
    seen: set[int] = set()
    for number, values in enumerate(rows, 1):
        ref = (values.get("source") or "file", values.get("source_id") or f"row {number}")
        if hash(ref) in seen:
            ref = (ref[0], f"{ref[1]} (row {number})")  # a source that uses an id twice
        seen.add(hash(ref))
        yield (
            from_row(values, ref, country, month_first=month_first),
            values.get(_TRUTH) or f"nobody {number}",
        )


def _columns(
    file: Path, header: Sequence[str], columns: Mapping[str, str], truth: str | None
) -> dict[str, str]:
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
    return of | ({_TRUTH: truth} if truth is not None else {})


def _csv(file: Path) -> Opened:
    csv.field_size_limit(_CELL)
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            first = opened.readline(_CELL).replace("\0", "")
        header = next(csv.reader([first], delimiter=(delimiter := _delimiter(first))), [])
    except UnicodeDecodeError:
        raise TableError(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise TableError(f"{file} cannot be read: {error.strerror}") from None
    except csv.Error as error:
        raise TableError(f"{file} is no CSV: {error}") from None
    if not header:
        raise TableError(f"{file} is empty: its first line names the columns")
    return header, lambda: _csv_rows(file, delimiter)


def _csv_rows(file: Path, delimiter: str) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader((line.replace("\0", "") for line in opened), delimiter=delimiter)
        try:
            yield from reader
        except UnicodeDecodeError:
            raise TableError(f"{file} is not UTF-8 text (after line {reader.line_num})") from None
        except csv.Error as error:
            raise TableError(f"{file}, line {reader.line_num}: {error}") from None


def _delimiter(first: str) -> str:
    return max(",;\t", key=first.count)


def _parquet(file: Path) -> Opened:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise TableError(
            "Parquet needs pyarrow: pip install 'c360[training]', or convert the file to CSV"
        ) from None
    try:
        file.open("rb").close()
        with parquet.ParquetFile(file) as opened:
            header = list(opened.schema_arrow.names)
    except OSError as error:
        raise TableError(f"{file} cannot be read: {error.strerror}") from None
    except pyarrow.ArrowException:
        raise TableError(f"{file} is no Parquet file") from None
    return header, lambda: _parquet_rows(file, header)


def _parquet_rows(file: Path, header: Sequence[str]) -> Iterator[Row]:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as opened:
        for batch in opened.iter_batches(_BATCH):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield {name: _cell(value) for name, value in zip(header, values, strict=True)}


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
