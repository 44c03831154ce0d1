"""Measures the identity map at scale: `python -m bench.identity.scale [--people N …] [--engine sqlite|postgresql …]`.

Maps of 10 thousand, 100 thousand and 1 million people with records in four sources are made on SQLite and PostgreSQL. Then
single operations are timed through `IdentityStore`: looking a person up by a key, and linking one new record (the records that
share a key, what is around them, and the links remembered). Reading the sources and scoring are left out. Prints a table, and
writes bench/results/identity_scale.json. The databases are removed again, unless `--keep`.

PostgreSQL's server is C360_TEST_POSTGRES, as in the tests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import make_url, text

from bench.identity import loading
from bench.identity.population import SOURCES, Record, edge, record_id, somebody
from gateway.migrations import upgrade
from resolvers.identity.matching.keys import LIMIT, LIMITS, MAX_CANDIDATES, Kind
from resolvers.identity.store import IdentityStore, NewLinks
from resolvers.identity.tokens import Token, kind_of

POSTGRES = os.environ.get("C360_TEST_POSTGRES", "postgresql+asyncpg://root@127.0.0.1:5432/test")
RESULTS = Path(__file__).parents[1] / "results" / "identity_scale.json"
SIZES = (10_000, 100_000, 1_000_000)
OPERATIONS = 2_000
NEW = 0.2
"""Share of the linked records whose person the map does not know."""


class Figures(msgspec.Struct, kw_only=True):
    """Times in milliseconds, sizes in bytes. `memory` is the measuring process's peak, `fixed` what an empty database takes."""

    engine: str
    people: int
    records: int
    look_up: tuple[float, float]
    link: tuple[float, float]
    parts: dict[str, float]
    disk: int
    fixed: int
    memory: int
    load: float


def main() -> None:
    """Fills, measures and removes."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--people", type=int, nargs="+", default=list(SIZES))
    options.add_argument(
        "--engine", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"]
    )
    options.add_argument("--operations", type=int, default=OPERATIONS)
    options.add_argument(
        "--keep", type=Path, help="a folder; databases are left there and on the server, and used again"
    )
    options.add_argument("--measure", nargs=2, metavar=("URL", "PEOPLE"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.measure:  # in a process of its own, whose memory is not that of the loading
        url, people = chosen.measure
        print(json.dumps(msgspec.to_builtins(asyncio.run(measure(url, int(people), chosen.operations)))))
        return
    found = asyncio.run(everything(chosen.people, chosen.engine, chosen.operations, chosen.keep))
    print(table(found))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([msgspec.to_builtins(f) for f in found], indent=2) + "\n")


async def everything(
    sizes: Sequence[int], engines: Sequence[str], operations: int, keep: Path | None
) -> list[Figures]:
    """All sizes on all engines; the same people are loaded into both at once."""
    found = []
    for people in sizes:
        with tempfile.TemporaryDirectory() as folder:
            async with databases(keep or Path(folder), people, engines, keep is not None) as urls:
                for url in urls:
                    say(f"measuring {people:,} people on {url.partition('+')[0]}")
                    found.append(await measured(url, people, operations))
                    say(str(found[-1]))
    return found


@asynccontextmanager
async def databases(
    folder: Path, people: int, engines: Sequence[str], keep: bool
) -> AsyncIterator[list[str]]:
    """A map of so many people on each engine, made where it is not there yet."""
    name = f"c360_scale_{people}"
    file = folder / f"{name}.sqlite"
    fresh = []
    urls = {"sqlite": f"sqlite+aiosqlite:///{file}", "postgresql": address(name)}
    if "sqlite" in engines and not file.exists():
        fresh.append(urls["sqlite"])
    if "postgresql" in engines and not (keep and await exists(name)):
        await administrate(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
        fresh.append(urls["postgresql"])
    try:
        for url in fresh:
            store = IdentityStore(url)
            await upgrade(store.engine)
            await store.aclose()
        if fresh:
            await fill(fresh, people)
        yield [urls[engine] for engine in engines]
    finally:
        if "postgresql" in engines and not keep:
            await administrate(f"DROP DATABASE IF EXISTS {name}")


def address(database: str) -> str:
    return make_url(POSTGRES).set(database=database).render_as_string(hide_password=False)


async def exists(database: str) -> bool:
    admin = IdentityStore(POSTGRES)
    async with admin.engine.connect() as connection:
        query = text("SELECT 1 FROM pg_database WHERE datname = :name")
        found = (await connection.execute(query, {"name": database})).scalar()
    await admin.aclose()
    return found is not None


async def administrate(*statements: str) -> None:
    admin = IdentityStore(POSTGRES)
    async with admin.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await admin.aclose()


async def fill(urls: Sequence[str], people: int) -> None:
    """Loads the people into all databases, and says how far it is."""
    began = time.monotonic()

    def counted() -> Any:
        for number in range(people):
            if number and number % 20_000 == 0:
                say(f"{number:,} of {people:,} people, {time.monotonic() - began:.0f} s")
            yield number

    await loading.load([await loading.open_writer(url) for url in urls], counted())
    say(f"{people:,} people loaded in {time.monotonic() - began:.0f} s")


async def measured(url: str, people: int, operations: int) -> Figures:
    """`measure` in another process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.identity.scale", "--measure", url, str(people), "--operations", str(operations),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"measuring failed with {process.returncode}")
    return msgspec.json.decode(out, type=Figures)


