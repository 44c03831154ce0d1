"""The part of the cast whose telephone number matters: it is all that joins one person's records, and it joins no couple."""

from __future__ import annotations

from datetime import datetime

from tests.live.seed.plans import (
    CET,
    SUPPORT,
    Address,
    CrmEntry,
    MailPlan,
    OrderPlan,
    Outcome,
    Person,
    ShopEntry,
)

HOUSEHOLD = "+49 89 5432109"


def callers() -> tuple[Person, ...]:
    """One whom only her number joins, and a couple whom theirs must not."""
    return (_klara(), _helga(), _rudolf())


def _klara() -> Person:
    """The shop knows her address and her number, the CRM her number only."""
    home = Address(street="Sporgasse 14", city="Graz", postal_code="8010", country="AT")
    return Person(
        key="klara",
        parties=(CrmEntry(name="Klara Steininger", phones=("+43 316 822714",), language="de"),),
        shop=ShopEntry(
            given_name="Klara",
            family_name="Steininger",
            email="klara.steininger@example.org",
            phone="0316 / 82 27 14",
            address=home,
        ),
        orders=(
            OrderPlan(lines=(("BEANS-1K", 2),), currency="EUR", outcome=Outcome.DELIVERED),
            OrderPlan(lines=(("KYUSU", 1),), currency="EUR"),
        ),
        mails=(
            MailPlan(
                subject="Welche Mahlung?",
                sender="Klara Steininger <klara.steininger@example.org>",
                recipients=(SUPPORT,),
                sent_at=datetime(2026, 4, 7, 18, 45, tzinfo=CET),
                text="Gibt es die Bohnen auch gemahlen?\n",
            ),
        ),
    )


def _winkler(given_name: str) -> ShopEntry:
    """One of a couple: one name, one home, one telephone, an address each."""
    return ShopEntry(
        given_name=given_name,
        family_name="Winkler",
        email=f"{given_name.lower()}.winkler@example.com",
        phone="089 / 543 21 09",
        address=Address(street="Lindenweg 21", city="München", postal_code="80331", country="DE"),
    )


def _helga() -> Person:
    """One of the couple; in the CRM as well, with the household's number."""
    shop = _winkler("Helga")
    return Person(
        key="helga",
        parties=(
            CrmEntry(
                name="Helga Winkler",
                emails=(shop.email,),
                phones=(HOUSEHOLD,),
                addresses=(shop.address,),
                language="de",
            ),
        ),
        shop=shop,
        orders=(OrderPlan(lines=(("LAMP-G", 1),), currency="EUR"),),
    )


def _rudolf() -> Person:
    """The other one of the couple."""
    return Person(
        key="rudolf",
        shop=_winkler("Rudolf"),
        orders=(OrderPlan(lines=(("NOTE-200", 2),), currency="EUR"),),
    )
