"""Puts the cast into the real systems through the systems' own APIs, and says exactly what was created."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.live.seed.dovecot import DovecotSeed
from tests.live.seed.people import cast
from tests.live.seed.plans import Person
from tests.live.seed.records import Created, Mail, Order, Party, Requester, ShopCustomer, Ticket, Traces
from tests.live.seed.request_tracker import RequestTrackerSeed
from tests.live.seed.tryton import TrytonSeed
from tests.live.seed.vendure import VendureSeed
from tests.live.systems import System

__all__ = ["Created", "Traces", "seed_all"]


def seed_all(systems: Mapping[str, System]) -> Created:
    """Creates everybody in all four systems, the systems side by side; expects the systems to be empty."""
    people = cast()
    with ThreadPoolExecutor(4) as pool:
        parties = pool.submit(seed_crm, systems["tryton"], people)
        bought = pool.submit(seed_shop, systems["vendure"], people)
        asked = pool.submit(seed_helpdesk, systems["request_tracker"], people)
        mails = pool.submit(seed_mailbox, systems["dovecot"], people)
    traces = {}
    for person in people:
        customers, orders = bought.result()[person.key]
        requester, tickets = asked.result()[person.key]
        traces[person.key] = Traces(
            person=person,
            parties=parties.result()[person.key],
            customers=customers,
            orders=orders,
            requester=requester,
            tickets=tickets,
            mails=mails.result()[person.key],
        )
    return Created(people=traces)


def seed_crm(system: System, people: tuple[Person, ...]) -> dict[str, tuple[Party, ...]]:
    """Everybody's parties in the CRM."""
    with TrytonSeed(system) as crm:
        return {person.key: tuple(crm.create_party(entry) for entry in person.parties) for person in people}


def seed_shop(
    system: System, people: tuple[Person, ...]
) -> dict[str, tuple[tuple[ShopCustomer, ...], tuple[Order, ...]]]:
    """Everybody's shop customers and orders; guests become customers by ordering."""
    with VendureSeed(system) as shop:
        return {person.key: _shop_for(shop, person) for person in people}


def seed_helpdesk(
    system: System, people: tuple[Person, ...]
) -> dict[str, tuple[Requester | None, tuple[Ticket, ...]]]:
    """Everybody's helpdesk records and tickets; whoever writes in becomes a requester by it."""
    with RequestTrackerSeed(system) as helpdesk:
        return {person.key: _ask_for_help(helpdesk, person) for person in people}


def seed_mailbox(system: System, people: tuple[Person, ...]) -> dict[str, tuple[Mail, ...]]:
    """Everybody's mails in the support mailbox."""
    with DovecotSeed(system) as mailbox:
        return {person.key: tuple(mailbox.deliver(plan) for plan in person.mails) for person in people}


def _shop_for(shop: VendureSeed, person: Person) -> tuple[tuple[ShopCustomer, ...], tuple[Order, ...]]:
    ids = set()
    if person.shop is not None and person.shop.account:
        ids.add(shop.create_customer(person.shop))
    orders = []
    for plan in person.orders:
        buyer = plan.buyer or person.shop
        assert buyer is not None, f"{person.key} has an order and no buyer"
        orders.append(shop.place_order(buyer, plan))
    ids.update(order.customer_id for order in orders)
    return tuple(shop.read_customer(customer_id) for customer_id in sorted(ids)), tuple(orders)


def _ask_for_help(
    helpdesk: RequestTrackerSeed, person: Person
) -> tuple[Requester | None, tuple[Ticket, ...]]:
    requester = helpdesk.create_requester(person.helpdesk) if person.helpdesk else None
    tickets = tuple(helpdesk.create_ticket(plan) for plan in person.tickets)
    if tickets and requester is None:
        requester = helpdesk.read_requester(tickets[0].messages[0].author)
    return requester, tickets
