"""Reconciliation: all records are read from their sources once more, and what a comparison of all of them finds is proposed
to stewards. It never joins or parts anybody.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Protocol

from adapters.base import Adapter
from adapters.records import Profile, RecordKind
from resolvers.identity.derivation import Edge
from resolvers.identity.linking import proposed
from resolvers.identity.matching.person import Person, from_profile
from resolvers.identity.matching.scorer import Contribution
from resolvers.identity.members import Ref
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.sync import lists_changes
from resolvers.patience import Patience, ask
from resolvers.sources import Sources


class Found(Protocol):
    """A pair that a comparison of all records found likely."""

    @property
    def a(self) -> Ref: ...
    @property
    def b(self) -> Ref: ...
    @property
    def weight(self) -> float: ...
    @property
    def probability(self) -> float: ...
    @property
    def doubts(self) -> tuple[str, ...]: ...
    @property
    def contributions(self) -> tuple[Contribution, ...]: ...


class Reconciliation:
    """One run. `told` hears how many records of a source were read."""

    def __init__(
        self,
        store: IdentityStore,
        sources: Sources,
        options: IdentityOptions,
        told: Callable[[str, int], None] = lambda source, records: None,
        patience: Patience | None = None,
    ) -> None:
        self._store, self._sources, self._options, self._told = store, sources, options, told
        self._patience = patience or Patience()
        self._id = uuid.uuid4().hex

    async def everybody(self) -> AsyncIterator[Sequence[Person]]:
        """All records of all sources that list theirs, a step at a time. Raises SourceError: a part would mislead."""
        for adapter in self._sources:
            if lists_changes(adapter.manifest):
                async for people in self._of(adapter):
                    yield people

    async def _of(self, adapter: Adapter) -> AsyncIterator[Sequence[Person]]:
        cursor: str | None = None
        done, read = False, 0
        while not done:
            step = await ask(
                adapter.name, "changes",
                lambda call, cursor=cursor: adapter.changes(RecordKind.PROFILE, cursor, call),  # type: ignore[misc]
                patience=self._patience, waiting=lambda seconds: None, correlation_id=self._id,
            )  # fmt: skip
            profiles = [r for r in step.records if isinstance(r, Profile)]
            cursor, done, read = step.cursor, step.done, read + len(profiles)
            self._told(adapter.name, read)
            yield [from_profile(profile, self._options.default_country) for profile in profiles]

    async def propose(self, pairs: Iterable[Found], version: str) -> int:
        """Puts pairs of different customers up for review; returns how many were not known. `version` names the model."""
        return await self._store.propose([self._edge(pair, version) for pair in pairs])

    @staticmethod
    def _edge(pair: Found, version: str) -> Edge:
        return proposed(
            (pair.a, pair.b), version, weight=pair.weight, probability=pair.probability,
            contributions=pair.contributions, doubts=pair.doubts,
        )  # fmt: skip
