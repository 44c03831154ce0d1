"""What the gateway must say of each of the cast, written down by hand from what the cast left in the four systems."""

from __future__ import annotations

from tests.live.proof.callers import helga, klara, rudolf
from tests.live.proof.gateway import CRM, SUPPORT, WEBSHOP
from tests.live.proof.known import Home, Known, Profile, Text, Value, record


def everybody() -> dict[str, Known]:
    """Every customer that the four systems hold. On an address that several people share nothing is linked."""
    return {
        "jane": _jane(),
        "juergen": _juergen(),
        "ayse": _ayse(),
        "haruka": _haruka(),
        "marta": _marta(CRM),
        "marta_in_shop": _marta(WEBSHOP),
        "tomasz": _tomasz(CRM),
        "tomasz_in_support": _tomasz(SUPPORT),
        "studio": _studio(CRM, "Studio Nord GmbH"),
        "nils": _studio(WEBSHOP, "Nils Brandt"),
        "petra": _studio(SUPPORT, "Petra Lang"),
        "bob": _bob(),
        "anna": _colleague("anna", "Anna Berg"),
        "erik": _colleague("erik", "Erik Lind"),
        "olivia": _olivia(),
        "samuel": _samuel(),
        "lucia": _lucia(),
        "klara": klara(),
        "helga": helga(),
        "rudolf": rudolf(),
    }


def _jane() -> Known:
    """Her address is written in another way in each system; the second one is in the CRM only."""
    return Known(
        cast="jane",
        records=((CRM, 0), (WEBSHOP, 0), (SUPPORT, 0)),
        profile=Profile(
            display=Text(value="Jane Doe", source=CRM, agreeing=(WEBSHOP, SUPPORT)),
            given=Text(value="Jane", source=WEBSHOP),
            family=Text(value="Doe", source=WEBSHOP),
            language=Text(value="en", source=CRM, agreeing=(SUPPORT,)),
            emails=(
                Value(value="Jane.Doe@Example.org", source=CRM, also=(WEBSHOP, SUPPORT)),
                Value(value="jane@doe-family.example.net", source=CRM, primary=False),
            ),
            phones=(
                Value(value="+44 113 496 0123", label="phone", source=CRM, also=(WEBSHOP,)),
                Value(value="+44 7700 900123", label="mobile", source=SUPPORT, primary=False),
            ),
            home=Home(source=CRM, also=(WEBSHOP,), text="12 Mill Lane, LS1 4AP, Leeds, GB"),
        ),
        first={"email": "jane.DOE@example.ORG"},
        then=(
            {"email": "Jane@Doe-Family.example.net"},
            {"email": "jane.doe+shop@example.org"},
            {"phone": "+44 113 496 0123"},
            record(CRM),
            record(WEBSHOP),
            record(SUPPORT),
        ),
        mail=("jane.doe@example.org", "jane@doe-family.example.net"),
    )


def jane_without(source: str) -> Profile:
    """What is left of Jane's profile when one source does not answer."""
    whole = _jane().profile
    email, family = whole.emails
    phone, mobile = whole.phones
    home = "12 Mill Lane, LS1 4AP, Leeds, GB"
    if source == CRM:
        return Profile(
            display=Text(value="Jane Doe", source=WEBSHOP, agreeing=(SUPPORT,)),
            given=whole.given,
            family=whole.family,
            language=Text(value="en", source=SUPPORT),
            emails=(Value(value="jane.doe@example.org", source=WEBSHOP, also=(SUPPORT,)),),
            phones=(Value(value="0113 496 0123", source=WEBSHOP), mobile),
            home=Home(source=WEBSHOP, text=f"Jane Doe, {home}"),
        )
    if source == WEBSHOP:
        return Profile(
            display=Text(value="Jane Doe", source=CRM, agreeing=(SUPPORT,)),
            language=whole.language,
            emails=(Value(value=email.value, source=CRM, also=(SUPPORT,)), family),
            phones=(Value(value=phone.value, label="phone", source=CRM), mobile),
            home=Home(source=CRM, text=home),
        )
    if source == SUPPORT:
        return Profile(
            display=Text(value="Jane Doe", source=CRM, agreeing=(WEBSHOP,)),
            given=whole.given,
            family=whole.family,
            language=Text(value="en", source=CRM),
            emails=(Value(value=email.value, source=CRM, also=(WEBSHOP,)), family),
            phones=(phone,),
            home=whole.home,
        )
    return whole


