"""Estimates a model from records without labels: Splink, by expectation maximisation, then our refinement.

Splink samples u from random pairs and estimates m by EM under several blocking rules. Two things are ours: the chance
that two records are one person is then estimated on the pairs that production would compare, and u is freed of the
duplicates among the random pairs, which a rare value's u otherwise consists of.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from resolvers.identity.matching.contacts import personal
from resolvers.identity.matching.levels import LEVELS
from resolvers.identity.matching.model import Model, default
from resolvers.identity.matching.person import Person
from resolvers.identity.training import settings, staging
from resolvers.identity.training.engines import Backend, DuckDB, Engine
from resolvers.identity.training.errors import TrainingError
from resolvers.identity.training.folder import private_folder
from resolvers.identity.training.refinement import LEAST, RANDOM_PAIRS, Refinement

SEED = 360
TRAINED_ON = 200_000
"""Records that are looked at, at most: more change no figure that matters."""
_FILLED = 0.3
"""Share of records that must have a field before pairs are found by it."""


def estimate(
    people: Sequence[Person],
    said: Callable[[str], None] = lambda _: None,
    belief: Model | None = None,
    backend: Backend | None = None,
) -> Model:
    """The model of these people; `said` is told what is being done. Raises TrainingError.

    `belief` (by default the shipped model) stands for what was too rare to see. Splink runs on `backend`, by default DuckDB.
    """
    if len(people) < LEAST:
        raise TrainingError(
            f"weights cannot be estimated from {len(people)} records: at least {LEAST} are needed"
        )
    some = personal(people[:TRAINED_ON])
    with private_folder() as folder, (backend or DuckDB()).open(folder) as engine:
        said(f"estimating weights with Splink on {engine.name}")
        staging.write_people(some, folder / "people")
        engine.load("people", folder / "people")
        trained = _splink(engine, some)
        made = _made(engine, len(some))
    said("refining them on the pairs that share a match key")
    return Refinement(trained, some, belief or default(), made).model()


def _made(engine: Engine, records: int) -> str:
    import splink

    return f"c360 identity train: Splink {splink.__version__} on {engine.name}, EM without labels, {records} records"


def _splink(engine: Engine, people: Sequence[Person]) -> settings.Trained:
    used = [name for name in LEVELS if any(_has(person, name) for person in people)]
    linker = settings.linker(engine, "people", used)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linker.training.estimate_u_using_random_sampling(
            max_pairs=RANDOM_PAIRS, seed=SEED, num_chunks=engine.draws
        )
        for rule in _rules(people):
            _session(linker, rule)
    return settings.parameters(linker)


def _session(linker: Any, rule: str) -> bool:
    """One EM run; pairs that agree too rarely to learn from are no reason to give up."""
    from splink.internals.exceptions import EMTrainingException

    before = linker._settings_obj.core_model_settings.copy()
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    except (EMTrainingException, ValueError):  # no pairs, or a level whose m became 0, which Splink 5 refuses
        linker._settings_obj.core_model_settings = before  # it has lost the fields that the rule fixes
        return False
    return True


def _has(person: Person, field: str) -> bool:
    return bool(getattr(person, {"email": "emails", "phone": "phones"}.get(field, field)))


def _rules(people: Sequence[Person]) -> list[str]:
    """Blocking rules of which each fixes other fields, so that every field is estimated under some of them."""
    shares = {n: sum(_has(p, n) for p in people) / len(people) for n in LEVELS}
    rules = []
    for fields in _BLOCKS:
        if all(shares[field] >= _FILLED for field in fields):
            columns = [{"email": "email1", "phone": "phone1"}.get(field, field) for field in fields]
            rules.append(" and ".join(f"l.{column} = r.{column}" for column in columns))
    return rules


_BLOCKS = (
    ("national_id",),
    ("email",),
    ("phone",),
    ("birth_date",),
    ("given", "family"),
    ("family", "postcode"),
    ("given", "postcode"),
    ("street", "house_number"),
)
