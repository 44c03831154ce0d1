"""Scores: symmetric, explained, guarded; and the same bits as Splink's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from resolvers.identity.matching import model
from resolvers.identity.matching.levels import LEVELS, compare
from resolvers.identity.matching.scorer import Band, Scorer
from tests.resolvers.matching.people import likely, person

SCORER = Scorer(model.default(), 10_000)


def band(a: dict[str, str], b: dict[str, str], scorer: Scorer = SCORER) -> Band:
    return scorer.score(person("1", **a), person("2", **b)).band


@given(likely, likely)
def test_a_score_is_symmetric_and_its_bars_add_up(left: dict[str, str], right: dict[str, str]) -> None:
    a, b = person("1", **left), person("2", **right)
    score = SCORER.score(a, b)
    assert score == SCORER.score(b, a)
    assert compare(a, b) == compare(b, a)
    assert sum(bar.weight for bar in SCORER.explain(a, b)) == pytest.approx(score.weight)
    assert 0 <= score.probability <= 1


ANNA = {"given_name": "Anna", "family_name": "Weber", "date_of_birth": "1980-02-03"}
HOME = {"street": "Lindenweg 5", "postcode": "10115", "city": "Berlin"}


def test_name_and_birth_date_are_one_person() -> None:
    assert band(ANNA, ANNA) is Band.SAME
    assert band(ANNA, ANNA | {"given_name": "Anja"}) is Band.SAME
    assert band(ANNA | HOME, ANNA | HOME | {"date_of_birth": "1980-03-02"}) is Band.SAME


@pytest.mark.parametrize(
    "other",
    [
        {"given_name": "Bruno"},  # a twin
        {"given_name": "Hanna"},  # a twin with a similar name
        {"date_of_birth": "1955-11-30"},  # mother and daughter of one name
        {"given_name": "Bruno", "date_of_birth": "1979-07-08"},  # a couple
        {"given_name": ""},
    ],
)
def test_a_household_is_never_one_person(other: dict[str, str]) -> None:
    contacts = {"phone": "030 23125100", "email": "weberhome@mail.example"}
    left, right = ANNA | HOME | contacts, ANNA | HOME | contacts | other
    if other == {"given_name": ""}:
        left, right = ({**x, "date_of_birth": "", "email": ""} for x in (left, right))
    assert band(left, right) is not Band.SAME


def test_a_name_at_an_address_is_not_enough_by_default() -> None:
    nameless = {"given_name": "Anna", "family_name": "Weber"}
    assert band(nameless | HOME, nameless | HOME) is Band.REVIEW  # father and son


def test_two_national_ids_are_never_joined_without_a_person() -> None:
    score = SCORER.score(
        person("1", **ANNA, **HOME, national_id="A1234567"),
        person("2", **ANNA, **HOME, national_id="B7654321"),
    )
    assert score.band is Band.REVIEW
    assert "two different national ids" in score.doubts


def test_a_contact_says_the_same_in_a_map_of_any_size() -> None:
    a, b = person("1", email="anna.w@mail.example"), person("2", email="anna.w@mail.example")
    small, large = (Scorer(model.default(), n).score(a, b).weight for n in (10_000, 100_000_000))
    assert large == pytest.approx(small, abs=0.01)


def test_a_rare_name_weighs_more() -> None:
    fields = dict(model.default().fields)
    fields["family"] = model.Field(levels=fields["family"].levels, frequencies={"weber": 0.02}, rare=0.0005)
    scorer = Scorer(model.Model(fields=fields, matches_per_record=1.0), 10_000)
    common, rare = ({"given_name": "Anna", "family_name": name} for name in ("Weber", "Oduya"))
    weights = [scorer.score(person("1", **x), person("2", **x)).weight for x in (common, rare)]
    assert weights[1] - weights[0] == pytest.approx(math.log2(0.02 / 0.0005))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("محمد", "Mohamed"), ("خالد", "Khaled"), ("حسين", "Husain"), ("健二", "Kenji"), ("けんじ", "Kenji"), ("Юрий", "Yuri"),
        ("Γιώργος", "Giorgos"), ("박", "Park"), ("Екатерина", "Jekaterina"),
    ],
)  # fmt: skip
def test_a_name_in_another_script_can_be_the_same(left: str, right: str) -> None:
    contact = {"phone": "030 23125100"}
    assert band({"given_name": left, **contact}, {"given_name": right, **contact}) is not Band.DIFFERENT
    assert compare(person(given_name=left), person(given_name=right))[0] == LEVELS["given"].index("variant")


@pytest.mark.parametrize(
    ("left", "right"), [("حسن", "Hussein"), ("محمد", "Mahmoud"), ("健二", "Yumi"), ("Иван", "Igor")]
)
def test_names_in_two_scripts_that_are_not_found_to_be_one_are_not_joined(left: str, right: str) -> None:
    contact = {"email": "the.family@mail.example", "phone": "030 23125100"}
    assert band({"given_name": left, **contact}, {"given_name": right, **contact}) is Band.REVIEW


def test_two_people_of_one_name_with_a_home_phone_and_their_own_addresses_are_not_joined() -> None:
    emi = {"given_name": "Emi", "family_name": "Kato", "phone": "030 23125100", **HOME}
    assert (
        band(emi | {"email": "emi.kato@mail.example"}, emi | {"email": "kato.emi@post.example"})
        is Band.REVIEW
    )
    mobile = emi | {"phone": "0176 04033821"}
    assert (
        band(mobile | {"email": "emi.kato@mail.example"}, mobile | {"email": "kato.emi@post.example"})
        is Band.SAME
    )


@pytest.mark.parametrize(
    "other",
    [
        {"given_name": "Anita"},  # similar, but no slip
        {"given_name": "Lisa", "email": "l.weber@mail.example"},
        {"family_name": "Cottrell", "date_of_birth": "1980-02-04"},  # a couple, born one digit apart
    ],
)
def test_what_may_be_twins_or_a_couple_is_not_joined(other: dict[str, str]) -> None:
    left = {"given_name": "Sunita", "family_name": "Weber", "date_of_birth": "1980-02-03", **HOME}
    if other.get("given_name") == "Lisa":
        left |= {"given_name": "Elisabeth", "email": "e.weber@mail.example"}
    assert band(left, left | other) is not Band.SAME


def test_namesakes_born_one_digit_apart_need_a_witness_where_no_names_are_known() -> None:
    other = ANNA | {"date_of_birth": "1980-02-13"}
    assert band(ANNA, other) is Band.REVIEW
    assert band(ANNA | HOME, other | HOME) is Band.SAME
    assert band(ANNA | HOME, other | HOME | {"street": "Lindenweg 99"}) is Band.REVIEW


def test_a_family_name_at_a_shared_address_is_for_a_steward() -> None:
    home = {"family_name": "Weber", "email": "familie.weber@mail.example"}
    assert band({"given_name": "Anna", **home}, home) is Band.REVIEW
    assert band({"given_name": "Anna", **home}, {"given_name": "Bruno", **home}) is Band.DIFFERENT
