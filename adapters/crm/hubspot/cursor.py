"""Where a walk through HubSpot's changed contacts stands, as an opaque string."""

from __future__ import annotations

import msgspec

from adapters.crm.hubspot.mapping import changed_at
from adapters.crm.hubspot.models import SearchResults

LAG = 300_000
"""Milliseconds by which search may lag behind writes. HubSpot names no bound; others advise to wait 60 s."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """`since` is the inclusive lower bound of `lastmodifieddate`, in milliseconds since 1970.

    `started` is when this walk began, and `newest` the latest change it has seen. `run_after` is set while
    the records of the one millisecond `since` are walked by id, because they fill more than a page.
    """

    since: int = 0
    started: int = 0
    newest: int = 0
    run_after: int | None = None

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()

    def at_end(self) -> Cursor:
        """Where the next walk begins: early enough for what search did not show yet while this one ran.

        What was hidden then was changed after `started` - LAG, whatever this walk saw later.
        """
        return Cursor(since=max(0, min(self.newest, self.started) - LAG) if self.newest else self.since)


def decode(text: str | None) -> Cursor:
    """None is the beginning of time. Raises ValueError (msgspec's) for a string that is no cursor."""
    return msgspec.json.decode(text, type=Cursor) if text is not None else Cursor()


def following(at: Cursor, results: SearchResults) -> tuple[Cursor, bool]:
    """Where the next step starts, and whether this was the last one of the walk.

    The bound moves with the records instead of an offset, which would end at HubSpot's 10,000 results.
    """
    times = [changed_at(contact) for contact in results.results]
    seen = msgspec.structs.replace(at, newest=max([at.newest, *times]))
    more = results.after is not None and bool(results.results)
    if at.run_after is not None:
        if more:
            last_id = int(results.results[-1].id)
            if last_id <= at.run_after:
                raise ValueError("not in the order that was asked for")
            return msgspec.structs.replace(seen, run_after=last_id), False
        return msgspec.structs.replace(seen, since=at.since + 1, run_after=None), False
    if not more:
        return seen.at_end(), True
    # a contact that changed since the index was written may show its new time in its old place
    last = max((time for time in times if time <= at.started), default=times[-1])
    if last > at.since:
        return msgspec.structs.replace(seen, since=last), False
    return msgspec.structs.replace(seen, run_after=0), False
