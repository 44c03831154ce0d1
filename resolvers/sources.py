"""A configured source: its adapter and the rank it has among the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from adapters.base import Adapter, KeyType, Manifest, SourceKind
from adapters.records import RecordKind

_RANK = {SourceKind.CRM: 0, SourceKind.WEBSHOP: 1, SourceKind.SUPPORT: 2, SourceKind.EMAIL: 3}


class Sources:
    """All configured sources by name, in the order of trust that is used where no rule says otherwise."""

    def __init__(self, adapters: Iterable[Adapter]) -> None:
        ranked = sorted(adapters, key=lambda a: _RANK[a.manifest.kind])  # stable: then as configured
        self._adapters: Mapping[str, Adapter] = {a.name: a for a in ranked}
        self.rank: Mapping[str, int] = {name: i for i, name in enumerate(self._adapters)}

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

    def having(self, kind: RecordKind) -> list[str]:
        """The sources that have this kind of record."""
        return [a.name for a in self if kind in a.manifest.kinds]
