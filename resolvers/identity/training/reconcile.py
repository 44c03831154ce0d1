"""Compares all records at once and proposes pairs: Splink finds, the scorer decides. Rewrites nothing.

Records stream through Parquet files in a private folder. Pairs are those that share a match key which is not crowded, as
in a look-up. Splink's weight of a pair is the scorer's before anything is taken off, so what Splink leaves out the scorer
would not have proposed; where the scorer knows more than Splink (names in two scripts, a household's address) it is asked
anyway. What is kept is scored again by the scorer itself, and a proposal says exactly what a request would say of the pair.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import combinations, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from resolvers.identity.matching.contacts import contradict, without
from resolvers.identity.matching.keys import of_person
from resolvers.identity.matching.levels import LEVELS
from resolvers.identity.matching.model import Model
from resolvers.identity.matching.person import Person, Ref
from resolvers.identity.matching.scorer import REVIEW, Band, Contribution, Scorer
from resolvers.identity.training import queries, settings, staging
from resolvers.identity.training.engines import Backend, Engine
from resolvers.identity.training.folder import private_folder
from resolvers.identity.training.staging import NUMBER, Table

PART = 250_000
"""Records whose pairs are compared at once."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of records that may be one person; `a` is before `b`.

    `weight` is in bits, prior included, and the sum of the contributions. `band` is what a request would do with the
    pair by itself, and `doubts` why it would not join it.
    """

    a: Ref
    b: Ref
    weight: float
    probability: float
    band: Band
    doubts: tuple[str, ...]
    contributions: tuple[Contribution, ...]


def propose(
    people: Iterable[Person], model: Model, backend: Backend, said: Callable[[str], None]
) -> Generator[Proposal, None, None]:
    """All pairs with a probability of 0.1 or more, ordered by their references. Raises TrainingError.

    `people` is read once and never held; of records with one reference the last one counts. `said` is told what is being
    done. The files of the run are gone when the iterator is exhausted or closed.
    """
    with private_folder() as folder, backend.open(folder) as engine:
        run = _Run(engine, model, folder)
        said("reading records")
        run.stage(people)
        said("looking for contacts that several people share")
        shared = run.shared()
        said("making match keys")
        run.key(shared)
        for number in range(run.parts):
            said(f"comparing pairs with Splink on {engine.name}, {number + 1} of {run.parts}")
            run.compare(number)
        said("scoring what was found")
        yield from run.proposals()


class _Run:
    """The steps in their order; each leaves tables for the next."""

    def __init__(self, engine: Engine, model: Model, folder: Path) -> None:
        self._engine, self._model, self._folder = engine, model, folder
        self._linker: Any = None
        self._many: frozenset[str] = frozenset()
        self.records = 0

    @property
    def parts(self) -> int:
        return max(1, -(-self.records // PART))

    def stage(self, people: Iterable[Person]) -> None:
        """Writes the records, and who carries which contact."""
        with (
            staging.people_table(self._folder / "arrived") as table,
            Table(
                self._folder / "contacts", {NUMBER: "number", "contact": "text", "own": "number"}
            ) as contacts,
        ):
            for number, one in enumerate(people):
                table.add((number, *staging.row(one)))
                for contact in (*one.emails, *one.phones):
                    contacts.add((number, contact, 1))
                for contact in one.shared_emails:
                    contacts.add((number, contact, 0))
        self._engine.load("arrived", self._folder / "arrived")
        self._engine.load("contacts", self._folder / "contacts")
        self._engine.define("latest", queries.LATEST)
        self.records = self._engine.count("latest")

    def shared(self) -> frozenset[str]:
        """What `contacts.shared` and `contacts.crowded` find, read one contact at a time."""
        self._engine.define("carried", queries.CARRIED)
        self._many = frozenset(row["contact"] for row in self._rows(queries.CROWDED, "crowded"))
        found = {row["contact"] for row in self._rows(queries.COMMON, "common")}
        for contact, rows in groupby(self._rows(queries.CARRIERS, "carriers"), itemgetter("contact")):
            group = [staging.person(row) for row in rows]
            if any(contradict(a, b) for a, b in combinations(group, 2)):
                found.add(contact)
        return frozenset(found)

    def key(self, shared: frozenset[str]) -> None:
        """Writes the records without shared contacts, and their match keys."""
        with (
            staging.people_table(self._folder / "people") as table,
            Table(self._folder / "keys", {NUMBER: "number", "kind": "number", "hash": "number"}) as keys,
        ):
            for row in self._rows(queries.RECORDS, "records"):
                number, one = row[NUMBER], without(staging.person(row), shared, self._many)
                table.add((number, *staging.row(one)))
                for key in of_person(one):
                    keys.add((number, queries.KINDS[key.kind], _hash(key.value)))
        self._engine.load("people", self._folder / "people")
        self._engine.load("match_keys", self._folder / "keys")
        self._engine.define("uncrowded", queries.UNCROWDED)
        self._linker = settings.linker(self._engine, "people", LEVELS, self._model, self.records)

    def compare(self, part: int) -> None:
        """Lets Splink score the pairs of one part, and keeps the likely ones."""
        name = f"pairs_{part}"
        self._engine.define(name, queries.pairs(part, self.parts))
        self._linker.table_management.register_blocked_pairs_for_predict(self._engine.api.register(name))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted = self._linker.inference.predict(
                threshold_match_weight=settings.bits(REVIEW) - self._engine.margin, warning_mode="never"
            )
        overlap = self._engine.dialect.overlap
        self._engine.define(f"found_{part}", queries.found(predicted.physical_name, name, overlap))
        predicted.drop_table_from_database_and_remove_from_cache()
        self._engine.drop(name)

    def proposals(self) -> Iterator[Proposal]:
        """What the scorer makes of the likely pairs, in the order of their references."""
        scorer = Scorer(self._model, self.records)
        for row in self._rows(queries.likely([f"found_{n}" for n in range(self.parts)]), "likely"):
            score = scorer.score(staging.person(row, "_a"), staging.person(row, "_b"))
            if score.band is not Band.DIFFERENT:
                yield Proposal(
                    a=score.a,
                    b=score.b,
                    weight=score.weight,
                    probability=score.probability,
                    band=score.band,
                    doubts=score.doubts,
                    contributions=score.contributions,
                )

    def _rows(self, sql: str, name: str) -> Iterator[dict[str, Any]]:
        """What a query finds, by way of a file: in bounded memory, and in the query's order."""
        self._engine.write(sql, self._folder / name)
        yield from staging.read(self._folder / name)


def _hash(value: str) -> int:
    """64 bits of a key's value. Two values with one hash make a pair more to compare, and nothing else."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), signed=True)
