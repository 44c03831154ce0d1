"""Writes a population straight into an empty, migrated map: exactly what `remember` would have written, without asking it.

Only for maps that nothing else is in yet: numbers begin at 1, and every person is one customer. A test holds it against
`remember` and `rebuild`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

import asyncpg
import uuid_utils
from asyncpg.pgproto.pgproto import UUID
from sqlalchemy import make_url

from bench.identity.population import SOURCES, links, somebody
from resolvers.identity import lanes, rows
from resolvers.identity.derivation import Contribution, Verdict
from resolvers.identity.fan_out import FanOut
from resolvers.identity.labels import packed
from resolvers.identity.log import KINDS, Kind, rests_on

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = {
    "label": ("id", "text"),
    "event": ("at", "id", "kind"),
    "member": ("confidence", "id", "event_id", "customer_id", "source", "record_id"),
    "customer": ("id", "member_id", "event_id"),
    "evidence": (
        "confidence", "weight", "event_id", "n", "a", "b", "verdict", "origin", "rests_on", "contributions",
    ),
    "review": ("a", "b", "confidence", "reopened"),
    "match_key": ("member_id", "n", *lanes.COLUMNS),
    "discovery": ("at", "fan_out", "token"),
}  # fmt: skip

Rows = dict[str, list[tuple[Any, ...]]]


class Codes:
    """Labels numbered as they come, after the steward's."""

    def __init__(self) -> None:
        self.texts = ["steward"]
        self._codes = {"steward": 1}

    def code(self, text: str) -> int:
        if text not in self._codes:
            self.texts.append(text)
            self._codes[text] = len(self.texts)
        return self._codes[text]

    def text(self, code: int) -> str:
        return self.texts[code - 1]


class Writer(Protocol):
    """A database that is being filled."""

    async def write(self, found: Rows) -> None: ...

    async def close(self) -> None: ...


async def load(writers: Sequence[Writer], people: Iterable[int], page: int = 5_000) -> None:
    """Fills the databases with the same rows. `people` are numbers from 0 on, in order."""
    codes, found = Codes(), _empty()
    for count, number in enumerate(people, 1):
        _add(found, number, codes)
        if count % page == 0:
            for writer in writers:
                await writer.write(found)
            found = _empty()
    found["label"] = [(n, text) for n, text in enumerate(codes.texts, 1) if n > 1]
    for writer in writers:
        await writer.write(found)
        await writer.close()


def _empty() -> Rows:
    return {name: [] for name in _COLUMNS}


def _add(found: Rows, number: int, codes: Codes) -> None:
    """What follows from a person's links, which all say "same": one customer, anchored at the first record."""
    at = datetime.now(UTC)
    customer = uuid_utils.uuid7().bytes
    first = number * len(SOURCES) + 1
    numbers: dict[Any, int] = {}
    tokens: dict[Any, set[bytes]] = {}
    best: dict[Any, float] = {}
    for event, new in enumerate(links(number), first):
        (ref,) = new.records
        numbers[ref] = event  # a record and its event have the same number here
        tokens[ref] = {token for token, _ in new.tokens}
        found["event"].append((at, event, KINDS[Kind.LINK]))
        found["match_key"] += [tuple(row.values()) for row in lanes.rows(event, tokens[ref])]
        for n, edge in enumerate(new.edges):
            doubt = edge.verdict is Verdict.UNSURE
            if doubt:
                other = next(r for r in edge.pair if r != ref)
                numbers[other] = first - len(SOURCES)
                tokens[other] = set(somebody(number - 1).records[0].tokens)
                found["review"].append((numbers[edge.a], numbers[edge.b], edge.confidence, False))
            else:
                for end in edge.pair:
                    best[end] = max(best.get(end, 0.0), edge.confidence)
            found["evidence"].append(
                (
                    edge.confidence, rows.weight_row(edge), event, n, numbers[edge.a], numbers[edge.b],
                    rows.VERDICTS[edge.verdict], codes.code(edge.origin),
                    bytes.fromhex(rests_on(edge.a, edge.b, tokens)), _packed(edge.contributions, codes),
                )
            )  # fmt: skip
    found["customer"].append((customer, first, first))
    person = somebody(number)
    for event, record in enumerate(person.records, first):
        source, record_id = record.ref
        found["member"].append(
            (best.get(record.ref, 1.0), event, event, customer, codes.code(source), record_id)
        )
    found["discovery"] += [(at, rows.FAN_OUTS[FanOut.PERSONAL], token) for token in person.asked]


@lru_cache(10_000)
def _packed(contributions: tuple[Contribution, ...], codes: Codes) -> bytes | None:
    for each in contributions:
        codes.code(f"{each.field}\x1f{each.agreement}")
    return packed(contributions, codes)


class Sqlite:
    """Rows go in one by one in the order in which they came, so that pages are as full as they would be."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000"):
            self._connection.execute(f"PRAGMA {pragma}")

    async def write(self, found: Rows) -> None:
        self._connection.execute("BEGIN")
        for name, columns in _COLUMNS.items():
            marks = ", ".join("?" * len(columns))
            insertion = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})"
            timed = columns[0] == "at"
            values = (
                [((r[0] - _EPOCH) // timedelta(microseconds=1), *r[1:]) for r in found[name]]
                if timed
                else found[name]
            )
            self._connection.executemany(insertion, values)
        self._connection.execute("COMMIT")

    async def close(self) -> None:
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.close()


class Postgres:
    """Rows are copied in. The indexes whose keys come in no order are made afterwards, with pages as full (70 %) as
    random insertion leaves them; what comes in order keeps the pages that it came in.
    """

    _RANDOM = tuple(f"match_key_{lane}" for lane in lanes.COLUMNS)

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection
        self._later: list[str] = []

    @classmethod
    async def open(cls, url: str, settings: Mapping[str, str]) -> Postgres:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        found = cls(await asyncpg.connect(plain, server_settings=dict(settings)))
        await found._connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'")
        for name in cls._RANDOM:
            making = await found._connection.fetchval(
                "SELECT indexdef FROM pg_indexes WHERE indexname = $1 AND schemaname = current_schema()", name
            )
            found._later.append(making.replace(" WHERE ", " WITH (fillfactor = 70) WHERE "))
            await found._connection.execute(f"DROP INDEX {name}")
        return found

    async def write(self, found: Rows) -> None:
        for name, columns in _COLUMNS.items():
            values: Any = found[name]
            if name == "customer":
                values = [(UUID(r[0]), *r[1:]) for r in values]
            elif name == "member":
                values = [(*r[:3], UUID(r[3]), *r[4:]) for r in values]
            await self._connection.copy_records_to_table(name, records=values, columns=columns)

    async def close(self) -> None:
        for making in self._later:
            await self._connection.execute(making)
        for name in ("label", "event", "member"):
            await self._connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"
            )
        await self._connection.execute("VACUUM ANALYZE")  # as the server does by itself where it may
        await self._connection.close()


async def open_writer(url: str, settings: Mapping[str, str] = {}) -> Writer:
    """For the address of an empty, migrated map."""
    if url.startswith("sqlite"):
        return Sqlite(str(make_url(url).database))
    return await Postgres.open(url, settings)
