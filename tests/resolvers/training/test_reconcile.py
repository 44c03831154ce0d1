"""Proposals for all records at once: what the request path would say of each pair, no more and no less."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from pydantic import SecretStr

from resolvers.identity.matching import keys, model
from resolvers.identity.matching.contacts import personal
from resolvers.identity.matching.index import Index
from resolvers.identity.matching.model import Model
from resolvers.identity.matching.person import Person, Ref
from resolvers.identity.matching.scorer import Band, Scorer
from resolvers.identity.tokens import Tokens
from resolvers.identity.training import folder as folders
from resolvers.identity.training import reconcile, staging
from resolvers.identity.training.engines import Backend, DuckDB
from resolvers.identity.training.reconcile import Proposal
from resolvers.identity.training.spark import Spark
from tests.resolvers.matching.people import drawn, person, rows
from tests.resolvers.training.test_settings import with_frequencies

WEIGHTS = with_frequencies(model.default())


def proposed(
    people: Iterable[Person], weights: Model = WEIGHTS, backend: Backend | None = None
) -> list[Proposal]:
    return list(reconcile.propose(people, weights, backend or DuckDB(), lambda _: None))


def online(people: list[Person], weights: Model = WEIGHTS) -> dict[tuple[Ref, Ref], float]:
    """What looking each record up and scoring its candidates finds."""
    scorer, people = Scorer(weights, len(people)), personal(people)
    index, found = Index(Tokens(SecretStr(secrets.token_urlsafe(32)))), {}
    index.add(enumerate(people))
    for number, one in enumerate(people):
        for other in index.candidates(one):
            if other > number:
                score = scorer.score(one, people[other])
                if score.band is not Band.DIFFERENT:
                    found[score.a, score.b] = score.weight
    index.close()
    return found


def families(count: int) -> list[Person]:
    """Two people with one address, phone and e-mail address, and one of them once more."""
    people = []
    for n in range(count):
        home = {
            "family_name": f"Oduya{chr(97 + n % 26)}{chr(97 + n // 26)}",
            "street": f"Lindenweg {n}",
            "postcode": f"{10_000 + n}",
            "email": f"the.oduyas{n}@mail.example",
            "phone": f"+4930{2_000_000 + n}",
        }
        born, other = f"{n % 12 + 1:02d}-{n % 28 + 1:02d}", f"{(n + 5) % 12 + 1:02d}-{(n + 9) % 28 + 1:02d}"
        anna = {"given_name": "Anna", "date_of_birth": f"{1940 + n}-{born}"}
        people.append(person(f"{n}a", **home, **anna))
        people.append(person(f"{n}b", **home, given_name="Bruno", date_of_birth=f"{1940 + n}-{other}"))
        people.append(person(f"{n}c", **home | {"email": "", "phone": ""}, **anna))
    return people


def across(count: int) -> list[Person]:
    """What Splink's levels do not know: names in two scripts, and family names at one shared address."""
    people = []
    for n in range(count):
        kato = {"family_name": f"Kato{chr(97 + n)}", "phone": f"+4930{3_000_000 + 7 * n}"}
        people.append(person(f"{n}x", given_name="Kenji", **kato))
        people.append(person(f"{n}y", given_name="健二", **kato | {"family_name": ""}))
        people.append(
            person(f"{n}z", given_name="Юрий", family_name="Иванов", date_of_birth=f"{1950 + n}-01-02")
        )
        people.append(
            person(f"{n}w", given_name="Yuri", family_name="Ivanov", date_of_birth=f"{1950 + n}-01-02")
        )
        people.append(person(f"{n}q", given_name="Юрий", family_name="Иванов", postcode=f"{20_000 + n}"))
        people.append(person(f"{n}r", given_name="Yuri", family_name="Ivanov", postcode=f"{20_000 + n}"))
        home = {"family_name": f"Weber{chr(97 + n)}", "email": f"familie.weber{chr(97 + n)}@mail.example"}
        people.append(person(f"{n}u", given_name="Anna", **home))
        people.append(person(f"{n}v", **home))
        people.append(person(f"{n}t", email=home["email"]))
    return people


@pytest.mark.parametrize("weights", [WEIGHTS, model.default()])
def test_every_pair_is_proposed_that_a_look_up_would_find_and_it_weighs_the_same(weights: Model) -> None:
    people = drawn(600) + families(40) + across(20)
    random.Random(1).shuffle(people)
    found = proposed(iter(people), weights)
    assert {(p.a, p.b): p.weight for p in found} == online(people, weights)
    assert len(found) > 300
    assert [(p.a, p.b) for p in found] == sorted((p.a, p.b) for p in found)
    for p in found:
        assert p.probability >= 0.1
        assert p.a < p.b
        assert sum(bar.weight for bar in p.contributions) == pytest.approx(p.weight)


