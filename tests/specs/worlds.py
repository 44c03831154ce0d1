"""A small world of the sandbox with what makes adapters page, halve and resume: crowds, ties and long histories."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

from sandbox.build import build
from sandbox.records import (
    HubSpotContact,
    MailMember,
    ShopCustomer,
    ShopOrder,
    ZendeskComment,
    ZendeskIdentity,
    ZendeskTicket,
    ZendeskUser,
)
from sandbox.world import NOW, World
from sandbox.writers import contact_id, identity, put_contact

CROWD_PHONE = "+49305550199"
TIE = NOW - 5_000
"""The second that very many records share."""


@dataclass(frozen=True, kw_only=True)
class Crowded:
    """The world, and the records in it that are hard to read."""

    world: World
    contacts: list[HubSpotContact]
    requester: ZendeskUser
    tied: list[ZendeskTicket]
    talk: ZendeskTicket
    reader: MailMember
    buyer: ShopCustomer
    long_order: ShopOrder

    def user_with_second_address(self) -> tuple[str, ZendeskUser]:
        """An address that stands only among a user's identities, and the user."""
        for user in self.world.users:
            for one in user.identities:
                if one.kind == "email" and not one.primary and user.role == "end-user":
                    return one.value.lower(), user
        raise AssertionError("nobody has a second address")


def crowded() -> Crowded:
    """Makes it; less than two seconds."""
    world = build(people=150, seed=7)
    requester, tied, talk = _desk(world)
    buyer, long_order = _shop(world)
    return Crowded(
        world=world,
        contacts=_contacts(world),
        requester=requester,
        tied=tied,
        talk=talk,
        reader=_members(world),
        buyer=buyer,
        long_order=long_order,
    )


def _contacts(world: World) -> list[HubSpotContact]:
    """Contacts whose written number is another country's: found by it, and yet not carriers. All of one second."""
    made = []
    for number in range(430):
        properties = {"firstname": "Crowd", "lastname": f"No{number}", "phone": "030 5550199"}
        contact = HubSpotContact(
            id=str(world.new_id("hubspot.contact")),
            properties=properties | {"email": f"crowd{number}@example.com", "country": "PL"},
            created=TIE,
            updated=NOW + 60,
        )
        put_contact(world, contact, country="PL")
        made.append(contact)
    return made


def _desk(world: World) -> tuple[ZendeskUser, list[ZendeskTicket], ZendeskTicket]:
    model = next(user for user in world.users if user.role == "end-user")
    agent = next(user for user in world.users if user.role == "agent")
    users = [_user(world, model, number) for number in range(130)]
    requester = users[0]
    for user, company in zip(users, world.companies, strict=False):
        user.organization = company.id
    ticket = next(iter(world.tickets))
    tied = [_ticket(world, ticket, requester, TIE) for _ in range(1_150)]
    talk = _ticket(world, ticket, requester, NOW - 100)
    talk.comments = [
        ZendeskComment(
            id=str(world.new_id("zendesk.comment")),
            author=(requester if number % 2 else agent).id,
            body=f"Nachricht {number}",
            public=number % 5 > 0,
            created=NOW - 100 + number,
        )
        for number in range(240)
    ]
    _ticket(world, ticket, requester, TIE - 9_000)
    return requester, tied, talk


def _user(world: World, model: ZendeskUser, number: int) -> ZendeskUser:
    email, phone = f"crowd{number}@example.com", CROWD_PHONE
    identities: list[ZendeskIdentity] = [
        identity(world, "email", email, primary=True),
        identity(world, "phone_number", phone, primary=False),
    ]
    user = replace(
        model,
        id=str(world.new_id("zendesk.user")),
        name=f"Crowd No{number}",
        email=email,
        phone=phone,
        identities=identities,
        created=TIE,
        updated=TIE,
    )
    world.users.put(user)
    return user


def _ticket(world: World, model: ZendeskTicket, requester: ZendeskUser, at: int) -> ZendeskTicket:
    ticket = replace(
        model,
        id=str(world.new_id("zendesk.ticket")),
        requester=requester.id,
        created=at,
        updated=at,
        comments=model.comments[:1],
    )
    world.tickets.put(ticket)
    return ticket


def _members(world: World) -> MailMember:
    """Members who all changed in one second, and one of them with a long history."""
    model = max(world.members, key=lambda member: len(member.events))
    made = []
    for number in range(60):
        member = copy.copy(model)
        member.id, member.email = contact_id(world), f"crowd{number}@example.com"
        member.created = member.changed = NOW + 60
        member.events = list(model.events)
        world.members.put(member)
        made.append(member)
    reader = made[0]
    campaign = next(iter(world.campaigns))
    reader.events = [
        replace(model.events[0], kind="open", at=TIE + number, campaign=campaign, detail=None)
        for number in range(1_200)
    ]
    return reader


def _shop(world: World) -> tuple[ShopCustomer, ShopOrder]:
    model = next(customer for customer in world.customers if customer.email and customer.addresses)
    buyer = replace(
        model,
        id=f"gid://shopify/Customer/{world.new_id('shopify.customer')}",
        email="crowd@example.com",
        phone=CROWD_PHONE,
    )
    world.customers.put(buyer)
    for number in range(70):
        other = f"gid://shopify/Customer/{world.new_id('shopify.customer')}"
        world.customers.put(replace(buyer, id=other, email=f"crowd{number}@example.com"))
    order = next(order for order in world.orders if order.lines and order.refunds)
    line = order.lines[0]
    lines = [replace(line, id=f"gid://shopify/LineItem/{n}", sku=f"S{n}") for n in range(1, 201)]
    orders = [
        replace(
            order,
            id=f"gid://shopify/Order/{world.new_id('shopify.order')}",
            number=world.new_id("shopify.order_number"),
            customer=buyer.id,
            email=buyer.email,
            created=TIE + number // 30,
            processed=TIE + number // 30,
            updated=TIE,
            lines=lines if number == 59 else order.lines,
        )
        for number in range(60)
    ]
    for one in orders:
        world.orders.put(one)
    return buyer, orders[-1]
