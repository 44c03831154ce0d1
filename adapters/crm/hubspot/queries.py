"""The filters of HubSpot's contact search. Values travel as JSON strings: nothing in them changes a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from adapters.base import MatchKey
from adapters.crm.hubspot.cursor import Cursor
from adapters.kit.phones import national_digits, written_forms

Filter = dict[str, Any]


def emails(keys: Sequence[MatchKey]) -> list[list[Filter]]:
    """Filter groups (any of them) for contacts with an address as their main or as an additional one."""
    return [_in(name, [key.value for key in keys]) for name in ("email", "hs_additional_emails")]


def phones(keys: Sequence[MatchKey]) -> list[list[Filter]]:
    """Filter groups for phone numbers: as they are likely to be written, and by HubSpot's own digits."""
    written = [form for key in keys for form in written_forms(key.value)]
    digits = [national_digits(key.value) for key in keys]
    return [
        _in("phone", written),
        _in("mobilephone", written),
        _in("hs_searchable_calculated_phone_number", digits),
        _in("hs_searchable_calculated_mobile_number", digits),
    ]


def changed(at: Cursor) -> dict[str, Any]:
    """Groups and sorting of the search for the step at a cursor."""
    since = {"propertyName": "lastmodifieddate", "value": str(at.since)}
    if at.run_after is None:
        groups = [[{**since, "operator": "GTE"}]] if at.since else []
        return {"groups": groups, "sorts": ["lastmodifieddate"]}
    above = {"propertyName": "hs_object_id", "operator": "GT", "value": str(at.run_after)}
    return {"groups": [[{**since, "operator": "EQ"}, above]], "sorts": ["hs_object_id"]}


def _in(name: str, values: Iterable[str]) -> list[Filter]:
    """HubSpot wants the values of a text property's IN in lower case."""
    unique = list(dict.fromkeys(value.lower() for value in values))
    return [{"propertyName": name, "operator": "IN", "values": unique}]
