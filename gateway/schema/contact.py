"""How a customer can be reached, and what they agreed to: addresses, phones, consents, preferences, each with its source."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry

from adapters import records
from gateway.schema.common import Address
from resolvers.merge import Merged

strawberry.enum(records.ConsentState, description="PENDING: asked, and not confirmed yet.")


@strawberry.type(description="An e-mail address, as the most trusted source that has it writes it.")
class EmailAddress:
    value: str
    label: str | None
    primary: bool
    source: str
    also_in: list[str] = strawberry.field(description="Other sources with the same address.")


@strawberry.type(description="A phone number, as the most trusted source that has it writes it.")
class PhoneNumber:
    value: str
    label: str | None
    primary: bool
    source: str
    also_in: list[str] = strawberry.field(description="Other sources with the same number.")


@strawberry.type(description="A postal address and where it is from.")
class PostalAddress(Address):
    primary: bool
    source: str
    also_in: list[str]


@strawberry.type(description="What one source says the person agreed to.")
class Consent:
    purpose: str
    channel: str | None
    state: records.ConsentState
    at: datetime | None
    source: str


@strawberry.type(description="Something the person stated, such as an interest or a preferred channel.")
class Preference:
    name: str
    value: str
    source: str


@strawberry.type(description="The company that the customer belongs to.")
class Account:
    id: strawberry.ID
    name: str | None
    industry: str | None
    employees: int | None
    annual_revenue: Decimal | None
    url: str | None
    source: str


def email_address(merged: Merged) -> EmailAddress:
    value: records.EmailAddress = merged.value
    return EmailAddress(
        value=value.value, label=value.label, primary=value.primary,
        source=merged.source, also_in=list(merged.agreeing),
    )  # fmt: skip


def phone_number(merged: Merged) -> PhoneNumber:
    value: records.PhoneNumber = merged.value
    return PhoneNumber(
        value=value.value, label=value.label, primary=value.primary,
        source=merged.source, also_in=list(merged.agreeing),
    )  # fmt: skip


def postal_address(merged: Merged) -> PostalAddress:
    value: records.Address = merged.value
    return PostalAddress(
        label=value.label, name=value.name, company=value.company, street=value.street, postcode=value.postcode,
        city=value.city, region=value.region, country=value.country, primary=value.primary,
        source=merged.source, also_in=list(merged.agreeing),
    )  # fmt: skip


def consent(merged: Merged) -> Consent:
    value: records.Consent = merged.value
    return Consent(
        purpose=value.purpose, channel=value.channel, state=value.state, at=value.at, source=merged.source
    )


def preference(merged: Merged) -> Preference:
    value: records.Preference = merged.value
    return Preference(name=value.name, value=value.value, source=merged.source)


def account(merged: Merged) -> Account:
    value: records.Account = merged.value
    return Account(
        id=strawberry.ID(value.id), name=value.name, industry=value.industry, employees=value.employees,
        annual_revenue=value.annual_revenue, url=value.url, source=merged.source,
    )  # fmt: skip
