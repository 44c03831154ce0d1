"""How long an answer of a source is fresh, and how long it is kept: by source and by kind, and always finite."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from adapters.records import RecordKind

FIND = "find"
"""Stands for the look-ups of a source beside its record kinds."""
LONGEST = 86_400.0
"""Seconds: no life is longer."""


class Life(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Seconds. Until `soft` an answer is fresh. For `renewing` more it is served as stale while it is fetched anew; after
    that the source is asked first, and until `hard` what is kept is served as stale if it fails. An answer that says "nobody
    there" lives for `negative` only. A `hard` of 0 keeps nothing.
    """

    soft: float
    hard: float
    negative: float = 5.0
    renewing: float = LONGEST

    @property
    def served(self) -> float:
        """Seconds for which it is served without asking the source first."""
        return min(self.hard, self.soft + self.renewing)


DEFAULTS: Mapping[str, Life] = {
    FIND: Life(soft=30.0, hard=600.0, renewing=0.0),
    RecordKind.PROFILE.value: Life(soft=30.0, hard=600.0, renewing=0.0),
    RecordKind.ORDER.value: Life(soft=15.0, hard=600.0, renewing=0.0),
    RecordKind.TICKET.value: Life(soft=15.0, hard=600.0, renewing=0.0),
    RecordKind.COMMENT.value: Life(soft=15.0, hard=600.0, renewing=0.0),
    RecordKind.EMAIL_EVENT.value: Life(soft=60.0, hard=1800.0, renewing=0.0),
    RecordKind.MESSAGE.value: Life(soft=30.0, hard=600.0, renewing=0.0),
}
"""Kind -> its life where the operator says nothing: a support agent who reloads a page sees what came in since, and a source
that is down is answered for as long as ten minutes.
"""
OFF = Life(soft=0.0, hard=0.0, negative=0.0)


class Lives:
    """The lives of all kinds at all sources."""

    def __init__(
        self, own: Mapping[tuple[str, str], Life] = {}, defaults: Mapping[str, Life] = DEFAULTS
    ) -> None:
        """`own` are those of (source, kind) that differ from the defaults. Raises ValueError for a life that is not finite, or
        whose end comes before it is stale.
        """
        for life in (*own.values(), *defaults.values()):
            if not 0 <= life.soft <= life.hard <= LONGEST or not 0 <= life.negative <= LONGEST:
                raise ValueError(f"a life needs 0 <= soft <= hard <= {LONGEST:g} seconds: {life}")
        self._own = dict(own)
        self._defaults = defaults
        self.longest = max((life.hard for life in (*own.values(), *defaults.values())), default=0.0)

    def of(self, source: str, kind: str) -> Life:
        """The life of a kind at a source."""
        return self._own.get((source, kind)) or self._defaults.get(kind, OFF)
