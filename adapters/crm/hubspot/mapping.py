"""HubSpot's contacts and companies as canonical records, and the written forms of a phone number. No I/O."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from adapters.crm.hubspot.countries import code_of
from adapters.crm.hubspot.models import AssociatedObject, Association, CrmObject
from adapters.crm.hubspot.settings import HubSpotSettings
from adapters.kit.text import utc
from adapters.records import (
    Account,
    Address,
    Consent,
    ConsentState,
    EmailAddress,
    ExternalId,
    PhoneNumber,
    Preference,
    Profile,
)

CONTACT_PROPERTIES = (
    "address",
    "city",
    "company",
    "country",
    "date_of_birth",
    "email",
    "firstname",
    "hs_additional_emails",
    "hs_country_region_code",
    "hs_email_optout",
    "hs_language",
    "hs_legal_basis",
    "hs_marketable_status",
    "lastmodifieddate",
    "lastname",
    "mobilephone",
    "phone",
    "state",
    "zip",
)
COMPANY_PROPERTIES = ("annualrevenue", "industry", "name", "numberofemployees")

_CONTACT_TYPE, _COMPANY_TYPE = "0-1", "0-2"
_PRIMARY_COMPANY = 1  # HUBSPOT_DEFINED association type "contact to primary company"
_CONSENT_BASIS = "freely given consent from contact"


def profile(
    source: str, contact: CrmObject, settings: HubSpotSettings, account: Account | None = None
) -> Profile:
    """A contact. Raises ValueError where a value is not what its property promises."""
    return Profile(
        source=source,
        id=contact.id,
        url=_link(contact, _CONTACT_TYPE, settings),
        created_at=utc(contact.created_at),
        updated_at=utc(contact.updated_at),
        given_name=contact.text("firstname"),
        family_name=contact.text("lastname"),
        birth_date=_date(contact.text("date_of_birth")),
        language=_language(contact.text("hs_language")),
        emails=_emails(contact),
        phones=_phones(contact),
        addresses=_addresses(contact),
        account=account,
        consents=_consents(contact),
        preferences=_preferences(contact),
        external_ids=_external_ids(contact, settings.external_ids),
        country=_country(contact),
    )


def account(company: CrmObject, settings: HubSpotSettings) -> Account:
    """A company. Raises ValueError where a number is none."""
    employees, revenue = company.text("numberofemployees"), company.text("annualrevenue")
    return Account(
        id=company.id,
        name=company.text("name"),
        industry=company.text("industry"),
        employees=int(_number(employees)) if employees else None,
        annual_revenue=_number(revenue) if revenue else None,
        url=_link(company, _COMPANY_TYPE, settings),
    )


def company_id(association: Association) -> str | None:
    """The company that HubSpot calls primary, else the first one."""
    primary = next((to for to in association.to if _is_primary(to)), None)
    chosen = primary or next(iter(association.to), None)
    return str(chosen.to_object_id) if chosen else None


def has_primary(association: Association) -> bool:
    """Whether the primary company is on this page of the contact's companies."""
    return any(_is_primary(to) for to in association.to)


def is_named(profile: Profile, text: str) -> bool:
    """Whether a word of the text is in the person's names, or a name in the text; accents do not count."""
    names = [_plain(name) for name in (profile.given_name, profile.family_name) if name]
    whole = _plain(text)
    return any(word in name for word in whole.split() for name in names) or any(n in whole for n in names)


def changed_at(contact: CrmObject) -> int:
    """When a contact was last changed, in milliseconds since 1970, by the property that searches sort by.

    Raises ValueError for a time that is none.
    """
    written = contact.text("lastmodifieddate")
    at = utc(datetime.fromisoformat(written) if written else contact.updated_at)
    assert at is not None
    return round(at.timestamp() * 1000)


