"""Survivorship: which value wins, what disagrees, and that the order of arrival plays no part."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.records import Address, EmailAddress, PhoneNumber, Profile
from resolvers.merge import FIELDS, FieldRule, MergeRules, Observed, Rule

NOW = datetime(2026, 11, 1, tzinfo=UTC)
RANK = {"crm": 0, "shop": 1, "desk": 2}


def seen(source: str, days_old: int = 0, **fields: object) -> Observed:
    updated = NOW - timedelta(days=days_old)
    return Observed(profile=Profile(source=source, id=f"{source}1", updated_at=updated, **fields), at=NOW)  # type: ignore[arg-type]


def test_priority_takes_the_most_trusted_and_tells_the_others() -> None:
    records = [seen("shop", language="en"), seen("crm", language="de"), seen("desk", language="DE")]
    (merged,) = MergeRules({}, RANK).merge("language", records)
    assert (merged.value, merged.source, merged.rule) == ("de", "crm", Rule.PRIORITY)
    assert merged.conflicts == (("en", "shop"),)
    assert merged.agreeing == ("desk",)


def test_a_declared_order_comes_before_the_default() -> None:
    rules = MergeRules({"language": FieldRule(rule=Rule.PRIORITY, priority=("desk",))}, RANK)
    (merged,) = rules.merge("language", [seen("crm", language="de"), seen("desk", language="tr")])
    assert merged.source == "desk"


def test_recent_takes_the_newest_record() -> None:
    rules = MergeRules({"birth_date": FieldRule(rule=Rule.RECENT)}, RANK)
    records = [seen("crm", 9, birth_date=date(1990, 1, 1)), seen("desk", 1, birth_date=date(1991, 1, 1))]
    assert rules.merge("birth_date", records)[0].source == "desk"


def test_complete_takes_the_fullest() -> None:
    rules = MergeRules({"given_name": FieldRule(rule=Rule.COMPLETE)}, RANK)
    assert (
        rules.merge("given_name", [seen("crm", given_name="A."), seen("shop", given_name="Ada")])[0].value
        == "Ada"
    )


def test_a_union_counts_one_value_once_however_it_is_written() -> None:
    records = [
        seen("crm", emails=(EmailAddress(value="Ada@Example.com"),), phones=(PhoneNumber(value="+49 30 90182001"),),
             addresses=(Address(street="Hauptstraße 1", postcode="10115", city="Berlin"),)),
        seen("shop", emails=(EmailAddress(value="ada@example.com"), EmailAddress(value="b@example.com")),
             phones=(PhoneNumber(value="030 90182001"),),
             addresses=(Address(street="Hauptstr. 1", postcode="10115", city="Berlin"),)),
    ]  # fmt: skip
    rules = MergeRules({}, RANK)
    assert [(m.value.value, m.source, m.agreeing) for m in rules.merge("email_addresses", records)] == [
        ("Ada@Example.com", "crm", ("shop",)), ("b@example.com", "shop", ()),
    ]  # fmt: skip
    assert len(rules.merge("phone_numbers", records)) == 1
    assert len(rules.merge("addresses", records)) == 1


def test_a_rule_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"merge\.email_addresses\.rule"):
        MergeRules({"email_addresses": FieldRule(rule=Rule.RECENT)}, RANK)


def test_nothing_known_is_nothing() -> None:
    rules = MergeRules({}, RANK)
    assert all(rules.merge(name, [seen("crm")]) == () for name in FIELDS)


PROFILES = st.lists(
    st.builds(
        lambda s, i, given, mail, lang, old: Observed(
            profile=Profile(
                source=s, id=str(i), given_name=given, language=lang, updated_at=NOW - timedelta(days=old),
                emails=tuple(EmailAddress(value=m) for m in mail),
            ),
            at=NOW,
        ),
        st.sampled_from(sorted(RANK)), st.integers(0, 9), st.sampled_from([None, "Ada", "ada", "Bo"]),
        st.lists(st.sampled_from(["a@example.com", "A@example.com", "b@example.com"]), max_size=2),
        st.sampled_from([None, "de", "tr"]), st.integers(0, 3),
    ),
    max_size=6, unique_by=lambda o: (o.profile.source, o.profile.id),
)  # fmt: skip


@given(PROFILES, st.sampled_from([Rule.PRIORITY, Rule.RECENT, Rule.COMPLETE]), st.integers())
def test_the_order_of_arrival_plays_no_part(observed: list[Observed], rule: Rule, seed: int) -> None:
    rules = MergeRules({"given_name": FieldRule(rule=rule), "language": FieldRule(rule=rule)}, RANK)
    mixed = list(observed)
    Random(seed).shuffle(mixed)
    for name in ("given_name", "language", "email_addresses", "display_name"):
        assert rules.merge(name, observed) == rules.merge(name, mixed)
