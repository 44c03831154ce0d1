"""The whole answer that the gateway must give for a customer, made of what was created in the servers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.live.proof.comparing import Where, between, start_of
from tests.live.proof.gateway import CRM, MAILBOX, SOURCES, SUPPORT, SYSTEM_OF, WEBSHOP
from tests.live.proof.known import Known, Profile, Text, Value
from tests.live.seed import Created, Traces
from tests.live.seed.plans import OrderPlan, Outcome
from tests.live.seed.records import Mail, Order, OrderLine, Ticket
from tests.live.systems import System

AGENT = "Enoch Root"
"""What Request Tracker calls its first user."""
LONGEST_TEXT = 50_000
"""So much of a long mail is shown at least, in characters."""

_TICKET_STATUS = {
    "new": "NEW",
    "open": "OPEN",
    "stalled": "PENDING",
    "resolved": "SOLVED",
    "rejected": "CLOSED",
}
_ORDER_STATUS = {Outcome.DELIVERED: "COMPLETED", Outcome.CANCELLED: "CANCELLED"}
_PARCEL = {Outcome.SHIPPED: "Shipped", Outcome.DELIVERED: "Delivered"}
_TYPES = {"order": "Order", "ticket": "Ticket", "message": "Message"}
_SECOND = timedelta(seconds=1)

Node = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Expectations:
    """Knows what was created where, and since when the gateway has been asked."""

    created: Created
    systems: Mapping[str, System]
    since: datetime

    def customer(
        self,
        known: Known,
        *,
        missing: str | None = None,
        code: str | None = None,
        profile: Profile | None = None,
    ) -> Node:
        """The answer to `questions.CUSTOMER`; `missing` is a source that does not answer, for `code`."""
        traces = self.created[known.cast]
        said = profile or known.profile
        orders = self._orders(known, traces)
        tickets = self._tickets(known, traces)
        mails = self._mails(known, traces, {value.value.lower() for value in said.emails})
        parts = {WEBSHOP: orders, SUPPORT: tickets, MAILBOX: mails}
        happened = [node for source, nodes in parts.items() if source != missing for node in nodes]
        late = [source for source in parts if source == missing and source in self._asked(known)]
        # a source of profiles that is down could have told an address whose mail is not looked for now
        silent = [s for s in (CRM, WEBSHOP, SUPPORT) if s == missing and s in self._asked(known)]
        return {
            "id": CUSTOMER_ID,
            "redirectedFrom": None,
            **self._profile(known, said),
            # nothing was said, and a source that might have is not there
            "preferences": None if missing in (CRM, WEBSHOP) else [],
            "orders": None if missing == WEBSHOP and orders else _connection(orders),
            "tickets": None if missing == SUPPORT and tickets else _connection(tickets),
            "messages": None if missing == MAILBOX and known.mail else _connection(mails, missing=silent),
            "emailEvents": {"nodes": [], "pageInfo": {"hasNextPage": False}, "missing": []},
            "timeline": _connection(timeline(happened), missing=list(dict.fromkeys([*late, *silent]))),
            "identity": {"members": self._members(known)},
            "sources": [self._source(known, source, missing, code) for source in SOURCES],
        }

    def record_id(self, known: Known, place: tuple[str, int]) -> str:
        """The id that a server gave one of the person's records."""
        source, number = place
        traces = self.created[known.cast]
        if source == CRM:
            return str(traces.parties[number].id)
        if source == WEBSHOP:
            return traces.customers[number].id
        assert traces.requester is not None
        return str(traces.requester.id)

    def by(self, known: Known, look_up: Mapping[str, str | int]) -> Node:
        """A look-up as the `by` of a question."""
        if "source" not in look_up:
            return dict(look_up)
        source = str(look_up["source"])
        return {"source": {"name": source, "id": self.record_id(known, (source, int(look_up["number"])))}}

    def happenings(self, known: Known) -> list[Node]:
        """The person's timeline, newest first."""
        traces = self.created[known.cast]
        mails = self._mails(known, traces, set(known.mail))
        return timeline([*self._orders(known, traces), *self._tickets(known, traces), *mails])

    # --- the profile

    def _profile(self, known: Known, said: Profile) -> Node:
        home = self._home(known, said)
        texts = {
            "displayName": said.display,
            "givenName": said.given,
            "familyName": said.family,
            "language": said.language,
        }
        return {
            **{name: text.value if text else None for name, text in texts.items()},
            "birthDate": None,
            "emailAddresses": [_value(value) for value in said.emails],
            "phoneNumbers": [_value(value) for value in said.phones],
            "addresses": home,
            "account": None,
            "consents": [],
            "preferences": [],
            "provenance": [
                *(self._text(known, name, text) for name, text in texts.items() if text),
                *(self._union(known, "emailAddresses", v.value, v.source, v.also) for v in said.emails),
                *(self._union(known, "phoneNumbers", v.value, v.source, v.also) for v in said.phones),
                *(self._union(known, "addresses", h.text, h.source, h.also) for h in [said.home] if h),
            ],
        }

    def _text(self, known: Known, name: str, text: Text) -> Node:
        conflicts = [{"value": value, "source": source} for value, source in text.others]
        shown = self._origin(known, name, text.value, text.source)
        return {**shown, "rule": "priority", "agreeing": text.agreeing, "conflicts": conflicts}

    def _union(self, known: Known, name: str, value: str, source: str, also: Sequence[str]) -> Node:
        shown = self._origin(known, name, value, source)
        return {**shown, "rule": "union", "agreeing": also, "conflicts": []}

    def _origin(self, known: Known, name: str, value: str, source: str) -> Node:
        # of two records in one source, the one that was changed last speaks for it
        newest = max(place for place in known.records if place[0] == source)
        return {
            "field": name,
            "value": value,
            "source": source,
            "recordId": self.record_id(known, newest),
            "observedAt": between(self.since),
        }

    def _home(self, known: Known, said: Profile) -> list[Node]:
        if said.home is None:
            return []
        traces = self.created[known.cast]
        in_shop = said.home.source == WEBSHOP
        holders = traces.customers if in_shop else traces.parties
        (address,) = next(holder.addresses for holder in holders if holder.addresses)
        lines = said.home.text.split(", ")
        return [
            {
                "label": "shipping" if in_shop and lines[0] in _GUESTS else None,
                "name": lines[0] if in_shop else None,
                "company": None,
                "street": address.street,
                "postcode": address.postal_code,
                "city": address.city,
                "region": None,
                "country": address.country,
                "primary": not in_shop or lines[0] in _GUESTS,
                "source": said.home.source,
                "alsoIn": said.home.also,
            }
        ]

    def _members(self, known: Known) -> list[Node]:
        """Which records; what ties them together is `evidence.assert_explained`'s to say, whatever it is that links."""
        return [
            {
                "source": source,
                "recordId": record_id,
                "linkedAt": between(self.since),
                "confidence": Where(what="a confidence", holds=lambda value: 0 < value <= 1),
                "evidence": self._evidence(alone=len(known.records) == 1),
            }
            for source, record_id in sorted((p[0], self.record_id(known, p)) for p in known.records)
        ]

    def _evidence(self, *, alone: bool) -> Where:
        recent = between(self.since)
        return Where(
            what="no evidence" if alone else f"evidence, all of it since {self.since}",
            holds=lambda found: bool(found) != alone and all(recent.holds(each["at"]) for each in found),
        )

    # --- what happened

    def _orders(self, known: Known, traces: Traces) -> list[Node]:
        if not any(source == WEBSHOP for source, _ in known.records):
            return []
        plans = zip(traces.orders, traces.person.orders, strict=True)
        return _newest_first(_order(order, plan, traces) for order, plan in plans)

    def _tickets(self, known: Known, traces: Traces) -> list[Node]:
        if not any(source == SUPPORT for source, _ in known.records):
            return []
        base_url = self.systems[SYSTEM_OF[SUPPORT]].base_url
        requester = traces.requester.name if traces.requester else ""
        return _newest_first(_ticket(ticket, requester, base_url) for ticket in traces.tickets)

    def _mails(self, known: Known, traces: Traces, addresses: set[str]) -> list[Node]:
        own = addresses & set(known.mail)
        return _newest_first(
            _mail(mail)
            for mail in traces.mails
            if own & {address.lower() for address in (mail.sender, *mail.recipients)}
        )

    # --- the sources

    def _asked(self, known: Known) -> set[str]:
        """The sources that have something to say of the customer: a mailbox is asked by address only."""
        return {source for source, _ in known.records} | ({MAILBOX} if known.mail else set())

    def _source(self, known: Known, source: str, missing: str | None, code: str | None) -> Node:
        shown: Node = {"source": source, "state": "NOT_ASKED", "fetchedAt": None, "error": None}
        if source in self._asked(known):
            shown |= {"state": "FRESH", "fetchedAt": between(self.since)}
        if source == missing:
            error = {"code": code, "message": _said_of(source)}
            shown |= {"state": "UNAVAILABLE", "fetchedAt": None, "error": error}
        return shown


