"""Persons as rows of Parquet files and back: how a run hands records to an engine, a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from resolvers.identity.matching.person import Person
from resolvers.identity.training.errors import not_installed

CHUNK = 10_000
"""Rows that are in this process at once."""
NUMBER = "unique_id"
"""The column that numbers the records of a run: Splink's name for it."""

_TEXTS = (
    "given", "family", "birth_date", "street", "house_number", "postcode", "city", "state", "national_id",
)  # fmt: skip
_LISTS = ("emails", "phones")
_FORMS = ("given_forms", "family_forms", "swapped_forms")
_PLAIN = ("country", "given_read", "family_read")
COLUMNS = ("source", "record", *_TEXTS, *_FORMS, "given_known", "latin", *_LISTS, "shared_emails", *_PLAIN)
"""What is kept of a person. Where it says nothing Splink wants a null."""
FIRSTS = ("email1", "phone1")
"""The first of each list, which training's blocking rules join on."""

Column = Callable[[Any], Any]


def row(person: Person) -> tuple[Any, ...]:
    """The values of COLUMNS and FIRSTS."""
    return (
        *person.ref,
        *[getattr(person, name) or None for name in _TEXTS],
        *[sorted(getattr(person, name)) for name in _FORMS],
        person.given_known,
        person.latin,
        person.emails or None,
        person.phones or None,
        person.shared_emails,
        *[getattr(person, name) for name in _PLAIN],
        person.emails[0] if person.emails else None,
        person.phones[0] if person.phones else None,
    )


def person(values: Mapping[str, Any], suffix: str = "") -> Person:
    """The person that `row` made a row of; the columns may carry a suffix."""
    of = {name: values[f"{name}{suffix}"] for name in COLUMNS}
    read: dict[str, Any] = {name: of[name] or "" for name in (*_TEXTS, *_PLAIN)}
    read |= {name: frozenset(of[name]) for name in _FORMS}
    return Person(
        ref=(of["source"], of["record"]),
        given_known=of["given_known"],
        latin=of["latin"],
        emails=tuple(of["emails"] or ()),
        phones=tuple(of["phones"] or ()),
        shared_emails=tuple(of["shared_emails"]),
        **read,
    )


class Table:
    """Parquet files in a new folder, written a chunk at a time."""

    def __init__(self, folder: Path, columns: Mapping[str, str]) -> None:
        """`columns`: name -> type, in pyarrow's words. Raises TrainingError where pyarrow is not installed."""
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError as error:
            raise not_installed(error.name, "training") from None
        types = {
            "text": pa.string(),
            "texts": pa.list_(pa.string()),
            "flag": pa.bool_(),
            "number": pa.int64(),
        }
        folder.mkdir()
        self._schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
        self._arrays, self._batch = pa.array, pa.record_batch
        self._writer = parquet.ParquetWriter(folder / "part-0.parquet", self._schema)
        self._rows: list[Sequence[Any]] = []
        self.written = 0

    def add(self, values: Sequence[Any]) -> None:
        self._rows.append(values)
        self.written += 1
        if len(self._rows) >= CHUNK:
            self._flush()

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *failure: object) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [self._arrays(c, field.type) for c, field in zip(columns, self._schema, strict=True)]
            self._writer.write_batch(self._batch(arrays, schema=self._schema))
            self._rows.clear()


def people_table(folder: Path) -> Table:
    """A table of numbered persons."""
    kinds = dict.fromkeys((*COLUMNS, *FIRSTS), "text")
    kinds |= dict.fromkeys((*_FORMS, *_LISTS, "shared_emails"), "texts")
    return Table(folder, {NUMBER: "number"} | kinds | {"given_known": "flag", "latin": "flag"})


def write_people(people: Iterable[Person], folder: Path) -> int:
    """Writes persons, numbered from 0; gives how many."""
    with people_table(folder) as table:
        for number, one in enumerate(people):
            table.add((number, *row(one)))
    return table.written


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a folder's Parquet files, in the order in which they were written."""
    from pyarrow import parquet

    for file in sorted(folder.glob("*.parquet")):
        with parquet.ParquetFile(file) as opened:
            for batch in opened.iter_batches(CHUNK):
                yield from _rows(batch)


def _rows(batch: Any) -> Iterator[dict[str, Any]]:
    names = batch.schema.names
    for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
        yield dict(zip(names, values, strict=True))


def chunks(people: Iterable[Person], size: int = CHUNK) -> Iterator[list[Person]]:
    """The same persons, some at a time."""
    rest = iter(people)
    while chunk := list(islice(rest, size)):
        yield chunk
