"""Survivorship: which of several sources' values is the customer's, by a declared rule per field, with where it came from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from adapters.records import Account, Address, EmailAddress, PhoneNumber, Profile
from resolvers.identity import keys as match_keys
from resolvers.identity.names import fold


class Rule(StrEnum):
    """How the surviving value is chosen."""

    PRIORITY = "priority"  # of the first source in the order that says anything
    RECENT = "recent"  # of the record that was updated last
    COMPLETE = "complete"  # the fullest value
    UNION = "union"  # of lists: every different value, the most trusted source's first


class FieldRule(msgspec.Struct, frozen=True, kw_only=True):
    """`priority` names sources, the most trusted first; those left out follow in the default order."""

    rule: Rule
    priority: tuple[str, ...] = ()


class Observed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One source's record of the customer, and when it was fetched."""

    profile: Profile
    at: datetime


class Merged(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One value with its provenance. `conflicts` are other sources' different values; `agreeing` sources say the same."""

    value: Any
    source: str
    record_id: str
    observed_at: datetime
    rule: Rule
    conflicts: tuple[tuple[Any, str], ...] = ()
    agreeing: tuple[str, ...] = ()


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A merged field: where it is read from a profile, and how two of its values are compared.

    `needs` are the `profile_fields` of which a source must be able to fill one to be asked; `part` is the costly part it is in.
    """

    needs: frozenset[str]
    rule: Rule
    read: Callable[[Profile], Any]
    same: Callable[[Any], Any] = lambda value: value
    text: Callable[[Any], str] = str
    part: str | None = None
    many: bool = False


def _display_name(profile: Profile) -> str | None:
    parts = " ".join(p for p in (profile.given_name, profile.family_name) if p)
    if profile.given_name and profile.family_name:
        return parts
    return profile.full_name or parts or None


_PLAIN_EMAIL = re.compile(r"(?!.*xn--)[a-z0-9._+-]+@[a-z0-9.-]+")
"""What has no other spelling than its case. Checking an address in full costs more than everything else about it."""


def _email_key(value: EmailAddress) -> str:
    lowered = value.value.strip().lower()
    if _PLAIN_EMAIL.fullmatch(lowered):
        return lowered
    return match_keys.email(value.value) or lowered


def _phone_key(value: PhoneNumber) -> str:
    digits = re.sub(r"\D", "", value.value).lstrip("0")
    return digits[-9:] if len(digits) >= 9 else digits


def _address_key(value: Address) -> tuple[str, ...]:
    parts = (value.street, value.postcode, value.city)
    return tuple(re.sub(r"\W+", " ", fold(p or "")).replace("strasse", "str").strip() for p in parts)


def _address_text(value: Address) -> str:
    parts = (value.name, value.street, value.postcode, value.city, value.region, value.country)
    return ", ".join(p.replace("\n", ", ") for p in parts if p)


def _folded(value: Any) -> Any:
    return fold(value) if isinstance(value, str) else value


FIELDS: Mapping[str, Field] = {
    "display_name": Field(
        needs=frozenset({"given_name", "family_name", "full_name"}), rule=Rule.PRIORITY, read=_display_name, same=_folded
    ),
    "given_name": Field(needs=frozenset({"given_name"}), rule=Rule.PRIORITY, read=lambda p: p.given_name, same=_folded),
    "family_name": Field(needs=frozenset({"family_name"}), rule=Rule.PRIORITY, read=lambda p: p.family_name, same=_folded),
    "birth_date": Field(
        needs=frozenset({"birth_date"}), rule=Rule.PRIORITY, read=lambda p: p.birth_date, text=lambda d: d.isoformat()
    ),
    "language": Field(needs=frozenset({"language"}), rule=Rule.PRIORITY, read=lambda p: p.language, same=_folded),
    "email_addresses": Field(
        needs=frozenset({"emails"}), rule=Rule.UNION, read=lambda p: p.emails, same=_email_key, text=lambda e: e.value, many=True
    ),
    "phone_numbers": Field(
        needs=frozenset({"phones"}), rule=Rule.UNION, read=lambda p: p.phones, same=_phone_key, text=lambda n: n.value, many=True
    ),
    "addresses": Field(
        needs=frozenset({"addresses"}), rule=Rule.UNION, read=lambda p: p.addresses, same=_address_key,
        text=_address_text, many=True,
    ),
    "account": Field(
        needs=frozenset({"account"}), rule=Rule.PRIORITY, read=lambda p: p.account, part="account",
        same=lambda a: fold(a.name or a.id), text=lambda a: a.name or a.id,
    ),
    "consents": Field(
        needs=frozenset({"consents"}), rule=Rule.UNION, read=lambda p: p.consents, many=True,
        same=lambda c: (c.purpose, c.channel, c.state), text=lambda c: f"{c.purpose}/{c.channel or 'any'}: {c.state.value}",
    ),
    "preferences": Field(
        needs=frozenset({"preferences"}), rule=Rule.UNION, read=lambda p: p.preferences, many=True,
        same=lambda p: (fold(p.name), fold(p.value)), text=lambda p: f"{p.name}: {p.value}",
    ),
}  # fmt: skip
"""Every merged field by its Python name, which is also its name in c360.toml's `[merge.NAME]`."""

_NEVER = datetime.min.replace(tzinfo=UTC)


class MergeRules:
    """The declared rules of all fields."""

    def __init__(self, rules: Mapping[str, FieldRule], rank: Mapping[str, int]) -> None:
        """`rank` is the default order of trust of all sources. Raises ValueError for a rule that does not fit its field."""
        for name, declared in rules.items():
            if FIELDS[name].many != (declared.rule is Rule.UNION):
                fits = "union" if FIELDS[name].many else "priority, recent or complete"
                raise ValueError(
                    f"merge.{name}.rule: {declared.rule.value} does not fit this field (valid: {fits})"
                )
        self._rules = rules
        self._rank = rank

    def rule(self, name: str) -> Rule:
        declared = self._rules.get(name)
        return declared.rule if declared else FIELDS[name].rule

    def merge(self, name: str, observed: Sequence[Observed]) -> tuple[Merged, ...]:
        """The surviving values of a field, at most one unless it is a list. Deterministic: the records' order plays no part."""
        field = FIELDS[name]
        if len(observed) == 1:
            return self._alone(name, field, observed[0])
        ranked = sorted(observed, key=lambda o: (self._trust(name, o.profile.source), _age(o), o.profile.id))
        if field.many:
            return self._union(name, field, ranked)
        said = [(o, value) for o in ranked if (value := field.read(o.profile)) is not None]
        if not said:
            return ()
        rule = self.rule(name)
        if rule is Rule.RECENT:
            said.sort(key=lambda s: _age(s[0]))
        elif rule is Rule.COMPLETE:
            said.sort(key=lambda s: -_fullness(s[1]))
        (best, value), others = said[0], said[1:]
        key = field.same(value)
        conflicts = [(v, o.profile.source) for o, v in others if field.same(v) != key]
        agreeing = [o.profile.source for o, v in others if field.same(v) == key]
        return (_merged(best, value, rule, conflicts, agreeing),)

    def _alone(self, name: str, field: Field, observed: Observed) -> tuple[Merged, ...]:
        """Of one record: there is nothing to weigh."""
        value = field.read(observed.profile)
        if field.many:
            if len(value) > 1:
                return self._union(name, field, (observed,))
            return tuple(_merged(observed, each, Rule.UNION, (), ()) for each in value)
        return () if value is None else (_merged(observed, value, self.rule(name), (), ()),)

    def text(self, name: str, value: Any) -> str:
        """A value as provenance shows it."""
        return FIELDS[name].text(value)

    def _union(self, name: str, field: Field, ranked: Sequence[Observed]) -> tuple[Merged, ...]:
        groups: dict[Any, list[tuple[Observed, Any]]] = {}
        for each in ranked:
            for value in field.read(each.profile):
                groups.setdefault(field.same(value), []).append((each, value))
        return tuple(
            _merged(group[0][0], group[0][1], Rule.UNION, (), [o.profile.source for o, _ in group[1:]])
            for group in groups.values()
        )

    def _trust(self, name: str, source: str) -> tuple[int, int]:
        declared = self._rules.get(name)
        order = declared.priority if declared else ()
        return (
            order.index(source) if source in order else len(order),
            self._rank.get(source, len(self._rank)),
        )


def _merged(
    best: Observed, value: Any, rule: Rule, conflicts: Sequence[tuple[Any, str]], agreeing: Sequence[str]
) -> Merged:
    return Merged(
        value=value,
        source=best.profile.source,
        record_id=best.profile.id,
        observed_at=best.at,
        rule=rule,
        conflicts=tuple(conflicts),
        agreeing=tuple(dict.fromkeys(s for s in agreeing if s != best.profile.source)) if agreeing else (),
    )


def _age(observed: Observed) -> float:
    """Smaller is newer."""
    return -(observed.profile.updated_at or observed.profile.created_at or _NEVER).timestamp()


def _fullness(value: Any) -> int:
    """How much a value says: the length of text, the number of filled fields of a structure."""
    if isinstance(value, str):
        return len(value.strip())
    if isinstance(value, Account):
        return sum(getattr(value, f) is not None for f in value.__struct_fields__)
    return 1
