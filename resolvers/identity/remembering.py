"""Takes links into the log: what is new in them becomes events, what is known already changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from resolvers.identity import log, rows, writing
from resolvers.identity.database import Tx
from resolvers.identity.derivation import Derived, Edge, Pair, Verdict, family, pair_of
from resolvers.identity.log import LINKING, RECONCILING, Kind, Part
from resolvers.identity.members import Ref
from resolvers.identity.tokens import Token
from resolvers.identity.writing import Batch, Draft, Piece


class NewLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Records as they are now, with all keys that they carry, and what was found out about pairs of them.

    An edge may name a record that is known already and is none of `records`; its `event` is not looked at. `considered`
    are all records that were compared before anything was joined: where a customer has grown by others in the meantime,
    nothing is written (see `Outdated`). None: whatever there is may be joined.
    """

    records: tuple[Ref, ...]
    edges: tuple[Edge, ...] = ()
    tokens: tuple[tuple[Token, Ref], ...] = ()
    considered: frozenset[Ref] | None = None


class Outdated(Exception):
    """A customer that the new links reach has records that were not considered. Look again, then decide.

    `news` is which of several links it was, counted from 0.
    """

    def __init__(self, news: int = 0) -> None:
        super().__init__(news)
        self.news = news


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The customer of the first record, that of each record, and the ids that were merged into others just now.

    Records that a steward holds to be different people stay different customers, whatever links them. `touched` are all
    ids whose answers may have changed, `joins` how many customers and new records came to stand in one with others.
    """

    customer_id: str
    customers: Mapping[Ref, str]
    merged: tuple[str, ...] = ()
    touched: frozenset[str] = frozenset()
    joins: int = 0


def named(news: Iterable[NewLinks]) -> list[Ref]:
    """Every record that the links speak of."""
    return sorted({ref for new in news for ref in _named(new)})


def labels(news: Iterable[NewLinks]) -> set[str]:
    """The labels that they need."""
    found: set[str] = set()
    for new in news:
        found |= rows.labels_of(new.edges, _named(new))
    return found


def known(tx: Tx, news: Sequence[NewLinks]) -> tuple[list[Remembered] | None, int]:
    """The answer where there is nothing to write: the everyday case needs no lock. Else how many records are new."""
    refs = named(news)
    members = log.members(tx, refs)
    if len(members) < len(refs):
        return None, len(refs) - len(members)
    owners = {ref: row.customer_id for ref, row in members.items()}
    numbers = {ref: row.id for ref, row in members.items()}
    carried = log.tokens_of(tx, numbers)
    if any(carried.get(ref, set()) != tokens for new in news for ref, tokens in _carried(new).items()):
        return None, 0
    held = _Held(log.edges_of(tx, numbers))
    if any(held.fresh(new, carried) for new in news):
        return None, 0
    found = [
        Remembered(
            customer_id=owners[new.records[0]],
            customers={ref: owners[ref] for ref in sorted(new.records)},
            touched=frozenset(owners[ref] for ref in _named(new)),
        )
        for new in news
    ]
    return found, 0


def remember(tx: Tx, news: Sequence[NewLinks], new_records: int) -> list[Remembered]:
    """An event for each that says something new. `new_records`: how many there probably are. Raises Outdated, and then wrote
    nothing.
    """
    refs = named(news)
    part = log.load(tx, refs, lock=True, free=(len(news), new_records))
    fresh = [ref for ref in refs if ref not in part.graph.records]
    whole = Piece(graph=part.graph, derived=part.derived)
    pieces = [whole] if len(news) == 1 else writing.pieces(part)
    batch = Batch(tx, pieces, part, events=len(news), records=len(fresh))
    taking = _Taking(batch, part)
    done = [taking.take(n, new) for n, new in enumerate(news)]
    for ref, carries in sorted(taking.tokens.items()):
        carried = part.tokens.get(ref, set())
        if carries != carried:
            batch.carry(ref, carries, instead=bool(carried))
    batch.write(lasting=False)  # what was found is found again, what was decided is not
    return done


def propose(tx: Tx, edges: Sequence[Edge]) -> int:
    """Puts pairs of two different customers up for review, in one event; returns how many are new. Joins nobody."""
    part = log.load(tx, {ref for e in edges for ref in e.pair}, lock=True)
    members = part.derived.members
    apart = [
        e for e in edges
        if e.a in members and e.b in members and members[e.a].customer_id != members[e.b].customer_id
    ]  # fmt: skip
    tokens = log.tokens_of(tx, {ref: part.numbers[ref] for e in apart for ref in e.pair})
    fresh = _Held(part.graph.edges).fresh(NewLinks(records=(), edges=tuple(apart)), tokens)
    if fresh:
        writing.append(tx, part, Draft(kind=Kind.PROPOSE, actor=RECONCILING, edges=tuple(fresh)))
    return len(fresh)


class _Taking:
    """Takes one after the other in, each on what the ones before it left."""

    def __init__(self, batch: Batch, part: Part) -> None:
        self._batch = batch
        self._held = _Held(part.graph.edges)
        self.tokens: dict[Ref, set[Token]] = dict(part.tokens)

    def take(self, n: int, new: NewLinks) -> Remembered:
        refs = _named(new)
        piece = self._batch.piece(refs)
        _check_considered(n, new, piece)
        self.tokens |= _carried(new)
        edges = self._held.fresh(new, self.tokens)
        records = tuple(ref for ref in refs if ref not in piece.graph.records)
        before = after = piece.derived
        if edges or records:
            draft = Draft(kind=Kind.LINK, actor=LINKING, edges=tuple(edges), records=records)
            after = self._batch.append(draft, refs).after
            self._held.add(edges)
        owned = {before.members[ref].customer_id for ref in new.records if ref in before.members}
        customers = {ref: after.members[ref].customer_id for ref in sorted(new.records)}
        return Remembered(
            customer_id=customers[new.records[0]],
            customers=customers,
            merged=tuple(sorted(owned - {m.customer_id for m in after.members.values()})),
            touched=frozenset(after.customers),
            joins=max(0, len(records) + _people(before) - _people(after)),
        )


def _people(derived: Derived) -> int:
    return len({m.customer_id for m in derived.members.values()})


class _Held:
    """The edges that the log holds. What was undone is held too: finding it again does not bring it back."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._rules: set[tuple[Any, ...]] = set()
        self._scores: dict[Pair, Edge] = {}
        self._linked: set[Pair] = set()
        self.add(sorted(edges, key=lambda e: e.event))

    def add(self, edges: Iterable[Edge]) -> None:
        """Edges that are newer than all that are held."""
        for edge in edges:
            self._rules.add((*edge.pair, *family(edge)))
            if edge.is_scored:
                self._scores[edge.pair] = edge
            if edge.verdict is Verdict.SAME and not edge.by_steward:
                self._linked.add(edge.pair)

    def fresh(self, new: NewLinks, tokens: Mapping[Ref, set[Token]]) -> list[Edge]:
        """The new edges. That two records are different is worth an edge only where the log says something else."""
        edges: dict[Any, Edge] = {}
        for found in new.edges:
            a, b = pair_of(found.a, found.b)
            edge = msgspec.structs.replace(found, a=a, b=b, rests_on=log.rests_on(a, b, tokens))
            if a != b and self._is_fresh(edge):
                edges[(*edge.pair, *family(edge))] = edge
        return list(edges.values())

    def _is_fresh(self, edge: Edge) -> bool:
        if not edge.is_scored:
            return (*edge.pair, *family(edge)) not in self._rules
        old = self._scores.get(edge.pair)
        if old is None:
            return edge.verdict is not Verdict.DIFFERENT or edge.pair in self._linked
        return (old.verdict, old.origin, old.rests_on) != (edge.verdict, edge.origin, edge.rests_on)


def _named(new: NewLinks) -> list[Ref]:
    return sorted({*new.records, *(ref for edge in new.edges for ref in edge.pair)})


def _carried(new: NewLinks) -> dict[Ref, set[Token]]:
    """The tokens that each record carries now."""
    carried: dict[Ref, set[Token]] = {ref: set() for ref in new.records}
    for token, ref in new.tokens:
        carried.setdefault(ref, set()).add(token)
    return carried


def _check_considered(n: int, new: NewLinks, piece: Piece) -> None:
    """A join was judged against everybody it brings together, or it is not made."""
    if new.considered is None:
        return
    members = piece.derived.members
    ends = {ref for e in new.edges if e.verdict is Verdict.SAME for ref in e.pair}
    joined = {members[ref].customer_id for ref in ends if ref in members}
    if any(m.customer_id in joined and ref not in new.considered for ref, m in members.items()):
        raise Outdated(n)
