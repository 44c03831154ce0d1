"""Values that several nouns share: money, postal addresses, and what a field needs to know of its request."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import strawberry
from strawberry.types import Info

from gateway.context import Context
from gateway.execution.plan import names_below

Request = Info[Context, None]


@strawberry.type(description="An exact amount of one currency.")
class Money:
    amount: Decimal = strawberry.field(description="In major units: 12.50 is twelve and a half.")
    currency: str = strawberry.field(description="ISO 4217.")


@strawberry.type(description="A postal address, as one source has it.")
class Address:
    label: str | None
    name: str | None
    company: str | None
    street: str | None = strawberry.field(description="Several lines are separated by line feeds.")
    postcode: str | None
    city: str | None
    region: str | None
    country: str | None = strawberry.field(description="ISO 3166 alpha-2 where the source says it that way.")


def names_asked(info: Info[Any, Any]) -> frozenset[str]:
    """The names of all fields below this one; @skip and @include are not looked at."""
    raw = info._raw_info
    return names_below(raw.field_nodes, raw.fragments)
