"""What a steward asks for in one request: decisions in their name, and the list of what waits for one."""

from __future__ import annotations

import base64
import uuid
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from resolvers.errors import InvalidArgument, QuestionError
from resolvers.identity.chronicle import Place, Review, Wanted
from resolvers.identity.decided import Decision
from resolvers.identity.decisions import Decided
from resolvers.identity.derivation import Pair, pair_of
from resolvers.identity.map import IdentityMap
from resolvers.identity.members import Ref

MAX_MEMBERS = 100
"""Records that one split may name."""
MAX_DECISIONS = 100
"""Pairs that one request may decide."""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a steward says of two records: one person, or two."""

    a: Ref
    b: Ref
    same: bool


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one of several judgements: what was decided, or why it could not be (`a`, `b` or `verdict`)."""

    decided: Decided | None = None
    error: QuestionError | None = None


class Stewardship:
    """`actor` is who decides, as the log keeps it. All methods raise InvalidArgument."""

    def __init__(self, identity: IdentityMap, actor: str) -> None:
        self._identity = identity
        self._actor = actor

    async def merge(self, ids: Sequence[str], reason: str) -> Decided:
        """Makes customers one."""
        asked = [customer_id(i, "ids") for i in ids]
        return await self._identity.merge(asked, actor=self._actor, reason=_text(reason))

    async def split(self, of: str, members: Sequence[Ref], reason: str) -> Decided:
        """Makes some members another customer."""
        if len(members) > MAX_MEMBERS:
            raise InvalidArgument("members", f"members may name at most {MAX_MEMBERS} records")
        refs = [_record(ref, "members") for ref in members]
        asked = customer_id(of, "id")
        return await self._identity.split(asked, refs, actor=self._actor, reason=_text(reason))

    async def confirm(self, a: Ref, b: Ref, reason: str) -> Decided:
        """Two records are one person."""
        return await self._identity.confirm(
            _record(a, "a"), _record(b, "b"), actor=self._actor, reason=_text(reason)
        )

    async def reject(self, a: Ref, b: Ref, reason: str) -> Decided:
        """Two records are different people."""
        return await self._identity.reject(
            _record(a, "a"), _record(b, "b"), actor=self._actor, reason=_text(reason)
        )

    async def undo(self, event_id: str, reason: str) -> Decided:
        """Takes an event back."""
        if not (event_id.isascii() and event_id.isdecimal() and len(event_id) < 20):
            raise InvalidArgument("id", "id is not the id of an event (expected a number)")
        return await self._identity.undo(int(event_id), actor=self._actor, reason=_text(reason))

    async def decide(self, judgements: Sequence[Judgement], reason: str) -> list[Outcome]:
        """Decides several pairs one after the other, each as an event of its own, in the order given.

        One that cannot be decided does not keep the others from it. Where two say different things of one pair, none of them
        is done. Asking again changes nothing more.
        """
        if not 1 <= len(judgements) <= MAX_DECISIONS:
            raise InvalidArgument("decisions", f"decisions must hold between 1 and {MAX_DECISIONS} decisions")
        at_odds = contradictions([(j.a, j.b, j.same) for j in judgements])
        return [
            await self._judge(j, reason) if n not in at_odds else Outcome(error=_at_odds(at_odds[n]))
            for n, j in enumerate(judgements)
        ]

    async def _judge(self, judgement: Judgement, reason: str) -> Outcome:
        decide = self.confirm if judgement.same else self.reject
        try:
            return Outcome(decided=await decide(judgement.a, judgement.b, reason))
        except QuestionError as error:
            if error.argument == "reason":
                raise  # it is the reason of all
            return Outcome(error=error)

    async def review(
        self, first: int, after: str | None, wanted: Wanted | None = None
    ) -> tuple[Sequence[Review], bool]:
        """A page of the pairs that wait, most valuable first, and whether there are more."""
        if wanted is not None:
            _check(wanted)
        return await self._identity.store.chronicle.review(first, _place(after), wanted)

    async def decisions(
        self, first: int, after: str | None, actor: str | None = None
    ) -> tuple[Sequence[Decision], bool]:
        """A page of what stewards decided, newest first, those of one actor or of all, and whether there are more."""
        if actor is not None:
            _storable(actor, "actor")
        return await self._identity.store.chronicle.decisions(first, _number(after), actor)


def contradictions(judged: Sequence[tuple[Ref, Ref, bool]]) -> dict[int, int]:
    """The judgements (by their place) that another one of the same pair speaks against, and the first that does."""
    by_pair: dict[Pair, list[int]] = defaultdict(list)
    for n, (a, b, _) in enumerate(judged):
        by_pair[pair_of(a, b)].append(n)
    return {
        n: next(m for m in places if judged[m][2] is not judged[n][2])
        for places in by_pair.values()
        if len({judged[n][2] for n in places}) > 1
        for n in places
    }


def _at_odds(other: int) -> InvalidArgument:
    text = f"verdict is not what decision {other} (counted from 0) says of the same pair: neither was done"
    return InvalidArgument("verdict", text)


def _check(wanted: Wanted) -> None:
    for argument, value in (("minConfidence", wanted.least), ("maxConfidence", wanted.most)):
        if not 0.0 <= value <= 1.0:
            raise InvalidArgument(argument, f"{argument} must be between 0 and 1")
    if wanted.source is not None:
        _storable(wanted.source, "source")


def customer_id(value: str, argument: str) -> str:
    """A customer id in its canonical form."""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidArgument(argument, f"{argument} is not a customer id (expected a UUID)") from None


def review_cursor(review: Review) -> str:
    """Where the page after this pair begins."""
    return base64.urlsafe_b64encode(msgspec.json.encode(review.place)).decode().rstrip("=")


def decision_cursor(decision: Decision) -> str:
    """Where the page after this decision begins."""
    return base64.urlsafe_b64encode(f"decision:{decision.event.id}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        place = msgspec.json.decode(_decoded(cursor), type=Place)
        for ref in (place.a, place.b):
            _record(ref, "after")
    except (ValueError, msgspec.DecodeError, InvalidArgument):
        raise _no_cursor() from None
    return place


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        kind, _, number = _decoded(cursor).decode("ascii").partition(":")
    except ValueError:
        raise _no_cursor() from None
    if kind != "decision" or not number.isdecimal() or int(number[:20]) >= 2**31:
        raise _no_cursor()
    return int(number)


def _no_cursor() -> InvalidArgument:
    return InvalidArgument("after", "after is not a cursor of this connection")


def _decoded(cursor: str) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)


def _record(ref: Ref, argument: str) -> Ref:
    source, record_id = ref
    if not 1 <= len(source) <= 100 or not 1 <= len(record_id) <= 255:
        raise InvalidArgument(
            argument, f"{argument} must name a source and a record id of at most 255 characters"
        )
    return _storable(source, argument), _storable(record_id, argument)


def _text(reason: str) -> str:
    return _storable(reason.strip(), "reason")


def _storable(value: str, argument: str) -> str:
    """Text that every database can hold."""
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InvalidArgument(argument, f"{argument} holds characters that are no text")
    return value
