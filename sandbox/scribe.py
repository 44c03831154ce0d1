"""How a person gets written down: typos, nicknames, scripts, plus-addresses, old and shared addresses, phone forms."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sandbox.dice import Dice
from sandbox.people import Person, Phone

BLOCKED_EMAILS = ("noreply@example.com", "test@test.com", "none@example.org", "unknown@example.com")
BLOCKED_PHONE = "0000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A name as one system holds it; either part may be empty."""

    given: str
    family: str

    @property
    def full(self) -> str:
        return f"{self.given} {self.family}".strip()


class Scribe:
    """Writes people down the way forms, call centres and imports do, and counts each hard case it makes."""

    def __init__(self, dice: Dice, cases: Counter[str], emails: set[str]) -> None:
        """`emails`: all addresses there are, so that no typing error makes somebody else's."""
        self._dice = dice
        self._emails = emails
        self._cases = cases
        self._taken: dict[str, set[str]] = {}

    def _case(self, name: str) -> None:
        self._cases[name] += 1

    def name(self, person: Person, *, native: bool) -> Written:
        """The person's name; in their own script where `native` and where they have one."""
        dice, given, family = self._dice, person.given, person.family
        if native and given.native and family.native:
            self._case(f"native_script_{person.language}")
            return Written(given=given.native, family=family.native)
        first, last = given.latin, family.latin
        if given.variants and dice.chance(0.25):
            self._case("nickname")
            first = dice.pick(given.variants)
        if family.variants and dice.chance(0.12):
            self._case("other_spelling")
            last = dice.pick(family.variants)
        if dice.chance(0.03):
            self._case("name_typo")
            last = self._typo(last)
        if dice.chance(0.03):
            self._case("upper_case_name")
            last = last.upper()
        if dice.chance(0.02):
            self._case("swapped_name")
            first, last = last, first
        return Written(given=first, family=last)

    def email(
        self, person: Person, system: str, *, may_lack: bool = True, keep_case: bool = False
    ) -> str | None:
        """An address of the person that no record of `system` has yet, or none."""
        email = self._choose(person, may_lack)
        if email and not self.take(system, email):
            spare = [e for e in (person.email, person.old_email) if e]
            email = next((e for e in spare if self.take(system, e)), None)
            if email is None and not may_lack:
                local, _, domain = person.email.partition("@")
                email = next(e for n in range(2, 99) if self.take(system, e := f"{local}+{n}@{domain}"))
        if email and keep_case and self._dice.chance(0.1):
            self._case("upper_case_email")
            email = email.upper() if self._dice.chance(0.5) else email.title()
        return email

    def take(self, system: str, email: str) -> bool:
        """Marks the address as used in that system; False where it was already (addresses are unique there)."""
        taken = self._taken.setdefault(system, set())
        if email.lower() in taken:
            return False
        taken.add(email.lower())
        return True

    def _choose(self, person: Person, may_lack: bool) -> str | None:
        dice = self._dice
        if may_lack and dice.chance(0.04):
            self._case("no_email")
            return None
        if dice.chance(0.01):
            self._case("blocked_email")
            return dice.pick(BLOCKED_EMAILS)
        if person.family_email and dice.chance(0.6):
            return person.family_email
        if person.company and person.company.role_email and person.group == "office" and dice.chance(0.3):
            return person.company.role_email
        if person.old_email and dice.chance(0.3):
            self._case("old_email")
            return person.old_email
        local, _, domain = person.email.partition("@")
        if dice.chance(0.05):
            self._case("plus_address")
            return f"{local}+{dice.pick(('shop', 'news', 'support', 'kaffee', '2024'))}@{domain}"
        if dice.chance(0.03):
            wrong = f"{self._typo(local)}@{domain}"
            if wrong not in self._emails:
                self._case("email_typo")
                self._emails.add(wrong)
                return wrong
        return person.email

    def phone(self, person: Person, *, business: bool = False) -> str | None:
        """A number of the person in one of the forms people write; the switchboard where `business`."""
        dice = self._dice
        if dice.chance(0.01):
            self._case("blocked_phone")
            return BLOCKED_PHONE
        if dice.chance(0.15):
            return None
        phone = self.number(person, business=business)
        if phone is None:
            return None
        written = phone.written(dice.between(0, 7))
        if dice.chance(0.02):
            self._case("phone_typo")
            return written[:-1]
        return written

    def number(self, person: Person, *, business: bool = False) -> Phone | None:
        if business and person.group == "office" and self._dice.chance(0.7):
            return person.landline
        if person.group == "couple" and self._dice.chance(0.5):
            return person.landline
        return person.mobile or person.landline

    def _typo(self, word: str) -> str:
        """One letter dropped, doubled or swapped with its neighbour; words of two letters stay."""
        if len(word) < 3:
            return word
        i = self._dice.between(1, len(word) - 2)
        kind = self._dice.between(0, 2)
        if kind == 0:
            return word[:i] + word[i + 1 :]
        if kind == 1:
            return word[:i] + word[i] + word[i:]
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
