"""Tryton's payloads, as far as they are read. Unknown fields are accepted.

Fields that were asked for with a dot ("addresses.city") come as a record, or as a list of them, under a name that ends in one.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec


class Moment(msgspec.Struct, frozen=True):
    """How Tryton writes a time: its parts, in UTC."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    microsecond: int = 0

    def utc(self) -> datetime:
        """Raises ValueError for a moment that is none."""
        return datetime(
            self.year, self.month, self.day, self.hour, self.minute, self.second, self.microsecond, tzinfo=UTC
        )


class Code(msgspec.Struct, frozen=True):
    """A language or a country."""

    code: str | None = None


class Name(msgspec.Struct, frozen=True):
    """A category or a subdivision."""

    name: str | None = None


class Mechanism(msgspec.Struct, frozen=True):
    type: str
    value: str
    name: str | None = None
    last_modified_at: Moment | None = None


class PartyAddress(
    msgspec.Struct, frozen=True, rename={"country": "country.", "subdivision": "subdivision."}
):
    party_name: str | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: Code | None = None
    subdivision: Name | None = None
    last_modified_at: Moment | None = None


class Identifier(msgspec.Struct, frozen=True):
    code: str
    type: str | None = None
    last_modified_at: Moment | None = None


class Party(
    msgspec.Struct,
    frozen=True,
    rename={
        "lang": "lang.",
        "contact_mechanisms": "contact_mechanisms.",
        "addresses": "addresses.",
        "identifiers": "identifiers.",
        "categories": "categories.",
    },
):
    """`active` is 0 or 1 where the database knows no truth values (SQLite)."""

    id: int
    create_date: Moment | None
    last_modified_at: Moment | None
    active: bool | int
    name: str | None = None
    code: str | None = None
    lang: Code | None = None
    contact_mechanisms: list[Mechanism] = []
    addresses: list[PartyAddress] = []
    identifiers: list[Identifier] = []
    categories: list[Name] = []


PARTY_FIELDS = (
    "name",
    "code",
    "active",
    "create_date",
    "last_modified_at",
    "lang.code",
    "contact_mechanisms.type",
    "contact_mechanisms.value",
    "contact_mechanisms.name",
    "contact_mechanisms.last_modified_at",
    "addresses.party_name",
    "addresses.street",
    "addresses.postal_code",
    "addresses.city",
    "addresses.country.code",
    "addresses.subdivision.name",
    "addresses.last_modified_at",
    "identifiers.type",
    "identifiers.code",
    "identifiers.last_modified_at",
    "categories.name",
)


class Changed(msgspec.Struct, frozen=True):
    """A changed record of one of the models that make up a party. `party` is absent from parties themselves."""

    id: int
    last_modified_at: Moment
    party: int | None = None
