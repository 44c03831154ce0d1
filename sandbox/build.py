"""Fills a world: draws the people and lets each system write down those it knows."""

from __future__ import annotations

from collections.abc import Callable

from sandbox import handwritten, names
from sandbox.dice import Dice
from sandbox.people import Company, Generator, Person
from sandbox.records import Campaign, HubSpotCompany
from sandbox.scribe import BLOCKED_EMAILS, BLOCKED_PHONE, Scribe
from sandbox.texts import campaigns
from sandbox.world import NOW, SYSTEMS, World
from sandbox.writers import HubSpotWriter, MailchimpWriter, ShopifyWriter, ZendeskWriter

DAY = 86_400


class Builder:
    """One world from one seed."""

    def __init__(self, *, seed: int) -> None:
        self._dice = Dice(seed)
        self._world = World(seed=seed)
        self._emails: set[str] = set()
        self._scribe = Scribe(self._dice, self._world.cases, self._emails)
        tools = (self._world, self._dice, self._scribe)
        self._hubspot = HubSpotWriter(*tools)
        self._shopify = ShopifyWriter(*tools)
        self._zendesk = ZendeskWriter(*tools)
        self._mailchimp = MailchimpWriter(*tools)

    def build(self, people: int) -> World:
        world = self._world
        self._add_campaigns()
        self._zendesk.add_agents()
        for person in handwritten.write(world):
            self._know(person)
        for system, email in self._handwritten_emails():
            self._scribe.take(system, email)
            self._emails.add(email.lower())
        self._emails |= {person.email for person in world.persons.values()}
        phones = {p.landline.e164 for p in world.persons.values() if p.landline}
        generator = Generator(self._dice, emails=self._emails, phones=phones)
        for person in generator.people(people, already=len(world.persons)):
            self._know(person)
            self._write_down(person)
        for email in BLOCKED_EMAILS:
            world.share(f"email:{email}", "blocked", ())
        world.share(f"phone:{BLOCKED_PHONE}", "blocked", ())
        return world

    def _handwritten_emails(self) -> list[tuple[str, str]]:
        world = self._world
        rows = [("hubspot", contact.properties.get("email")) for contact in world.contacts]
        rows += [("shopify", customer.email) for customer in world.customers]
        rows += [("zendesk", user.email) for user in world.users]
        rows += [("mailchimp", member.email) for member in world.members]
        return [(system, email) for system, email in rows if email]

    def _know(self, person: Person) -> None:
        world = self._world
        world.persons[person.id] = person
        world.cases[f"group_{person.group}"] += 1
        if person.family_email:
            world.share(f"email:{person.family_email}", "family", [person.id])
        if person.group in ("family", "couple") and person.landline:
            world.share(f"phone:{person.landline.e164}", person.group, [person.id])
        if person.company:
            self._employ(person, person.company)

    def _employ(self, person: Person, company: Company) -> None:
        world = self._world
        if company.switchboard:
            world.share(f"phone:{company.switchboard.e164}", "switchboard", [person.id])
        if company.role_email:
            world.share(f"email:{company.role_email}", "role", [person.id])
        if company.id in self._hubspot.companies:
            return
        record_id = str(world.new_id("hubspot.company"))
        self._hubspot.companies[company.id] = record_id
        country = names.by_code()[company.country]
        created = NOW - self._dice.between(400, 1500) * DAY
        properties = {
            "name": company.name,
            "domain": company.domain,
            "industry": company.industry,
            "numberofemployees": str(company.employees),
            "annualrevenue": str(company.revenue),
            "city": company.city,
            "country": country.label,
            "phone": company.switchboard.written(1) if company.switchboard else "",
        }
        filled = {name: value for name, value in properties.items() if value}
        world.companies.put(
            HubSpotCompany(id=record_id, properties=filled, created=created, updated=created + 30 * DAY)
        )

    def _write_down(self, person: Person) -> None:
        dice = self._dice
        known_in = [s for s, p in zip(SYSTEMS, (0.6, 0.62, 0.4, 0.55), strict=True) if dice.chance(p)]
        known_in = known_in or [dice.pick(SYSTEMS)]
        if len(known_in) < len(SYSTEMS):
            self._world.cases["not_in_every_system"] += 1
        native_in = dice.pick(known_in) if person.given.native and dice.chance(0.7) else None
        writers: dict[str, Callable[[Person, bool], None]] = {
            "hubspot": self._hubspot.write,
            "shopify": self._shopify.write,
            "zendesk": self._zendesk.write,
            "mailchimp": self._mailchimp.write,
        }
        for system in known_in:
            writers[system](person, system == native_in)

    def _add_campaigns(self) -> None:
        titles = campaigns()
        for month in range(36):
            sent = NOW - (36 - month) * 30 * DAY + 9 * 3600
            number = f"{month + 1:02d}"
            campaign = Campaign(
                id=f"c360{number}a7f1", title=f"{titles[month % len(titles)]} #{number}", sent=sent
            )
            self._world.campaigns[campaign.id] = campaign


def build(people: int = 2000, seed: int = 360) -> World:
    """A world of about `people` persons; the same seed gives the same bytes on any machine.

    A few persons written by hand are in every world, so the least possible size is theirs.
    """
    return Builder(seed=seed).build(people)
