"""The curves that are asked of a running server: which points each has, what is asked there, and what a right answer says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.growth import HEADERS
from bench.growth.place import Place, Spec
from bench.growth.stub import LONG
from bench.peers import data
from bench.peers.answers import Wrong, customers, difference
from bench.peers.install import HERE
from bench.peers.load import request
from gateway.settings_documents import Documents as DocumentSettings

A = (HERE / "queries" / "A.graphql").read_text()
B = (HERE / "queries" / "B.graphql").read_text()
ORDERS = """query Orders($id: ID!, $first: Int!) {
  customer(by: {id: $id}) {
    id
    orders(first: $first) {
      nodes { recordId number at status total { amount currency } lines { title quantity total { amount currency } } }
    }
  }
}"""
KEPT_DOCUMENTS = int(DocumentSettings().kept)
"""What the gateway keeps of documents, as it is shipped."""
IN_FLIGHT = 256
"""`server.max_in_flight`, as it is shipped."""
USUAL = Spec()
Check = Callable[[int, bytes], None]
"""Raises Wrong unless the body is the right answer to the question of that number."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One x: who is asked, what, over how many connections; `warm_up` requests come before the first measurement."""

    x: int
    ask: Callable[[int], bytes]
    check: Check
    spec: Spec = USUAL
    connections: int = 8
    warm_up: int = 100
    most: int = 400
    beyond: bool = False
    """Measured and shown, but not part of the line: another regime begins here."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """`x` is what grows, in words. `log`: a power law is fitted, else a straight line."""

    name: str
    title: str
    x: str
    points: Sequence[Point] = field(repr=False)
    log: bool = False


class Asked:
    """What is known of the customers that questions are about: their data, and the gateway's ids."""

    def __init__(self, seed: int, names: Mapping[int, str]) -> None:
        self.seed, self.names = seed, names
        self._made: dict[tuple[str, str], bytes] = {}

    def post(self, document: str, variables: object) -> bytes:
        """The request; made once for each document and variables, so that the load costs little."""
        text = json.dumps(variables)
        key = (document, text)
        if key not in self._made:
            if len(self._made) > 20_000:
                self._made.clear()
            body = json.dumps({"query": document, "variables": variables}).encode()
            self._made[key] = request("/graphql", HEADERS, body)
        return self._made[key]

    def whole(self, number: int) -> data.Record:
        return {**data.whole(data.person(self.seed, number)), "id": self.names[number]}

    def one(self) -> tuple[Callable[[int], bytes], Check]:
        """Query A about one customer after the other."""
        count = len(self.names)

        def check(number: int, body: bytes) -> None:
            agree(customers("A", body), [self.whole(number % count)])

        return lambda number: self.post(A, {"id": self.names[number % count]}), check


def agree(found: object, expected: object) -> None:
    """Raises Wrong at the first difference."""
    if place := difference(found, expected):
        raise Wrong(place)


def customers_in_a_list(asked: Asked) -> Curve:
    count = len(asked.names)

    def point(size: int) -> Point:
        def numbers(question: int) -> list[int]:
            return [(question * size + n) % count for n in range(size)]

        def check(question: int, body: bytes) -> None:
            people = [(n, data.short(data.person(asked.seed, n))) for n in numbers(question)]
            agree(customers("B", body), [{**one, "id": asked.names[n]} for n, one in people])

        return Point(
            x=size,
            ask=lambda question: asked.post(B, {"ids": [asked.names[n] for n in numbers(question)]}),
            check=check,
            warm_up=max(30, 300 // size),
            most=max(60, 600 // size),
        )

    points = [point(size) for size in (1, 2, 5, 10, 25, 50, 100)]
    return Curve(name="customers", title="Customers in a list", x="customers", points=points)


def orders_in_a_page(asked: Asked) -> Curve:
    count = min(LONG, len(asked.names))

    def point(size: int) -> Point:
        def check(question: int, body: bytes) -> None:
            (found,) = customers("A", body)
            own = data.person_id(asked.seed, question % count)
            ids = [order["recordId"] for order in found["orders"]]
            agree(ids, [f"{own}-o{n}" for n in range(size)])
            agree(found["id"], asked.names[question % count])

        def ask(question: int) -> bytes:
            return asked.post(ORDERS, {"id": asked.names[question % count], "first": size})

        return Point(x=size, ask=ask, check=check, most=300)

    return Curve(
        name="orders",
        title="Orders in a page",
        x="orders",
        points=[point(size) for size in (10, 25, 50, 100, 250)],
    )


def sources(seed: int, where: Place) -> Curve:
    """Query A of customers who have a record in every source; the answer is as long with 16 sources as with 4."""

    def point(size: int) -> Point:
        spec = Spec(sources=size)
        asked = Asked(seed, where.server(spec).names)

        def check(question: int, body: bytes) -> None:
            number = question % len(asked.names)
            (found,) = customers("A", body)
            agree(found["id"], asked.names[number])
            agree(found["displayName"], asked.whole(number)["displayName"])
            for name, most in (
                ("orders", data.ORDERS),
                ("tickets", data.TICKETS),
                ("emailEvents", data.EVENTS),
            ):
                agree(len(found[name]), most)
                owners = {record["recordId"].partition("-")[0] for record in found[name]}
                agree(sorted(owners), [data.person_id(seed, number)])

        return Point(x=size, ask=asked.one()[0], check=check, spec=spec, most=300)

    return Curve(
        name="sources", title="Sources of a customer", x="sources", points=[point(n) for n in (4, 8, 12, 16)]
    )


def concurrency(asked: Asked) -> Curve:
    """The last point has more connections than places: some are told OVERLOADED, which is counted."""
    ask, check = asked.one()
    points = [
        Point(x=n, ask=ask, check=check, connections=n, most=max(400, 3 * n), beyond=n > IN_FLIGHT)
        for n in (1, 4, 16, 64, 256, 320)
    ]
    return Curve(name="concurrency", title="Connections at once", x="connections", points=points, log=True)


def documents(asked: Asked, counts: Sequence[int] = (1, 10, 100, 500, 2000, 10_000)) -> Curve:
    """Query A under another alias in each document, one after the other; each point has a server of its own, for its memory."""
    count = len(asked.names)

    def point(size: int) -> Point:
        def alias(question: int) -> str:
            return f"name{question % size}"

        def ask(question: int) -> bytes:
            document = A.replace("displayName", f"{alias(question)}: displayName", 1)
            return asked.post(document, {"id": asked.names[question % count]})

        def check(question: int, body: bytes) -> None:
            expected = asked.whole(question % count)
            expected[alias(question)] = expected.pop("displayName")
            agree(customers("A", body), [expected])

        return Point(
            x=size,
            ask=ask,
            check=check,
            spec=Spec(label=f"documents {size}"),
            warm_up=100 + 2 * min(size, KEPT_DOCUMENTS),  # a selection is compiled when it is run again
            beyond=size > KEPT_DOCUMENTS,
        )

    points = [point(size) for size in counts]
    return Curve(name="documents", title="Distinct documents", x="documents", points=points, log=True)