CUSTOMER_ID = Where(what="a UUIDv7", holds=lambda value: uuid.UUID(value).version == 7)


def _said_of(source: str) -> Where:
    """A message that names the source and nothing of what it said."""
    return Where(what=f"a message about {source}", holds=lambda value: value.startswith(f"{source} "))


_GUESTS = frozenset({"Olivia Brown", "Petra Lang"})
"""Whose first address the shop made a default one: it does so for guests, not for addresses that staff enter."""


def timeline(nodes: Iterable[Node]) -> list[Node]:
    """Orders, tickets and messages as the timeline shows them."""
    shown = [
        {name: node[name] for name in ("__typename", "id", "at", "source", "recordId")} for node in nodes
    ]
    kinds = {name: kind for kind, name in _TYPES.items()}
    return sorted(
        shown, key=lambda n: (n["at"], kinds[n["__typename"]], n["source"], n["recordId"]), reverse=True
    )


def mailed(mail: Mail) -> Node:
    """A mail as the timeline shows it."""
    return timeline([_mail(mail)])[0]


def _connection(nodes: list[Node], missing: Sequence[str] = ()) -> Node:
    return {
        "nodes": nodes,
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False},
        "missing": missing,
    }


def _newest_first(nodes: Iterable[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (node["at"], node["recordId"]), reverse=True)


def _activity(kind: str, source: str, record_id: str, at: datetime) -> Node:
    return {
        "__typename": _TYPES[kind],
        "id": f"{kind}:{source}:{record_id}",
        "at": at,
        "source": source,
        "recordId": record_id,
    }


def _order(order: Order, plan: OrderPlan, traces: Traces) -> Node:
    def money(amount: Decimal) -> Node:
        return {"amount": amount, "currency": order.currency}

    buyer = plan.buyer or traces.person.shop
    assert buyer is not None
    cancelled = plan.outcome is Outcome.CANCELLED
    address = order.shipping_address
    return {
        **_activity("order", WEBSHOP, order.id, order.placed_at),
        "url": None,
        "updatedAt": between(order.updated_at),
        "number": order.code,
        "status": _ORDER_STATUS.get(plan.outcome, "OPEN"),
        "paymentStatus": "Authorized" if plan.outcome is Outcome.AUTHORIZED else "Settled",
        "fulfillmentStatus": _PARCEL.get(plan.outcome),
        "total": money(order.total),
        "subtotal": money(order.total - order.shipping),
        "tax": money(order.total - order.total_without_tax),
        "shipping": money(order.shipping),
        "discount": money(Decimal(0)),
        "refunded": money(Decimal(0)),
        "linesTruncated": False,
        # the shop keeps whole seconds of it
        "cancelledAt": between(order.placed_at - _SECOND) if cancelled else None,
        "cancelReason": "changed my mind" if cancelled else None,
        "channel": None,
        "paymentMethods": ["invoice" if plan.outcome is Outcome.AUTHORIZED else "prepaid"],
        "lines": [
            _line(line, money(line.unit_price), money(line.total))
            for line in sorted(order.lines, key=lambda line: line.sku)
        ],
        "refunds": [],
        "shippingAddress": {
            "label": None,
            "name": f"{buyer.given_name} {buyer.family_name}",
            "company": None,
            "street": address.street,
            "postcode": address.postal_code,
            "city": address.city,
            "region": None,
            "country": address.country,
        },
    }


def _line(line: OrderLine, unit_price: Node, total: Node) -> Node:
    return {
        "title": line.name,
        "sku": line.sku,
        "quantity": line.quantity,
        "unitPrice": unit_price,
        "total": total,
    }


def _ticket(ticket: Ticket, requester: str, base_url: str) -> Node:
    status = _TICKET_STATUS[ticket.status]
    solved = status in ("SOLVED", "CLOSED")
    url = f"{base_url}/Ticket/Display.html?id={ticket.id}"
    comments = [
        {
            "id": f"comment:{SUPPORT}:{message.transaction_id}",
            "at": message.created_at,
            "source": SUPPORT,
            "recordId": str(message.transaction_id),
            "url": f"{url}#txn-{message.transaction_id}",
            "updatedAt": message.created_at,
            "role": "CUSTOMER" if message.inbound else "AGENT",
            "author": requester if message.inbound else AGENT,
            "public": True,
            "body": message.text,
            "bodyTruncated": False,
        }
        for message in ticket.messages
    ]
    return {
        **_activity("ticket", SUPPORT, str(ticket.id), ticket.created_at),
        "url": url,
        "updatedAt": ticket.updated_at,
        "number": str(ticket.id),
        "subject": ticket.subject,
        "status": status,
        "priority": "0",
        "channel": None,
        "queue": ticket.queue,
        "tags": [],
        "description": None,
        "solvedAt": between(ticket.created_at, ticket.updated_at + _SECOND) if solved else None,
        "comments": {"nodes": _newest_first(comments), "pageInfo": {"hasNextPage": False}, "missing": []},
    }


def _mail(mail: Mail) -> Node:
    text = mail.text.strip()
    long = len(text) > LONGEST_TEXT
    return {
        **_activity("message", MAILBOX, f"{mail.folder}:{mail.uid_validity}:{mail.uid}", mail.internal_date),
        "url": None,
        "updatedAt": mail.internal_date,
        "subject": mail.subject,
        "sender": mail.sender,
        "recipients": [*mail.recipients, *mail.copied],
        "direction": "INBOUND" if mail.folder == "INBOX" else "OUTBOUND",
        "mailbox": mail.folder,
        "messageId": mail.message_id,
        "sentAt": mail.sent_at,
        "size": mail.size,
        "body": start_of(text, LONGEST_TEXT) if long else text,
        "bodyTruncated": long,
    }


def _value(value: Value) -> Node:
    return {
        "value": value.value,
        "label": value.label,
        "primary": value.primary,
        "source": value.source,
        "alsoIn": value.also,
    }
