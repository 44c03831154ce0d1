"""The people of the sandbox as they really are, before any system has written them down."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import ClassVar

from sandbox import names
from sandbox.dice import Dice
from sandbox.names import Country, Name

_FOLD = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ł": "l", "ı": "i", "Ł": "L", "İ": "I"})
_TURKISH_FOLD = str.maketrans({"ö": "o", "ü": "u", "ı": "i", "İ": "I"})


def ascii_letters(text: str, language: str = "de") -> str:
    """The text as its owner would type it into an e-mail address: a to z and 0 to 9 only, lower case."""
    folded = text.translate(_TURKISH_FOLD if language == "tr" else _FOLD).lower()
    plain = unicodedata.normalize("NFKD", folded)
    return "".join(c for c in plain if c.isascii() and c.isalnum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A telephone number in its parts, so that it can be written in every form people use."""

    _EXIT: ClassVar[dict[str, str]] = {"1": "011", "81": "010"}

    dial: str
    trunk: str
    area: str
    number: str

    @property
    def e164(self) -> str:
        return f"+{self.dial}{self.area}{self.number}"

    @property
    def national(self) -> str:
        """Area code and number without country code and trunk prefix, digits only."""
        return self.area + self.number

    def written(self, style: int) -> str:
        """One of the eight written forms; the same style of the same number is always the same text."""
        half = len(self.number) // 2
        parts = f"{self.number[:half]} {self.number[half:]}"
        forms = (
            self.e164,
            f"+{self.dial} {self.area} {self.number}",
            f"{self._EXIT.get(self.dial, '00')}{self.dial} {self.area} {parts}",
            f"{self.trunk}{self.area} {parts}",
            f"{self.trunk}{self.area}/{self.number[:half]}-{self.number[half:]}",
            f"({self.trunk}{self.area}) {parts}",
            f"{self.trunk}{self.area}{self.number}",
            f"+{self.dial} ({self.trunk}){self.area} {parts}"
            if self.trunk
            else f"+{self.dial}-{self.area}-{self.number}",
        )
        return forms[style % len(forms)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    street: str
    city: str
    zip: str
    state: str
    country: str
    """ISO 3166 code of two letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    id: str
    name: str
    domain: str
    industry: str
    employees: int
    revenue: int
    """Yearly, in whole euros."""
    country: str
    city: str
    switchboard: Phone | None
    role_email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One human being; everything here is true, the systems' records are what became of it."""

    id: str
    country: str
    given: Name
    family: Name
    born: str | None
    email: str
    old_email: str | None
    mobile: Phone | None
    landline: Phone | None
    address: Address
    old_address: Address | None
    company: Company | None = None
    family_email: str | None = None
    """The one address of the whole family, if they have one."""
    group: str = "single"
    """single, family, couple, office or namesake: how this person came into the world."""

    @property
    def language(self) -> str:
        return names.by_code()[self.country].language

    @property
    def name(self) -> str:
        return f"{self.given.latin} {self.family.latin}"


class Exchange:
    """Hands out telephone numbers that are valid in form, never twice, in ranges nobody is connected to."""

    # Berlin, Hamburg, Frankfurt, Köln and München keep these blocks for films and books; the others are blocks of
    # zeros and fives inside real number plans.
    _LANDLINE: ClassVar[dict[str, str]] = {
        "30": "23125",
        "40": "66969",
        "69": "90009",
        "221": "4710",
        "89": "99998",
    }

    def __init__(self, reserved: Container[str]) -> None:
        """`reserved`: numbers in E.164 that are somebody's already."""
        self._given: Counter[str] = Counter()
        self._reserved = reserved

    def landline(self, country: Country, area: str) -> Phone:
        prefix, digits = {
            "DE": (self._LANDLINE.get(area, "555"), 3),
            "JP": ("5550" if area in ("3", "6") else "555", 4),
            "US": ("5550", 3),
        }.get(country.code, ("555", 4))
        return self._next(country, area, prefix, digits)

    def mobile(self, country: Country, area: str) -> Phone:
        prefix, digits = {
            "DE": ("0" if area == "171" else "04", 6),
            "PL": ("00", 4),
            "JP": ("9990", 4),
            "US": ("5550", 3),
        }.get(country.code, ("000", 4))
        return self._next(country, area, prefix, digits)

    def _next(self, country: Country, area: str, prefix: str, digits: int) -> Phone:
        key = f"{country.code}{area}{prefix}"
        self._given[key] += 1
        # A stride that shares no factor with ten visits every number of the block before the next block begins.
        size = 10**digits
        block, place = divmod(self._given[key], size)
        number = (int(prefix) + block) * size + (place * 617 + 100) % size
        text = f"{number:0{len(prefix) + digits}d}"
        phone = Phone(dial=country.dial, trunk=country.trunk, area=area, number=text)
        return self._next(country, area, prefix, digits) if phone.e164 in self._reserved else phone


class Generator:
    """Draws people in the groups they live and work in."""

    _FREE_MAIL = ("example.com", "example.net", "example.org", "mail.example", "post.example", "web.test")

    def __init__(self, dice: Dice, *, emails: set[str], phones: Container[str]) -> None:
        """`emails` and `phones` are somebody's already; the addresses that are given out are added."""
        self._dice = dice
        self._exchange = Exchange(phones)
        self._emails = emails
        self._company_names: set[str] = set()
        self._people = 0
        self._companies = 0

    def people(self, count: int, *, already: int) -> Iterator[Person]:
        """People until there are `count`, after `already` that were written by hand."""
        self._people = already
        while self._people < count:
            yield from self._group(count - self._people)

    def _group(self, room: int) -> list[Person]:
        kind = self._dice.weighted(
            [("family", 0.07), ("couple", 0.06), ("office", 0.04), ("namesake", 0.03), ("single", 0.8)]
        )
        makers = {
            "family": self._family,
            "couple": self._couple,
            "office": self._office,
            "namesake": self._namesakes,
        }
        maker = makers.get(kind)
        return maker(room) if maker and room >= 3 else [self._person()]

    def _family(self, room: int) -> list[Person]:
        country = self._country()
        name, address = self._dice.pick(country.family), self._address(country)
        stem = {"DE": "familie", "PL": "rodzina", "TR": "aile", "JP": "kazoku"}.get(country.code, "family")
        email = self._unused(f"{stem}.{ascii_letters(name.latin, country.language)}", "example.net")
        landline = self._exchange.landline(country, self._area(country, address))
        members = []
        for i in range(min(room, self._dice.between(2, 5))):
            # A parent who kept their own name is in many families.
            own = self._dice.pick(country.family) if i == 1 and self._dice.chance(0.2) else name
            members.append(
                self._person(
                    country=country,
                    family=own,
                    address=address,
                    landline=landline,
                    family_email=email,
                    group="family",
                )
            )
        return members

    def _couple(self, room: int) -> list[Person]:
        country = self._country()
        address = self._address(country)
        landline = self._exchange.landline(country, self._area(country, address))
        return [
            self._person(country=country, address=address, landline=landline, group="couple")
            for _ in range(2)
        ]

    def _office(self, room: int) -> list[Person]:
        country = self._country()
        city = self._dice.pick(country.cities)
        board = self._exchange.landline(country, city.area)
        company = self.company(country, city.name, switchboard=board, role=self._dice.chance(0.6))
        size = min(room, self._dice.between(3, 12))
        return [
            self._person(country=country, landline=board, company=company, group="office")
            for _ in range(size)
        ]

    def _namesakes(self, room: int) -> list[Person]:
        country = self._country()
        female = self._dice.chance(0.5)
        given = self._dice.pick(country.female if female else country.male)
        family = self._dice.pick(country.family)
        return [self._person(country=country, given=given, family=family, group="namesake") for _ in range(2)]

    def company(self, country: Country, city: str, *, switchboard: Phone | None, role: bool) -> Company:
        first, second = names.company_words()
        name = f"{self._dice.pick(first)} {self._dice.pick(second)}"
        while name in self._company_names:
            name = f"{self._dice.pick(first)}-{self._dice.pick(first)} {self._dice.pick(second)}"
        self._company_names.add(name)
        self._companies += 1
        domain = ascii_letters(name) + ".example"
        box = self._dice.pick(("info", "office", "sales", "kontakt", "buchhaltung"))
        employees = self._dice.pick((4, 9, 18, 35, 80, 140, 420, 1900))
        legal = {"DE": "GmbH", "PL": "Sp. z o.o.", "TR": "A.Ş.", "JP": "K.K.", "AE": "LLC", "US": "Inc."}[
            country.code
        ]
        return Company(
            id=f"company-{self._companies:04d}",
            name=f"{name} {legal}",
            domain=domain,
            industry=self._dice.pick(names.industries()),
            employees=employees,
            revenue=employees * self._dice.between(60, 260) * 1000,
            country=country.code,
            city=city,
            switchboard=switchboard,
            role_email=f"{box}@{domain}" if role else None,
        )

    def _person(
        self,
        *,
        country: Country | None = None,
        given: Name | None = None,
        family: Name | None = None,
        address: Address | None = None,
        landline: Phone | None = None,
        company: Company | None = None,
        family_email: str | None = None,
        group: str = "single",
    ) -> Person:
        dice = self._dice
        country = country or self._country()
        given = given or dice.pick(country.female if dice.chance(0.5) else country.male)
        family = family or dice.pick(country.family)
        home = address or self._address(country)
        self._people += 1
        if company is None and group == "single" and dice.chance(0.12):
            company = self.company(country, home.city, switchboard=None, role=False)
        if landline is None and dice.chance(0.3):
            landline = self._exchange.landline(country, self._area(country, home))
        born = f"{dice.between(1944, 2006)}-{dice.between(1, 12):02d}-{dice.between(1, 28):02d}"
        return Person(
            id=f"person-{self._people:05d}",
            country=country.code,
            given=given,
            family=family,
            born=born if dice.chance(0.7) else None,
            email=self._email(country, given, family, company),
            old_email=self._email(country, given, family, None) if dice.chance(0.15) else None,
            mobile=self._exchange.mobile(country, dice.pick(country.mobile_area))
            if dice.chance(0.85)
            else None,
            landline=landline,
            address=home,
            old_address=self._address(country) if dice.chance(0.2) else None,
            company=company,
            family_email=family_email,
            group=group,
        )

    def _country(self) -> Country:
        return self._dice.weighted([(country, country.share) for country in names.countries()])

    def _area(self, country: Country, address: Address) -> str:
        return next(
            (city.area for city in country.cities if city.name == address.city), country.cities[0].area
        )

    def _address(self, country: Country) -> Address:
        city = self._dice.pick(country.cities)
        street = country.street_form.format(
            street=self._dice.pick(country.streets), number=self._dice.between(1, 180)
        )
        return Address(street=street, city=city.name, zip=city.zip, state=city.state, country=country.code)

    def _email(self, country: Country, given: Name, family: Name, company: Company | None) -> str:
        first, last = (
            ascii_letters(given.latin, country.language),
            ascii_letters(family.latin, country.language),
        )
        local = self._dice.pick(
            (f"{first}.{last}", f"{first[0]}.{last}", f"{first}{last}", f"{last}.{first}", f"{first}_{last}")
        )
        return self._unused(local, company.domain if company else self._dice.pick(self._FREE_MAIL))

    def _unused(self, local: str, domain: str) -> str:
        email, n = f"{local}@{domain}", 1
        while email in self._emails:
            n += 1
            email = f"{local}{n}@{domain}"
        self._emails.add(email)
        return email
