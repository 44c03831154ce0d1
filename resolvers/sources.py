"""A configured source: its adapter and the rank it has among the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from adapters.base import Adapter, KeyType, Manifest, OwnedBy, SourceKind
from adapters.records import RecordKind

_RANK = {SourceKind.CRM: 0, SourceKind.WEBSHOP: 1, SourceKind.SUPPORT: 2, SourceKind.EMAIL: 3}


class Sources:
    """All configured sources by name, in the order of trust that is used where no rule says otherwise."""

    def __init__(self, adapters: Iterable[Adapter]) -> None:
        ranked = sorted(adapters, key=lambda a: _RANK[a.manifest.kind])  # stable: then as configured
        self._adapters: Mapping[str, Adapter] = {a.name: a for a in ranked}
        self.rank: Mapping[str, int] = {name: i for i, name in enumerate(self._adapters)}
        self._having: dict[tuple[OwnedBy, RecordKind], tuple[str, ...]] = {}
        self._filling: dict[frozenset[str], frozenset[str]] = {}

    def __iter__(self) -> Iterator[Adapter]:
        return iter(self._adapters.values())

    def __contains__(self, name: str) -> bool:
        return name in self._adapters

    def __getitem__(self, name: str) -> Adapter:
        return self._adapters[name]

    def get(self, name: str) -> Adapter | None:
        return self._adapters.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._adapters)

    def manifest(self, name: str) -> Manifest:
        return self._adapters[name].manifest

    def searching(self, key: KeyType) -> list[str]:
        """The sources that can look up a key of this type."""
        return [a.name for a in self if key in a.manifest.lookups]

    def having_by_record(self, kind: RecordKind) -> tuple[str, ...]:
        """The sources that have this kind of record, and find it by its owner's record."""
        return self._owned_by(OwnedBy.RECORD, kind)

    def having_by_email(self, kind: RecordKind) -> tuple[str, ...]:
        """The sources that have it, and find it by the person's e-mail addresses."""
        return self._owned_by(OwnedBy.EMAIL, kind)

    def _owned_by(self, how: OwnedBy, kind: RecordKind) -> tuple[str, ...]:
        found = self._having.get((how, kind))
        if found is None:
            kinds = {a.name: a.manifest.kinds.get(kind) for a in self}
            found = tuple(name for name, support in kinds.items() if support and support.owned_by is how)
            self._having[how, kind] = found
        return found

    def filling(self, fields: frozenset[str]) -> frozenset[str]:
        """The sources that can ever fill one of these fields of a profile."""
        found = self._filling.get(fields)
        if found is None:
            found = self._filling[fields] = frozenset(
                a.name for a in self if fields & a.manifest.profile_fields
            )
        return found