async def measure(url: str, people: int, operations: int) -> Figures:
    """Times single operations, one after the other, on people chosen at random."""
    store = IdentityStore(url)
    chance = random.Random(360)
    disk, fixed = await on_disk(store), await empty(store)
    await store.keys([b"no key"])  # the connection and the labels are there before the first one is timed
    look_ups = [await timed_look_up(store, chance.randrange(people)) for _ in range(operations)]
    parts: dict[str, list[float]] = {"candidates": [], "neighbourhood": [], "remember": []}
    first = time.time_ns() // 1_000_000  # a map that was kept knows the records of earlier runs
    for n in range(first, first + operations // 2):
        new = chance.random() < NEW
        for name, spent in (await link(store, n if new else chance.randrange(people), n)).items():
            parts[name].append(spent)
    links = [sum(each) for each in zip(*parts.values(), strict=True)]
    await store.aclose()
    return Figures(
        engine=url.partition("+")[0], people=people, records=people * len(SOURCES), look_up=summary(look_ups),
        link=summary(links), parts={name: statistics.median(spent) for name, spent in parts.items()}, disk=disk,
        fixed=fixed, memory=peak(), load=os.getloadavg()[0],
    )  # fmt: skip


async def timed_look_up(store: IdentityStore, number: int) -> float:
    token = somebody(number).records[0].tokens[0]
    began = time.perf_counter()
    known = await store.keys([token])
    spent = time.perf_counter() - began
    assert known[token].customers
    return spent * 1000


async def link(store: IdentityStore, number: int, n: int) -> dict[str, float]:
    """A fifth record of the person comes in, and is linked to those that the map finds."""
    person = somebody(number, (*SOURCES, "survey"))
    record = Record(ref=("survey", record_id("hubspot", n)), tokens=person.records[-1].tokens)
    own = {r.ref for r in person.records}
    asked = [(token, _limit(token)) for token in record.tokens]
    began = time.perf_counter()
    candidates = await store.candidates(asked, MAX_CANDIDATES)
    looked = time.perf_counter()
    around = await store.neighbourhood(candidates)
    seen = time.perf_counter()
    considered = frozenset(ref for cluster in around.clusters for ref in cluster) | {record.ref}
    matches = [ref for ref in sorted(considered) if ref in own and ref[0] != "survey"]
    news = NewLinks(
        records=(record.ref,), edges=tuple(edge(record.ref, ref, n) for ref in matches),
        tokens=tuple((token, record.ref) for token in record.tokens), considered=considered,
    )  # fmt: skip
    scored = time.perf_counter()
    await store.remember(news)
    return {
        "candidates": (looked - began) * 1000,
        "neighbourhood": (seen - looked) * 1000,
        "remember": (time.perf_counter() - scored) * 1000,
    }


def _limit(token: Token) -> int:
    return LIMITS.get(Kind(kind_of(token)), LIMIT)


async def on_disk(store: IdentityStore) -> int:
    """Bytes, everything included."""
    if store.engine.dialect.name == "sqlite":
        path = Path(str(store.engine.url.database))
        return sum(p.stat().st_size for p in path.parent.glob(f"{path.name}*"))
    async with store.engine.connect() as connection:
        return int(
            (await connection.execute(text("SELECT pg_database_size(current_database())"))).scalar_one()
        )


async def empty(store: IdentityStore) -> int:
    """Bytes of a database without tables: PostgreSQL's own catalogue, which does not grow with the people."""
    if store.engine.dialect.name == "sqlite":
        return 0
    async with store.engine.connect() as connection:
        return int((await connection.execute(text("SELECT pg_database_size('template1')"))).scalar_one())


def peak() -> int:
    """Bytes that this process had in memory at most. The kernel's other count goes on from the process that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not say how much memory was used")


def summary(spent: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    return statistics.median(spent), statistics.quantiles(spent, n=100)[98]


def table(found: Sequence[Figures]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| engine | records | look-up, median / p99 | link, median / p99 | on disk | of it fixed | a record | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.engine} | {f.records:,} | {f.look_up[0]:.2f} / {f.look_up[1]:.2f} ms | {f.link[0]:.2f} / {f.link[1]:.2f} ms"
        f" | {f.disk / 1e6:,.0f} MB | {f.fixed / 1e6:,.0f} MB | {(f.disk - f.fixed) / f.records:.0f} B"
        f" | {f.memory / 1e6:.0f} MB |"
        for f in sorted(found, key=lambda f: (f.engine, f.people))
    ]
    return "\n".join(lines)


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
