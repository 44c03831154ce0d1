"""Deciding who is who: the mutations, and the list of what waits for a decision."""

from __future__ import annotations

import strawberry

from gateway.errors import Code, UserError
from gateway.schema.common import Request
from gateway.schema.customer import Customer, of
from gateway.schema.identity import (
    IdentityEdge,
    IdentityEvent,
    RecordInput,
    RecordReference,
    edges,
    event,
    reference,
)
from gateway.schema.paging import Edge, PageInfo
from resolvers.engine import MAX_CUSTOMERS
from resolvers.identity.decisions import Decided
from resolvers.stewardship import Stewardship, review_cursor


@strawberry.type(description="What a decision led to.")
class IdentityDecision:
    customers: list[Customer] = strawberry.field(
        description="The customers that it was about, as they are now; at most 100."
    )
    event: IdentityEvent | None = strawberry.field(description="Null where nothing had to be changed.")


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
    evidence: list[IdentityEdge] = strawberry.field(description="All that counts today about these two.")


@strawberry.type(description="A page of pairs that wait for a decision, most valuable first.")
class MatchReviewConnection:
    edges: list[Edge[MatchCandidate]]
    page_info: PageInfo

    @strawberry.field(description="The pairs without their cursors.")
    def nodes(self) -> list[MatchCandidate]:
        return [edge.node for edge in self.edges]


@strawberry.type(
    description="Decisions of stewards. Each is an event that can be undone; asking twice changes nothing more."
)
class Mutation:
    @strawberry.mutation(description="Makes customers one. The oldest id stays, the others redirect to it.")
    async def merge_customers(self, info: Request, ids: list[strawberry.ID], reason: str) -> IdentityDecision:
        return await _decision(info, await _steward(info).merge(ids, reason))

    @strawberry.mutation(
        description="Makes these members another customer. The part with the oldest record keeps the id."
    )
    async def split_customer(
        self, info: Request, id: strawberry.ID, members: list[RecordInput], reason: str
    ) -> IdentityDecision:
        refs = [m.ref() for m in members]
        return await _decision(info, await _steward(info).split(id, refs, reason))

    @strawberry.mutation(description="The two records are one person, and so are their customers.")
    async def confirm_match(
        self, info: Request, a: RecordInput, b: RecordInput, reason: str
    ) -> IdentityDecision:
        return await _decision(info, await _steward(info).confirm(a.ref(), b.ref(), reason))

    @strawberry.mutation(
        description="The two records are different people: nothing automatic joins them again."
    )
    async def reject_match(
        self, info: Request, a: RecordInput, b: RecordInput, reason: str
    ) -> IdentityDecision:
        return await _decision(info, await _steward(info).reject(a.ref(), b.ref(), reason))

    @strawberry.mutation(description="Takes an event back: a decision, an automatic link, or another undo.")
    async def undo_identity_event(self, info: Request, id: strawberry.ID, reason: str) -> IdentityDecision:
        return await _decision(info, await _steward(info).undo(id, reason))


async def review_page(info: Request, first: int, after: str | None) -> MatchReviewConnection:
    """A page of the review."""
    found, more = await _steward(info).review(first, after)
    ids = list(dict.fromkeys(i for r in found for i in (r.a_customer, r.b_customer)))
    customers = {c.id: c for c in await _customers(info, ids)}
    edges_ = [
        Edge(
            cursor=review_cursor(r),
            node=MatchCandidate(
                a=reference(r.a),
                b=reference(r.b),
                a_customer=customers.get(strawberry.ID(r.a_customer)),
                b_customer=customers.get(strawberry.ID(r.b_customer)),
                confidence=r.confidence,
                records=r.records,
                reopened=r.reopened,
                evidence=edges(r.evidence),
            ),
        )
        for r in found
    ]
    return MatchReviewConnection(
        edges=edges_,
        page_info=PageInfo(
            has_next_page=more,
            has_previous_page=after is not None,
            start_cursor=edges_[0].cursor if edges_ else None,
            end_cursor=edges_[-1].cursor if edges_ else None,
        ),
    )


def _steward(info: Request) -> Stewardship:
    if not info.context.asker.steward:
        raise UserError(Code.FORBIDDEN, "deciding who is who needs an API key with steward = true")
    return info.context.session.stewardship


async def _decision(info: Request, done: Decided) -> IdentityDecision:
    customers = await _customers(info, list(done.customers[:MAX_CUSTOMERS]))
    return IdentityDecision(customers=customers, event=event(done.event) if done.event else None)


async def _customers(info: Request, ids: list[str]) -> list[Customer]:
    found: list[Customer] = []
    for start in range(0, len(ids), MAX_CUSTOMERS):
        views = await info.context.session.customers(ids[start : start + MAX_CUSTOMERS])
        found += [customer for view in views if (customer := of(view)) is not None]
    return found
