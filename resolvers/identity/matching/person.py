"""The comparable person: what a source record says about somebody, cleaned, bounded and normalised for matching."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
import phonenumbers

from adapters.base import KeyType, MatchKey
from adapters.records import Address, Profile
from resolvers.identity import keys as match_keys
from resolvers.identity.names import HOUSEHOLD, PersonName, fold, name_in_address, name_of
from resolvers.identity.nicknames import KNOWN, NICKNAMES
from resolvers.identity.scripts import spellings

Ref = tuple[str, str]
"""(source, record id)"""

FIELDS = (
    "given_name", "family_name", "email", "phone", "date_of_birth", "street", "house_number", "postcode",
    "city", "state", "country", "national_id", "source", "source_id",
)  # fmt: skip
"""The columns that a table of people may have."""

MAX_TEXT = 200
"""Characters of a value that are looked at: a longer one is no name, street or number of anybody."""
MAX_VALUES = 20
"""E-mail addresses and phone numbers of one record that are compared."""
_OLDEST = 1850

_NOT_GIVEN = HOUSEHOLD | frozenset(
    """na n/a nan none null nil unknown unbekannt undefined test tester xxx anonymous anonym gast guest keine brak -
    missing""".split()
)
# letters of other scripts that look like Latin ones: only read as such in a word that also has Latin letters
_LOOKALIKES = str.maketrans("авекмнорстухіјѕԁɡαβεικνορτυχ", "abekmhopctyxijsdgabeiknoptux")
_PARTICLES = frozenset("von van de der den dem zu zum zur la le du da di del della dos das al el".split())
_STREET_WORDS = {
    "strasse": "str", "street": "st", "road": "rd", "avenue": "ave", "av": "ave", "place": "pl", "court": "ct",
    "crescent": "cres", "drive": "dr", "lane": "ln", "boulevard": "blvd", "circuit": "cct", "terrace": "tce",
    "ulica": "ul", "platz": "pl", "saint": "st", "sankt": "st",
}  # fmt: skip
_STREET_NUMBER = re.compile(r"^(?P<street>.*\D)[ ,]+(?P<number>\d{1,5} ?[a-z]?(?:[-/]\d{1,4} ?[a-z]?)?)$")
_NUMBER_STREET = re.compile(r"^(?P<number>\d{1,5} ?[a-z]?)[ ,]+(?P<street>\D.*)$")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody as one record knows them; empty text or tuple where it does not say. Texts are folded.

    `given` and `family` are whole names in one word; the `forms` are what a name may also be written as, the
    `swapped_forms` what the family name may be short for where it stands in the given name's place. `given_read` and
    `family_read` spell a name of another script in Latin letters. `birth_date` is eight digits (YYYYMMDD), also where
    they are no day of the calendar: a slip of the keyboard is still evidence.
    """

    ref: Ref
    given: str = ""
    family: str = ""
    given_forms: frozenset[str] = frozenset()
    family_forms: frozenset[str] = frozenset()
    swapped_forms: frozenset[str] = frozenset()
    given_read: str = ""
    family_read: str = ""
    given_known: bool = False
    latin: bool = True
    emails: tuple[str, ...] = ()
    shared_emails: tuple[str, ...] = ()  # of a function or a household: no evidence of one person
    phones: tuple[str, ...] = ()
    birth_date: str = ""
    street: str = ""
    house_number: str = ""
    postcode: str = ""
    city: str = ""
    state: str = ""
    country: str = ""
    national_id: str = ""


def from_row(
    row: Mapping[str, str | None], ref: Ref, default_country: str | None = None, *, month_first: bool = False
) -> Person:
    """The person in a row whose keys are among FIELDS; unknown keys are not looked at.

    `month_first` reads 03/02/1980 as the second of March.
    """
    given, family = clean(row.get("given_name")), clean(row.get("family_name"))
    profile = Profile(source=ref[0], id=ref[1], given_name=given or None, family_name=family or None)
    country = clean(row.get("country"))
    region = country.upper() if len(country) == 2 else default_country
    return _person(
        ref,
        name_of(profile),
        emails=_several(row.get("email")),
        phones=_several(row.get("phone")),
        region=region,
        birth_date=birth_date(row.get("date_of_birth"), month_first=month_first),
        address=_address_of(row),
        national_id=row.get("national_id") or "",
    )


def _several(cell: str | None) -> list[str]:
    """A cell may hold several values with semicolons between them."""
    return (cell or "")[: MAX_TEXT * MAX_VALUES].split(";")[:MAX_VALUES]


def from_profile(profile: Profile, default_country: str | None = None) -> Person:
    """The person in a source's record."""
    first = next((a for a in profile.addresses if a.primary), next(iter(profile.addresses), None))
    trimmed = Profile(
        source=profile.source,
        id=profile.id,
        given_name=clean(profile.given_name) or None,
        family_name=clean(profile.family_name) or None,
        full_name=clean(profile.full_name) or None,
    )
    born = profile.birth_date
    return _person(
        (profile.source, profile.id),
        name_of(trimmed),
        emails=[e.value for e in profile.emails[:MAX_VALUES]],
        phones=[p.value for p in profile.phones[:MAX_VALUES]],
        region=match_keys.country_of(profile) or default_country,
        birth_date=birth_date(born.isoformat()) if born else "",
        address=_address_in(first) if first else {},
        national_id="",
    )


