"""What is written down of a customer: who says what, in which records, and how to ask for them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value, the source that it is shown from, and the other sources that say the same."""

    value: str
    source: str
    also: tuple[str, ...] = ()
    label: str | None = None
    primary: bool = True


@dataclass(frozen=True, kw_only=True)
class Text:
    """A field that has one value; `others` are what other records say instead, with their sources."""

    value: str
    source: str
    agreeing: tuple[str, ...] = ()
    others: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Home:
    """The one address of a person, from the first of the cast's plans that has it."""

    source: str
    also: tuple[str, ...] = ()
    text: str


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A customer as all sources that answer say together."""

    display: Text
    given: Text | None = None
    family: Text | None = None
    language: Text | None = None
    emails: tuple[Value, ...]
    phones: tuple[Value, ...] = ()
    home: Home | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    """A customer: whose traces in the cast, which records, and how to ask for them.

    A record is a source and a number: which of the person's records there. `first` is the look-up that finds
    the customer while the gateway knows nothing. `mail` are the addresses that are theirs alone.
    """

    cast: str
    records: tuple[tuple[str, int], ...]
    profile: Profile
    first: dict[str, str | int]
    then: tuple[dict[str, str | int], ...] = field(default=())
    mail: tuple[str, ...] = ()


def record(source: str, number: int = 0) -> dict[str, str | int]:
    """A look-up by a source's record."""
    return {"source": source, "number": number}
