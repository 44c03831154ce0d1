"""Comparable persons: what is made of clean, dirty and hostile values."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given

from adapters.records import Address, EmailAddress, PhoneNumber, Profile
from resolvers.identity.matching import person as persons
from resolvers.identity.matching.keys import of_person
from tests.resolvers.matching.people import person, rows


@given(rows)
def test_normalising_twice_changes_nothing(row: dict[str, str]) -> None:
    once = persons.from_row(row, ("crm", "1"), "DE")
    again = persons.from_row(
        {
            "email": ";".join((*once.emails, *once.shared_emails)),
            "phone": ";".join(once.phones),
            "date_of_birth": once.birth_date,
            "house_number": once.house_number,
            "postcode": once.postcode,
            "city": once.city,
            "state": once.state,
            "national_id": once.national_id,
        },
        ("crm", "1"),
        once.country or "DE",
    )
    assert set(again.emails) | set(again.shared_emails) == set(once.emails) | set(once.shared_emails)
    for field in ("phones", "birth_date", "house_number", "postcode", "city", "state", "national_id"):
        assert getattr(again, field) == getattr(once, field)
    assert persons.clean(persons.clean(row.get("street"))) == persons.clean(row.get("street"))


def test_a_record_without_any_value_has_no_key() -> None:
    assert list(of_person(person())) == []


@pytest.mark.parametrize("field", persons.FIELDS)
@pytest.mark.parametrize(
    "value", ["x" * 10_000_000, "\u0000\u0007", "\u202e\u200f", "@" * 1000, "9" * 100_000]
)
def test_hostile_values_are_bounded(field: str, value: str) -> None:
    made = person(**{field: value})
    texts = [getattr(made, name) for name in ("given", "family", "street", "city", "state", "national_id")]
    assert max(len(text) for text in texts) <= persons.MAX_TEXT
    assert all(len(key.value) <= 3 * persons.MAX_TEXT for key in of_person(made))


def test_look_alike_letters_control_and_direction_marks_are_read_through() -> None:
    plain = person(given_name="Anna", family_name="Koch", email="anna.koch@mail.example")
    disguised = person(
        given_name="\u202eАnna\u200b",
        family_name="Kосh\u0000",
        email="\u200fanna.koch@mail.example",
    )
    assert (disguised.given, disguised.family, disguised.emails) == (plain.given, plain.family, plain.emails)


@pytest.mark.parametrize("value", ["anna@koch@mail.example", "noreply@mail.example", "anna koch", "null"])
def test_what_is_no_persons_address_is_dropped(value: str) -> None:
    assert person(email=value).emails == ()


def test_one_mailbox_is_one_text() -> None:
    assert (
        persons.email("A.Koch+Shop@googlemail.com") == persons.email("akoch@gmail.com") == "akoch@gmail.com"
    )
    assert persons.email("A.Koch+shop@mail.example") == "a.koch@mail.example"


def test_addresses_of_functions_and_households_are_no_evidence_of_a_person() -> None:
    assert person(email="info@mail.example").emails == ()
    assert person(family_name="Weber", email="weber@mail.example").shared_emails == ("weber@mail.example",)


@pytest.mark.parametrize(
    "value", ["call me on 030 23125100 after five please", "000000000", "n/a", "+49 30 1", "1" * 60]
)
def test_what_is_no_phone_number_is_dropped(value: str) -> None:
    assert person(phone=value).phones == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1980-02-03", "19800203"),
        ("03.02.1980", "19800203"),
        ("12/31/1980", "19801231"),
        ("19801331", "19801331"),  # no day there was, but evidence all the same
        ("2999-01-01", ""),
        ("1780-01-01", ""),
        ("1900-01-01", ""),
        ("soon", ""),
        ("", ""),
    ],
)
def test_birth_dates(value: str, expected: str) -> None:
    assert persons.birth_date(value) == expected


def test_a_profile_and_a_row_make_the_same_person() -> None:
    profile = Profile(
        source="crm",
        id="1",
        given_name="Łukasz",
        family_name="Kowalski",
        birth_date=date(1980, 2, 3),
        emails=(EmailAddress(value="L.Kowalski@mail.example"),),
        phones=(PhoneNumber(value="030 23125100"),),
        addresses=(Address(street="Hauptstraße 5a", postcode="10115", city="Berlin", country="DE"),),
    )
    row = {
        "given_name": "Łukasz", "family_name": "Kowalski", "date_of_birth": "1980-02-03", "house_number": "5a",
        "email": "l.kowalski@mail.example", "phone": "+493023125100", "street": "Hauptstr.", "postcode": "10115",
        "city": "BERLIN", "country": "de",
    }  # fmt: skip
    assert persons.from_profile(profile) == persons.from_row(row, ("crm", "1"))


def test_the_order_of_day_and_month_is_read_off_the_column() -> None:
    american, european = ["05/06/1994", "11/23/1990"], ["05/06/1994", "23/11/1990"]
    assert persons.months_come_first(american)
    assert not persons.months_come_first(european)
    assert persons.birth_date("05/06/1994", month_first=True) == "19940506"
    assert persons.birth_date("05/06/1994") == "19940605"


@pytest.mark.parametrize(
    ("address", "given", "family"),
    [
        ("anna.weber@mail.example", "anna", "weber"),
        ("weberanna7@mail.example", "anna", "weber"),
        ("a.weber@mail.example", "", "weber"),
        ("familie.weber@mail.example", "", "weber"),
        ("green.garden@mail.example", "", ""),
        ("info@mail.example", "", ""),
        ("annalena@mail.example", "", ""),
    ],
)
def test_an_address_may_name_its_owner(address: str, given: str, family: str) -> None:
    made = person(email=address)
    assert (made.given, made.family) == (given, family)


def test_a_name_that_is_there_is_not_overruled_by_an_address() -> None:
    assert person(given_name="Bruno", email="anna.weber@mail.example").given == "bruno"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"given_name": "محمد", "family_name": "خوري"}, {"given_name": "Mohammed", "family_name": "Khoury"}),
        ({"given_name": "健二", "family_name": "田中"}, {"given_name": "Kenji", "family_name": "Tanaka"}),
        (
            {"given_name": "Rike", "family_name": "Lange"},
            {"given_name": "Friederike", "family_name": "Lange"},
        ),
        ({"given_name": "Tobias", "family_name": "Boohm"}, {"given_name": "Böhm", "family_name": "Tobias"}),
        ({"phone": "+48790003185"}, {"phone": "+49790003185"}),
        ({"email": "d.siikora@mail.example"}, {"email": "d.sikora@post.example"}),
    ],
)
def test_records_of_one_person_share_a_key(left: dict[str, str], right: dict[str, str]) -> None:
    assert {*of_person(person(**left))} & {*of_person(person(**right))}
