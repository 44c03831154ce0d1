"""Where a walk through Tryton's changed parties stands, as an opaque string.

A party is made up of records of several models, each with its own time of change: changing an address directly does not touch
the party. So a walk follows one stream a model, by (time, id), and merges them by time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from adapters.crm.tryton.models import Changed

MODELS = ("party.party", "party.contact_mechanism", "party.address", "party.identifier")

LAG = timedelta(minutes=10)
"""A record's time is when its transaction began; it shows when that is committed. Nobody's transaction takes this long."""

_START = datetime(1970, 1, 1, tzinfo=UTC)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """What of a model has been seen: everything up to a time, and of that time up to an id."""

    at: datetime = _START
    id: int = 0


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A place in each of MODELS; when this walk began (None before its first step); the latest change it has seen."""

    places: tuple[Place, Place, Place, Place] = (Place(), Place(), Place(), Place())
    started: datetime | None = None
    newest: datetime | None = None

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


def decode(text: str | None) -> Cursor:
    """None is the beginning of time. Raises ValueError (msgspec's) for a string that is no cursor."""
    return msgspec.json.decode(text, type=Cursor) if text is not None else Cursor()


def merge(streams: Sequence[Sequence[Changed]], page: int) -> list[list[Changed]]:
    """The part of each stream that may be taken now: nothing later than what a full page has not shown yet."""
    ends = [stream[-1].last_modified_at.utc() for stream in streams if len(stream) >= page]
    limit = min(ends, default=None)
    return [[c for c in stream if limit is None or c.last_modified_at.utc() <= limit] for stream in streams]


def advanced(at: Cursor, taken: Sequence[Sequence[Changed]]) -> Cursor:
    """The cursor after what was taken of each stream."""
    pairs = zip(at.places, taken, strict=True)
    places = tuple(Place(s[-1].last_modified_at.utc(), s[-1].id) if s else place for place, s in pairs)
    times = [place.at for place, stream in zip(places, taken, strict=True) if stream]
    newest = max([*times, *([at.newest] if at.newest else [])], default=None)
    return msgspec.structs.replace(at, places=places, newest=newest)


def at_end(at: Cursor) -> Cursor:
    """Where the next walk begins: early enough for what was not committed yet while this one ran."""
    if at.newest is None or at.started is None:
        return msgspec.structs.replace(at, started=None, newest=None)
    since = Place(max(_START, min(at.newest, at.started) - LAG))
    return Cursor(places=(since, since, since, since))


def parties(taken: Sequence[Sequence[Changed]]) -> Mapping[int, datetime]:
    """The parties that changed, oldest change first, with the time of their latest change of this step."""
    latest: dict[int, datetime] = {}
    for model, stream in zip(MODELS, taken, strict=True):
        for changed in stream:
            party = changed.id if model == "party.party" else changed.party
            if party is not None:
                at = changed.last_modified_at.utc()
                latest[party] = max(at, latest.get(party, at))
    return dict(sorted(latest.items(), key=lambda item: item[1]))
