"""Weights that nobody labelled."""

from __future__ import annotations

import pytest

from resolvers.identity.matching import evaluation, model
from resolvers.identity.matching.contacts import personal
from resolvers.identity.training import estimate as estimating
from resolvers.identity.training import settings, staging
from resolvers.identity.training.engines import DuckDB
from resolvers.identity.training.errors import TrainingError
from resolvers.identity.training.estimate import estimate
from resolvers.identity.training.folder import private_folder
from resolvers.identity.training.spark import Spark
from tests.resolvers.matching.people import drawn, person
from tests.resolvers.matching.test_evaluation import matched, truth


def test_training_without_labels_gives_a_model_that_reads_back() -> None:
    people = drawn(1000)
    trained = estimate(people)
    assert 0.7 < trained.matches_per_record < 1.1  # one, in truth
    assert model._decoded(model.dump(trained), "x") == trained
    figures = evaluation.figures(truth(people), matched(people, trained))
    assert figures.pairwise.precision == 1.0
    assert figures.pairwise.recall > 0.9
    assert figures.review_recall > 0.98


def test_too_few_records_to_train_from() -> None:
    with pytest.raises(TrainingError, match="at least 100"):
        estimate(drawn(20))


def test_training_on_families_does_not_teach_that_twins_are_one() -> None:
    people = []
    for n in range(300):
        home = {
            "family_name": f"family{n * 37 % 300}",
            "date_of_birth": f"{1940 + n % 60}{n % 12 + 1:02d}{n % 28 + 1:02d}",
            "street": f"street {chr(97 + n % 26)}{chr(97 + n % 17)}",
            "house_number": str(n % 90 + 1),
        }
        people += [person(f"{n}a", given_name="Anna", **home), person(f"{n}b", given_name="Bruno", **home)]
    trained = estimate(people)
    assert trained.differs == {}
    assert matched(people, trained).people == ()


def test_where_ids_vouch_that_names_are_often_wrong_they_no_longer_keep_apart() -> None:
    people = []
    for n in range(400):
        row = {
            "family_name": f"family{n}",
            "date_of_birth": f"{1940 + n % 60}{n % 12 + 1:02d}{n % 28 + 1:02d}",
        }
        other = "Bruno" if n % 5 == 0 else "Anna"
        people.append(person(f"{n}a", given_name="Anna", national_id=f"{n:07d}x", **row))
        people.append(person(f"{n}b", given_name=other, national_id=f"{n:07d}x", **row))
    assert estimate(people).differs["given"] == pytest.approx(0.2, abs=0.01)


def test_a_session_that_fails_leaves_the_model_as_it_was() -> None:
    people = personal(drawn(400))
    with private_folder() as folder, DuckDB().open(folder) as engine:
        staging.write_people(people, folder / "people")
        engine.load("people", folder / "people")
        linker = settings.linker(engine, "people", ["given", "family", "city"])
        before = settings.parameters(linker)
        assert not estimating._session(linker, "l.city = r.birth_date")  # no pair agrees
        assert settings.parameters(linker) == before
        assert set(before) == {"given", "family", "city"}


@pytest.mark.spark
def test_spark_and_duckdb_estimate_the_same() -> None:
    """m closely; u only roughly, because each engine draws its own random pairs."""
    people = drawn(800)
    ours, theirs = estimate(people), estimate(people, backend=Spark())
    assert theirs.matches_per_record == pytest.approx(ours.matches_per_record, rel=0.01)
    for name, field in ours.fields.items():
        for level, other in zip(field.levels, theirs.fields[name].levels, strict=True):
            assert other.m == pytest.approx(level.m, abs=0.01), (name, level.name)
            assert abs(other.weight - level.weight) < 2, (name, level.name)
    assert matched(people, theirs).people == matched(people, ours).people
