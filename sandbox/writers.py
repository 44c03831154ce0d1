"""How each of the four systems writes a person down, with the orders, tickets and e-mail events that follow."""

from __future__ import annotations

import hashlib

from sandbox import names, texts
from sandbox.dice import Dice
from sandbox.people import Address, Person
from sandbox.records import (
    HubSpotContact,
    MailEvent,
    MailMember,
    ShopAddress,
    ShopCustomer,
    ShopLine,
    ShopOrder,
    ShopRefund,
    ZendeskComment,
    ZendeskIdentity,
    ZendeskTicket,
    ZendeskUser,
)
from sandbox.scribe import Scribe, Written
from sandbox.world import NOW, World, national_digits

DAY = 86_400

_RATES = {"EUR": 1.0, "PLN": 4.3, "TRY": 48.0, "JPY": 170.0, "USD": 1.1, "AED": 4.1}


class Writer:
    """What the writers of all systems share."""

    def __init__(self, world: World, dice: Dice, scribe: Scribe) -> None:
        self.world, self.dice, self.scribe = world, dice, scribe

    def past(self, least: int, most: int) -> int:
        """A moment between `least` and `most` days before the world's present."""
        return NOW - self.dice.between(least * DAY, most * DAY)

    def own(self, system: str, record_id: str, person: Person) -> None:
        self.world.truth[(system, record_id)] = person.id

    def case(self, name: str) -> None:
        self.world.cases[name] += 1


class HubSpotWriter(Writer):
    """Contacts of the CRM."""

    def __init__(self, world: World, dice: Dice, scribe: Scribe) -> None:
        super().__init__(world, dice, scribe)
        self.companies: dict[str, str] = {}
        """Company id → HubSpot id."""

    def write(self, person: Person, native: bool) -> None:
        self._contact(person, native)
        if self.dice.chance(0.03):
            self.case("second_contact")
            self._contact(person, False)

    def _contact(self, person: Person, native: bool) -> None:
        dice, world = self.dice, self.world
        record_id = str(world.new_id("hubspot.contact"))
        name = self.scribe.name(person, native=native)
        created = self.past(60, 1400)
        updated = min(NOW - 600, created + dice.between(0, 500) * DAY)
        email = self.scribe.email(person, "hubspot")
        properties = {
            "firstname": name.given,
            "lastname": name.family,
            "email": (email or "").lower(),
            "phone": self.scribe.phone(person, business=True) or "",
            "hs_language": person.language,
            "date_of_birth": person.born or "" if dice.chance(0.5) else "",
            "lifecyclestage": dice.pick(("subscriber", "lead", "opportunity", "customer", "customer")),
            "hs_marketable_status": dice.pick(("true", "true", "false")),
            "hs_email_optout": "true" if dice.chance(0.08) else "",
        }
        if person.mobile and dice.chance(0.35):
            properties["mobilephone"] = person.mobile.written(dice.between(0, 7))
        additional = person.old_email if person.old_email != email and dice.chance(0.4) else None
        if additional and self.scribe.take("hubspot", additional):
            self.case("additional_email")
            properties["hs_additional_emails"] = additional
        if dice.chance(0.7):
            properties |= hubspot_address(self._address(person))
        if person.company:
            properties |= {"company": person.company.name, "jobtitle": dice.pick(names.job_titles())}
        company = self.companies.get(person.company.id) if person.company else None
        put_contact(
            world,
            HubSpotContact(
                id=record_id, properties=properties, created=created, updated=updated, company=company
            ),
            country=person.country,
        )
        self.own("hubspot", record_id, person)

    def _address(self, person: Person) -> Address:
        if person.old_address and self.dice.chance(0.4):
            self.case("old_address")
            return person.old_address
        return person.address


def hubspot_address(address: Address) -> dict[str, str]:
    label = names.by_code()[address.country].label
    return {
        "address": address.street,
        "city": address.city,
        "zip": address.zip,
        "state": address.state,
        "country": label,
    }


def put_contact(world: World, contact: HubSpotContact, *, country: str) -> None:
    """Adds or updates a contact with the properties that HubSpot itself calculates; empty ones are left out."""
    kept = {
        name: value
        for name, value in contact.properties.items()
        if value and not name.startswith("hs_searchable")
    }
    for name, calculated in (("phone", "phone_number"), ("mobilephone", "mobile_number")):
        if name in kept:
            kept[f"hs_searchable_calculated_{calculated}"] = national_digits(kept[name], country)
    contact.properties = kept
    world.contacts.put(contact)


class ShopifyWriter(Writer):
    """Customers and orders of the webshop."""

    def write(self, person: Person, native: bool) -> None:
        if self.dice.chance(0.05):
            self._guest_only(person, native)
            return
        self._customer(person, native)
        if self.dice.chance(0.08):
            self.case("second_account")
            self._customer(person, False)
        if self.dice.chance(0.06):
            self._guest_only(person, False)

    def _customer(self, person: Person, native: bool) -> None:
        dice, world = self.dice, self.world
        gid = f"gid://shopify/Customer/{world.new_id('shopify.customer')}"
        country = names.by_code()[person.country]
        name = self.scribe.name(person, native=native)
        email = self.scribe.email(person, "shopify", may_lack=person.mobile is not None)
        phone = person.mobile if dice.chance(0.4) or email is None else None
        if phone and world.customers.find("phone", phone.e164):
            phone = None
        created = self.past(30, 1100)
        guest = dice.chance(0.2)
        marketing = dice.pick(("SUBSCRIBED", "NOT_SUBSCRIBED", "NOT_SUBSCRIBED", "UNSUBSCRIBED", "PENDING"))
        customer = ShopCustomer(
            id=gid,
            given=name.given,
            family=name.family,
            email=email,
            phone=phone.e164 if phone else None,
            locale=country.language,
            state="DISABLED" if guest else dice.pick(("ENABLED", "ENABLED", "INVITED")),
            marketing=marketing if email else "NOT_SUBSCRIBED",
            marketing_updated=created if email else None,
            addresses=self._addresses(person, name),
            created=created,
            updated=created,
            currency=country.currency,
            tags=("guest",) if guest else ("vip",) if dice.chance(0.05) else (),
        )
        world.customers.put(customer)
        self.own("shopify", gid, person)
        for _ in range(self._how_many()):
            order = self._order(person, customer=customer, email=email, address=customer.addresses[0])
            customer.updated = max(customer.updated, order.updated)

    def _addresses(self, person: Person, name: Written) -> list[ShopAddress]:
        homes = [person.address]
        if person.old_address:
            self.case("two_addresses")
            homes.append(person.old_address)
        phone = self.scribe.phone(person)
        return [shop_address(self.world, home, name, phone=phone) for home in homes]

    def _how_many(self) -> int:
        return self.dice.weighted(
            [(0, 0.12), (1, 0.35), (2, 0.2), (3, 0.12), (5, 0.1), (8, 0.07), (14, 0.03), (30, 0.01)]
        )

    def _guest_only(self, person: Person, native: bool) -> None:
        self.case("guest_order")
        name = self.scribe.name(person, native=native)
        address = shop_address(self.world, person.address, name, phone=self.scribe.phone(person))
        email = person.email.upper() if self.dice.chance(0.1) else person.email
        order = self._order(person, customer=None, email=email, address=address)
        self.world.guest_orders[order.id] = person.id

    def _order(
        self, person: Person, *, customer: ShopCustomer | None, email: str | None, address: ShopAddress
    ) -> ShopOrder:
        dice, world = self.dice, self.world
        country = names.by_code()[person.country]
        since = (NOW - customer.created) // DAY if customer else 700
        created = self.past(1, max(2, since))
        lines = self._lines(country.currency)
        full = sum(line.unit * line.quantity for line in lines)
        discount = full - sum(line.discounted for line in lines)
        if discount:
            self.case("discount")
        order = ShopOrder(
            id=f"gid://shopify/Order/{world.new_id('shopify.order')}",
            number=world.new_id("shopify.order_number"),
            customer=customer.id if customer else None,
            email=email,
            phone=customer.phone if customer else None,
            created=created,
            processed=created + 40,
            updated=min(NOW - 60, created + dice.between(1, 6) * DAY),
            currency=country.currency,
            lines=lines,
            shipping=price(dice.pick((0, 490, 690)), country.currency),
            tax=0,
            discount=discount,
            financial="PAID",
            fulfillment="FULFILLED" if NOW - created > 7 * DAY else "UNFULFILLED",
            channel=dice.pick(("Online Store", "Online Store", "Online Store", "Point of Sale", "Shop")),
            gateway=dice.pick(("shopify_payments", "paypal", "manual")),
            address=address,
        )
        order.tax = (
            round(order.total * 19 / 119 / 100) * 100
            if order.currency == "JPY"
            else round(order.total * 19 / 119)
        )
        self._turn_out(order)
        world.orders.put(order)
        return order

    def _lines(self, currency: str) -> list[ShopLine]:
        dice, lines = self.dice, []
        percent = dice.pick((5, 10, 20)) if dice.chance(0.2) else 0
        count = dice.weighted([(1, 0.5), (2, 0.25), (3, 0.15), (5, 0.07), (12, 0.03)])
        for title, sku, cents in dice.some(names.goods(), count):
            quantity, unit = dice.pick((1, 1, 1, 2, 3)), price(cents, currency)
            lines.append(
                ShopLine(
                    id=f"gid://shopify/LineItem/{self.world.new_id('shopify.line')}",
                    title=title,
                    sku=sku,
                    quantity=quantity,
                    unit=unit,
                    discounted=discounted(unit * quantity, percent, currency),
                    variant=f"gid://shopify/ProductVariant/{44_000_000_000_000 + int(sku[3:])}",
                )
            )
        return lines

    def _turn_out(self, order: ShopOrder) -> None:
        """What became of the order: most are paid and sent, some cancelled, some refunded in part or in full."""
        roll = self.dice.between(1, 100)
        later = min(NOW - 60, order.created + self.dice.between(1, 9) * DAY)
        if roll <= 5:
            self.case("cancelled")
            order.cancelled, order.updated = later, later
            order.cancel_reason = self.dice.pick(("CUSTOMER", "INVENTORY", "DECLINED", "OTHER"))
            order.financial, order.fulfillment = "VOIDED", "UNFULFILLED"
        elif roll <= 10:
            self.case("refunded")
            self._refund(order, order.total, later, "REFUNDED")
        elif roll <= 15:
            self.case("partly_refunded")
            self._refund(order, order.lines[0].discounted, later, "PARTIALLY_REFUNDED")
        elif roll <= 19:
            order.financial, order.fulfillment = "PENDING", "UNFULFILLED"

    def _refund(self, order: ShopOrder, amount: int, at: int, status: str) -> None:
        gid = f"gid://shopify/Refund/{self.world.new_id('shopify.refund')}"
        order.refunds.append(ShopRefund(id=gid, created=at, amount=amount, note=None))
        order.financial = status if amount < order.total else "REFUNDED"
        order.updated = max(order.updated, at)


def price(cents: int, currency: str) -> int:
    """A price in euro cents as hundredths of the other currency; whole yen where it is yen."""
    amount = round(cents * _RATES[currency])
    return amount // 100 * 100 if currency == "JPY" else amount


def discounted(amount: int, percent: int, currency: str) -> int:
    reduced = amount * (100 - percent) // 100
    return reduced // 100 * 100 if currency == "JPY" else reduced


def shop_address(
    world: World, address: Address, name: Written, *, phone: str | None, company: str | None = None
) -> ShopAddress:
    return ShopAddress(
        id=f"gid://shopify/MailingAddress/{world.new_id('shopify.address')}?model_name=CustomerAddress",
        given=name.given or None,
        family=name.family or None,
        company=company,
        street=address.street,
        city=address.city,
        zip=address.zip,
        province=address.state or None,
        country=address.country,
        phone=phone,
    )


class ZendeskWriter(Writer):
    """Users and tickets of the helpdesk."""

    _LOCALES = {"de": "de", "pl": "pl", "tr": "tr", "ja": "ja", "ar": "ar", "en": "en-US"}
    _ZONES = {"de": "Berlin", "pl": "Warsaw", "tr": "Istanbul", "ja": "Tokyo", "ar": "Abu Dhabi"}

    def __init__(self, world: World, dice: Dice, scribe: Scribe) -> None:
        super().__init__(world, dice, scribe)
        self._agents: list[str] = []

    def add_agents(self) -> None:
        """The helpdesk's own staff: users too, but nobody's customer."""
        for i, name in enumerate(("Mira Support", "Jan Support", "Aylin Support", "Tom Support")):
            user_id = str(self.world.new_id("zendesk.user"))
            email = f"agent{i + 1}@support.example"
            user = ZendeskUser(
                id=user_id,
                name=name,
                email=email,
                phone=None,
                role="agent",
                locale="en-US",
                created=NOW - 1800 * DAY,
                updated=NOW - 900 * DAY,
                identities=[identity(self.world, "email", email, primary=True)],
            )
            self.world.users.put(user)
            self.world.truth[("zendesk", user_id)] = f"agent-{i + 1}"
            self._agents.append(user_id)

    def write(self, person: Person, native: bool) -> None:
        dice, world = self.dice, self.world
        user_id = str(world.new_id("zendesk.user"))
        email = self.scribe.email(person, "zendesk", keep_case=True)
        phone = self.scribe.phone(person, business=True)
        created = self.past(20, 1200)
        identities = [identity(world, "email", email, primary=True)] if email else []
        if phone:
            identities.append(identity(world, "phone_number", phone, primary=not identities))
        additional = person.old_email if person.old_email != email and dice.chance(0.3) else None
        if additional and self.scribe.take("zendesk", additional):
            self.case("second_identity")
            identities.append(identity(world, "email", additional, primary=False))
        number = self.scribe.number(person)
        user = ZendeskUser(
            id=user_id,
            name=self._name(person, native, email),
            email=email,
            phone=phone,
            role="end-user",
            locale=self._LOCALES[person.language],
            time_zone=self._ZONES.get(person.language, "Eastern Time (US & Canada)"),
            created=created,
            updated=min(NOW - 900, created + dice.between(0, 300) * DAY),
            identities=identities,
            external_id=self._external_id(person),
            shared_phone=bool(number and f"phone:{number.e164}" in world.shared_keys) if phone else None,
        )
        world.users.put(user)
        self.own("zendesk", user_id, person)
        for _ in range(dice.weighted([(0, 0.1), (1, 0.45), (2, 0.25), (4, 0.15), (9, 0.05)])):
            self._ticket(person, user)

    def _name(self, person: Person, native: bool, email: str | None) -> str:
        if email and email.lower() == person.family_email and self.dice.chance(0.4):
            self.case("nameless_on_family_address")
            return email.split("@")[0]
        return self.scribe.name(person, native=native).full

    def _external_id(self, person: Person) -> str | None:
        """Some shops hand their customer number to the helpdesk."""
        if not self.dice.chance(0.15):
            return None
        customers = self.world.customers.find("email", person.email)
        mine = [c for c in customers if self.world.truth[("shopify", c.id)] == person.id]
        return mine[0].id.rpartition("/")[2] if mine else None

    def _ticket(self, person: Person, user: ZendeskUser) -> None:
        dice = self.dice
        created = self.past(1, max(2, (NOW - user.created) // DAY))
        count = dice.weighted([(1, 0.25), (2, 0.3), (4, 0.25), (8, 0.145), (25, 0.05), (150, 0.005)])
        if count == 150:
            self.case("long_thread")
        status = dice.pick(
            ("new", "open", "pending", "hold", "solved", "solved", "closed", "closed", "closed")
        )
        comments = self._comments(person, user, created, 1 if status == "new" else count)
        self.world.tickets.put(
            ZendeskTicket(
                id=str(self.world.new_id("zendesk.ticket")),
                requester=user.id,
                assignee=None if status == "new" else dice.pick(self._agents),
                subject=dice.pick(texts.subjects()[person.language]),
                status=status,
                priority=dice.pick((None, "low", "normal", "normal", "high", "urgent")),
                kind=dice.pick(("question", "question", "incident", "problem", "task")),
                channel=dice.pick(("email", "email", "web", "api", "chat")),
                created=created,
                updated=comments[-1].created + 30,
                comments=comments,
                tags=tuple(dice.some(("lieferung", "rechnung", "retoure", "abo", "vip"), dice.between(0, 2))),
                score=dice.pick(("unoffered", "unoffered", "good", "bad"))
                if status in ("solved", "closed")
                else "unoffered",
            )
        )
        self.case(f"ticket_{status}")

    def _comments(self, person: Person, user: ZendeskUser, created: int, count: int) -> list[ZendeskComment]:
        dice, step = self.dice, max(60, min(DAY, (NOW - created - 120) // (count + 1)))
        comments = []
        for i in range(count):
            by_user = i % 2 == 0
            note = not by_user and dice.chance(0.15)
            body = (
                texts.questions()[person.language]
                if by_user
                else texts.internal_notes()
                if note
                else texts.answers()
            )
            comments.append(
                ZendeskComment(
                    id=str(self.world.new_id("zendesk.comment")),
                    author=user.id if by_user else dice.pick(self._agents),
                    body=dice.pick(body),
                    public=not note,
                    created=created + i * step,
                )
            )
        return comments


def identity(world: World, kind: str, value: str, *, primary: bool) -> ZendeskIdentity:
    return ZendeskIdentity(
        id=str(world.new_id("zendesk.identity")),
        kind=kind,
        value=value,
        primary=primary,
        verified=kind == "email",
    )


class MailchimpWriter(Writer):
    """Members of the one mailing list, with what became of each campaign they were sent."""

    _PERMISSIONS = ("Email", "Direct Mail", "Customized Online Advertising")

    def write(self, person: Person, native: bool) -> None:
        dice, world = self.dice, self.world
        email = self.scribe.email(person, "mailchimp", may_lack=False, keep_case=True)
        assert email is not None, "a member always has an address"
        created = self.past(30, 1000)
        events, status, reason = self._events(created)
        member = MailMember(
            id=contact_id(world),
            email=email,
            merge=self._merge(person, native, email),
            status=status,
            permissions=tuple(
                (text, dice.chance(0.6 if text == "Email" else 0.3)) for text in self._PERMISSIONS
            ),
            language=person.language,
            country=person.country,
            created=created,
            changed=max([created, *(event.at for event in events if event.kind in ("unsub", "bounce"))]),
            events=events,
            tags=tuple(dice.some(("stammkunde", "kurs", "b2b"), 1)) if dice.chance(0.3) else (),
            vip=dice.chance(0.03),
            unsubscribe_reason=reason,
        )
        world.members.put(member)
        self.own("mailchimp", member.id, person)

    def _merge(self, person: Person, native: bool, email: str) -> dict[str, object]:
        dice = self.dice
        name = self.scribe.name(person, native=native)
        if dice.chance(0.08):
            name = Written(given="", family="")
            self.case(
                "nameless_on_family_address" if email.lower() == person.family_email else "nameless_member"
            )
        address: object = ""
        if dice.chance(0.4):
            address = merge_address(person.address)
        return {
            "FNAME": name.given,
            "LNAME": name.family,
            "PHONE": (self.scribe.phone(person) or "") if dice.chance(0.35) else "",
            "BIRTHDAY": f"{person.born[5:7]}/{person.born[8:10]}" if person.born and dice.chance(0.4) else "",
            "ADDRESS": address,
        }

    def _events(self, created: int) -> tuple[list[MailEvent], str, str | None]:
        """Events oldest first, then the member's status and the reason if they left."""
        dice, events = self.dice, list[MailEvent]()
        status, reason = dice.pick(("subscribed",) * 12 + ("pending", "transactional")), None
        for campaign in self.world.campaigns.values():
            if campaign.sent < created or not dice.chance(0.75) or status == "pending":
                continue
            at = campaign.sent + dice.between(0, 900)
            events.append(MailEvent(kind="sent", at=at, campaign=campaign.id))
            if dice.chance(0.02):
                hard = dice.chance(0.3)
                events.append(
                    MailEvent(
                        kind="bounce", at=at + 40, campaign=campaign.id, detail="hard" if hard else "soft"
                    )
                )
                self.case("bounced")
                if hard:
                    return events, "cleaned", None
                continue
            at += dice.between(300, 90_000)
            if dice.chance(0.45):
                events.append(MailEvent(kind="open", at=at, campaign=campaign.id))
                if dice.chance(0.3):
                    link = f"https://kaffee-kontor.example/aktion/{campaign.id}"
                    events.append(MailEvent(kind="click", at=at + 30, campaign=campaign.id, detail=link))
            if dice.chance(0.015):
                reason = dice.pick(texts.unsubscribe_reasons())
                events.append(MailEvent(kind="unsub", at=at + 60, campaign=campaign.id, detail=reason))
                self.case("unsubscribed")
                return events, "unsubscribed", reason
        return sorted(events, key=lambda event: event.at), status, reason


def merge_address(address: Address) -> dict[str, str]:
    return {
        "addr1": address.street,
        "addr2": "",
        "city": address.city,
        "state": address.state,
        "zip": address.zip,
        "country": address.country,
    }


def contact_id(world: World) -> str:
    return hashlib.md5(
        f"member-{world.new_id('mailchimp.member')}".encode(), usedforsecurity=False
    ).hexdigest()
