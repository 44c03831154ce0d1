"""Which records are one person, and which only look like it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import ExternalId, Profile
from resolvers.identity import keys
from resolvers.identity.derivation import Edge, Verdict
from resolvers.identity.linking import EXTERNAL_ID, MOST_JOINS, UNREAD, Context, Judged, judge
from resolvers.identity.matching.contacts import contradict, shared
from resolvers.identity.matching.model import default
from resolvers.identity.matching.person import Person, from_profile
from resolvers.identity.matching.scorer import Scorer
from resolvers.identity.members import Ref
from resolvers.identity.names import Agreement, compare, fold, name_of
from tests.resolvers.people import profile

SCORER = Scorer(default(), 10_000)


def judged(*profiles: Profile, focus: set[Ref] | None = None, **context: Any) -> Judged:
    """All records are new unless `focus` says which are."""
    found = [from_profile(p, "DE") for p in profiles]
    context["shared"] = shared(found) | context.get("shared", frozenset())
    return judge(found, {p.ref for p in found} if focus is None else focus, SCORER, Context(**context))


def people(*profiles: Profile, **context: Any) -> set[frozenset[str]]:
    return {frozenset(r for _, r in group) for group in judged(*profiles, **context).groups}


def said(found: Judged, a: str, b: str) -> list[Edge]:
    return [e for e in found.edges if {e.a[1], e.b[1]} == {a, b}]


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


def test_a_shared_key_links_nobody() -> None:
    a, b = profile("crm", "a", "Ada Yilmaz", "ada@example.com"), profile("shop", "b", "", "ada@example.com")
    assert people(a, b) == {frozenset("ab")}
    assert people(a, b, shared=frozenset({"ada@example.com"})) == {frozenset("a"), frozenset("b")}


def test_birth_dates_keep_father_and_son_apart() -> None:
    a = profile("crm", "a", "Jan Nowak", "jan@example.pl", birth_date=date(1961, 5, 17))
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
    p = from_profile(profile("crm", "a", "Ada", "noreply@example.com test@test.com", "0000000000"), "DE")
    assert (p.emails, p.shared_emails, p.phones) == ((), (), ())


def test_a_doubt_goes_to_a_steward_with_its_reason() -> None:
    found = judged(
        profile("crm", "a", "Jonas Weber", "home@example.net", "+493090182001", birth_date=date(1980, 2, 3)),
        profile("shop", "b", "Petra Weber", "home@example.net", "+493090182001", birth_date=date(1980, 2, 3)),
        profile("desk", "c", "Jonas Weber", "", "", birth_date=date(1980, 2, 3)),
    )
    assert {frozenset("a"), frozenset("b"), frozenset("c")} & {
        frozenset(r for _, r in g) for g in found.groups
    } >= {frozenset("b")}
    assert all(e.verdict is not Verdict.SAME for e in said(found, "a", "b"))


def test_every_link_can_be_added_up() -> None:
    found = judged(
        profile("crm", "a", "Ada Yilmaz", "ada@example.com"),
        profile("shop", "b", "Ada Yilmaz", "ada@example.com"),
    )
    (edge,) = found.edges
    assert edge.verdict is Verdict.SAME
    assert edge.origin == f"model {default().version}"
    assert edge.weight == pytest.approx(sum(c.weight for c in edge.contributions), abs=0.1)
    assert {c.field for c in edge.contributions} == {"prior", "given", "family", "email"}


def test_a_number_that_names_another_record_links_what_does_not_contradict() -> None:
    a = profile("shop", "7", "Ada Yilmaz", "ada@example.com")
    b = profile("desk", "9", "", "a.y@example.org", external_ids=(ExternalId(system="shop", value="7"),))
    pair = (("desk", "9"), ("shop", "7"))
    found = judged(a, b, external=frozenset([pair]))
    assert [e.origin for e in said(found, "7", "9") if e.verdict is Verdict.SAME] == [EXTERNAL_ID]
    other = profile("desk", "9", "Cem Kaya", "", birth_date=date(1980, 2, 3))
    born = profile("shop", "7", "Ada Yilmaz", "", birth_date=date(1990, 2, 3))
    assert people(born, other, external=frozenset([pair])) == {frozenset("7"), frozenset("9")}


def test_a_steward_and_the_map_come_first() -> None:
    a, b = (
        profile("crm", "a", "Ada Yilmaz", "ada@example.com"),
        profile("shop", "b", "Ada Yilmaz", "ada@example.com"),
    )
    pair = (("crm", "a"), ("shop", "b"))
    apart = judged(a, b, forbidden=frozenset([pair]))
    assert [len(g) for g in apart.groups] == [1, 1]
    assert [e.verdict for e in apart.edges] == [Verdict.UNSURE]
    c, merged = profile("desk", "c", "Bob Smith", "bob@example.com"), (("crm", "a"), ("desk", "c"))
    assert people(a, c, clusters=[merged], confirmed=frozenset([merged])) == {frozenset("ac")}
    married = profile("desk", "c", "Ada Kaya", "ada.kaya@example.com")
    assert people(a, married, clusters=[merged]) == {frozenset("ac")}, (
        "joined once, and nothing contradicts it"
    )


def test_a_record_that_changed_leaves_its_customer() -> None:
    a = profile("crm", "a", "Ada Yilmaz", "ada@example.com", birth_date=date(1980, 2, 3))
    b = profile("shop", "b", "Bob Smith", "bob@example.com", birth_date=date(1990, 7, 8))
    c = profile("desk", "c", "Bob Smith", "bob@example.com")
    found = judged(a, b, c, focus={("shop", "b")}, clusters=[(("crm", "a"), ("shop", "b"))])
    assert frozenset({("desk", "c"), ("shop", "b")}) in found.groups
    assert [e.verdict for e in said(found, "a", "b")] == [Verdict.DIFFERENT]


def test_nobody_joins_a_customer_that_could_not_be_seen_whole() -> None:
    a, b = (
        profile("crm", "a", "Ada Yilmaz", "ada@example.com"),
        profile("shop", "b", "Ada Yilmaz", "ada@example.com"),
    )
    found = judged(
        a,
        b,
        focus={("shop", "b")},
        clusters=[(("crm", "a"), ("desk", "c"))],
        unread=frozenset([("desk", "c")]),
    )
    assert frozenset([("shop", "b")]) in found.groups
    assert found.open == {("shop", "b")}
    (edge,) = found.edges
    assert (edge.verdict, edge.contributions[-1].agreement) == (Verdict.UNSURE, UNREAD)


def test_a_large_customer_is_held_together_by_few_links() -> None:
    rows = [profile("crm", str(n), "Ada Yilmaz", "ada@example.com") for n in range(40)]
    found = judged(*rows)
    assert [len(g) for g in found.groups] == [40]
    assert len(found.edges) <= 40 * (MOST_JOINS + 1)


NAMES = st.sampled_from(
    ["Ada Yilmaz", "Cem Yilmaz", "Ada Kaya", "", "Bob Smith", "Robert Smith", "田中 太郎"]
)
EMAILS = st.sampled_from(["ada@example.com", "ada+x@example.com", "info@firm.example", "b@example.com", ""])
PHONES = st.sampled_from(["+493090182001", "", "+493090182002"])
ROWS = st.lists(st.tuples(NAMES, EMAILS, PHONES), max_size=7)


@given(ROWS, st.randoms())
def test_linking_is_a_partition_whatever_the_order(rows: list[tuple[str, str, str]], shuffle: Any) -> None:
    records = [profile("s", str(i), *row) for i, row in enumerate(rows)]
    once = people(*records)
    shuffle.shuffle(records)
    assert people(*records) == once
    assert sorted(r for group in once for r in group) == sorted(p.id for p in records)
    assert_nobody_contradicts(records, once)


@given(ROWS)
def test_records_that_come_one_by_one_never_join_a_contradiction(rows: list[tuple[str, str, str]]) -> None:
    records = [profile("s", str(i), *row) for i, row in enumerate(rows)]
    groups: list[tuple[Ref, ...]] = []
    for n, each in enumerate(records):
        found = judged(*records[: n + 1], focus={("s", each.id)}, clusters=groups)
        before = {ref: g for g in groups for ref in g}
        groups = [tuple(sorted(g)) for g in found.groups]
        assert all(set(g) <= set(next(new for new in groups if ref in new)) for ref, g in before.items())
    assert_nobody_contradicts(records, [frozenset(r for _, r in g) for g in groups])


def assert_nobody_contradicts(records: list[Profile], groups: Iterable[frozenset[str]]) -> None:
    by_id: dict[str, Person] = {p.id: from_profile(p, "DE") for p in records}
    for group in groups:
        assert not any(contradict(by_id[a], by_id[b]) for a, b in combinations(sorted(group), 2))


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.emails())
def test_normalising_an_address_twice_is_once(address: str) -> None:
    once = keys.email(address)
    if once is not None:
        assert keys.email(once) == once
