"""Match keys: raw values made comparable, and the values that are no key of a person.

A key has two forms. The *search* form is what sources are asked for (an address in lower case, a phone in E.164). The
The *canonical*
form is what links and what is remembered, one text for one mailbox: there, a plus-tag is left out, because `ada+shop@` and
`ada@` are one (RFC 5233 sub-addressing), and so are the dots of a Gmail address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from adapters.base import KeyType, MatchKey
from adapters.records import Profile
from resolvers.errors import InvalidArgument

# RFC 2142 and everyday use in the languages of our users
ROLE_LOCAL_PARTS = frozenset(
    """abuse accounting accounts admin administrator all anfrage bestellung billing biuro buchhaltung bureau careers
    contact contacto customerservice einkauf empfang enquiries finance hello help helpdesk hi hostmaster hr iletisim
    info information inquiries invoice invoices it jobs kontakt kundenservice legal mail marketing media noc office
    order orders personal post postmaster praxis press privacy purchasing rechnung reception register reklamation
    reservations root sales sekretariat security service shop sklep sprzedaz staff subscribe support team usenet uucp
    verkauf vertrieb webmaster welcome willkommen www zentrale zamowienia siparis satis muhasebe destek""".split()
)
_HOUSEHOLD_WORDS = frozenset(
    """familie family fam famille familia famiglia rodzina dom aile ailesi kazoku ikka aila ailah usra haus household
    home gezin familien perhe""".split()
)
_BLOCKED_LOCAL_PARTS = frozenset(
    """donotreply do-not-reply noreply no-reply nobody none null test tester testing example unknown anonymous guest
    mailer-daemon bounce bounces undefined na keine""".split()
)
_BLOCKED_ADDRESSES = frozenset(
    {"a@a.com", "x@x.com", "test@test.com", "email@example.com", "user@example.com"}
)
MAX_EMAIL, MAX_PHONE = 320, 64
"""Characters beyond which a value is no address or number of anybody: RFC 5321 ends at 320, E.164 at 15 digits."""
MAX_VALUES = 50
"""E-mail addresses and phone numbers of one record that are keys."""
_ORDINALS = re.compile(r"[._-]?\d+$")


def email(value: str) -> str | None:
    """The search form of an e-mail address, or None where it is not one. International addresses are kept."""
    if len(value) > MAX_EMAIL:
        return None
    try:
        checked = validate_email(value.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return unicodedata.normalize("NFKC", checked.normalized).lower()


def phone(value: str, country: str | None, *, valid: bool = True) -> str | None:
    """E.164 of a phone number; `country` (ISO alpha-2) reads national forms. None where it is none.

    Without `valid` an international number need only be possible, since numbering plans change.
    """
    if len(value) > MAX_PHONE:
        return None
    value = re.sub(r"^\s*00", "+", value)
    try:
        parsed = phonenumbers.parse(value, country)
    except phonenumbers.NumberParseException:
        return None
    lenient = not valid and value.lstrip().startswith("+")
    if not (phonenumbers.is_possible_number(parsed) if lenient else phonenumbers.is_valid_number(parsed)):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def canonical(key: MatchKey) -> MatchKey:
    """The form that links: one text for one mailbox. For what is no e-mail address, the key itself."""
    if key.type is not KeyType.EMAIL:
        return key
    local, _, domain = key.value.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):  # there, dots mean nothing and both names are one
        local, domain = local.replace(".", "") or local, "gmail.com"
    return MatchKey(KeyType.EMAIL, f"{local}@{domain}")


def is_blocked(key: MatchKey) -> bool:
    """Values that say nothing about who it is, such as noreply@ or 000…: they neither link nor find anybody."""
    if key.type is KeyType.EMAIL:
        local = key.value.partition("@")[0]
        return local in _BLOCKED_LOCAL_PARTS or key.value in _BLOCKED_ADDRESSES
    if key.type is KeyType.PHONE:
        return len(set(key.value[-7:])) == 1
    return False


def is_role(key: MatchKey) -> bool:
    """Addresses that belong to a function or a household, not to a person: info@, office@, familie.weber@ …"""
    return not _local_words(key).isdisjoint(ROLE_LOCAL_PARTS | _HOUSEHOLD_WORDS)


def is_household(key: MatchKey) -> bool:
    """Addresses that say that they are a family's: familie.weber@, haus-lindner@."""
    return not _local_words(key).isdisjoint(_HOUSEHOLD_WORDS)


def _local_words(key: MatchKey) -> set[str]:
    """The part before the @, whole and in words; nothing where it is no e-mail address."""
    if key.type is not KeyType.EMAIL:
        return set()
    local = _ORDINALS.sub("", key.value.partition("@")[0].partition("+")[0])
    return {local, *re.split(r"[._-]", local)}


def of_profile(profile: Profile, default_country: str | None) -> Iterator[MatchKey]:
    """The search keys that a record carries: its e-mail addresses and phone numbers, blocked values left out."""
    for address in profile.emails[:MAX_VALUES]:
        if (value := email(address.value)) and not is_blocked(key := MatchKey(KeyType.EMAIL, value)):
            yield key
    for number in profile.phones[:MAX_VALUES]:
        if (e164 := phone(number.value, country_of(profile) or default_country)) and not is_blocked(
            key := MatchKey(KeyType.PHONE, e164)
        ):
            yield key


def country_of(profile: Profile) -> str | None:
    """ISO alpha-2 of the person's country as the record has it."""
    candidates = [profile.country, *(a.country for a in profile.addresses)]
    return next((c.upper() for c in candidates if c and len(c) == 2), None)


def asked_email(value: str, argument: str) -> MatchKey:
    """The key of an argument; raises InvalidArgument where it is no e-mail address."""
    if (found := email(value)) is None:
        raise InvalidArgument(argument, f"{argument} is not an e-mail address (expected name@example.org)")
    return MatchKey(KeyType.EMAIL, found)


def asked_phone(value: str, argument: str, default_country: str | None) -> MatchKey:
    """The key of an argument; raises InvalidArgument where it is no phone number."""
    if (found := phone(value, default_country, valid=False)) is None:
        national = f" or a number of {default_country}" if default_country else ""
        raise InvalidArgument(
            argument, f"{argument} is not a phone number (expected E.164 such as +493012345678{national})"
        )
    return MatchKey(KeyType.PHONE, found)
