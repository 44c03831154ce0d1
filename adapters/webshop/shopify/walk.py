"""A walk through what changed, oldest change first, over Shopify's pages and past their cap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from adapters.base import Changes
from adapters.errors import SourceRejected
from adapters.records import Record
from adapters.webshop.shopify import search
from adapters.webshop.shopify.models import PageInfo

_CHAIN = 20_000  # records after which a new search begins: the vendor pages through 25,000 at most
_LAG = timedelta(seconds=30)  # the search index trails behind writes; so much comes again after a walk's end


class Walk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in the walk: updated at `since` or later, behind the vendor's cursor `after`."""

    since: datetime | None = None
    after: str | None = None
    seen: int = 0

    @classmethod
    def at(cls, cursor: str | None, source: str) -> Walk:
        """The place that a cursor names; None is the beginning."""
        if cursor is None:
            return cls()
        try:
            return msgspec.json.decode(cursor.encode(), type=cls)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            raise SourceRejected(source, "changes", "not a cursor of this adapter") from None

    def query(self) -> str | None:
        """The vendor's filter for what lies ahead."""
        return search.since(self.since) if self.since else None

    def step(
        self, info: PageInfo, records: Sequence[Record], times: Sequence[datetime] | None = None
    ) -> Changes:
        """The step that a page makes. `times` are of all that came, where that is more than the records."""
        seen = times if times is not None else [r.updated_at for r in records if r.updated_at]
        following = self._following(info, max(seen, default=self.since), len(seen))
        cursor = msgspec.json.encode(following).decode()
        return Changes(records=tuple(records), cursor=cursor, done=not info.has_next_page)

    def _following(self, info: PageInfo, latest: datetime | None, count: int) -> Walk:
        advanced = latest is not None and (self.since is None or latest > self.since)
        if info.has_next_page and not (advanced and self.seen + count >= _CHAIN):
            return Walk(since=self.since, after=info.end_cursor, seen=self.seen + count)
        if info.has_next_page or latest is None:
            return Walk(since=latest)
        again = latest - _LAG
        return Walk(since=again if self.since is None else max(self.since, again))
