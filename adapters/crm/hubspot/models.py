"""HubSpot's payloads, as far as they are read. Unknown fields are accepted."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Next(msgspec.Struct, frozen=True):
    after: str


class Paging(msgspec.Struct, frozen=True):
    next: Next | None = None


class CrmObject(msgspec.Struct, frozen=True, rename="camel"):
    """A contact or a company. HubSpot sends every property as text, or null."""

    id: str
    created_at: datetime
    updated_at: datetime
    properties: dict[str, str | None] = {}
    url: str | None = None
    archived: bool = False

    def text(self, name: str) -> str | None:
        """A property's trimmed text; None where it is absent, null or empty."""
        return (self.properties.get(name) or "").strip() or None


class SearchResults(msgspec.Struct, frozen=True):
    results: list[CrmObject]
    total: int = 0
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        """Where the next page starts; None at the end."""
        return self.paging.next.after if self.paging and self.paging.next else None


class BatchError(msgspec.Struct, frozen=True):
    """One reason of a 207 answer."""

    category: str | None = None


class BatchObjects(msgspec.Struct, frozen=True):
    results: list[CrmObject]
    errors: list[BatchError] = []


class AssociationType(msgspec.Struct, frozen=True, rename="camel"):
    category: str
    type_id: int


class AssociatedObject(msgspec.Struct, frozen=True, rename="camel"):
    """`toObjectId` is text in HubSpot's description, and a number in answers that people quote."""

    to_object_id: str | int
    association_types: list[AssociationType] = []


class AssociatedFrom(msgspec.Struct, frozen=True):
    id: str | int


class Association(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    from_: AssociatedFrom
    to: list[AssociatedObject]
    paging: Paging | None = None


class BatchAssociations(msgspec.Struct, frozen=True):
    results: list[Association]
    errors: list[BatchError] = []
