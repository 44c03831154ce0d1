"""Tryton's search domains. Values travel as JSON strings: nothing in them changes a domain, and wildcards are escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.base import KeyType, MatchKey
from adapters.crm.tryton.mapping import PHONE_TYPES
from adapters.kit.phones import written_forms

Domain = list[Any]

ANY_STATE: Domain = ["active", "in", [True, False]]
"""Without it a search leaves out what is deactivated."""


def any_of(keys: Sequence[MatchKey]) -> Domain:
    """Parties that carry at least one of the keys."""
    values: dict[KeyType, list[str]] = {type: [k.value for k in keys if k.type is type] for type in KeyType}
    mechanisms: Domain = []
    if emails := values[KeyType.EMAIL]:
        mechanisms.append([["type", "=", "email"], _either([["value", "ilike", literal(e)] for e in emails])])
    if phones := values[KeyType.PHONE]:
        forms = [form for phone in phones for form in written_forms(phone)]
        written = _either([["value_compact", "in", forms], ["value", "in", forms]])
        mechanisms.append([["type", "in", list(PHONE_TYPES)], written])
    parties: Domain = []
    if mechanisms:
        parties.append([["contact_mechanisms", "where", [_either(mechanisms)]]])
    if codes := values[KeyType.CUSTOMER_NUMBER]:
        parties.append([["code", "in", codes]])
    for name in values[KeyType.NAME]:
        parties.append([["name", "ilike", f"%{literal(word)}%"] for word in name.split()])
    return [_either(parties)]


def changed_after(at: datetime, id: int) -> Domain:
    """Records, deactivated ones too, that were changed later than `at`, or at `at` with a higher id."""
    moment = _moment(at)
    later: Domain = [["last_modified_at", ">", moment]]
    same: Domain = [["last_modified_at", "=", moment], ["id", ">", id]]
    return [_either([later, same]), ANY_STATE]


def literal(value: str) -> str:
    """A text that `ilike` takes as it is."""
    return value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _either(clauses: Sequence[Any]) -> Domain:
    return ["OR", *([clause] if isinstance(clause[0], str) else clause for clause in clauses)]


def _moment(at: datetime) -> dict[str, Any]:
    parts = {name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    return {"__class__": "datetime", **parts, "microsecond": at.microsecond}
