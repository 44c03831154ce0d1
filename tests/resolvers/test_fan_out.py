"""What a contact's carriers say about it: one person's, a household's, a company's, nobody's."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import KeyType, MatchKey
from resolvers.identity.fan_out import MAX_CARRIERS, FanOut, classify
from resolvers.identity.matching.person import Person
from tests.resolvers.matching.people import likely, person

PHONE = MatchKey(KeyType.PHONE, "+493023125100")
HOME = {"street": "Lindenweg", "house_number": "5", "postcode": "10115", "city": "Berlin"}
ELSEWHERE = {"street": "Marktplatz", "house_number": "1", "postcode": "80331", "city": "München"}


def people(*rows: dict[str, str]) -> list[Person]:
    return [person(str(n), **row) for n, row in enumerate(rows)]


def named(full: str, **fields: str) -> dict[str, str]:
    given_name, _, family_name = full.partition(" ")
    return {"given_name": given_name, "family_name": family_name, **fields}


def email(value: str) -> MatchKey:
    return MatchKey(KeyType.EMAIL, value)


def colleagues(*names: str, **fields: str) -> list[Person]:
    return people(*(named(n, email=f"{n.split()[0].lower()}@acme.example", **fields) for n in names))


ANNA, BRUNO = named("Anna Weber"), named("Bruno Weber")
EVA = named("Eva Klein")
FIVE = ("Anna Weber", "Odile Lindqvist", "Farid Oduya", "Peter Novak", "Tessa Tanaka")


@pytest.mark.parametrize(
    ("carriers", "key", "expected"),
    [
        pytest.param([], PHONE, FanOut.PERSONAL, id="nobody"),
        pytest.param(people(ANNA), PHONE, FanOut.PERSONAL, id="one record"),
        pytest.param(people(ANNA, ANNA, named("Anna")), PHONE, FanOut.PERSONAL, id="one person's records"),
        pytest.param(
            people(ANNA, named("Anna Klein")), PHONE, FanOut.PERSONAL, id="a new family name is no contradiction"
        ),
        pytest.param(people(ANNA, {}), email("a.w@gmx.de"), FanOut.PERSONAL, id="a record without any name"),
        pytest.param(people(ANNA, BRUNO), PHONE, FanOut.HOUSEHOLD, id="one family name"),
        pytest.param(
            people(named("Jan Kowalski"), named("Ewa Kowalska")), PHONE, FanOut.HOUSEHOLD, id="one name, two forms"
        ),
        pytest.param(
            people({**ANNA, **HOME}, {**BRUNO, **ELSEWHERE}), PHONE, FanOut.HOUSEHOLD, id="a family that lives apart"
        ),
        pytest.param(
            people(named("Anna Weber", date_of_birth="19800203"), named("Anna Weber", date_of_birth="20041130")),
            PHONE, FanOut.HOUSEHOLD, id="mother and daughter of one name",
        ),
        pytest.param(people({**ANNA, **HOME}, {**EVA, **HOME}), PHONE, FanOut.HOUSEHOLD, id="two names, one address"),
        pytest.param(
            people({**ANNA, **HOME}, {**ANNA, **ELSEWHERE}, {**EVA, **ELSEWHERE}, named("Eva Klein")),
            PHONE, FanOut.HOUSEHOLD, id="one of several addresses",
        ),
        pytest.param(people({**ANNA, **HOME}, EVA), PHONE, FanOut.COMPANY, id="one address is not known"),
        pytest.param(people(ANNA, EVA), PHONE, FanOut.COMPANY, id="nothing tells"),
        pytest.param(
            people({**ANNA, **HOME}, {**EVA, **ELSEWHERE}), PHONE, FanOut.COMPANY, id="two names, two addresses"
        ),
        pytest.param(
            people({**ANNA, "email": "anna@gmx.de"}, {**BRUNO, "email": "bruno@gmx.de"}),
            PHONE, FanOut.HOUSEHOLD, id="a free provider is no company",
        ),
        pytest.param(colleagues(*FIVE), PHONE, FanOut.COMPANY, id="an office"),
        pytest.param(colleagues(*FIVE, **HOME), PHONE, FanOut.COMPANY, id="an office, and its own address"),
        pytest.param(colleagues(*FIVE[:3], **HOME), PHONE, FanOut.COMPANY, id="a small office, and its own address"),
        pytest.param(
            people(*({**named(n), **HOME} for n in FIVE[:3])), PHONE, FanOut.HOUSEHOLD, id="a shared flat"
        ),
        pytest.param(people(*({**named(n), **HOME} for n in FIVE)), PHONE, FanOut.COMPANY, id="a home for many"),
        pytest.param(
            people(
                {**ANNA, **HOME, "email": "anna@acme.example"},
                {**BRUNO, **ELSEWHERE, "email": "bruno@acme.example"},
            ),
            PHONE, FanOut.COMPANY, id="namesakes who work together and live apart",
        ),
        pytest.param(
            people(
                {**ANNA, **HOME, "email": "anna@weber.example"},
                {**BRUNO, **ELSEWHERE, "email": "bruno@weber.example"},
            ),
            PHONE, FanOut.HOUSEHOLD, id="a family's own domain",
        ),
        pytest.param(people(ANNA, BRUNO), email("anna.w@gmx.de"), FanOut.HOUSEHOLD, id="one mailbox, one family"),
        pytest.param(people(ANNA, BRUNO, EVA), email("weber@gmx.de"), FanOut.HOUSEHOLD, id="weber@ of the Webers"),
        pytest.param(
            people(named("Anna Müller"), EVA), email("mueller@gmx.de"), FanOut.HOUSEHOLD, id="an umlaut written out"
        ),
        pytest.param(people(ANNA, EVA), email("weber@acme.example"), FanOut.COMPANY, id="weber@ of a company"),
        pytest.param(people(ANNA, EVA), email("klein.weber@acme.example"), FanOut.HOUSEHOLD, id="both names"),
        pytest.param(people(ANNA, EVA), email("eva@klein-weber.example"), FanOut.HOUSEHOLD, id="a couple's domain"),
        pytest.param(
            people(ANNA, EVA), email("eva.klein@weber.example"), FanOut.COMPANY, id="one name before the @, one after"
        ),
        pytest.param(people(ANNA, EVA), email("anna.w@gmx.de"), FanOut.COMPANY, id="one mailbox, nothing tells"),
        pytest.param(people(ANNA), email("info@acme.example"), FanOut.COMPANY, id="a role, one carrier"),
        pytest.param(people(ANNA, BRUNO), email("info@acme.example"), FanOut.COMPANY, id="a role, a family"),
        pytest.param(people(ANNA), email("familie.weber@gmx.de"), FanOut.HOUSEHOLD, id="says that it is a family's"),
        pytest.param(people(ANNA, EVA), email("haus-lindner@acme.example"), FanOut.HOUSEHOLD, id="a house's"),
        pytest.param(people(ANNA), email("noreply@acme.example"), FanOut.JUNK, id="blocked address"),
        pytest.param(people(ANNA), MatchKey(KeyType.PHONE, "+493000000000"), FanOut.JUNK, id="blocked number"),
        pytest.param(people(ANNA, EVA), MatchKey(KeyType.CUSTOMER_NUMBER, "a1234567"), FanOut.PERSONAL, id="no contact"),
        pytest.param(
            people({"phone": "1", "date_of_birth": "19800203"}, {"phone": "1", "date_of_birth": "19551130"}),
            PHONE, FanOut.COMPANY, id="two birth dates without a name",
        ),
        pytest.param(
            people({"given_name": "Anna"}, {"given_name": "Bruno", "family_name": "Weber"}),
            PHONE, FanOut.COMPANY, id="a given name alone says nothing of a family",
        ),
        pytest.param(
            people(ANNA, BRUNO, {"given_name": "Anna"}), PHONE, FanOut.HOUSEHOLD, id="a given name that is one's"
        ),
    ],
)  # fmt: skip
def test_what_a_contact_is(carriers: list[Person], key: MatchKey, expected: FanOut) -> None:
    assert classify(carriers, key, crowded=False) is expected
    turned = carriers[::-1]
    assert classify(turned, key, crowded=False) is expected


@pytest.mark.parametrize(
    "key", [PHONE, email("info@acme.example"), MatchKey(KeyType.CUSTOMER_NUMBER, "a1234567")]
)
def test_a_crowded_key_is_junk_whoever_carries_it(key: MatchKey) -> None:
    assert classify(people(ANNA), key, crowded=True) is FanOut.JUNK
    assert classify(people(*[ANNA] * (MAX_CARRIERS + 1)), key, crowded=False) is FanOut.JUNK


@given(st.lists(likely, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_carriers_does_not_matter(rows: list[dict[str, str]], dice: random.Random) -> None:
    carriers = people(*rows)
    found = classify(carriers, PHONE, crowded=False)
    dice.shuffle(carriers)
    assert classify(carriers, PHONE, crowded=False) is found


@given(st.lists(likely, min_size=1, max_size=5))
def test_who_is_written_down_twice_is_still_one(rows: list[dict[str, str]]) -> None:
    once, twice = people(*rows), people(*rows, *rows)
    assert classify(once, PHONE, crowded=False) is classify(twice, PHONE, crowded=False)
