"""The cast: a few people as they really are, who overlap in the four systems and share what people share."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tests.live.seed.callers import callers
from tests.live.seed.plans import (
    CET,
    SUPPORT,
    Address,
    Answer,
    CrmEntry,
    HelpdeskEntry,
    MailPlan,
    OrderPlan,
    Outcome,
    Person,
    Question,
    ShopEntry,
    TicketPlan,
)

FAMILY_ADDRESS = "kowalscy@example.net"
ROLE_ADDRESS = "info@studio-nord.example.com"
SWITCHBOARD = "+46 8 123 456 00"
PST = timezone(timedelta(hours=-8))
JST = timezone(timedelta(hours=9))
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6364f80f00010501012718e3660000000049454e44ae426082"
)


def cast() -> tuple[Person, ...]:
    """Everybody, in the order in which they are created."""
    return (
        _jane(),
        _juergen(),
        _ayse(),
        _haruka(),
        _marta(),
        _tomasz(),
        _studio_nord(),
        _bob(),
        _anna(),
        _erik(),
        _olivia(),
        _samuel(),
        _lucia(),
        _maryjane(),
        *callers(),
    )


def _jane() -> Person:
    """In all four systems, her address in a different case in each; long history."""
    home = Address(street="12 Mill Lane", city="Leeds", postal_code="LS1 4AP", country="GB")
    return Person(
        key="jane",
        parties=(
            CrmEntry(
                name="Jane Doe",
                emails=("Jane.Doe@Example.org", "jane@doe-family.example.net"),
                phones=("+44 113 496 0123",),
                addresses=(home,),
                language="en",
            ),
        ),
        shop=ShopEntry(
            given_name="Jane",
            family_name="Doe",
            email="jane.doe@example.org",
            phone="0113 496 0123",
            address=home,
        ),
        orders=(
            OrderPlan(lines=(("DESK-W", 1), ("LAMP-B", 2)), outcome=Outcome.DELIVERED),
            OrderPlan(lines=(("NOTE-200", 10),), shipping="Express Shipping", outcome=Outcome.SHIPPED),
            OrderPlan(lines=(("BEANS-1K", 3), ("KYUSU", 1)), currency="EUR"),
        ),
        helpdesk=HelpdeskEntry(
            email="JANE.DOE@EXAMPLE.ORG", name="Jane Doe", mobile="+44 7700 900123", language="en"
        ),
        tickets=(
            TicketPlan(
                subject="Lamp flickers",
                sender="jane.doe@EXAMPLE.ORG",
                sender_name="Jane Doe",
                steps=(
                    Question(text="The lamp flickers when the kettle is on."),
                    Answer(text="Please try another socket, and tell us what happens."),
                    Question(
                        text="It still flickers.",
                        html="<p>It <em>still</em> flickers.</p>",
                        attachment=("lamp.png", PIXEL),
                    ),
                    Answer(text="A new one is on its way.", status="resolved"),
                ),
            ),
            TicketPlan(
                subject="Where is my second order?",
                sender="jane.doe@example.org",
                sender_name="Jane Doe",
                steps=(
                    Question(text="It has been a week."),
                    Answer(text="The carrier says tomorrow.", status="stalled"),
                ),
            ),
        ),
        mails=_jane_mails(),
    )


def _jane_mails() -> tuple[MailPlan, ...]:
    return (
        MailPlan(
            subject="Question about the walnut desk",
            sender="Jane Doe <jane.doe@example.org>",
            recipients=(SUPPORT,),
            sent_at=datetime(2026, 3, 2, 9, 15, tzinfo=CET),
            text="Is the walnut desk oiled or lacquered?\n",
        ),
        MailPlan(
            subject="Re: Question about the walnut desk",
            sender=f"Support <{SUPPORT}>",
            recipients=("Jane Doe <jane.doe@example.org>",),
            sent_at=datetime(2026, 3, 2, 11, 40, tzinfo=CET),
            text="Oiled. It likes a little wax once a year.\n",
            folder="Sent",
            replies_to="Question about the walnut desk",
        ),
        MailPlan(
            subject="Photos of the delivery",
            sender="JANE DOE <Jane.Doe@Example.Org>",
            recipients=(SUPPORT,),
            copied=("Accounts <accounts@shop.example>",),
            sent_at=datetime(2026, 4, 18, 17, 5, 30, tzinfo=PST),
            text="Two pictures, one of each side.\n",
            html="<html><body><p>Two pictures, <b>one of each side</b>.</p></body></html>",
            attachments=(("left side.png", PIXEL), ("rechte Seite – größer.png", PIXEL)),
        ),
        MailPlan(
            subject="My notes",
            sender="Jane Doe <jane@doe-family.example.net>",
            recipients=(SUPPORT,),
            sent_at=datetime(2026, 5, 1, 8, 0, tzinfo=CET),
            text="All that I noticed about the desk, at length.\n" * 4000,
        ),
    )


def _juergen() -> Person:
    """German, with umlauts in every header; in all four systems under one address."""
    home = Address(street="Hauptstraße 7", city="Köln", postal_code="50667", country="DE")
    return Person(
        key="juergen",
        parties=(
            CrmEntry(
                name="Jürgen Groß",
                emails=("juergen.gross@example.com",),
                phones=("+49 221 998877", "+49 151 23456789"),
                addresses=(home,),
                language="de",
            ),
        ),
        shop=ShopEntry(
            given_name="Jürgen",
            family_name="Groß",
            email="Juergen.Gross@example.com",
            phone="0221 / 99 88 77",
            address=home,
        ),
        orders=(
            OrderPlan(lines=(("BLANKET", 2),), currency="EUR"),
            OrderPlan(lines=(("LAMP-G", 1),), currency="EUR", outcome=Outcome.CANCELLED),
        ),
        helpdesk=HelpdeskEntry(
            email="juergen.gross@example.com", name="Jürgen Groß", work_phone="0221 998877", language="de"
        ),
        tickets=(
            TicketPlan(
                subject="Rückgabe der Lampe – läuft das?",
                sender="juergen.gross@example.com",
                sender_name="Jürgen Groß",
                steps=(
                    Question(text="Schöne Grüße aus Köln, die Lampe möchte ich zurückgeben."),
                    Answer(text="Selbstverständlich, das Etikett kommt per Post.", status="open"),
                ),
            ),
        ),
        mails=(
            MailPlan(
                subject="Größe der Wolldecke?",
                sender="Jürgen Groß <juergen.gross@example.com>",
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 2, 11, 20, 30, tzinfo=CET),
                text="Wie groß ist die Decke? Und gibt es sie in Weiß für 89 €?\n",
                charset="iso-8859-15",
            ),
        ),
    )


def _ayse() -> Person:
    """Turkish, with letters that change oddly between upper and lower case."""
    home = Address(street="İstiklal Caddesi 41", city="İstanbul", postal_code="34430", country="TR")
    return Person(
        key="ayse",
        parties=(
            CrmEntry(
                name="Ayşe Yıldırım",
                emails=("ayse.yildirim@example.com",),
                phones=("+90 212 555 01 23",),
                addresses=(home,),
                language="tr",
            ),
        ),
        shop=ShopEntry(
            given_name="Ayşe",
            family_name="Yıldırım",
            email="AYSE.YILDIRIM@example.com",
            phone="+902125550123",
            address=home,
        ),
        orders=(OrderPlan(lines=(("KYUSU", 2), ("BEANS-1K", 1)), outcome=Outcome.AUTHORIZED),),
        tickets=(
            TicketPlan(
                subject="Çaydanlık kırık geldi",
                sender="ayse.yildirim@example.com",
                sender_name="Ayşe Yıldırım",
                steps=(Question(text="Kutu açıldığında çaydanlık kırıktı."),),
            ),
        ),
        mails=(
            MailPlan(
                subject="İade şartları",
                sender="Ayşe Yıldırım <ayse.yildirim@example.com>",
                recipients=(f"Müşteri Hizmetleri <{SUPPORT}>",),
                sent_at=datetime(2026, 6, 9, 14, 0, tzinfo=CET),
                text="İade için ne kadar sürem var?\n",
            ),
        ),
    )


def _haruka() -> Person:
    """Japanese; writes mail in an encoding that is still usual there; no helpdesk record."""
    home = Address(street="千代田1-1", city="東京", postal_code="100-0001", country="JP")
    return Person(
        key="haruka",
        parties=(
            CrmEntry(
                name="田中 春香",
                emails=("haruka@tanaka.example.org",),
                phones=("+81 3-1234-5678",),
                addresses=(home,),
            ),
        ),
        shop=ShopEntry(
            given_name="春香", family_name="田中", email="haruka@tanaka.example.org", address=home
        ),
        orders=(OrderPlan(lines=(("NOTE-200", 3),)),),
        mails=(
            MailPlan(
                subject="急須の注文について",
                sender="田中 春香 <haruka@tanaka.example.org>",
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 7, 21, 9, 0, tzinfo=JST),
                text="急須は食洗機で洗えますか。\n",
                charset="iso-2022-jp",
            ),
            MailPlan(
                subject="Re: 急須の注文について",
                sender=f"Support <{SUPPORT}>",
                recipients=("田中 春香 <haruka@tanaka.example.org>",),
                sent_at=datetime(2026, 7, 21, 18, 0, tzinfo=JST),
                text="手洗いをお願いいたします。\n",
                folder="Sent",
                replies_to="急須の注文について",
            ),
        ),
    )


def _marta() -> Person:
    """One of two who share a family address; the shop account is hers."""
    home = Address(street="ul. Długa 3", city="Kraków", postal_code="31-147", country="PL")
    return Person(
        key="marta",
        parties=(
            CrmEntry(name="Marta Kowalska", emails=(FAMILY_ADDRESS,), addresses=(home,), language="pl"),
        ),
        shop=ShopEntry(given_name="Marta", family_name="Kowalska", email=FAMILY_ADDRESS, address=home),
        orders=(OrderPlan(lines=(("BLANKET", 1),)),),
        mails=(
            MailPlan(
                subject="Faktura",
                sender=f"Marta Kowalska <{FAMILY_ADDRESS}>",
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 1, 15, 12, 0, tzinfo=CET),
                text="Proszę o fakturę.\n",
            ),
        ),
    )


def _tomasz() -> Person:
    """The other one of the family address; his phone is his own."""
    return Person(
        key="tomasz",
        parties=(
            CrmEntry(
                name="Tomasz Kowalski", emails=(FAMILY_ADDRESS,), phones=("+48 12 345 67 89",), language="pl"
            ),
        ),
        tickets=(
            TicketPlan(
                subject="Zmiana adresu",
                sender=FAMILY_ADDRESS,
                sender_name="Tomasz Kowalski",
                steps=(Question(text="Proszę wysłać koc na adres biura."),),
            ),
        ),
    )


def _studio_nord() -> Person:
    """A role address that several people of one company write from and order with."""
    office = Address(street="Hafenstraße 20", city="Hamburg", postal_code="20457", country="DE")
    petra = ShopEntry(
        given_name="Petra", family_name="Lang", email=ROLE_ADDRESS, address=office, account=False
    )
    nils = ShopEntry(
        given_name="Nils", family_name="Brandt", email=ROLE_ADDRESS, address=office, account=False
    )
    return Person(
        key="studio_nord",
        parties=(
            CrmEntry(
                name="Studio Nord GmbH",
                emails=(ROLE_ADDRESS,),
                phones=("+49 40 555 0100",),
                addresses=(office,),
                language="de",
            ),
        ),
        orders=(
            OrderPlan(lines=(("DESK-W", 4),), buyer=petra),
            OrderPlan(lines=(("LAMP-B", 4),), buyer=nils),
        ),
        tickets=(
            TicketPlan(
                subject="Rechnung fehlt",
                sender=ROLE_ADDRESS,
                sender_name="Petra Lang",
                steps=(Question(text="Bitte senden Sie uns die Rechnung."),),
            ),
        ),
    )


def _bob() -> Person:
    """Has an old address and a new one, and a party in the CRM for each; orders enough for several pages."""
    home = Address(street="500 Pine Street", city="Portland", postal_code="97204", country="US")
    return Person(
        key="bob",
        parties=(
            CrmEntry(name="Robert Miller", emails=("rmiller@example.com",), phones=("+1 503 555 0147",)),
            CrmEntry(
                name="Bob Miller",
                emails=("bob.miller@example.org", "rmiller@example.com"),
                phones=("+1 (503) 555-0147",),
                addresses=(home,),
                language="en",
            ),
        ),
        shop=ShopEntry(
            given_name="Robert",
            family_name="Miller",
            email="rmiller@example.com",
            phone="5035550147",
            address=home,
        ),
        orders=tuple(OrderPlan(lines=(("BEANS-1K", count),)) for count in range(1, 8)),
        tickets=tuple(
            TicketPlan(
                subject=f"Delivery {number} of my coffee",
                sender="bob.miller@example.org",
                sender_name="Bob Miller",
                steps=(Question(text=f"Bag {number} has not come."),),
                status="resolved" if number % 2 else None,
            )
            for number in range(1, 6)
        ),
        mails=tuple(
            MailPlan(
                subject=f"Coffee, week {week}",
                sender="Bob Miller <bob.miller@example.org>",
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 8, 3, 7, 30, tzinfo=PST) + timedelta(weeks=week),
                text=f"Another bag, please: week {week}.\n",
            )
            for week in range(1, 9)
        ),
    )


def _anna() -> Person:
    """One of two colleagues behind one switchboard number."""
    return Person(
        key="anna",
        parties=(
            CrmEntry(name="Anna Berg", emails=("anna.berg@norrland.example.com",), phones=(SWITCHBOARD,)),
        ),
        mails=(
            MailPlan(
                subject="Offert",
                sender="Anna Berg <anna.berg@norrland.example.com>",
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 9, 1, 10, 0, tzinfo=CET),
                text="Kan ni skicka en offert på tio skrivbord?\n",
            ),
        ),
    )


def _erik() -> Person:
    """The other colleague behind the switchboard."""
    return Person(
        key="erik",
        parties=(
            CrmEntry(name="Erik Lind", emails=("erik.lind@norrland.example.com",), phones=(SWITCHBOARD,)),
        ),
    )


def _olivia() -> Person:
    """Only ever ordered as a guest, and wrote once."""
    home = Address(street="8 Harbour Road", city="Bristol", postal_code="BS1 5TY", country="GB")
    return Person(
        key="olivia",
        shop=ShopEntry(
            given_name="Olivia",
            family_name="Brown",
            email="olivia.brown@example.net",
            phone="+44 117 496 0456",
            address=home,
            account=False,
        ),
        orders=(
            OrderPlan(lines=(("NOTE-200", 1),)),
            OrderPlan(lines=(("LAMP-B", 1), ("BLANKET", 1)), shipping="Express Shipping"),
        ),
        mails=(
            MailPlan(
                subject="No account needed?",
                sender="olivia.brown@example.net",
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 10, 5, 16, 20, tzinfo=CET),
                text="I would rather not make an account.\n",
            ),
        ),
    )


def _samuel() -> Person:
    """Only in the CRM."""
    return Person(
        key="samuel",
        parties=(
            CrmEntry(
                name="Samuel Okafor", emails=("samuel.okafor@example.org",), phones=("+44 20 7946 0958",)
            ),
        ),
    )


def _lucia() -> Person:
    """Only in the helpdesk, filled in by an agent."""
    return Person(
        key="lucia",
        helpdesk=HelpdeskEntry(
            email="lucia.fernandez@example.org",
            name="Lucía Fernández",
            mobile="+34 612 345 678",
            language="es",
        ),
        tickets=(
            TicketPlan(
                subject="¿Envían a España?",
                sender="lucia.fernandez@example.org",
                sender_name="Lucía Fernández",
                steps=(
                    Question(text="¿Cuánto cuesta el envío?"),
                    Answer(text="Todavía no.", status="rejected"),
                ),
            ),
        ),
    )


def _maryjane() -> Person:
    """Her address ends in Jane's, and another of her mails only names Jane: neither may ever be Jane's."""
    return Person(
        key="maryjane",
        mails=(
            MailPlan(
                subject="I am not Jane",
                sender="Mary-Jane Doe <maryjane.doe@example.org>",
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 3, 3, 9, 0, tzinfo=CET),
                text="You mix me up with jane.doe@example.org.\n",
            ),
            MailPlan(
                subject="For jane.doe@example.org",
                sender='"jane.doe@example.org" <maryjane.doe@example.org>',
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 3, 4, 9, 0, tzinfo=CET),
                text="A name that looks like an address.\n",
            ),
        ),
    )