def _is_primary(company: AssociatedObject) -> bool:
    return any(
        kind.category == "HUBSPOT_DEFINED" and kind.type_id == _PRIMARY_COMPANY
        for kind in company.association_types
    )


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def _emails(contact: CrmObject) -> tuple[EmailAddress, ...]:
    primary = contact.text("email")
    others = [part.strip() for part in (contact.text("hs_additional_emails") or "").split(";")]
    emails = [EmailAddress(value=primary, primary=True)] if primary else []
    emails += [
        EmailAddress(value=other, label="additional") for other in others if other and other != primary
    ]
    return tuple(emails)


def _phones(contact: CrmObject) -> tuple[PhoneNumber, ...]:
    labels = {"phone": "phone", "mobilephone": "mobile"}
    written = [(contact.text(name), label) for name, label in labels.items()]
    return tuple(
        PhoneNumber(value=value, label=label, primary=label == "phone") for value, label in written if value
    )


def _addresses(contact: CrmObject) -> tuple[Address, ...]:
    parts = {
        "street": contact.text("address"),
        "postcode": contact.text("zip"),
        "city": contact.text("city"),
        "region": contact.text("state"),
        "country": _country(contact) or contact.text("country"),
    }
    if not any(parts.values()):
        return ()
    return (Address(company=contact.text("company"), primary=True, **parts),)


def _consents(contact: CrmObject) -> tuple[Consent, ...]:
    """An opt-out says something; its absence says nothing, so nobody is granted anything by it."""
    consents = []
    if _flag(contact.text("hs_email_optout")):
        consents.append(Consent(purpose="marketing", channel="email", state=ConsentState.WITHDRAWN))
    if _CONSENT_BASIS in (contact.text("hs_legal_basis") or "").lower():
        consents.append(Consent(purpose="data processing", state=ConsentState.GRANTED))
    return tuple(consents)


def _preferences(contact: CrmObject) -> tuple[Preference, ...]:
    value = contact.text("hs_marketable_status")
    return (Preference(name="marketing contact", value="yes" if _flag(value) else "no"),) if value else ()


def _external_ids(contact: CrmObject, names: Mapping[str, str]) -> tuple[ExternalId, ...]:
    values = [(system, contact.text(name)) for name, system in names.items()]
    return tuple(ExternalId(system=system, value=value) for system, value in values if value)


def _country(contact: CrmObject) -> str | None:
    """HubSpot's own code, else a country field that holds a code or a name that is known for sure."""
    for name in ("hs_country_region_code", "country"):
        value = contact.text(name) or ""
        if re.fullmatch(r"[A-Za-z]{2}", value):
            return value.upper()
    return code_of(contact.text("country") or "")


def _language(value: str | None) -> str | None:
    """HubSpot writes "pt-br"; BCP 47 recommends "pt-BR" and "zh-Hans"."""
    if value is None:
        return None
    first, *rest = value.replace("_", "-").split("-")
    cased = [part.upper() if len(part) == 2 else part.title() for part in rest]
    return "-".join([first.lower(), *cased])


def _date(value: str | None) -> date | None:
    """`date_of_birth` is free text in HubSpot: only an ISO date is sure to mean what it says."""
    with contextlib.suppress(ValueError):
        return date.fromisoformat(value) if value and re.fullmatch(r"\d{4}-\d\d-\d\d", value) else None
    return None


def _number(value: str) -> Decimal:
    if not re.fullmatch(r"-?\d{1,30}(\.\d{1,15})?([eE][+-]?\d{1,2})?", value):
        raise ValueError("not a number")
    return Decimal(value)


def _flag(value: str | None) -> bool:
    return (value or "").lower() == "true"


def _link(record: CrmObject, object_type: str, settings: HubSpotSettings) -> str | None:
    if record.url and record.url.startswith("https://"):
        return record.url
    if settings.portal_id is None:
        return None
    return f"{settings.app_url.rstrip('/')}/contacts/{settings.portal_id}/record/{object_type}/{record.id}"
