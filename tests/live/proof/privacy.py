"""What is known of people and what is secret: nothing of it may be in a log."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.live.proof.gateway import WRONG
from tests.live.seed import Created

SHORTEST_FACT = 5
"""Shorter words stand in logs for other reasons."""


def facts(created: Created, secrets: Iterable[str]) -> set[str]:
    """Names, addresses, numbers, and what people wrote; phone numbers also as their last digits."""
    facts = {*secrets, WRONG}
    for traces in created.people.values():
        for party in traces.parties:
            facts |= {party.name, *party.emails, *party.phones, *(a.street for a in party.addresses)}
        for customer in traces.customers:
            facts |= {customer.email, f"{customer.given_name} {customer.family_name}", customer.phone or ""}
        if traces.requester:
            facts |= {traces.requester.email, traces.requester.name, *traces.requester.phones}
        facts |= {order.code for order in traces.orders}
        for ticket in traces.tickets:
            facts |= {ticket.subject, *(message.text for message in ticket.messages)}
        for mail in traces.mails:
            facts |= {mail.sender, mail.subject, mail.message_id, *mail.recipients}
            facts.add(mail.text.splitlines()[0])
    digits = {re.sub(r"\D", "", fact) for fact in facts if re.fullmatch(r"[+\d][\d ()/-]{6,}", fact)}
    facts |= {number.lstrip("0")[-9:] for number in digits}
    return {fact for fact in facts if len(fact) >= SHORTEST_FACT}
