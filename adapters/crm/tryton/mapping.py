"""Tryton's parties as canonical records, and what of a profile matches a key. No I/O."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from adapters.base import KeyType, MatchKey
from adapters.crm.tryton.models import Mechanism, Party, PartyAddress
from adapters.crm.tryton.settings import TrytonSettings
from adapters.kit.phones import e164
from adapters.kit.text import text
from adapters.records import Address, EmailAddress, ExternalId, PhoneNumber, Preference, Profile

PHONE_TYPES = ("phone", "mobile")


def profile(source: str, party: Party, settings: TrytonSettings) -> Profile:
    """A party. Raises ValueError where a time is none."""
    said = [address for address in party.addresses if _says(address)]
    addresses = tuple(_address(address, primary=index == 0) for index, address in enumerate(said))
    countries = (address.country for address in addresses if address.country)
    return Profile(
        source=source,
        id=str(party.id),
        url=_link(party, settings),
        created_at=party.create_date.utc() if party.create_date else None,
        updated_at=_updated_at(party),
        full_name=text(party.name),
        language=_language(party),
        emails=tuple(
            EmailAddress(value=m.value.strip(), label=text(m.name), primary=index == 0)
            for index, m in enumerate(_of_type(party, ("email",)))
        ),
        phones=tuple(
            PhoneNumber(value=m.value.strip(), label=text(m.name) or m.type, primary=index == 0)
            for index, m in enumerate(_of_type(party, PHONE_TYPES))
        ),
        addresses=addresses,
        preferences=tuple(
            Preference(name="category", value=name) for c in party.categories if (name := text(c.name))
        ),
        external_ids=tuple(
            ExternalId(system=text(i.type) or "identifier", value=code)
            for i in party.identifiers
            if (code := text(i.code))
        ),
        customer_number=text(party.code),
        country=next(countries, None),
    )


def carries(found: Profile, key: MatchKey, default_country: str | None) -> bool:
    """Whether a profile that the server's search brought really carries the key."""
    if key.type is KeyType.EMAIL:
        return any(email.value.lower() == key.value for email in found.emails)
    if key.type is KeyType.PHONE:
        region = found.country or default_country
        return any(e164(phone.value, region) == key.value for phone in found.phones)
    if key.type is KeyType.CUSTOMER_NUMBER:
        return found.customer_number == key.value
    name = plain(found.full_name or "")
    return all(word in name for word in plain(key.value).split())


def plain(value: str) -> str:
    """Without case and accents."""
    decomposed = unicodedata.normalize("NFKD", value)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def _of_type(party: Party, types: Sequence[str]) -> list[Mechanism]:
    return [m for m in party.contact_mechanisms if m.type in types and m.value.strip()]


def _says(address: PartyAddress) -> bool:
    """A party may have an address without anything in it."""
    return bool(text(address.street) or text(address.postal_code) or text(address.city) or address.country)


def _address(address: PartyAddress, *, primary: bool) -> Address:
    return Address(
        name=text(address.party_name),
        street=text(address.street),
        postcode=text(address.postal_code),
        city=text(address.city),
        region=text(address.subdivision.name) if address.subdivision else None,
        country=text(address.country.code) if address.country else None,
        primary=primary,
    )


def _updated_at(party: Party) -> datetime | None:
    """The latest change of the party or of what belongs to it, which does not touch the party's own time."""
    moments = [party.last_modified_at]
    moments += [mechanism.last_modified_at for mechanism in party.contact_mechanisms]
    moments += [address.last_modified_at for address in party.addresses]
    moments += [identifier.last_modified_at for identifier in party.identifiers]
    return max((moment.utc() for moment in moments if moment), default=None)


def _language(party: Party) -> str | None:
    """Tryton writes "pt_BR"; BCP 47 wants "pt-BR"."""
    return text((party.lang.code or "").replace("_", "-")) if party.lang else None


def _link(party: Party, settings: TrytonSettings) -> str | None:
    """The address that Tryton gives its own records in the web client."""
    if settings.web_url is None:
        return None
    return f"{settings.web_url.rstrip('/')}/#{quote(settings.database, safe='')}/model/party.party/{party.id}"
