"""What stewards decide: merge, split, confirm, reject, undo. Each is an event in the log that another one can take back.

The newest decision wins: a merge or a confirmation overrules earlier "different" verdicts between the two customers, and a
rejection or a split overrules whatever joins the two, however long the way between them is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import msgspec
from sqlalchemy import select

from resolvers.errors import InvalidArgument
from resolvers.identity import log, lookup, writing
from resolvers.identity.database import Database, Raced, Tx
from resolvers.identity.derivation import (
    PENDING,
    STEWARD,
    Edge,
    Graph,
    Verdict,
    oldest,
    pair_of,
    partition,
    standing,
    undone_events,
)
from resolvers.identity.log import Event, Kind, Part
from resolvers.identity.members import Ref
from resolvers.identity.tables import CustomerRow, MemberRow
from resolvers.identity.writing import Draft, Written

MAX_REASON = 500
MAX_MERGED = 50
"""Customers that one merge may join."""
MAX_SPLIT_PAIRS = 10_000
"""Pairs of records that one split may keep apart."""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The customers that the decision was about, as they are now, and the event; None where nothing had to change.

    `touched` are all ids whose answers may have changed.
    """

    customers: tuple[str, ...]
    event: Event | None
    touched: frozenset[str] = frozenset()


class Decisions:
    """Every method raises InvalidArgument where the arguments name what is not there, and may be repeated safely."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def merge(self, ids: Sequence[str], *, actor: str, reason: str) -> Decided:
        """Makes these customers one. The oldest id stays, the others redirect to it."""
        return await self._write(reason, lambda tx: _merge(tx, ids, actor, reason))

    async def split(self, customer_id: str, members: Sequence[Ref], *, actor: str, reason: str) -> Decided:
        """Makes these members of the customer another one; neither links nor reruns bring the two together again."""
        return await self._write(reason, lambda tx: _split(tx, customer_id, set(members), actor, reason))

    async def confirm(self, a: Ref, b: Ref, *, actor: str, reason: str) -> Decided:
        """The two records are one person, and so are their customers."""
        return await self._write(reason, lambda tx: _confirm(tx, a, b, actor, reason))

    async def reject(self, a: Ref, b: Ref, *, actor: str, reason: str) -> Decided:
        """The two records are different people: a cannot-link, until it is overruled or undone."""
        return await self._write(reason, lambda tx: _reject(tx, a, b, actor, reason))

    async def undo(self, event_id: int, *, actor: str, reason: str) -> Decided:
        """Takes an event back, a decision or an automatic link; an undo can be undone like any other event."""
        return await self._write(reason, lambda tx: _undo(tx, event_id, actor, reason))

    async def _write(self, reason: str, work: Callable[[Tx], Decided]) -> Decided:
        if not reason.strip() or len(reason) > MAX_REASON:
            raise InvalidArgument("reason", f"reason must have between 1 and {MAX_REASON} characters")
        return await self._database.write(work)


def _merge(tx: Tx, ids: Sequence[str], actor: str, reason: str) -> Decided:
    if not 2 <= len(ids) <= MAX_MERGED:
        raise InvalidArgument("ids", f"ids must name between 2 and {MAX_MERGED} customers")
    part = log.load(tx, _records(tx, ids, "ids"), lock=True)
    found = sorted({_current(part, i) for i in ids})
    clusters = [part.customer(i) for i in found]
    if len(clusters) < 2:
        return _unchanged(part, found)
    first = oldest(clusters[0], part.graph.records)
    pairs = [pair_of(first, oldest(c, part.graph.records)) for c in clusters[1:]]
    for a, b in combinations(clusters, 2):
        pairs += _kept_apart(part, a, b)
    return _append(tx, part, Kind.MERGE, actor, reason, same=pairs, about=[first])


def _confirm(tx: Tx, a: Ref, b: Ref, actor: str, reason: str) -> Decided:
    part = _load_pair(tx, a, b)
    together = part.owner(a) == part.owner(b)
    verdict = _verdict(part, a, b)
    if together and verdict is Verdict.SAME:
        return _unchanged(part, [part.owner(a)])
    pairs = [pair_of(a, b)]
    if not together:
        pairs += _kept_apart(part, part.customer(part.owner(a)), part.customer(part.owner(b)))
    return _append(tx, part, Kind.CONFIRM, actor, reason, same=pairs, about=[a, b])


def _reject(tx: Tx, a: Ref, b: Ref, actor: str, reason: str) -> Decided:
    part = _load_pair(tx, a, b)
    if _verdict(part, a, b) is Verdict.DIFFERENT and pair_of(a, b) not in part.derived.questions:
        return _unchanged(part, [part.owner(a), part.owner(b)])
    return _append(tx, part, Kind.REJECT, actor, reason, different=[pair_of(a, b)], about=[a, b])


def _split(tx: Tx, customer_id: str, members: set[Ref], actor: str, reason: str) -> Decided:
    part = log.load(tx, {*_records(tx, [customer_id], "id"), *members}, lock=True)
    cluster = part.customer(_current(part, customer_id))
    rest = cluster - members
    if not members:
        raise InvalidArgument("members", "members must name at least one record")
    if cluster.isdisjoint(members) and _is_split_off(part, members, cluster):
        ids = {part.owner(min(cluster)), *(part.owner(ref) for ref in members)}
        return _unchanged(part, sorted(ids))
    if not members <= cluster:
        raise InvalidArgument("members", "members names a record that does not belong to this customer")
    if not rest:
        raise InvalidArgument("members", "members names every record of the customer: nothing would be left")
    if len(members) * len(rest) > MAX_SPLIT_PAIRS:
        raise InvalidArgument("members", "members and what is left are too many to be kept apart in one go")
    apart = sorted(pair_of(a, b) for a in members for b in rest)
    together = [*_holding(part, members, apart), *_holding(part, rest, apart)]
    about = [min(rest), min(members)]
    return _append(tx, part, Kind.SPLIT, actor, reason, same=together, different=apart, about=about)


def _undo(tx: Tx, event_id: int, actor: str, reason: str) -> Decided:
    base = _undone_in_the_end(tx, event_id)
    refs = log.records_of_event(tx, base)
    if not refs:
        raise InvalidArgument(
            "id", "id is an event that decided nothing: it only brought a record into the map"
        )
    part = log.load(tx, refs, lock=True)
    if event_id in undone_events(part.graph.undos):
        return _unchanged(part, sorted({part.owner(ref) for ref in refs}))
    draft = Draft(kind=Kind.UNDO, actor=actor, reason=reason, undoes=event_id)
    return _decided(writing.append(tx, part, draft), refs)


def _undone_in_the_end(tx: Tx, event_id: int) -> int:
    """The event that is no undo: itself, or what it takes back."""
    current = event_id
    while True:
        event = log.events(tx, [current]).get(current) if 0 < current < 2**31 else None
        if event is None:
            raise InvalidArgument("id", "id is no event of the identity map")
        if event.undoes is None:
            return current
        current = event.undoes


def _append(
    tx: Tx,
    part: Part,
    kind: Kind,
    actor: str,
    reason: str,
    *,
    same: Iterable[tuple[Ref, Ref]] = (),
    different: Iterable[tuple[Ref, Ref]] = (),
    about: Iterable[Ref],
) -> Decided:
    verdicts = {**dict.fromkeys(same, Verdict.SAME), **dict.fromkeys(different, Verdict.DIFFERENT)}
    tokens = log.tokens_of(tx, {ref: part.numbers[ref] for pair in verdicts for ref in pair})
    edges = [
        msgspec.structs.replace(_decision(a, b, verdict), rests_on=log.rests_on(a, b, tokens))
        for (a, b), verdict in sorted(verdicts.items())
    ]
    draft = Draft(kind=kind, actor=actor, reason=reason, edges=tuple(edges))
    return _decided(writing.append(tx, part, draft), about)


def _decision(a: Ref, b: Ref, verdict: Verdict) -> Edge:
    return Edge(event=PENDING, a=a, b=b, verdict=verdict, origin=STEWARD, confidence=1.0)


def _decided(written: Written, about: Iterable[Ref]) -> Decided:
    ids = dict.fromkeys(written.after.members[ref].customer_id for ref in about)
    return Decided(
        customers=tuple(sorted(ids)), event=written.event, touched=frozenset(written.after.customers)
    )


def _unchanged(part: Part, ids: Iterable[str]) -> Decided:
    return Decided(customers=tuple(sorted(set(ids))), event=None, touched=frozenset(part.derived.customers))


def _records(tx: Tx, ids: Sequence[str], argument: str) -> set[Ref]:
    """The records of these customers, or of those that they redirect to."""
    asked = {i for i in ids if lookup.is_id(i)}
    found = tx.connection.execute(
        select(CustomerRow.id, CustomerRow.merged_into).where(tx.among(CustomerRow.id, sorted(asked)))
    )
    current = {row.id: row.merged_into or row.id for row in found}
    if len(current) < len(set(ids)):
        raise InvalidArgument(argument, f"{argument} names a customer that the identity map does not know")
    of_them = tx.among(MemberRow.customer_id, sorted(set(current.values())))
    members = tx.connection.execute(select(MemberRow.source, MemberRow.record_id).where(of_them))
    return {tx.ref(row) for row in members}


def _current(part: Part, customer_id: str) -> str:
    found = part.derived.customers.get(customer_id)
    if found is None:
        raise Raced  # it went elsewhere between the two looks
    return found.merged_into or found.id


def _load_pair(tx: Tx, a: Ref, b: Ref) -> Part:
    if a == b:
        raise InvalidArgument("b", "b is the same record as a")
    known = log.owners(tx, [a, b])
    for argument, ref in (("a", a), ("b", b)):
        if ref not in known:
            text = f"{argument} is no record that the identity map knows: look its customer up first"
            raise InvalidArgument(argument, text)
    return log.load(tx, [a, b], lock=True)


def _verdict(part: Part, a: Ref, b: Ref) -> Verdict | None:
    """What a steward says of the two, if one does."""
    pair = pair_of(a, b)
    return next((e.verdict for e in standing(part.graph) if e.by_steward and e.pair == pair), None)


def _kept_apart(part: Part, one: frozenset[Ref], other: frozenset[Ref]) -> list[tuple[Ref, Ref]]:
    """The pairs between two customers that a steward holds to be different."""
    return [
        e.pair
        for e in standing(part.graph)
        if e.by_steward and e.verdict is Verdict.DIFFERENT
        and ((e.a in one and e.b in other) or (e.a in other and e.b in one))
    ]  # fmt: skip


def _is_split_off(part: Part, members: set[Ref], rest: frozenset[Ref]) -> bool:
    """Whether these records were split from those before: the same request again."""
    apart = {e.pair for e in standing(part.graph) if e.by_steward and e.verdict is Verdict.DIFFERENT}
    known = members <= part.derived.members.keys()
    return known and all(pair_of(a, b) in apart for a in members for b in rest)


def _holding(part: Part, refs: Iterable[Ref], apart: Sequence[tuple[Ref, Ref]]) -> list[tuple[Ref, Ref]]:
    """The pairs that have to be joined so that `refs` stay one customer once the others are apart from them."""
    wanted = set(refs)
    edges = [_decision(a, b, Verdict.DIFFERENT) for a, b in apart]
    graph = Graph(
        records=part.graph.records,
        anchors=part.graph.anchors,
        edges=[*part.graph.edges, *edges],
        undos=part.graph.undos,
    )
    pieces = [c & wanted for c in partition(graph).clusters if not c.isdisjoint(wanted)]
    tops = sorted(oldest(piece, part.graph.records) for piece in pieces)
    first = oldest(tops, part.graph.records)
    return [pair_of(first, top) for top in tops if top != first]