def test_what_only_a_households_address_makes_likely_is_proposed_too() -> None:
    """Splink does not know that address; the scorer does."""
    home = {"family_name": "Weber", "email": "familie.weber@mail.example"}
    people = [person("1", **home), person("2", given_name="Petra", **home), *drawn(100)]
    found = proposed(people)
    assert [(p.a[1], p.b[1]) for p in found if {p.a[1], p.b[1]} == {"1", "2"}] == [("1", "2")]
    assert {(p.a, p.b): p.weight for p in found} == online(people)


def test_neither_the_order_of_the_records_nor_the_parts_change_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = drawn(300)
    found = proposed(people)
    monkeypatch.setattr(reconcile, "PART", 70)
    monkeypatch.setattr(staging, "CHUNK", 37)
    assert proposed(people[::-1]) == found


def test_what_a_family_shares_is_no_proposal() -> None:
    pairs = {(p.a[1], p.b[1]) for p in proposed(families(30))}
    at_home = {(a, b) for a, b in pairs if a[:-1] == b[:-1]}
    assert at_home == {(f"{n}a", f"{n}c") for n in range(30)}


def test_an_address_is_shared_by_those_who_have_it_as_their_own() -> None:
    """Sixty of an office whose name the address is, and two of another name, who alone may be one person."""
    office = [person(f"o{n}", family_name="Weber", email="weber@mail.example") for n in range(60)]
    pair = [
        person(f"p{n}", given_name="Odile", family_name="Tanaka", email="weber@mail.example")
        for n in range(2)
    ]
    found = proposed([*office, *pair])
    assert {(p.a, p.b): p.weight for p in found} == online([*office, *pair])


def test_a_record_that_comes_twice_counts_once_as_it_came_last() -> None:
    people = drawn(200)
    older = [person(p.ref[1], given_name="Somebody", family_name="Else") for p in people]
    older = [Person(ref=p.ref, given=o.given, family=o.family) for p, o in zip(people, older, strict=True)]
    assert proposed([*older, *people]) == proposed(people)


def test_crowded_keys_find_nobody() -> None:
    crowd = keys.limit(keys.Kind.NAME)
    alike = [person(str(n), given_name="Anna", family_name="Weber") for n in range(crowd + 1)]
    sure = Model(fields=model.default().fields, matches_per_record=4000.0)
    assert proposed(alike, sure) == []
    assert len(proposed(alike[:-1], sure)) == crowd * (crowd - 1) // 2


@pytest.mark.parametrize("people", [[], [person("1", given_name="Anna")], [person("1"), person("2")]])
def test_where_there_is_nothing_to_compare(people: list[Person]) -> None:
    assert proposed(people) == []


@given(rows)
def test_a_person_comes_back_from_its_row_as_it_was(row: dict[str, str]) -> None:
    one = person(**row)
    names = (*staging.COLUMNS, *staging.FIRSTS)
    assert staging.person(dict(zip(names, staging.row(one), strict=True))) == one


def test_the_files_are_private_and_gone_when_the_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[int] = []

    def said(text: str) -> None:
        seen.extend(folder.stat().st_mode & 0o777 for folder in tmp_path.iterdir())

    run = reconcile.propose(drawn(200), WEIGHTS, DuckDB(), said)
    assert next(run).probability >= 0.1
    assert len(list(tmp_path.iterdir())) == 1
    run.close()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError):
        next(reconcile.propose((person(str(1 // (n - 5))) for n in range(9)), WEIGHTS, DuckDB(), said))
    assert list(tmp_path.iterdir()) == []
    assert set(seen) == {0o700}


def test_what_a_killed_run_left_is_removed_by_the_next_and_a_running_ones_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = (
        "import signal; from resolvers.identity.training.folder import private_folder\n"
        "with private_folder() as folder: print(folder, flush=True); signal.pause()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert other.stdout is not None
    with other, other.stdout:
        theirs = Path(other.stdout.readline().strip())
        with folders.private_folder() as mine:
            assert {theirs, mine} == set(tmp_path.iterdir())
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert list(tmp_path.iterdir()) == [theirs]
    with folders.private_folder() as mine:
        assert list(tmp_path.iterdir()) == [mine]


@pytest.mark.spark
def test_spark_reproduces_duckdbs_proposals() -> None:
    people = drawn(600) + families(40) + across(20)
    said: list[str] = []
    spark = list(reconcile.propose(iter(people), WEIGHTS, Spark(), said.append))
    assert spark == proposed(people)
    assert len(spark) > 300
    assert any("Spark" in text for text in said)
