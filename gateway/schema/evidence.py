"""What was found out or decided about records: evidence, verdicts on pairs, and the events that brought them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import strawberry

from resolvers.identity import chronicle, derivation, log
from resolvers.identity.doubts import doubts
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
    field: str = strawberry.field(
        description="A field of the person; “prior”: how rare it is that two records are one person; “place” and “household”: "
        "what is taken off again where fields say the same thing."
    )
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


@strawberry.type(description="What was found out or decided about two records.")
class IdentityEdge:
    a: RecordReference
    b: RecordReference
    verdict: derivation.Verdict
    rule: str = strawberry.field(
        description="What said so: a rule such as “email and name”, a model and its version, or “steward”."
    )
    confidence: float
    weight: float | None = strawberry.field(
        description="The sum of the contributions in bits, where a model scored the two."
    )
    contributions: list[Contribution] = strawberry.field(
        description="The bars of the waterfall, where a model scored the two: “prior” first, then field by field."
    )
    doubts: list[str] = strawberry.field(
        description="What speaks against the two being one, or is missing, in words; where a model scored them."
    )
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
            a=reference(e.a),
            b=reference(e.b),
            verdict=e.verdict,
            rule=e.rule,
            confidence=e.confidence,
            weight=e.weight,
            contributions=_contributions(e.contributions),
            doubts=list(doubts(e.contributions)),
            actor=e.actor,
            reason=e.reason,
            at=e.at,
            event_id=strawberry.ID(str(e.event)),
        )
        for e in found
    ]


def edge(edge: derivation.Edge, by: log.Event) -> IdentityEdge:
    """The GraphQL object of what an event says of two records."""
    return IdentityEdge(
        a=reference(edge.a),
        b=reference(edge.b),
        verdict=edge.verdict,
        rule=edge.origin,
        confidence=edge.confidence,
        weight=edge.weight,
        contributions=_contributions(edge.contributions),
        doubts=list(doubts(edge.contributions)),
        actor=by.actor,
        reason=by.reason,
        at=by.at,
        event_id=strawberry.ID(str(by.id)),
    )


def evidence_of(ref: Ref, known: Sequence[chronicle.Evidence]) -> list[Evidence]:
    """The links of one record among those of its customer, as seen from it."""
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


def reference(ref: Ref) -> RecordReference:
    """The GraphQL object of a record's reference."""
    return RecordReference(source=ref[0], record_id=ref[1])


def _contributions(found: Iterable[derivation.Contribution]) -> list[Contribution]:
    return [Contribution(field=c.field, agreement=c.agreement, weight=c.weight) for c in found]
