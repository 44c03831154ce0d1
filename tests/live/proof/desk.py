"""Where a steward works: a gateway with a map of its own, everything that can be asked of it, and the decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from tests.live.proof import questions
from tests.live.proof.comparing import Tally
from tests.live.proof.evidence import Place, assert_explained, place
from tests.live.proof.expected import Expectations
from tests.live.proof.gateway import STEWARD, Gateway
from tests.live.proof.people import everybody

PEOPLE = everybody()
AT_ONCE = 2

Node = dict[str, Any]
T = TypeVar("T")


def together(ask: Callable[[T], Node], about: Iterable[T]) -> list[Node]:
    """Several questions, two at a time as two people would ask them; answers in the order of the questions."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, about))


@dataclass(kw_only=True)
class Desk:
    """A gateway, the steward at it, and every customer id that it ever gave out."""

    expect: Expectations
    gateway: Gateway
    tally: Tally
    ids: dict[str, str] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)

    def id_of(self, key: str) -> str:
        """Somebody's id, found by whatever one would ask first."""
        if key not in self.ids:
            self.ids[key] = self.resolve(self.by(key)[0])["id"]
        return self.ids[key]

    def by(self, key: str) -> list[Node]:
        """All ways to ask for somebody but the id."""
        known = PEOPLE[key]
        return [self.expect.by(known, look_up) for look_up in (known.first, *known.then)]

    def resolve(self, by: Node) -> Node:
        """Whom a look-up finds: id, redirect, members."""
        found: Node = self.gateway.ask(questions.RESOLVED, by=by).whole["customer"]
        self.ever.add(found["id"])
        return found

    def keys(self, key: str) -> list[Node]:
        """The addresses and numbers to ask for somebody by."""
        return [by for by in self.by(key) if "source" not in by]

    def look_up(self, by: Node) -> Node:
        """Everything there is to know about the customer whom a look-up finds."""
        found: Node = self.gateway.ask(questions.CUSTOMER, by=by).whole["customer"]
        assert_explained(found["identity"]["members"])
        self.ever.add(found["id"])
        return found

    def whole(self, customer_id: str) -> Node:
        """Everything there is to know about a customer."""
        return self.look_up({"id": customer_id})

    def wholes(self, ids: Mapping[str, str]) -> dict[str, Node]:
        """The same of several at once."""
        return dict(zip(ids, together(self.whole, ids.values()), strict=True))

    def records_of(self, key: str) -> set[Place]:
        """Somebody's records in the sources, as they were created."""
        known = PEOPLE[key]
        return {(each[0], self.expect.record_id(known, each)) for each in known.records}

    def decide(self, document: str, **variables: Any) -> Node:
        """A steward's decision; answers what it led to."""
        done: Node = self.gateway.decide(document, **variables).whole["done"]
        assert done["event"]["actor"] == STEWARD
        assert done["event"]["reason"] == variables["reason"]
        self.ever |= {customer["id"] for customer in done["customers"]}
        return done

    def history(self, customer_id: str) -> list[Node]:
        """What happened to a customer, oldest first."""
        customer = self.gateway.ask(questions.HISTORY, id=customer_id).whole["customer"]
        entries: list[Node] = customer["identity"]["history"]
        return entries

    def believed(self, customer_id: str, at: datetime) -> set[Place]:
        """The records that were thought to be this customer at some time."""
        answer = self.gateway.ask(questions.BELIEVED, id=customer_id, at=at.isoformat())
        customer = answer.whole["customer"]
        return places(customer)


def places(customer: Node) -> set[Place]:
    """A customer's records."""
    return {place(member) for member in customer["identity"]["members"]}


def references(places: Iterable[Place]) -> list[Node]:
    """Records as a mutation names them, in a fixed order."""
    return [{"source": source, "recordId": record_id} for source, record_id in sorted(places)]