def _juergen() -> Known:
    """Umlauts, and a number that each system writes in its own way."""
    return Known(
        cast="juergen",
        records=((CRM, 0), (WEBSHOP, 0), (SUPPORT, 0)),
        profile=Profile(
            display=Text(value="Jürgen Groß", source=CRM, agreeing=(WEBSHOP, SUPPORT)),
            given=Text(value="Jürgen", source=WEBSHOP),
            family=Text(value="Groß", source=WEBSHOP),
            language=Text(value="de", source=CRM, agreeing=(SUPPORT,)),
            emails=(Value(value="juergen.gross@example.com", source=CRM, also=(WEBSHOP, SUPPORT)),),
            phones=(
                Value(value="+49 221 998877", label="phone", source=CRM, also=(WEBSHOP, SUPPORT)),
                Value(value="+49 1512 3456789", label="phone", source=CRM, primary=False),
            ),
            home=Home(source=CRM, also=(WEBSHOP,), text="Hauptstraße 7, 50667, Köln, DE"),
        ),
        first={"phone": "+49 221 998877"},
        then=(
            {"email": "JUERGEN.GROSS@EXAMPLE.COM"},
            {"phone": "+49 151 23456789"},
            record(WEBSHOP),
            record(SUPPORT),
        ),
        mail=("juergen.gross@example.com",),
    )


def _ayse() -> Known:
    """Letters that change oddly between upper and lower case."""
    return Known(
        cast="ayse",
        records=((CRM, 0), (WEBSHOP, 0), (SUPPORT, 0)),
        profile=Profile(
            display=Text(value="Ayşe Yıldırım", source=CRM, agreeing=(WEBSHOP, SUPPORT)),
            given=Text(value="Ayşe", source=WEBSHOP),
            family=Text(value="Yıldırım", source=WEBSHOP),
            language=Text(value="tr", source=CRM),
            emails=(Value(value="ayse.yildirim@example.com", source=CRM, also=(WEBSHOP, SUPPORT)),),
            phones=(Value(value="+90 212 555 01 23", label="phone", source=CRM, also=(WEBSHOP,)),),
            home=Home(source=CRM, also=(WEBSHOP,), text="İstiklal Caddesi 41, 34430, İstanbul, TR"),
        ),
        first=record(SUPPORT),
        then=({"email": "AYSE.YILDIRIM@EXAMPLE.COM"}, {"phone": "+902125550123"}, record(CRM)),
        mail=("ayse.yildirim@example.com",),
    )


def _haruka() -> Known:
    """Her name stands the other way round in the shop."""
    return Known(
        cast="haruka",
        records=((CRM, 0), (WEBSHOP, 0)),
        profile=Profile(
            display=Text(value="田中 春香", source=CRM, others=(("春香 田中", WEBSHOP),)),
            given=Text(value="春香", source=WEBSHOP),
            family=Text(value="田中", source=WEBSHOP),
            emails=(Value(value="haruka@tanaka.example.org", source=CRM, also=(WEBSHOP,)),),
            phones=(Value(value="+81 3-1234-5678", label="phone", source=CRM),),
            home=Home(source=CRM, also=(WEBSHOP,), text="千代田1-1, 100-0001, 東京, JP"),
        ),
        first=record(WEBSHOP),
        then=({"email": "haruka@tanaka.example.org"}, {"phone": "+81 3 1234 5678"}),
        mail=("haruka@tanaka.example.org",),
    )


def _marta(source: str) -> Known:
    """Shares the family's address, which says nothing of who it is: her two records stay apart, the mails are nobody's."""
    emails = (Value(value="kowalscy@example.net", source=source),)
    display = Text(value="Marta Kowalska", source=source)
    home = "ul. Długa 3, 31-147, Kraków, PL"
    if source == CRM:
        profile = Profile(
            display=display,
            language=Text(value="pl", source=CRM),
            emails=emails,
            home=Home(source=CRM, text=home),
        )
    else:
        profile = Profile(
            display=display,
            given=Text(value="Marta", source=WEBSHOP),
            family=Text(value="Kowalska", source=WEBSHOP),
            emails=emails,
            home=Home(source=WEBSHOP, text=f"Marta Kowalska, {home}"),
        )
    return Known(cast="marta", records=((source, 0),), profile=profile, first=record(source))


def _tomasz(source: str) -> Known:
    """The other one of the family's address; his number is his own, and only the CRM has it."""
    emails = (Value(value="kowalscy@example.net", source=source),)
    display = Text(value="Tomasz Kowalski", source=source)
    if source == SUPPORT:
        profile = Profile(display=display, emails=emails)
        return Known(cast="tomasz", records=((SUPPORT, 0),), profile=profile, first=record(SUPPORT))
    return Known(
        cast="tomasz",
        records=((CRM, 0),),
        profile=Profile(
            display=display,
            language=Text(value="pl", source=CRM),
            emails=emails,
            phones=(Value(value="+48 12 345 67 89", label="phone", source=CRM),),
        ),
        first={"phone": "+48123456789"},
        then=(record(CRM),),
    )