def _person(
    ref: Ref,
    name: PersonName,
    *,
    emails: Iterable[str],
    phones: Iterable[str],
    region: str | None,
    birth_date: str,
    address: Mapping[str, str],
    national_id: str,
) -> Person:
    addresses = sorted({a for e in emails if (a := email(e))})
    given, family = _kept(name.given), _kept(name.family)
    shared = tuple(a for a in addresses if _is_shared(a, family))
    if not given and not family:  # a list of addresses: many of them name their owner, or a household
        named = ((a in shared, name_in_address(a)) for a in addresses)
        name = next((who for home, who in named if who.family and not (home and who.given)), name)
        given, family = _kept(name.given), _kept(name.family)
    return Person(
        ref=ref,
        given="".join(given),
        family="".join(family),
        given_forms=_given_forms(given),
        family_forms=_family_forms(family),
        swapped_forms=_short_forms(family),
        given_read="" if name.latin else _read(given),
        family_read="" if name.latin else _read(family),
        given_known=bool(given) and given[0] in KNOWN,
        latin=name.latin,
        emails=tuple(a for a in addresses if a not in shared),
        shared_emails=shared,
        phones=tuple(sorted({n for p in phones if (n := phone(p, region))})),
        birth_date=birth_date,
        national_id=identifier(national_id),
        country=(region or "").upper(),
        **address,
    )


def _kept(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in words if w not in _NOT_GIVEN)


def clean(value: str | None) -> str:
    """The text without control and direction marks, cut to MAX_TEXT, spaces made one, look-alike letters made Latin."""
    if not value:
        return ""
    short = value[: MAX_TEXT * 4]
    kept = "".join(
        " " if c in "\t\r\n" else c for c in short if unicodedata.category(c) not in _UNSEEN or c in "\t\r\n"
    )
    words = unicodedata.normalize("NFKC", kept).split()
    return " ".join(_one_script(word) for word in words)[:MAX_TEXT].strip()


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def _one_script(word: str) -> str:
    if word.isascii() or not any("a" <= c <= "z" for c in word.lower()):
        return word
    return "".join(
        c if c.isascii() else c.lower().translate(_LOOKALIKES) if c.lower() in _FOREIGN else c for c in word
    )


_FOREIGN = frozenset(map(chr, _LOOKALIKES))


def email(value: str) -> str | None:
    """The canonical form of a personal e-mail address: one mailbox, one text. None where it is none, or blocked."""
    text = clean(value) if len(value) <= 320 else ""
    return _email(text) if text.count("@") == 1 else None


@lru_cache(maxsize=20_000)
def _email(text: str) -> str | None:
    found = match_keys.email(text)
    if found is None or match_keys.is_blocked(MatchKey(KeyType.EMAIL, found)):
        return None
    local, _, domain = match_keys.canonical(MatchKey(KeyType.EMAIL, found)).value.rpartition("@")
    if domain in ("gmail.com", "googlemail.com"):  # there, dots mean nothing and both names are one
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


def _is_shared(address: str, family: tuple[str, ...]) -> bool:
    """A function's or a household's address: weber@ may be anybody's in that family."""
    local = "".join(c for c in fold(address.partition("@")[0]) if c.isalpha())
    return match_keys.is_role(MatchKey(KeyType.EMAIL, address)) or (bool(family) and local == "".join(family))


def phone(value: str, region: str | None) -> str | None:
    """E.164, or None where it is no phone number, or a blocked one. A sentence with digits in it is none."""
    text = clean(value) if len(value) <= 64 else ""
    if sum(c.isdigit() for c in text) < 5 or sum(c.isalpha() for c in text) > 4:
        return None
    return _phone(text, region)


@lru_cache(maxsize=20_000)
def _phone(text: str, region: str | None) -> str | None:
    found = match_keys.phone(text, region)
    if found is None or match_keys.is_blocked(MatchKey(KeyType.PHONE, found)):
        return None
    return found


@lru_cache(maxsize=20_000)
def is_mobile(number: str) -> bool:
    """Whether a number in E.164 is a mobile one for certain; a home shares the others."""
    kind = phonenumbers.number_type(phonenumbers.parse(number))
    return bool(kind == phonenumbers.PhoneNumberType.MOBILE)


def identifier(value: str) -> str:
    """A number given by an authority: letters and digits only; nothing where all are the same (000…) or too few."""
    text = clean(value) if len(value) <= MAX_TEXT else ""
    text = "".join(c for c in fold(text) if c.isalnum())
    return text if len(text) >= 4 and len(set(text)) > 1 and text not in _NOT_GIVEN else ""


