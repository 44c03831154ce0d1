"""The world of the sandbox: the records of four systems, and the truth about who is who."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

import phonenumbers

from sandbox.people import Person
from sandbox.records import (
    Campaign,
    HubSpotCompany,
    HubSpotContact,
    MailMember,
    ShopCustomer,
    ShopOrder,
    Table,
    ZendeskTicket,
    ZendeskUser,
)

NOW = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
"""The world's present. Fixed, so that the same seed gives the same bytes on any day."""

SYSTEMS = ("hubspot", "shopify", "zendesk", "mailchimp")

_FIRST_IDS = {
    "hubspot.contact": 20_100_000_001,
    "hubspot.company": 30_200_000_001,
    "shopify.customer": 7_400_000_000_001,
    "shopify.address": 9_100_000_000_001,
    "shopify.order": 5_600_000_000_001,
    "shopify.order_number": 1001,
    "shopify.line": 13_500_000_000_001,
    "shopify.refund": 880_000_000_001,
    "zendesk.user": 360_000_100_001,
    "zendesk.identity": 360_900_000_001,
    "zendesk.ticket": 2001,
    "zendesk.comment": 41_000_000_001,
    "mailchimp.member": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKey:
    """A match key that belongs to more than one person, or to nobody."""

    kind: str
    """family, couple, switchboard, role or blocked."""
    people: tuple[str, ...]
    """Ids of all persons who have it, whether or not a record says so."""


@lru_cache(maxsize=20_000)
def phone_e164(written: str, country: str) -> str | None:
    """The number in E.164 as somebody in that country meant it, or None where it cannot be one."""
    try:
        number = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def national_digits(written: str, country: str) -> str:
    """Area code and number as digits, which is what HubSpot's calculated phone properties hold."""
    try:
        return str(phonenumbers.parse(written, country).national_number)
    except phonenumbers.NumberParseException:
        return "".join(c for c in written if c.isdigit())


def _contact_emails(contact: HubSpotContact) -> Iterable[str]:
    yield contact.properties.get("email", "").lower()
    yield from contact.properties.get("hs_additional_emails", "").lower().split(";")


def _contact_phones(contact: HubSpotContact) -> Iterable[str]:
    yield contact.properties.get("hs_searchable_calculated_phone_number", "")
    yield contact.properties.get("hs_searchable_calculated_mobile_number", "")


def _customer_phones(customer: ShopCustomer) -> Iterable[str]:
    written = [customer.phone, *(address.phone for address in customer.addresses)]
    country = customer.addresses[0].country if customer.addresses else "DE"
    return [phone_e164(phone, country) or phone for phone in written if phone]


def _user_phones(user: ZendeskUser) -> Iterable[str]:
    written = [user.phone, *(i.value for i in user.identities if i.kind == "phone_number")]
    country = {"de": "DE", "pl": "PL", "tr": "TR", "ja": "JP", "ar": "AE"}.get(user.locale[:2], "US")
    return [phone_e164(phone, country) or phone for phone in written if phone]


def _user_emails(user: ZendeskUser) -> Iterable[str]:
    yield (user.email or "").lower()
    yield from (identity.value.lower() for identity in user.identities if identity.kind == "email")


def _member_hash(member: MailMember) -> Iterable[str]:
    yield hashlib.md5(member.email.lower().encode(), usedforsecurity=False).hexdigest()


def _main_email(contact: HubSpotContact) -> Iterable[str]:
    yield contact.properties.get("email", "").lower()


@dataclass(slots=True, kw_only=True)
class World:
    """Everything the four servers serve, and what only tests may know."""

    seed: int
    persons: dict[str, Person] = field(default_factory=dict)
    truth: dict[tuple[str, str], str] = field(default_factory=dict)
    """(system, record id) → person id, for every profile record."""
    guest_orders: dict[str, str] = field(default_factory=dict)
    """Order id → person id, for orders that no customer record owns."""
    shared_keys: dict[str, SharedKey] = field(default_factory=dict)
    """"email:…" (lower case) or "phone:+…" → who shares it."""
    cases: Counter[str] = field(default_factory=Counter)
    """How often each kind of hard case was made."""
    contacts: Table[HubSpotContact] = field(
        default_factory=lambda: Table(
            {"email": _contact_emails, "phone": _contact_phones, "main_email": _main_email}
        )
    )
    companies: Table[HubSpotCompany] = field(default_factory=lambda: Table({}))
    customers: Table[ShopCustomer] = field(
        default_factory=lambda: Table(
            {"email": lambda c: [(c.email or "").lower()], "phone": _customer_phones}
        )
    )
    orders: Table[ShopOrder] = field(
        default_factory=lambda: Table(
            {
                "customer": lambda o: [o.customer or ""],
                "email": lambda o: [(o.email or "").lower()],
                "name": lambda o: [str(o.number)],
            }
        )
    )
    users: Table[ZendeskUser] = field(
        default_factory=lambda: Table(
            {"email": _user_emails, "phone": _user_phones, "external_id": lambda u: [u.external_id or ""]}
        )
    )
    tickets: Table[ZendeskTicket] = field(
        default_factory=lambda: Table({"requester": lambda t: [t.requester]})
    )
    members: Table[MailMember] = field(
        default_factory=lambda: Table({"email": lambda m: [m.email.lower()], "hash": _member_hash})
    )
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    _ids: Counter[str] = field(default_factory=Counter)
    _clock: int = NOW

    def new_id(self, kind: str) -> int:
        """The next id of a kind, such as `shopify.order`."""
        self._ids[kind] += 1
        return _FIRST_IDS[kind] + self._ids[kind] - 1

    def tick(self) -> int:
        """The time of the next change: each one a minute after the one before, beginning at the world's present."""
        self._clock += 60
        return self._clock

    def share(self, key: str, kind: str, people: Iterable[str]) -> None:
        before = self.shared_keys[key].people if key in self.shared_keys else ()
        self.shared_keys[key] = SharedKey(kind=kind, people=tuple(dict.fromkeys([*before, *people])))