def _studio(source: str, name: str) -> Known:
    """A company and two of its people, on one role address: three customers, and no mail for any of them."""
    emails = (Value(value="info@studio-nord.example.com", source=source),)
    display = Text(value=name, source=source)
    if source == CRM:
        profile = Profile(
            display=display,
            language=Text(value="de", source=CRM),
            emails=emails,
            phones=(Value(value="+49 40 5550100", label="phone", source=CRM),),
            home=Home(source=CRM, text="Hafenstraße 20, 20457, Hamburg, DE"),
        )
    elif source == WEBSHOP:
        given, family = name.split()
        profile = Profile(
            display=display,
            given=Text(value=given, source=WEBSHOP),
            family=Text(value=family, source=WEBSHOP),
            emails=emails,
            # the shop keeps the address of a guest's first order, and the name of the last
            home=Home(source=WEBSHOP, text="Petra Lang, Hafenstraße 20, 20457, Hamburg, DE"),
        )
    else:
        profile = Profile(display=display, emails=emails)
    return Known(cast="studio_nord", records=((source, 0),), profile=profile, first=record(source))


def _bob() -> Known:
    """Two parties in the CRM, an old address and a new one, a nickname: one person."""
    return Known(
        cast="bob",
        records=((CRM, 0), (CRM, 1), (WEBSHOP, 0), (SUPPORT, 0)),
        profile=Profile(
            display=Text(
                value="Bob Miller",
                source=CRM,
                agreeing=(SUPPORT,),
                others=(("Robert Miller", CRM), ("Robert Miller", WEBSHOP)),
            ),
            given=Text(value="Robert", source=WEBSHOP),
            family=Text(value="Miller", source=WEBSHOP),
            language=Text(value="en", source=CRM),
            emails=(
                Value(value="bob.miller@example.org", source=CRM, also=(SUPPORT,)),
                Value(value="rmiller@example.com", source=CRM, also=(WEBSHOP,), primary=False),
            ),
            phones=(Value(value="+1 503-555-0147", label="phone", source=CRM, also=(WEBSHOP,)),),
            home=Home(source=CRM, also=(WEBSHOP,), text="500 Pine Street, 97204, Portland, US"),
        ),
        first={"email": "RMiller@example.com"},
        then=(
            {"email": "bob.miller@example.org"},
            {"phone": "+1 503 555 0147"},
            record(CRM, 0),
            record(CRM, 1),
            record(SUPPORT),
        ),
        mail=("bob.miller@example.org", "rmiller@example.com"),
    )


def _colleague(key: str, name: str) -> Known:
    """One of two behind a switchboard."""
    address = f"{name.lower().replace(' ', '.')}@norrland.example.com"
    return Known(
        cast=key,
        records=((CRM, 0),),
        profile=Profile(
            display=Text(value=name, source=CRM),
            emails=(Value(value=address, source=CRM),),
            phones=(Value(value="+46 8 123 456 00", label="phone", source=CRM),),
        ),
        first={"email": address},
        then=(record(CRM),),
        mail=(address,),
    )


def _olivia() -> Known:
    """Never made an account."""
    return Known(
        cast="olivia",
        records=((WEBSHOP, 0),),
        profile=Profile(
            display=Text(value="Olivia Brown", source=WEBSHOP),
            given=Text(value="Olivia", source=WEBSHOP),
            family=Text(value="Brown", source=WEBSHOP),
            emails=(Value(value="olivia.brown@example.net", source=WEBSHOP),),
            phones=(Value(value="+44 117 496 0456", source=WEBSHOP),),
            home=Home(source=WEBSHOP, text="Olivia Brown, 8 Harbour Road, BS1 5TY, Bristol, GB"),
        ),
        first={"email": "Olivia.Brown@Example.net"},
        then=({"phone": "+441174960456"}, record(WEBSHOP)),
        mail=("olivia.brown@example.net",),
    )


def _samuel() -> Known:
    """Only in the CRM."""
    return Known(
        cast="samuel",
        records=((CRM, 0),),
        profile=Profile(
            display=Text(value="Samuel Okafor", source=CRM),
            emails=(Value(value="samuel.okafor@example.org", source=CRM),),
            phones=(Value(value="+44 20 7946 0958", label="phone", source=CRM),),
        ),
        first={"phone": "+44 20 7946 0958"},
        then=({"email": "samuel.okafor@example.org"}, record(CRM)),
        mail=("samuel.okafor@example.org",),
    )


def _lucia() -> Known:
    """Only in the helpdesk."""
    return Known(
        cast="lucia",
        records=((SUPPORT, 0),),
        profile=Profile(
            display=Text(value="Lucía Fernández", source=SUPPORT),
            language=Text(value="es", source=SUPPORT),
            emails=(Value(value="lucia.fernandez@example.org", source=SUPPORT),),
            phones=(Value(value="+34 612 345 678", label="mobile", source=SUPPORT, primary=False),),
        ),
        first={"email": "lucia.fernandez@example.org"},
        then=({"phone": "+34612345678"}, record(SUPPORT)),
        mail=("lucia.fernandez@example.org",),
    )
