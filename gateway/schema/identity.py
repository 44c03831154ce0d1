"""Which source records are one customer, why, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import strawberry

from resolvers.customer import CustomerView
from resolvers.errors import InvalidArgument
from resolvers.identity import chronicle, derivation, log
from resolvers.identity.members import Ref

strawberry.enum(derivation.Verdict, name="MatchVerdict", description="What the evidence says of two records.")
strawberry.enum(log.Kind, name="IdentityEventKind", description="What an event of the identity map is.")


@strawberry.type(description="A record of one source.")
class RecordReference:
    source: str
    record_id: str


@strawberry.input(description="A record of one source.")
class RecordInput:
    source: str = strawberry.field(description="The source's name, as configured.")
    record_id: strawberry.ID = strawberry.field(description="The source's own id of the person.")

    def ref(self) -> Ref:
        return (self.source, self.record_id)


@strawberry.type(description="How one field spoke for or against a match.")
class Contribution:
    field: str
    agreement: str = strawberry.field(description="How the two values compare, in the model's words.")
    weight: float = strawberry.field(
        description="In bits: the base-2 logarithm of how much likelier a match is."
    )


@strawberry.type(description="A link between this record and another one of the customer.")
class Evidence:
    source: str = strawberry.field(description="Of the other record.")
    record_id: str = strawberry.field(description="Of the other record.")
    rule: str = strawberry.field(
        description="What made the link: a rule such as “email and name”, a model and its version, or “steward”."
    )
    confidence: float = strawberry.field(
        description="How far the rule is trusted, from 0 to 1. An order of strength, not a measured probability."
    )
    weight: float | None = strawberry.field(
        description="The whole evidence in bits, where a model scored it."
    )
    contributions: list[Contribution] = strawberry.field(description="By field, where a model scored it.")
    actor: str = strawberry.field(description="Who decided; “linking” where nobody did.")
    reason: str | None
    at: datetime
    event_id: strawberry.ID = strawberry.field(description="The event that `undoIdentityEvent` takes back.")


@strawberry.type(description="A source record that belongs to the customer.")
class Member:
    source: str
    record_id: str
    linked_at: datetime
    confidence: float
    evidence: list[Evidence]


@strawberry.type(description="What was found out or decided about two records.")
class IdentityEdge:
    a: RecordReference
    b: RecordReference
    verdict: derivation.Verdict
    rule: str
    confidence: float
    weight: float | None
    contributions: list[Contribution]
    actor: str
    reason: str | None
    at: datetime
    event_id: strawberry.ID


@strawberry.type(
    description="Something that was found out or decided. Events are never changed: they are undone by others."
)
class IdentityEvent:
    id: strawberry.ID
    kind: log.Kind
    actor: str
    reason: str | None
    at: datetime
    undoes: strawberry.ID | None = strawberry.field(description="The event that this one takes back.")


@strawberry.type(description="An event of a customer's history.")
class HistoryEntry:
    event: IdentityEvent
    undone_by: strawberry.ID | None = strawberry.field(description="The undo that took it back.")
    edges: list[IdentityEdge] = strawberry.field(description="What it says of the customer's records.")


@strawberry.type(description="A pair that alone holds two sides of the customer together.")
class Bridge:
    a: RecordReference
    b: RecordReference
    a_side: int = strawberry.field(description="Records on a's side.")
    b_side: int = strawberry.field(description="Records on b's side.")
    evidence: list[IdentityEdge]


@strawberry.type(description="The records that are this customer.")
class Identity:
    view: strawberry.Private[CustomerView]
    at: strawberry.Private[datetime | None]

    @strawberry.field(description="Empty with an `asOf` at which there was no such customer.")
    async def members(self) -> list[Member]:
        if self.at is None:
            found, known = self.view.members, await self.view.evidence()
        else:
            believed = await self.view.believed(_aware(self.at))
            if believed is None:
                return []
            found, known = believed.customer.members, believed.evidence
        return [
            Member(
                source=m.source,
                record_id=m.record_id,
                linked_at=m.linked_at,
                confidence=m.confidence,
                evidence=_of((m.source, m.record_id), known),
            )
            for m in found
        ]

    @strawberry.field(
        description="The strongest way from one record to the other, a link for each step; empty where there is none."
    )
    async def why(self, a: RecordInput, b: RecordInput) -> list[IdentityEdge]:
        return edges(await self.view.why(a.ref(), b.ref()))

    @strawberry.field(
        description="Pairs without which the customer would fall apart, weakest first: look at these."
    )
    async def bridges(self) -> list[Bridge]:
        return [
            Bridge(a=_ref(b.a), b=_ref(b.b), a_side=b.a_side, b_side=b.b_side, evidence=edges(b.evidence))
            for b in await self.view.bridges()
        ]

    @strawberry.field(description="What happened to these records, oldest first, up to now.")
    async def history(self) -> list[HistoryEntry]:
        return [
            HistoryEntry(
                event=event(entry.event),
                undone_by=strawberry.ID(str(entry.undone_by)) if entry.undone_by else None,
                edges=[_edge(e, entry.event) for e in entry.edges],
            )
            for entry in await self.view.history()
        ]


def event(found: log.Event) -> IdentityEvent:
    """The GraphQL object of an event."""
    return IdentityEvent(
        id=strawberry.ID(str(found.id)),
        kind=found.kind,
        actor=found.actor,
        reason=found.reason,
        at=found.at,
        undoes=strawberry.ID(str(found.undoes)) if found.undoes else None,
    )


def edges(found: Iterable[chronicle.Evidence]) -> list[IdentityEdge]:
    """The GraphQL objects of evidence."""
    return [
        IdentityEdge(
            a=_ref(e.a),
            b=_ref(e.b),
            verdict=e.verdict,
            rule=e.rule,
            confidence=e.confidence,
            weight=e.weight,
            contributions=_contributions(e.contributions),
            actor=e.actor,
            reason=e.reason,
            at=e.at,
            event_id=strawberry.ID(str(e.event)),
        )
        for e in found
    ]


def _edge(edge: derivation.Edge, by: log.Event) -> IdentityEdge:
    return IdentityEdge(
        a=_ref(edge.a),
        b=_ref(edge.b),
        verdict=edge.verdict,
        rule=edge.origin,
        confidence=edge.confidence,
        weight=edge.weight,
        contributions=_contributions(edge.contributions),
        actor=by.actor,
        reason=by.reason,
        at=by.at,
        event_id=strawberry.ID(str(by.id)),
    )


def _of(ref: Ref, known: Sequence[chronicle.Evidence]) -> list[Evidence]:
    return [
        Evidence(
            source=other[0],
            record_id=other[1],
            rule=e.rule,
            confidence=e.confidence,
            weight=e.weight,
            contributions=_contributions(e.contributions),
            actor=e.actor,
            reason=e.reason,
            at=e.at,
            event_id=strawberry.ID(str(e.event)),
        )
        for e in known
        if ref in (e.a, e.b)
        for other in ((e.b if e.a == ref else e.a),)
    ]


def _ref(ref: Ref) -> RecordReference:
    return RecordReference(source=ref[0], record_id=ref[1])


def _contributions(found: Iterable[derivation.Contribution]) -> list[Contribution]:
    return [Contribution(field=c.field, agreement=c.agreement, weight=c.weight) for c in found]


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise InvalidArgument("asOf", "asOf needs a time zone, such as 2026-11-21T12:00:00Z")
    return at


reference = _ref
"""The GraphQL object of a record's reference."""
