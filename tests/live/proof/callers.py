"""What the gateway must say of those whose telephone number matters."""

from __future__ import annotations

from tests.live.proof.gateway import CRM, WEBSHOP
from tests.live.proof.known import Home, Known, Profile, Text, Value, record


def klara() -> Known:
    """The shop's e-mail address and the CRM's language meet by her number."""
    return Known(
        cast="klara",
        records=((CRM, 0), (WEBSHOP, 0)),
        profile=Profile(
            display=Text(value="Klara Steininger", source=CRM, agreeing=(WEBSHOP,)),
            given=Text(value="Klara", source=WEBSHOP),
            family=Text(value="Steininger", source=WEBSHOP),
            language=Text(value="de", source=CRM),
            emails=(Value(value="klara.steininger@example.org", source=WEBSHOP),),
            phones=(Value(value="+43 316 822714", label="phone", source=CRM, also=(WEBSHOP,)),),
            home=Home(source=WEBSHOP, text="Klara Steininger, Sporgasse 14, 8010, Graz, AT"),
        ),
        first={"email": "Klara.Steininger@Example.org"},
        then=({"phone": "+43 316 82 27 14"}, record(CRM), record(WEBSHOP)),
        mail=("klara.steininger@example.org",),
    )


def helga() -> Known:
    """One of a couple; the CRM and the shop have her by her own address."""
    return Known(
        cast="helga",
        records=((CRM, 0), (WEBSHOP, 0)),
        profile=Profile(
            display=Text(value="Helga Winkler", source=CRM, agreeing=(WEBSHOP,)),
            given=Text(value="Helga", source=WEBSHOP),
            family=Text(value="Winkler", source=WEBSHOP),
            language=Text(value="de", source=CRM),
            emails=(Value(value="helga.winkler@example.com", source=CRM, also=(WEBSHOP,)),),
            phones=(Value(value="+49 89 5432109", label="phone", source=CRM, also=(WEBSHOP,)),),
            home=Home(source=CRM, also=(WEBSHOP,), text="Lindenweg 21, 80331, München, DE"),
        ),
        first={"email": "helga.winkler@example.com"},
        then=(record(CRM), record(WEBSHOP)),
        mail=("helga.winkler@example.com",),
    )


def rudolf() -> Known:
    """The other one of the couple: name, home and number are those of both."""
    return Known(
        cast="rudolf",
        records=((WEBSHOP, 0),),
        profile=Profile(
            display=Text(value="Rudolf Winkler", source=WEBSHOP),
            given=Text(value="Rudolf", source=WEBSHOP),
            family=Text(value="Winkler", source=WEBSHOP),
            emails=(Value(value="rudolf.winkler@example.com", source=WEBSHOP),),
            phones=(Value(value="089 / 543 21 09", source=WEBSHOP),),
            home=Home(source=WEBSHOP, text="Rudolf Winkler, Lindenweg 21, 80331, München, DE"),
        ),
        first={"email": "Rudolf.Winkler@example.com"},
        then=(record(WEBSHOP),),
        mail=("rudolf.winkler@example.com",),
    )