_DATE_PARTS = re.compile(r"^(\d{1,4})[-./ ](\d{1,2})[-./ ](\d{1,4})(?:[T ].*)?$")


def birth_date(value: str | None, *, month_first: bool = False) -> str:
    """Eight digits YYYYMMDD, or nothing: not a date, before 1850, in the future, or one that forms put in for nobody."""
    text = clean(value) if value and len(value) <= 64 else ""
    text = text.removesuffix(".0")
    if len(text) == 8 and text.isdigit() and int(text[:4]) < _OLDEST <= int(text[4:]):
        text = f"{text[:2]}/{text[2:4]}/{text[4:]}"
    if not (len(text) == 8 and text.isdigit()):
        text = _written_out(text, month_first)
    today = datetime.now(UTC).date().strftime("%Y%m%d")
    if not text.isascii() or not (f"{_OLDEST}0101" <= text <= today) or text in ("19000101", "19700101"):
        return ""
    return text


def _written_out(text: str, month_first: bool) -> str:
    parts = _DATE_PARTS.match(text)
    if not parts:
        return ""
    first, middle, last = parts.groups()
    if len(first) == 4:
        return f"{first}{int(middle):02d}{int(last):02d}" if len(last) <= 2 else ""
    if len(last) != 4 or len(first) > 2:
        return ""
    day, month = int(first), int(middle)
    if month > 12 or (month_first and day <= 12):
        day, month = month, day
    return f"{last}{month:02d}{day:02d}"


def months_come_first(dates: Iterable[str]) -> bool:
    """Whether a column of dates is written month/day/year: some have a middle part above 12, and none a first one."""
    parts = [
        match for text in dates if (match := _DATE_PARTS.match(text[:64].strip())) and len(match[1]) <= 2
    ]
    return any(int(m[2]) > 12 for m in parts) and sum(int(m[1]) > 12 for m in parts) * 20 < len(parts)


@lru_cache(maxsize=20_000)
def _given_forms(words: tuple[str, ...]) -> frozenset[str]:
    if not words or len(words[0]) < 3:
        return frozenset()
    return _short_forms(words) | {unaccented(words[0])}


@lru_cache(maxsize=20_000)
def _short_forms(words: tuple[str, ...]) -> frozenset[str]:
    """The groups of names that the first word stands in."""
    return frozenset(f"#{number}" for number in NICKNAMES.get(words[0], ())) if words else frozenset()


def _read(words: tuple[str, ...]) -> str:
    return next(iter(spellings("".join(words))), "")


@lru_cache(maxsize=20_000)
def _family_forms(words: tuple[str, ...]) -> frozenset[str]:
    """Kowalski and Kowalska, Müller and Mueller, and each part of a double-barrelled name."""
    forms = {_gendered(unaccented("".join(words)))} if words else set()
    return frozenset(forms | {_gendered(unaccented(w)) for w in words if len(w) > 2 and w not in _PARTICLES})


def unaccented(word: str) -> str:
    """Müller is written Mueller where there is no ü; folding already made it muller."""
    return re.sub(r"(?<=[aou])e(?=[^aeiou]|$)", "", word)


def _gendered(family: str) -> str:
    return re.sub(r"(sk|ck|dzk)a$", r"\1i", family)


def _address_of(row: Mapping[str, str | None]) -> dict[str, str]:
    return _address(
        clean(row.get("street")), clean(row.get("house_number")), clean(row.get("postcode")),
        clean(row.get("city")), clean(row.get("state")),
    )  # fmt: skip


def _address_in(address: Address) -> dict[str, str]:
    lines = [line for line in (address.street or "")[: MAX_TEXT * 4].splitlines() if line.strip()]
    return _address(
        clean(lines[0] if lines else ""),
        "",
        clean(address.postcode),
        clean(address.city),
        clean(address.region),
    )


def _address(street: str, number: str, postcode: str, city: str, state: str) -> dict[str, str]:
    street = " ".join(fold(street).split())
    number = fold(number).removesuffix(".0")
    if not number and (split := _STREET_NUMBER.match(street) or _NUMBER_STREET.match(street)):
        street, number = split["street"].strip(" ,"), split["number"]
    return {
        "street": _street(street),
        "house_number": "".join(c for c in number if c.isalnum() or c in "-/"),
        "postcode": _postcode(postcode),
        "city": _named(city),
        "state": _named(state),
    }


def _postcode(text: str) -> str:
    kept = "".join(c for c in fold(text).removesuffix(".0") if c.isalnum())
    return kept if kept.strip("0") else ""  # 00000 fills a field that must not be empty


def _named(text: str) -> str:
    kept = " ".join("".join(c if c.isalnum() else " " for c in fold(text)).split())
    return "" if kept in _NOT_GIVEN else kept


@lru_cache(maxsize=20_000)
def _street(street: str) -> str:
    words = _named(street).replace("strasse", "str").split()
    return " ".join(_STREET_WORDS.get(word, word) for word in words)
