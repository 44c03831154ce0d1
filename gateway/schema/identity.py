"""Which source records are one customer, and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import strawberry

from resolvers.customer import CustomerView
from resolvers.identity.store import Evidence as EvidenceRecord


@strawberry.type(description="A link between this record and another one of the customer.")
class Evidence:
    source: str = strawberry.field(description="Of the other record.")
    record_id: str = strawberry.field(description="Of the other record.")
    rule: str = strawberry.field(description="What made the link, such as “email and name”.")
    confidence: float = strawberry.field(
        description="How far the rule is trusted, from 0 to 1. An order of strength, not a measured probability."
    )
    at: datetime


@strawberry.type(description="A source record that belongs to the customer.")
class Member:
    source: str
    record_id: str
    linked_at: datetime
    confidence: float
    evidence: list[Evidence]


@strawberry.type(description="The records that are this customer.")
class Identity:
    view: strawberry.Private[CustomerView]

    @strawberry.field
    async def members(self) -> list[Member]:
        known = await self.view.evidence()
        return [
            Member(
                source=m.source,
                record_id=m.record_id,
                linked_at=m.linked_at,
                confidence=m.confidence,
                evidence=_of((m.source, m.record_id), known),
            )
            for m in self.view.members
        ]


def _of(ref: tuple[str, str], known: Sequence[EvidenceRecord]) -> list[Evidence]:
    return [
        Evidence(source=other[0], record_id=other[1], rule=e.rule, confidence=e.confidence, at=e.at)
        for e in known
        if ref in (e.a, e.b)
        for other in ((e.b if e.a == ref else e.a),)
    ]
