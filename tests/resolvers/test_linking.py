"""Which records are one person, and which only look like it."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import KeyType, MatchKey
from adapters.records import Profile
from resolvers.identity import keys
from resolvers.identity.linking import Candidate, candidate, clusters
from resolvers.identity.names import Agreement, compare, fold, name_of
from tests.resolvers.people import profile


def people(*profiles: Profile, crowded: frozenset[MatchKey] = frozenset()) -> set[frozenset[str]]:
    found, _ = clusters([candidate(p, "DE") for p in profiles], crowded=crowded)
    return {frozenset(r for _, r in c.refs) for c in found}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Ada Yılmaz", "ADA YILMAZ"),
        ("Bob Smith", "Robert Smith"),
        ("Kasia Kowalska", "Katarzyna Kowalski"),
        ("Jürgen Müller", "Juergen Mueller"),
        ("Łukasz Wójcik", "Lukasz Wojcik"),
        ("Hans-Peter Groß", "Hans Peter Gross"),
        ("Sophie Meier-Schmidt", "Sophie Schmidt"),
        ("Stefanie Wagner", "Stefnie Wagner"),
        ("Dr. Anna Lang", "Anna Lang"),
    ],
)
def test_one_name_written_two_ways(a: str, b: str) -> None:
    assert compare(name_of(profile("x", "1", a)), name_of(profile("x", "2", b))) is Agreement.AGREE
    full = Profile(source="x", id="3", full_name=b)
    assert compare(name_of(profile("x", "1", a)), name_of(full)) is Agreement.AGREE


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Jonas Weber", "Petra Weber"),
        ("Anna Weber", "Hanna Weber"),
        ("Ada Yilmaz", "Ada Kaya"),
        ("Jan Nowak", "Jana Nowak"),
    ],
)
def test_two_names(a: str, b: str) -> None:
    assert compare(name_of(profile("x", "1", a)), name_of(profile("x", "2", b))) is Agreement.CONTRADICT


@pytest.mark.parametrize(
    ("a", "b"), [("Ada Yilmaz", ""), ("田中 太郎", "Taro Tanaka"), ("A. Yilmaz", "Ada Yilmaz")]
)
def test_names_that_say_nothing_of_each_other(a: str, b: str) -> None:
    assert compare(name_of(profile("x", "1", a)), name_of(profile("x", "2", b))) is Agreement.UNKNOWN


def test_an_address_links_unless_names_contradict() -> None:
    a = profile("crm", "a", "Ada Yilmaz", "ada@example.com")
    assert people(a, profile("shop", "b", "", "Ada@Example.com")) == {frozenset("ab")}
    assert people(a, profile("shop", "b", "Ada Yilmaz", "ada+shop@example.com")) == {frozenset("ab")}
    assert people(a, profile("shop", "b", "Cem Yilmaz", "ada@example.com")) == {
        frozenset("a"),
        frozenset("b"),
    }


def test_a_contradiction_on_an_address_makes_it_shared_for_all() -> None:
    found = people(
        profile("crm", "a", "Jonas Weber", "home@example.net"),
        profile("crm", "b", "Petra Weber", "home@example.net", birth_date=date(1980, 2, 3)),
        profile("desk", "c", "", "home@example.net"),
        profile("desk", "d", "Petra Weber", "home@example.net"),
        profile("shop", "e", "Petra Weber", "home@example.net", birth_date=date(1980, 2, 3)),
    )
    assert found == {frozenset("a"), frozenset("be"), frozenset("c"), frozenset("d")}


@pytest.mark.parametrize(
    "address", ["info@firm.example", "familie.weber@example.net", "office2@firm.example", "weber@example.net"]
)
def test_role_and_household_addresses_do_not_link_by_themselves(address: str) -> None:
    assert people(profile("crm", "a", "Petra Weber", address), profile("desk", "b", "", address)) == {
        frozenset("a"), frozenset("b"),
    }  # fmt: skip


def test_a_phone_links_only_agreeing_names() -> None:
    phone = "+49 30 90182001"
    a = profile("crm", "a", "Ada Yilmaz", "", phone)
    assert people(a, profile("shop", "b", "Ada Yilmaz", "", "030/90182001")) == {frozenset("ab")}
    assert people(a, profile("shop", "b", "", "", phone)) == {frozenset("a"), frozenset("b")}
    assert people(a, profile("shop", "b", "Ada Yilma", "", phone), profile("desk", "c", "Cem Kaya", "", phone)) == {
        frozenset("a"), frozenset("b"), frozenset("c"),
    }  # fmt: skip


def test_a_crowded_key_links_nobody() -> None:
    key = MatchKey(KeyType.EMAIL, "ada@example.com")
    a, b = profile("crm", "a", "Ada Yilmaz", key.value), profile("shop", "b", "Ada Yilmaz", key.value)
    assert people(a, b, crowded=frozenset({key})) == {frozenset("a"), frozenset("b")}


def test_birth_dates_keep_father_and_son_apart() -> None:
    a = profile("crm", "a", "Jan Nowak", "jan@example.pl", birth_date=date(1960, 1, 1))
    b = profile("shop", "b", "Jan Nowak", "jan@example.pl", birth_date=date(1990, 1, 1))
    assert people(a, b) == {frozenset("a"), frozenset("b")}


def test_a_chain_never_joins_a_contradiction() -> None:
    found = people(
        profile("crm", "a", "Jonas Weber", "jw1@example.net"),
        profile("desk", "b", "", "jw1@example.net jw2@example.net"),
        profile("shop", "c", "Petra Weber", "jw2@example.net"),
    )
    assert not any({"a", "c"} <= group for group in found)


def test_blocked_values_are_no_keys() -> None:
    p = profile("crm", "a", "Ada", "noreply@example.com test@test.com", "0000000000")
    assert candidate(p, "DE").keys == frozenset()


NAMES = st.sampled_from(
    ["Ada Yilmaz", "Cem Yilmaz", "Ada Kaya", "", "Bob Smith", "Robert Smith", "田中 太郎"]
)
EMAILS = st.sampled_from(["ada@example.com", "ada+x@example.com", "info@firm.example", "b@example.com", ""])
PHONES = st.sampled_from(["+493090182001", "", "+493090182002"])


@given(st.lists(st.tuples(NAMES, EMAILS, PHONES), max_size=7), st.randoms())
def test_linking_is_a_partition_whatever_the_order(rows: list[tuple[str, str, str]], shuffle: object) -> None:
    records: list[Candidate] = [candidate(profile("s", str(i), *row), "DE") for i, row in enumerate(rows)]
    once, _ = clusters(records, crowded=frozenset())
    mixed = list(records)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    twice, _ = clusters(mixed, crowded=frozenset())
    assert {c.refs for c in once} == {c.refs for c in twice}
    assert sorted(r for c in once for r in c.refs) == sorted(r.ref for r in records)
    for cluster in once:
        for a in cluster.candidates:
            for b in cluster.candidates:
                assert compare(a.name, b.name) is not Agreement.CONTRADICT


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.emails())
def test_normalising_an_address_twice_is_once(address: str) -> None:
    once = keys.email(address)
    if once is not None:
        assert keys.email(once) == once
