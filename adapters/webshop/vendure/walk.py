"""A walk through a list by a time that only grows, oldest first, over pages and through crowds of one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters.webshop.vendure.search import stamp

SIZE = 200

_MILLISECOND = timedelta(milliseconds=1)
_LATE = timedelta(seconds=10)  # a transaction may become visible after younger ones


class Walk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in the walk.

    `since`: what is that old or younger lies ahead. `skip` is set while a crowd is read, which is more than a page of records
    of the moment `since`; these come by id, since the server sorts by one field only. `beyond`: the moment is done.
    """

    since: datetime | None = None
    skip: int | None = None
    beyond: bool = False

    def options(self, field: str, base: Mapping[str, Any]) -> dict[str, Any]:
        """The list options for the next page of a list that is filtered by `base`."""
        crowd = self.skip is not None
        ahead = self._ahead(field)
        return {
            "take": SIZE,
            "skip": self.skip or 0,
            "sort": {"id" if crowd else field: "ASC"},
            "filter": {"_and": [part for part in (base, ahead) if part]} if base or ahead else None,
        }

    def after(self, times: Sequence[datetime]) -> tuple[Walk, bool]:
        """The place behind a page whose records have these times, and whether the walk is over for now."""
        full = len(times) >= SIZE
        latest = max(times, default=self.since)
        if self.skip is not None:
            walk = (
                Walk(since=self.since, skip=self.skip + SIZE) if full else Walk(since=self.since, beyond=True)
            )
            return walk, False
        if latest is None:
            return Walk(), True
        if not full:
            again = latest - _LATE
            return Walk(since=again if self.since is None else max(self.since, again)), True
        if min(times) == latest or (self.since is not None and latest <= self.since):
            return Walk(since=latest, skip=0), False
        return Walk(since=latest), False

    def _ahead(self, field: str) -> dict[str, Any] | None:
        """What lies ahead.

        Bounds are a millisecond wide of the mark: some databases keep whole seconds as text without a fraction, which
        compares as smaller than the same second with one; others keep microseconds, of which the server tells milliseconds.
        """
        if self.since is None:
            return None
        before, behind = stamp(self.since - _MILLISECOND), stamp(self.since + _MILLISECOND)
        if self.skip is not None:
            return {field: {"between": {"start": before, "end": behind}}}
        if self.beyond:
            return {"_or": [{field: {"after": behind}}, {field: {"eq": behind}}]}
        return {field: {"after": before}}
