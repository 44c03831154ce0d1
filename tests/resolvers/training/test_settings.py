"""Splink's prediction and the scorer's evidence are the same bits."""

from __future__ import annotations

import pytest

from resolvers.identity.matching import model
from resolvers.identity.matching.levels import LEVELS, compare
from resolvers.identity.matching.model import Field, Model
from resolvers.identity.matching.person import Person
from resolvers.identity.matching.scorer import Scorer
from resolvers.identity.training import settings, staging
from resolvers.identity.training.engines import Backend, DuckDB
from resolvers.identity.training.folder import private_folder
from resolvers.identity.training.spark import Spark
from tests.resolvers.matching.people import drawn


def with_frequencies(weights: Model) -> Model:
    """The same, knowing that some names are common; trained on a smaller map than it is used for."""
    common = {"given": {"anna": 0.02, "max": 0.001}, "family": {"weber": 0.03}, "city": {}}
    fields = {
        name: Field(levels=f.levels, frequencies=common[name], rare=0.0004) if name in common else f
        for name, f in weights.fields.items()
    }
    return Model(fields=fields, matches_per_record=0.7, records=10_000)


def predicted(
    people: list[Person], weights: Model, records: int, backend: Backend
) -> dict[tuple[int, int], float]:
    with private_folder() as folder, backend.open(folder) as engine:
        staging.write_people(people, folder / "people")
        engine.load("people", folder / "people")
        linker = settings.linker(engine, "people", LEVELS, weights, records)
        rows = linker.inference.predict(threshold_match_weight=-1000, warning_mode="never").as_record_list()
    return {(row["unique_id_l"], row["unique_id_r"]): row["match_weight"] for row in rows}


@pytest.mark.parametrize(
    ("weights", "records"), [(model.default(), 200), (with_frequencies(model.default()), 50_000)]
)
def test_the_scorer_gives_the_weight_that_splink_gives(weights: Model, records: int) -> None:
    people: list[Person] = drawn(200)
    found, scorer, levels_seen = (
        predicted(people, weights, records, DuckDB()),
        Scorer(weights, records),
        set(),
    )
    assert len(found) == 200 * 199 // 2
    for (left, right), weight in found.items():
        a, b = people[left], people[right]
        levels_seen |= {(n, level) for n, level in zip(LEVELS, compare(a, b), strict=True)}
        assert scorer.evidence(a, b) == pytest.approx(weight, abs=0.01)
    assert len(levels_seen) > 30


@pytest.mark.spark
def test_spark_gives_it_too_but_for_texts_with_transposed_letters() -> None:
    people, weights = drawn(200), with_frequencies(model.default())
    found, scorer = predicted(people, weights, 50_000, Spark()), Scorer(weights, 50_000)
    assert len(found) == 200 * 199 // 2
    lacking = [scorer.evidence(people[a], people[b]) - weight for (a, b), weight in found.items()]
    assert sum(abs(bits) > 0.01 for bits in lacking) < len(found) / 1000
    assert min(lacking) > -0.01
    assert max(lacking) < 12  # the engine's margin
