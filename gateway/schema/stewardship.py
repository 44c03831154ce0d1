"""Deciding who is who: the mutations."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import strawberry

from gateway.errors import Code, UserError
from gateway.schema.common import Request
from gateway.schema.customer import Customer, of
from gateway.schema.evidence import IdentityEvent, RecordInput, RecordReference, event, reference
from resolvers.engine import MAX_CUSTOMERS
from resolvers.errors import QuestionError
from resolvers.identity.decisions import Decided
from resolvers.stewardship import Judgement, Outcome, Stewardship


@strawberry.type(description="What a decision led to.")
class IdentityDecision:
    customers: list[Customer] = strawberry.field(
        description="The customers that it was about, as they are now; at most 100."
    )
    event: IdentityEvent | None = strawberry.field(description="Null where nothing had to be changed.")


@strawberry.enum(description="What a steward says of two records.")
class StewardVerdict(Enum):
    SAME = True
    DIFFERENT = False


@strawberry.input(description="A verdict on two records: one person, or two.")
class MatchDecision:
    a: RecordInput
    b: RecordInput
    verdict: StewardVerdict


@strawberry.type(description="Why one of several decisions was not made.")
class MatchDecisionError:
    code: str = strawberry.field(description="As in `extensions.code` of errors.")
    argument: str = strawberry.field(description="What to change, such as “decisions.3.a”.")
    message: str


@strawberry.type(description="What became of one of several decisions.")
class MatchDecisionOutcome:
    a: RecordReference
    b: RecordReference
    verdict: StewardVerdict
    customers: list[Customer] = strawberry.field(
        description="The customers that it was about, as they are now; none where it was not made."
    )
    event: IdentityEvent | None = strawberry.field(
        description="Null where nothing had to be changed, or where it was not made."
    )
    error: MatchDecisionError | None


@strawberry.type(
    description="Decisions of stewards. Each is an event that can be undone; asking twice changes nothing more."
)
class Mutation:
    @strawberry.mutation(description="Makes customers one. The oldest id stays, the others redirect to it.")
    async def merge_customers(self, info: Request, ids: list[strawberry.ID], reason: str) -> IdentityDecision:
        return await _decision(info, await steward(info).merge(ids, reason))

    @strawberry.mutation(
        description="Makes these members another customer. The part with the oldest record keeps the id."
    )
    async def split_customer(
        self, info: Request, id: strawberry.ID, members: list[RecordInput], reason: str
    ) -> IdentityDecision:
        refs = [m.ref() for m in members]
        return await _decision(info, await steward(info).split(id, refs, reason))

    @strawberry.mutation(description="The two records are one person, and so are their customers.")
    async def confirm_match(
        self, info: Request, a: RecordInput, b: RecordInput, reason: str
    ) -> IdentityDecision:
        return await _decision(info, await steward(info).confirm(a.ref(), b.ref(), reason))

    @strawberry.mutation(
        description="The two records are different people: nothing automatic joins them again."
    )
    async def reject_match(
        self, info: Request, a: RecordInput, b: RecordInput, reason: str
    ) -> IdentityDecision:
        return await _decision(info, await steward(info).reject(a.ref(), b.ref(), reason))

    @strawberry.mutation(
        description="`confirmMatch` or `rejectMatch` for up to 100 pairs, one after the other, each an event of its own. The "
        "answer says in the same order what became of each; one that cannot be made does not keep the others from it."
    )
    async def decide_matches(
        self, info: Request, decisions: list[MatchDecision], reason: str
    ) -> list[MatchDecisionOutcome]:
        judgements = [Judgement(a=d.a.ref(), b=d.b.ref(), same=d.verdict.value) for d in decisions]
        return await _outcomes(info, decisions, await steward(info).decide(judgements, reason))

    @strawberry.mutation(description="Takes an event back: a decision, an automatic link, or another undo.")
    async def undo_identity_event(self, info: Request, id: strawberry.ID, reason: str) -> IdentityDecision:
        return await _decision(info, await steward(info).undo(id, reason))


def steward(info: Request) -> Stewardship:
    """What the caller may do as a steward; raises UserError (FORBIDDEN) where they are none."""
    if not info.context.asker.steward:
        raise UserError(Code.FORBIDDEN, "deciding who is who needs an API key with steward = true")
    return info.context.session.stewardship


async def customers(info: Request, ids: Sequence[str]) -> dict[str, Customer]:
    """Customers by the id that was asked for, however many; unknown ids are missing."""
    found: dict[str, Customer] = {}
    asked = list(dict.fromkeys(ids))
    for start in range(0, len(asked), MAX_CUSTOMERS):
        some = asked[start : start + MAX_CUSTOMERS]
        views = await info.context.session.customers(some)
        found |= {i: c for i, view in zip(some, views, strict=True) if (c := of(view)) is not None}
    return found


async def _decision(info: Request, done: Decided) -> IdentityDecision:
    found = await customers(info, done.customers[:MAX_CUSTOMERS])
    return IdentityDecision(customers=list(found.values()), event=event(done.event) if done.event else None)


async def _outcomes(
    info: Request, asked: Sequence[MatchDecision], outcomes: Sequence[Outcome]
) -> list[MatchDecisionOutcome]:
    found = await customers(info, [i for o in outcomes if o.decided for i in o.decided.customers])
    return [
        MatchDecisionOutcome(
            a=reference(wanted.a.ref()),
            b=reference(wanted.b.ref()),
            verdict=wanted.verdict,
            customers=_now(found, outcome.decided.customers) if outcome.decided else [],
            event=event(outcome.decided.event) if outcome.decided and outcome.decided.event else None,
            error=_error(n, outcome.error) if outcome.error else None,
        )
        for n, (wanted, outcome) in enumerate(zip(asked, outcomes, strict=True))
    ]


def _now(found: dict[str, Customer], ids: Sequence[str]) -> list[Customer]:
    """These customers as they are now, each once: a later decision may have made two of them one."""
    current = [found[i] for i in ids if i in found]
    return list({c.id: c for c in current}.values())


def _error(n: int, error: QuestionError) -> MatchDecisionError:
    place = f"decisions.{n}."
    return MatchDecisionError(
        code=Code.BAD_USER_INPUT.value, argument=place + error.argument, message=place + error.message
    )
