"""The persons that are in every world with the same records, because documentation and tests ask for them by name."""

from __future__ import annotations

from sandbox import names
from sandbox.names import Name
from sandbox.people import Address, Company, Person, Phone
from sandbox.records import (
    HubSpotCompany,
    HubSpotContact,
    MailEvent,
    MailMember,
    ShopCustomer,
    ShopLine,
    ShopOrder,
    ShopRefund,
    ZendeskComment,
    ZendeskTicket,
    ZendeskUser,
)
from sandbox.scribe import Written
from sandbox.world import NOW, World
from sandbox.writers import contact_id, hubspot_address, identity, merge_address, put_contact, shop_address

DAY = 86_400


def write(world: World) -> list[Person]:
    """Puts the records into the world and gives back the persons, whose ids begin the numbering."""
    return [_Ada(world).write(), *_webers(world), *_colleagues(world)]


def _berlin(number: str) -> Phone:
    return Phone(dial="49", trunk="0", area="30", number=number)


def _company(world: World, company: Company) -> str:
    record_id = str(world.new_id("hubspot.company"))
    properties = {
        "name": company.name,
        "domain": company.domain,
        "industry": company.industry,
        "numberofemployees": str(company.employees),
        "annualrevenue": str(company.revenue),
        "city": company.city,
        "country": names.by_code()[company.country].label,
    }
    if company.switchboard:
        properties["phone"] = company.switchboard.written(1)
    world.companies.put(
        HubSpotCompany(id=record_id, properties=properties, created=NOW - 900 * DAY, updated=NOW - 200 * DAY)
    )
    return record_id


class _Ada:
    """Ada Yılmaz: in all four systems, with a history long enough to page through."""

    _ORDERS = (
        # days ago, goods, outcome
        (620, (0, 5), "paid"),
        (480, (2,), "refunded"),
        (333, (1, 6, 11), "paid"),
        (190, (9,), "cancelled"),
        (75, (0, 17, 18), "partly"),
        (6, (1,), "open"),
    )

    def __init__(self, world: World) -> None:
        self._world = world
        self._phone = _berlin("90182017")
        self._home = Address(street="Oranienstraße 12", city="Berlin", zip="10999", state="", country="DE")
        self._before = Address(street="Kordon Cad. No: 45", city="İzmir", zip="35220", state="", country="TR")
        self._name = Written(given="Ada", family="Yılmaz")

    def write(self) -> Person:
        company = Company(
            id="company-ada",
            name="Nordlicht Design GmbH",
            domain="nordlicht-design.example",
            industry="DESIGN",
            employees=24,
            revenue=3_100_000,
            country="DE",
            city="Berlin",
            switchboard=None,
            role_email=None,
        )
        person = Person(
            id="person-00001",
            country="DE",
            given=Name(latin="Ada"),
            family=Name(latin="Yılmaz", variants=("Yilmaz",)),
            born="1990-04-23",
            email="ada.yilmaz@example.com",
            old_email=None,
            mobile=None,
            landline=self._phone,
            address=self._home,
            old_address=self._before,
            # The company's record is written here, not by the builder, which knows only companies it drew.
            company=None,
        )
        self._contact(_company(self._world, company), company)
        self._orders(self._customer())
        self._tickets(self._user())
        self._member()
        return person

    def _contact(self, company_id: str, company: Company) -> None:
        contact = HubSpotContact(
            id=str(self._world.new_id("hubspot.contact")),
            properties={
                "firstname": "Ada",
                "lastname": "Yılmaz",
                "email": "ada.yilmaz@example.com",
                "phone": self._phone.written(1),
                "hs_language": "de",
                "date_of_birth": "1990-04-23",
                "company": company.name,
                "jobtitle": "Art Director",
                "lifecyclestage": "customer",
                "hs_marketable_status": "true",
                **hubspot_address(self._home),
            },
            created=NOW - 700 * DAY,
            updated=NOW - 12 * DAY,
            company=company_id,
        )
        put_contact(self._world, contact, country="DE")
        self._world.truth[("hubspot", contact.id)] = "person-00001"

    def _customer(self) -> ShopCustomer:
        addresses = [
            shop_address(self._world, self._home, self._name, phone=self._phone.written(4)),
            shop_address(self._world, self._before, self._name, phone=None),
        ]
        customer = ShopCustomer(
            id=f"gid://shopify/Customer/{self._world.new_id('shopify.customer')}",
            given="Ada",
            family="Yilmaz",
            email="ada.yilmaz+shop@example.com",
            phone=self._phone.e164,
            locale="de",
            state="ENABLED",
            marketing="SUBSCRIBED",
            marketing_updated=NOW - 620 * DAY,
            addresses=addresses,
            created=NOW - 620 * DAY,
            updated=NOW - 5 * DAY,
            currency="EUR",
            tags=("stammkundin",),
        )
        self._world.customers.put(customer)
        self._world.truth[("shopify", customer.id)] = "person-00001"
        return customer

    def _orders(self, customer: ShopCustomer) -> None:
        for days, goods, outcome in self._ORDERS:
            at = NOW - days * DAY + 10 * 3600
            lines = [self._line(number, outcome) for number in goods]
            total = sum(line.unit * line.quantity for line in lines)
            order = ShopOrder(
                id=f"gid://shopify/Order/{self._world.new_id('shopify.order')}",
                number=self._world.new_id("shopify.order_number"),
                customer=customer.id,
                email=customer.email,
                phone=customer.phone,
                created=at,
                processed=at + 40,
                updated=at + 4 * DAY,
                currency="EUR",
                lines=lines,
                shipping=490,
                tax=0,
                discount=total - sum(line.discounted for line in lines),
                financial="PAID",
                fulfillment="UNFULFILLED" if outcome == "open" else "FULFILLED",
                channel="Online Store",
                gateway="paypal",
                address=customer.addresses[1 if days > 400 else 0],
            )
            order.tax = round(order.total * 19 / 119)
            self._turn_out(order, outcome)
            self._world.orders.put(order)

    def _line(self, number: int, outcome: str) -> ShopLine:
        title, sku, cents = names.goods()[number]
        quantity = 2 if number == 0 else 1
        return ShopLine(
            id=f"gid://shopify/LineItem/{self._world.new_id('shopify.line')}",
            title=title,
            sku=sku,
            quantity=quantity,
            unit=cents,
            discounted=cents * quantity * 9 // 10 if outcome == "partly" else cents * quantity,
            variant=f"gid://shopify/ProductVariant/{44_000_000_000_000 + int(sku[3:])}",
        )

    def _turn_out(self, order: ShopOrder, outcome: str) -> None:
        later = order.created + 5 * DAY
        if outcome == "cancelled":
            order.cancelled, order.cancel_reason, order.updated = later, "CUSTOMER", later
            order.financial, order.fulfillment = "VOIDED", "UNFULFILLED"
        if outcome in ("refunded", "partly"):
            amount = order.total if outcome == "refunded" else order.lines[0].discounted
            gid = f"gid://shopify/Refund/{self._world.new_id('shopify.refund')}"
            order.refunds.append(ShopRefund(id=gid, created=later, amount=amount, note="Bruch beim Versand"))
            order.financial = "REFUNDED" if outcome == "refunded" else "PARTIALLY_REFUNDED"
            order.updated = later

    def _user(self) -> ZendeskUser:
        world, email, phone = self._world, "ada.yilmaz@example.com", self._phone.written(5)
        user = ZendeskUser(
            id=str(world.new_id("zendesk.user")),
            name="Ada Yilmaz",
            email=email,
            phone=phone,
            role="end-user",
            locale="de",
            created=NOW - 500 * DAY,
            updated=NOW - 3 * DAY,
            identities=[
                identity(world, "email", email, primary=True),
                identity(world, "phone_number", phone, primary=False),
            ],
        )
        world.users.put(user)
        world.truth[("zendesk", user.id)] = "person-00001"
        return user

    def _tickets(self, user: ZendeskUser) -> None:
        rows = (
            ("Espressokanne undicht", "closed", 470, 40, "high"),
            ("Adresse ändern", "solved", 180, 3, "normal"),
            ("Wann kommt meine Bestellung?", "open", 4, 2, "normal"),
        )
        agent = next(u.id for u in self._world.users if u.role == "agent")
        for subject, status, days, count, priority in rows:
            created = NOW - days * DAY
            comments = [
                self._comment(user.id if i % 2 == 0 else agent, i, created, subject) for i in range(count)
            ]
            self._world.tickets.put(
                ZendeskTicket(
                    id=str(self._world.new_id("zendesk.ticket")),
                    requester=user.id,
                    assignee=agent,
                    subject=subject,
                    status=status,
                    priority=priority,
                    kind="question",
                    channel="email",
                    created=created,
                    updated=comments[-1].created + 60,
                    comments=comments,
                    tags=("lieferung",) if status == "open" else (),
                    score="good" if status == "closed" else "unoffered",
                )
            )

    def _comment(self, author: str, number: int, created: int, subject: str) -> ZendeskComment:
        return ZendeskComment(
            id=str(self._world.new_id("zendesk.comment")),
            author=author,
            body=f"{subject} ({number + 1})",
            public=number % 8 != 7,
            created=created + number * 7200,
        )

    def _member(self) -> None:
        recent = list(self._world.campaigns.values())[-8:]
        events: list[MailEvent] = []
        for i, campaign in enumerate(recent):
            events.append(MailEvent(kind="sent", at=campaign.sent + 5, campaign=campaign.id))
            events.append(MailEvent(kind="open", at=campaign.sent + 3600, campaign=campaign.id))
            if i % 2:
                link = "https://kaffee-kontor.example/neu"
                events.append(
                    MailEvent(kind="click", at=campaign.sent + 3660, campaign=campaign.id, detail=link)
                )
        member = MailMember(
            id=contact_id(self._world),
            email="ADA.YILMAZ@EXAMPLE.COM",
            merge={
                "FNAME": "Ada",
                "LNAME": "Yılmaz",
                "PHONE": self._phone.written(2),
                "BIRTHDAY": "04/23",
                "ADDRESS": merge_address(self._home),
            },
            status="subscribed",
            permissions=(("Email", True), ("Direct Mail", False), ("Customized Online Advertising", False)),
            language="de",
            country="DE",
            created=NOW - 620 * DAY,
            changed=NOW - 40 * DAY,
            events=events,
            tags=("stammkunde",),
        )
        self._world.members.put(member)
        self._world.truth[("mailchimp", member.id)] = "person-00001"


def _webers(world: World) -> list[Person]:
    """Jonas and Petra Weber: one e-mail address, one landline, two persons."""
    email, landline = "familie.weber@example.net", Phone(dial="49", trunk="0", area="40", number="66969042")
    home = Address(street="Elbchaussee 77", city="Hamburg", zip="22763", state="", country="DE")
    persons = [
        Person(
            id=f"person-{number:05d}",
            country="DE",
            given=Name(latin=given),
            family=Name(latin="Weber"),
            born=born,
            email=f"{given.lower()}.weber@example.net",
            old_email=None,
            mobile=None,
            landline=landline,
            address=home,
            old_address=None,
            family_email=email,
            group="family",
        )
        for number, given, born in ((2, "Jonas", "1978-02-11"), (3, "Petra", "1980-09-30"))
    ]
    jonas, petra = persons
    contact = _plain_contact(world, jonas, email=email, phone=landline.written(3))
    world.truth[("hubspot", contact)] = jonas.id
    customer = _plain_customer(world, petra, email=email, phone=landline.written(4))
    world.truth[("shopify", customer)] = petra.id
    world.truth[("zendesk", _plain_user(world, "Petra Weber", email, landline.written(0)))] = petra.id
    world.truth[("mailchimp", _plain_member(world, email))] = jonas.id
    return persons


def _colleagues(world: World) -> list[Person]:
    """Three people of one coffee house who write from one role address and telephone through one switchboard."""
    email, board = "info@kaffee-kontor.example", _berlin("90182000")
    company = Company(
        id="company-kaffee-kontor",
        name="Kaffee-Kontor Berlin GmbH",
        domain="kaffee-kontor.example",
        industry="FOOD_PRODUCTION",
        employees=12,
        revenue=1_450_000,
        country="DE",
        city="Berlin",
        switchboard=board,
        role_email=email,
    )
    home = Address(street="Am Speicher 3", city="Berlin", zip="10245", state="", country="DE")
    persons = [
        Person(
            id=f"person-{number:05d}",
            country="DE",
            given=Name(latin=given),
            family=Name(latin=family),
            born=None,
            email=f"{given.lower()}.{family.lower()}@kaffee-kontor.example",
            old_email=None,
            mobile=None,
            landline=board,
            address=home,
            old_address=None,
            group="office",
        )
        for number, given, family in ((4, "Lena", "Brandt"), (5, "Murat", "Demir"), (6, "Olga", "Nowak"))
    ]
    lena, murat, olga = persons
    company_id = _company(world, company)
    contact = _plain_contact(world, lena, email=email, phone=board.written(1), company=company_id)
    world.truth[("hubspot", contact)] = lena.id
    second = _plain_contact(world, murat, email=murat.email, phone=board.written(3), company=company_id)
    world.truth[("hubspot", second)] = murat.id
    customer = _plain_customer(world, murat, email=email, phone=board.written(4))
    world.truth[("shopify", customer)] = murat.id
    world.truth[("zendesk", _plain_user(world, "Olga Nowak", email, board.written(0)))] = olga.id
    world.share(f"email:{email}", "role", [p.id for p in persons])
    world.share(f"phone:{board.e164}", "switchboard", [p.id for p in persons])
    return persons


def _plain_contact(
    world: World, person: Person, *, email: str, phone: str, company: str | None = None
) -> str:
    contact = HubSpotContact(
        id=str(world.new_id("hubspot.contact")),
        properties={
            "firstname": person.given.latin,
            "lastname": person.family.latin,
            "email": email,
            "phone": phone,
            "hs_language": "de",
            "date_of_birth": person.born or "",
            "lifecyclestage": "customer",
            "hs_marketable_status": "true",
            **hubspot_address(person.address),
        },
        created=NOW - 800 * DAY,
        updated=NOW - 90 * DAY,
        company=company,
    )
    put_contact(world, contact, country="DE")
    return contact.id


def _plain_customer(world: World, person: Person, *, email: str, phone: str) -> str:
    name = Written(given=person.given.latin, family=person.family.latin)
    customer = ShopCustomer(
        id=f"gid://shopify/Customer/{world.new_id('shopify.customer')}",
        given=name.given,
        family=name.family,
        email=email,
        phone=None,
        locale="de",
        state="ENABLED",
        marketing="NOT_SUBSCRIBED",
        marketing_updated=None,
        addresses=[shop_address(world, person.address, name, phone=phone)],
        created=NOW - 300 * DAY,
        updated=NOW - 60 * DAY,
        currency="EUR",
    )
    world.customers.put(customer)
    return customer.id


def _plain_user(world: World, name: str, email: str, phone: str) -> str:
    user = ZendeskUser(
        id=str(world.new_id("zendesk.user")),
        name=name,
        email=email,
        phone=phone,
        role="end-user",
        locale="de",
        created=NOW - 250 * DAY,
        updated=NOW - 70 * DAY,
        identities=[
            identity(world, "email", email, primary=True),
            identity(world, "phone_number", phone, primary=False),
        ],
        shared_phone=True,
    )
    world.users.put(user)
    return user.id


def _plain_member(world: World, email: str) -> str:
    member = MailMember(
        id=contact_id(world),
        email=email,
        merge={"FNAME": "", "LNAME": "", "PHONE": "", "BIRTHDAY": "", "ADDRESS": ""},
        status="subscribed",
        permissions=(("Email", True), ("Direct Mail", True), ("Customized Online Advertising", False)),
        language="de",
        country="DE",
        created=NOW - 400 * DAY,
        changed=NOW - 400 * DAY,
        events=[],
    )
    world.members.put(member)
    return member.id
