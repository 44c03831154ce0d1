"""Times reconciling a large table beside plain Splink: `python -m bench.identity.bulk RECORDS`, a Markdown table.

The people are drawn from a seed and written a row at a time; who is who is known. Each run is a process of its own, whose
memory is read off the system for it and all its children together. *Plain Splink* is what somebody writes by hand: usual
comparisons and blocking rules, trained on the same table, predicted on DuckDB's defaults.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gateway.commands.tables import stream
from resolvers.identity.matching.model import default
from resolvers.identity.matching.scorer import Band
from resolvers.identity.training.engines import DuckDB
from resolvers.identity.training.reconcile import propose

Row = dict[str, str]
Pair = tuple[str, str]
COLUMNS = (
    "source", "source_id", "given_name", "family_name", "email", "phone", "date_of_birth", "street", "house_number",
    "postcode", "city",
)  # fmt: skip
_SYLLABLES = """ba be bi bo da de di do fa fe ga ge ha he hi ka ke ki ko la le li lo ma me mi mo na ne ni no pa pe ra re ri
ro sa se si so ta te ti to va ve vi wa we wi za ze""".split()
_GIVEN_ENDS, _FAMILY_ENDS = (
    ("n", "s", "ra", "na", "lf", "rt"),
    ("mann", "er", "ski", "sen", "ov", "berg", "t", ""),
)


def rows(records: int, seed: int = 360) -> Iterator[Row]:
    """Records of about three quarters as many people: every fourth has a further one with up to three slips.

    Names follow Zipf's law over 4,000 given and 40,000 family names, some people live together and share a phone. The
    record id begins with the person's number, which is the truth; it is in no column that is compared.
    """
    dice = random.Random(seed)
    world = _World(dice, records)
    written = number = 0
    while written < records:
        person = world.person(number)
        for copy in range(1 + (dice.random() < 0.28) + (dice.random() < 0.05)):
            if written < records:
                row = world.spoiled(person) if copy else person
                yield row | {"source": f"s{copy}", "source_id": f"{number}-{copy}"}
                written += 1
        number += 1


class _World:
    """Names, streets and places, and who lives where."""

    def __init__(self, dice: random.Random, records: int) -> None:
        self._dice = dice
        self._given = _names(dice, 4_000, 2, _GIVEN_ENDS)
        self._family = _names(dice, 40_000, 3, _FAMILY_ENDS)
        self._streets = [f"{name}strasse" for name in _names(dice, 5_000, 3, ("",))]
        self._cities = _names(dice, 800, 3, ("burg", "stadt", "heim"))
        self._postcodes = max(200, records // 120)
        self._home: Row = {}

    def person(self, number: int) -> Row:
        """A new person; every third one shares name, address and phone with the one before."""
        dice = self._dice
        if not self._home or dice.random() > 0.33:
            self._home = self._household()
        given, home = _zipf(dice, self._given), dict(self._home)
        if dice.random() < 0.4:
            home["phone"] = f"+4915{dice.randrange(10**9):09d}"
        return home | {
            "given_name": given,
            "email": f"{given}.{home['family_name']}{number % 9973}@mail{dice.randrange(20)}.example"
            if dice.random() < 0.7
            else "",
            "date_of_birth": f"{dice.randint(1935, 2005)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}"
            if dice.random() < 0.8
            else "",
        }

    def _household(self) -> Row:
        dice = self._dice
        place = dice.randrange(self._postcodes)
        return {
            "family_name": _zipf(dice, self._family),
            "street": dice.choice(self._streets),
            "house_number": str(dice.randint(1, 150)),
            "postcode": f"{10_000 + place}",
            "city": self._cities[place % len(self._cities)],
            "phone": f"+4930{dice.randrange(10**8):08d}" if dice.random() < 0.6 else "",
        }

    def spoiled(self, person: Row) -> Row:
        """The same person in another system: up to three values are absent, mistyped, or others."""
        dice, copy = self._dice, dict(person)
        for name in dice.sample(sorted(copy), dice.randint(0, 3)):
            copy[name] = self._slip(copy[name])
        if dice.random() < 0.1:
            copy |= {k: v for k, v in self._household().items() if k != "family_name"}  # has moved
        return copy

    def _slip(self, value: str) -> str:
        dice = self._dice
        if len(value) < 2 or dice.random() < 0.4:
            return ""
        at = dice.randrange(len(value) - 1)
        return dice.choice(
            (value[:at] + value[at + 1 :], value[:at] + value[at + 1] + value[at] + value[at + 2 :])
        )


def _names(dice: random.Random, count: int, syllables: int, ends: Iterable[str]) -> list[str]:
    names: dict[str, None] = {}
    endings = tuple(ends)
    while len(names) < count:
        parts = (dice.choice(_SYLLABLES) for _ in range(dice.randint(syllables - 1, syllables)))
        names["".join(parts) + dice.choice(endings)] = None
    return list(names)


def _zipf(dice: random.Random, names: list[str]) -> str:
    """The n-th name about 1/n times as often as the first."""
    return names[int(len(names) ** dice.random()) - 1]


def write(file: Path, records: int) -> int:
    """Writes the table; gives the number of pairs that are one person."""
    pairs = 0
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, fieldnames=COLUMNS)
        writer.writeheader()
        last, of_last = "", 0
        for row in rows(records):
            who = row["source_id"].partition("-")[0]
            of_last = of_last + 1 if who == last else 0
            pairs, last = pairs + of_last, who
            writer.writerow(row)
    return pairs


# --- what is measured, each in a process of its own ---


def ours(file: Path) -> Iterator[tuple[Pair, bool]]:
    """The pairs that reconcile proposes, and whether each would be joined without a person."""
    said = lambda text: print(f"  {time.strftime('%X')} {text}", file=sys.stderr)  # noqa: E731
    for p in propose(stream(file, {}, "DE"), default(), DuckDB(threads=2), said):
        yield (p.a[1], p.b[1]), p.band is Band.SAME


def plain(file: Path) -> Iterator[tuple[Pair, bool]]:
    """The pairs that Splink with usual settings gives a probability of 0.1 or more, and whether it is 0.99 or more."""
    import duckdb
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    connection = duckdb.connect(":memory:", config={"threads": 2})
    text = "{" + ", ".join(f"'{c}': 'VARCHAR'" for c in COLUMNS) + "}"
    empty = ", ".join(f"nullif({c}, '') AS {c}" for c in COLUMNS if c != "source_id")
    connection.execute(
        f"CREATE TABLE people AS SELECT source_id AS unique_id, {empty} FROM read_csv('{file}', columns={text})"
    )
    api = DuckDBAPI(connection=connection)
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("given_name", [0.92, 0.8]),
            cl.JaroWinklerAtThresholds("family_name", [0.92, 0.8]).configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("date_of_birth", [1, 2]),
            cl.LevenshteinAtThresholds("email", [1]),
            cl.ExactMatch("phone"),
            cl.JaroWinklerAtThresholds("street", [0.9]),
            cl.ExactMatch("postcode"),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("given_name", "family_name", "date_of_birth"),
            block_on("email"),
            block_on("phone"),
            block_on("family_name", "postcode"),
            block_on("given_name", "date_of_birth"),
            block_on("family_name", "date_of_birth"),
            block_on("given_name", "postcode", "street"),
        ],
    )
    linker = Linker(api.register("people"), settings, log_level=logging.ERROR)
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("given_name", "family_name", "date_of_birth"), block_on("email")], recall=0.7
    )
    training.estimate_u_using_random_sampling(max_pairs=2e6, seed=360)
    training.estimate_parameters_using_expectation_maximisation(block_on("given_name", "family_name"))
    training.estimate_parameters_using_expectation_maximisation(block_on("date_of_birth", "postcode"))
    found = linker.inference.predict(threshold_match_probability=0.1)
    kept = connection.execute(
        f"SELECT unique_id_l, unique_id_r, match_probability >= 0.99 FROM {found.physical_name}"
    )
    while batch := kept.fetchmany(10_000):
        yield from (((left, right), bool(same)) for left, right, same in batch)


RUNS: dict[str, Callable[[Path], Iterator[tuple[Pair, bool]]]] = {"reconcile": ours, "plain Splink": plain}


def count(pairs: Iterable[tuple[Pair, bool]]) -> dict[str, int]:
    """How many pairs there are, and how many are one person: all of them, and those that would be joined."""
    counts = dict.fromkeys(("pairs", "right", "joined", "joined_right"), 0)
    for (a, b), same in pairs:
        right = a.partition("-")[0] == b.partition("-")[0]
        counts["pairs"] += 1
        counts["right"] += right
        counts["joined"] += same
        counts["joined_right"] += right and same
    return counts


class _Memory:
    """The most that a process and its children hold at once (resident set), looked at five times a second."""

    def __init__(self, pid: int) -> None:
        self._pid, self.peak = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self.peak = max(self.peak, sum(_resident(pid) for pid in _tree(self._pid)))

    def end(self) -> int:
        """Megabytes (1,000,000 bytes)."""
        self._over.set()
        self._thread.join()
        return round(self.peak / 1e6)


def _tree(root: int) -> Iterator[int]:
    yield root
    try:
        children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


_HEAD = (
    "| run | records | seconds | CPU s | peak MB | pairs >= 0.1 | precision | recall"
    " | same: precision | same: recall | load |"
)


def measure(name: str, file: Path, truth: int, records: int) -> str:
    """One line of the table."""
    began, load = time.perf_counter(), os.getloadavg()[0]
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.identity.bulk", "--run", name, str(file)], stdout=subprocess.PIPE
    )
    memory = _Memory(child.pid)
    assert child.stdout is not None
    answer = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    seconds, peak = time.perf_counter() - began, memory.end()
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    if child.returncode:
        raise SystemExit(f"{name} failed with {child.returncode} after {seconds:,.0f} s and {peak:,} MB")
    c = json.loads(answer)
    load = (load + os.getloadavg()[0]) / 2
    quality = (
        c["right"] / max(1, c["pairs"]),
        c["right"] / truth,
        c["joined_right"] / max(1, c["joined"]),
        c["joined_right"] / truth,
    )
    shares = " | ".join(f"{share:.4f}" for share in quality)
    return f"| {name} | {records:,} | {seconds:,.0f} | {cpu:,.0f} | {peak:,} | {c['pairs']:,} | {shares} | {load:.1f} |"


def main() -> None:
    """Makes the table of people and prints the table of figures."""
    if sys.argv[1] == "--run":
        print(json.dumps(count(RUNS[sys.argv[2]](Path(sys.argv[3])))))
        return
    records = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "people.csv"
        truth = write(file, records)
        print(
            f"{records:,} records, {truth:,} pairs of one person, {file.stat().st_size / 1e6:,.0f} MB of CSV\n"
        )
        print(_HEAD)
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for name in sys.argv[2:] or RUNS:
            print(measure(name, file, truth, records), flush=True)


if __name__ == "__main__":
    main()
