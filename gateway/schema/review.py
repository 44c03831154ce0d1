"""What stewards look at: the pairs that wait for a decision, and what was decided by whom."""

from __future__ import annotations

import strawberry

from gateway.schema.common import Request
from gateway.schema.customer import Customer
from gateway.schema.evidence import (
    IdentityEdge,
    IdentityEvent,
    RecordReference,
    edge,
    edges,
    event,
    reference,
)
from gateway.schema.paging import Edge, PageInfo
from gateway.schema.stewardship import customers, steward
from resolvers.identity.chronicle import Review, Wanted
from resolvers.identity.decided import Decision
from resolvers.stewardship import decision_cursor, review_cursor


@strawberry.type(description="A pair of records that waits for a decision.")
class MatchCandidate:
    a: RecordReference
    b: RecordReference
    a_customer: Customer | None
    b_customer: Customer | None
    confidence: float
    records: int = strawberry.field(description="Records of the two customers together.")
    reopened: bool = strawberry.field(
        description="The two were kept apart before, and the evidence has changed since."
    )
    doubts: list[str] = strawberry.field(
        description="Why they were not joined, in words; empty where only the evidence is too weak."
    )
    evidence: list[IdentityEdge] = strawberry.field(description="All that counts today about these two.")


@strawberry.type(description="A page of pairs that wait for a decision, most valuable first.")
class MatchReviewConnection:
    edges: list[Edge[MatchCandidate]]
    page_info: PageInfo

    @strawberry.field(description="The pairs without their cursors.")
    def nodes(self) -> list[MatchCandidate]:
        return [edge.node for edge in self.edges]


@strawberry.type(description="What a steward decided.")
class StewardDecision:
    event: IdentityEvent
    undone_by: strawberry.ID | None = strawberry.field(description="The undo that took it back.")
    edges: list[IdentityEdge] = strawberry.field(
        description="What it says of records, or what an undo takes back or brings back; at most 20 of `pairs`."
    )
    pairs: int = strawberry.field(description="Pairs of records that it is about.")


@strawberry.type(description="A page of stewards' decisions, newest first.")
class IdentityDecisionConnection:
    edges: list[Edge[StewardDecision]]
    page_info: PageInfo

    @strawberry.field(description="The decisions without their cursors.")
    def nodes(self) -> list[StewardDecision]:
        return [edge.node for edge in self.edges]


async def review_page(info: Request, first: int, after: str | None, wanted: Wanted) -> MatchReviewConnection:
    """A page of the review."""
    found, more = await steward(info).review(first, after, wanted)
    known = await customers(info, [i for r in found for i in (r.a_customer, r.b_customer)])
    page = [Edge(cursor=review_cursor(r), node=_candidate(r, known)) for r in found]
    cursors = [edge.cursor for edge in page]
    return MatchReviewConnection(edges=page, page_info=_page_info(cursors, more, after))


async def decisions_page(
    info: Request, first: int, after: str | None, actor: str | None
) -> IdentityDecisionConnection:
    """A page of what stewards decided."""
    found, more = await steward(info).decisions(first, after, actor)
    page = [Edge(cursor=decision_cursor(d), node=_decision(d)) for d in found]
    cursors = [edge.cursor for edge in page]
    return IdentityDecisionConnection(edges=page, page_info=_page_info(cursors, more, after))


def _candidate(review: Review, known: dict[str, Customer]) -> MatchCandidate:
    evidence = edges(review.evidence)
    return MatchCandidate(
        a=reference(review.a),
        b=reference(review.b),
        a_customer=known.get(review.a_customer),
        b_customer=known.get(review.b_customer),
        confidence=review.confidence,
        records=review.records,
        reopened=review.reopened,
        doubts=list(dict.fromkeys(doubt for e in evidence for doubt in e.doubts)),
        evidence=evidence,
    )


def _decision(decision: Decision) -> StewardDecision:
    return StewardDecision(
        event=event(decision.event),
        undone_by=strawberry.ID(str(decision.undone_by)) if decision.undone_by else None,
        edges=[edge(e, decision.about) for e in decision.edges],
        pairs=decision.pairs,
    )


def _page_info(cursors: list[str], more: bool, after: str | None) -> PageInfo:
    return PageInfo(
        has_next_page=more,
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )
