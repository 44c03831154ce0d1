"""A source in memory that lists its changes step by step, and can be told to misbehave."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from adapters.base import Call, Changes, SourceKind
from adapters.errors import SourceError, SourceRejected
from adapters.records import Profile, RecordKind
from tests.resolvers.memory import MemorySource
from tests.resolvers.people import profile

ONLY_PROFILES = frozenset({RecordKind.PROFILE})


class ChangingSource(MemorySource):
    """Every record is a change, oldest first; a cursor is the number of changes before it.

    `broken` maps a cursor to the errors that its step raises first. Cursors below `oldest` have expired. `repeats` records of
    the step before come again.
    """

    def __init__(
        self, name: str, records: Sequence[Profile] = (), *, kind: SourceKind = SourceKind.CRM, size: int = 4
    ) -> None:
        super().__init__(name, kind, records, kinds=ONLY_PROFILES)
        support = msgspec.structs.replace(self.manifest.kinds[RecordKind.PROFILE], changes=True)
        self.manifest = msgspec.structs.replace(self.manifest, kinds={RecordKind.PROFILE: support})
        self.size, self.repeats, self.oldest = size, 0, 0
        self.broken: dict[int, list[SourceError]] = {}
        self.deleted: dict[int, tuple[str, ...]] = {}
        self.cursors: list[int] = []
        self.standing = False

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        await self._called("changes", 1)
        at = int(cursor or 0)
        self.cursors.append(at)
        if cursor is not None and at < self.oldest:
            raise SourceRejected(self.name, "changes", "cursor expired")
        if self.broken.get(at):
            raise self.broken[at].pop(0)
        step = self.records[max(0, at - self.repeats) : at + self.size]
        end = min(at + self.size, len(self.records))
        following = str(at if self.standing else end)
        gone = self.deleted.get(at, ())
        return Changes(
            records=tuple(step), deleted=gone, cursor=following, done=not self.standing and end == len(self.records)
        )  # fmt: skip


def people(source: str, count: int, start: int = 0) -> list[Profile]:
    """Different people with an address of their own, the same people in every source."""
    names = ("Ada", "Bruno", "Clara", "Dario", "Elif", "Farid", "Greta", "Hiro", "Irene", "Jonas")
    family = ("Yilmaz", "Weber", "Nowak", "Tanaka", "Lindqvist", "Okafor", "Rossi")
    return [
        profile(source, f"{source}-{n}", f"{names[n % 10]} {family[n % 7]}", f"person{n}@mail{n}.example")
        for n in range(start, start + count)
    ]
