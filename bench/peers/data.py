"""The benchmark's customers: what each source holds of whom, and what a right answer says; all of it follows from the seed."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

Record = dict[str, Any]

ORDERS, TICKETS, EVENTS = 50, 15, 24
"""What one customer has, all of which query A asks for."""
LIST = 50
"""Customers in query B."""
LIST_ORDERS, LIST_TICKETS, LIST_EVENTS = 10, 5, 5
LEAVES = {"A": 835, "B": LIST * 92}
"""Scalars and nulls in a right answer."""

_GIVEN = tuple(
    "Ada Ben Cem Dana Emil Fenja Gül Hanna Igor Jana Kai Lea Malik Nora Olaf Pia Quirin Ria Sven Tara".split()
)
_FAMILY = tuple(
    "Adler Brandt Çelik Dietz Ebert Franke Günther Haas Işık Jansen Kowalski Lorenz Möller Novak".split()
)
_CITIES = (
    ("Berlin", "10115"),
    ("Köln", "50667"),
    ("Hamburg", "20095"),
    ("München", "80331"),
    ("Leipzig", "04109"),
)
_GOODS = tuple("Lamp Chair Table Shelf Carpet Mirror Vase Clock Blanket Basket Kettle Pan Bowl Tray".split())
_SUBJECTS = (
    "Where is my parcel?",
    "The lamp flickers",
    "Wrong size",
    "Invoice is missing",
    "Please change my address",
)
_CAMPAIGNS = ("Spring sale", "New arrivals", "Your basket", "Members' week", "Autumn letter")
_LAST = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Person:
    """One customer: the number by which all four sources know them, and what each holds."""

    id: str
    contact: Record
    orders: list[Record]
    tickets: list[Record]
    events: list[Record]


def person_id(seed: int, number: int) -> str:
    """The customer's id in every source. It begins with a letter, so that nobody takes it for a number."""
    return "p" + hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=6).hexdigest()


def ids(seed: int, count: int) -> list[str]:
    return [person_id(seed, number) for number in range(count)]


def person(seed: int, number: int) -> Person:
    """The customer `number` of the seed."""
    rng = random.Random(f"{seed}:{number}")
    id_ = person_id(seed, number)
    return Person(
        id=id_,
        contact=_contact(rng, id_, number),
        orders=[_order(rng, id_, n, at) for n, at in enumerate(_times(rng, ORDERS))],
        tickets=[_ticket(rng, id_, n, at) for n, at in enumerate(_times(rng, TICKETS))],
        events=[_event(rng, id_, n, at) for n, at in enumerate(_times(rng, EVENTS))],
    )


def _contact(rng: random.Random, id_: str, number: int) -> Record:
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    city, postcode = rng.choice(_CITIES)
    return {
        "id": id_,
        "displayName": f"{given} {family}",
        "givenName": given,
        "familyName": family,
        "birthDate": (date(1950, 1, 1) + timedelta(days=rng.randrange(20_000))).isoformat(),
        "language": rng.choice(("de", "en", "tr")),
        "emailAddresses": [
            {"value": f"{id_}@example.com", "label": "home", "primary": True},
            {"value": f"{id_}@example.org", "label": "work", "primary": False},
        ],
        "phoneNumbers": [
            {"value": f"+49301{number:07}", "label": "mobile", "primary": True},
            {"value": f"+49302{number:07}", "label": "home", "primary": False},
        ],
        "addresses": [
            {
                "label": "home",
                "name": f"{given} {family}",
                "street": f"Gartenstraße {rng.randrange(1, 200)}",
                "postcode": postcode,
                "city": city,
                "country": "DE",
                "primary": True,
            }
        ],
    }


def _order(rng: random.Random, id_: str, number: int, at: str) -> Record:
    """Every other order has two lines, the others one: a page of orders has always as many leaves."""
    lines = []
    total = 0
    for _ in range(1 + number % 2):
        quantity, price = rng.randrange(1, 5), rng.randrange(100, 20_000)
        total += quantity * price
        lines.append({"title": rng.choice(_GOODS), "quantity": quantity, "total": _money(quantity * price)})
    return {
        "id": f"{id_}-o{number}",
        "number": f"R{rng.randrange(100_000, 999_999)}",
        "at": at,
        "status": rng.choice(("OPEN", "COMPLETED", "CANCELLED")),
        "total": _money(total),
        "lines": lines,
    }


def _ticket(rng: random.Random, id_: str, number: int, at: str) -> Record:
    return {
        "id": f"{id_}-t{number}",
        "number": f"{rng.randrange(10_000, 99_999)}",
        "at": at,
        "subject": rng.choice(_SUBJECTS),
        "status": rng.choice(("OPEN", "PENDING", "SOLVED")),
        "priority": rng.choice(("low", "normal", "high", None)),
    }


def _event(rng: random.Random, id_: str, number: int, at: str) -> Record:
    kind = rng.choice(("SENT", "OPENED", "CLICKED"))
    return {
        "id": f"{id_}-e{number}",
        "at": at,
        "type": kind,
        "campaign": rng.choice(_CAMPAIGNS),
        "link": f"https://shop.example/{rng.randrange(1000)}" if kind == "CLICKED" else None,
    }


def _money(cents: int) -> Record:
    return {"amount": f"{cents // 100}.{cents % 100:02}", "currency": "EUR"}


def _times(rng: random.Random, count: int) -> Iterator[str]:
    """Newest first, no two the same."""
    at = _LAST
    for _ in range(count):
        at -= timedelta(seconds=rng.randrange(60, 400_000))
        yield at.strftime("%Y-%m-%dT%H:%M:%SZ")


def whole(one: Person) -> Record:
    """The right answer to query A, lists without their connections."""
    orders = [{"recordId": o["id"], **_without_id(o)} for o in one.orders]
    tickets = [{"recordId": t["id"], **_without_id(t)} for t in one.tickets]
    events = [{"recordId": e["id"], **_without_id(e)} for e in one.events]
    return {**one.contact, "orders": orders, "tickets": tickets, "emailEvents": events}


def short(one: Person) -> Record:
    """One customer of the right answer to query B."""
    contact = {
        name: one.contact[name] for name in ("id", "displayName", "givenName", "familyName", "language")
    }
    return {
        **contact,
        "emailAddresses": [{"value": e["value"]} for e in one.contact["emailAddresses"]],
        "orders": [_only(o, "number", "at", "status", "total") for o in one.orders[:LIST_ORDERS]],
        "tickets": [_only(t, "number", "at", "subject", "status") for t in one.tickets[:LIST_TICKETS]],
        "emailEvents": [_only(e, "type", "at", "campaign") for e in one.events[:LIST_EVENTS]],
    }


def _without_id(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "id"}


def _only(record: Record, *names: str) -> Record:
    return {name: record[name] for name in names}
