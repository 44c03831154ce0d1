"""What must hold for every record and every window, whatever vendor it comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from adapters.base import Adapter, Page, Position, Window
from adapters.contract.quality import is_done
from adapters.records import Activity, Money, Profile, Record

_PROFILE_OWN_FIELDS = frozenset(Profile.__struct_fields__) - frozenset(Record.__struct_fields__)


def check_record(record: Record, adapter: Adapter) -> None:
    """A record is well-formed: named, typed, in UTC, and as complete as its manifest promises."""
    where = f"{type(record).__name__} {record.id!r}"
    assert record.source == adapter.name, f"{where}: source is {record.source!r}, not {adapter.name!r}"
    assert record.id.strip(), f"{where}: no id"
    try:
        typed = msgspec.convert(msgspec.to_builtins(record), type(record))
    except msgspec.ValidationError as error:
        raise AssertionError(f"{where}: is not what its type says: {error}") from None
    assert typed == record, f"{where}: is not what its type says"
    for field in _fields(record):
        _check_value(field, f"{where}.{field[0]}")
    quality = adapter.manifest.quality
    if is_done(quality, "deep-links"):
        assert record.url, f"{where}: no url, but the manifest promises deep links"
    if is_done(quality, "update-time"):
        assert record.updated_at, f"{where}: no updated_at, but the manifest promises it"
    if isinstance(record, Profile):
        _check_profile(record, adapter, where)
    if isinstance(record, Activity):
        assert record.owner, f"{where}: no owner"


def check_page(page: Page, owner_ref: str, window: Window) -> None:
    """A page holds at most `limit` records of its owner, each once, newest first and below the window's position."""
    places = [Position(record.at, record.id) for record in page.records]
    assert len(places) <= window.limit, f"{len(places)} records where {window.limit} were asked for"
    assert places == sorted(set(places), reverse=True), (
        "a page must run from newest to oldest by (at, id), each once"
    )
    assert window.before is None or all(place < window.before for place in places), (
        "a record at or above the position"
    )
    strangers = {record.owner for record in page.records} - {owner_ref}
    assert not strangers, f"records of {len(strangers)} other owners in a page"


def expected_page(stream: Sequence[Activity], window: Window) -> tuple[list[str], bool]:
    """The ids that a window on a complete stream (newest first) must give, and whether more lie below."""
    below = [r.id for r in stream if window.before is None or Position(r.at, r.id) < window.before]
    return below[: window.limit], len(below) > window.limit


def _fields(value: object, path: str = "") -> list[tuple[str, object]]:
    if isinstance(value, msgspec.Struct):
        return [
            found
            for name in value.__struct_fields__
            for found in _fields(getattr(value, name), f"{path}.{name}".lstrip("."))
        ] + [(path, value)]
    if isinstance(value, tuple):
        return [found for index, item in enumerate(value) for found in _fields(item, f"{path}[{index}]")]
    return [(path, value)]


def _check_value(field: tuple[str, object], where: str) -> None:
    name, value = field
    if isinstance(value, datetime):
        assert value.utcoffset() == timedelta(0), f"{where}: {value} is not aware UTC"
        assert value > datetime(1970, 1, 2, tzinfo=UTC), f"{where}: {value} looks like a missing time"
    if isinstance(value, Decimal):
        assert value.is_finite(), f"{where}: {value} is no amount"
    if isinstance(value, Money):
        assert re.fullmatch("[A-Z]{3}", value.currency), f"{where}: {value.currency!r} is not ISO 4217"
    if isinstance(value, str) and name not in ("body", "description"):
        assert value.strip(), f"{where}: blank text says nothing; it must be None"


def _check_profile(profile: Profile, adapter: Adapter, where: str) -> None:
    filled = {name for name in _PROFILE_OWN_FIELDS if getattr(profile, name) not in (None, ())}
    surprising = filled - adapter.manifest.profile_fields
    assert not surprising, f"{where}: fills {sorted(surprising)}, which manifest.profile_fields does not name"
    country = profile.country or "ZZ"
    assert re.fullmatch("[A-Z]{2}", country), f"{where}: country {country!r} is not ISO 3166 alpha-2"
