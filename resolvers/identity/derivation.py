"""What follows from the log: which records are one customer, under which id, and what a person should look at.

Pure functions, no I/O. The rules, in order:

1. An event that was undone counts for nothing; an undo that was undone counts for nothing either.
2. Of a steward's verdicts on a pair, the newest stands; of automatic ones, the newest of each rule and key (or model). A
   score that does not say "same" takes the place of all older automatic links of the pair: the records have changed.
3. "Same" edges join, strongest first: stewards' before automatic ones, among stewards' the newest first, among automatic
   ones by confidence, then the older first. An edge that would join two records which a steward holds to be different is
   left out. So a steward's "different" wins however the two are connected, and the weakest connection is the one cut.
4. Every customer id is anchored at a record, for ever: it means the customer that this record belongs to. Of the ids in one
   cluster the oldest is the customer's, the others are redirects. A cluster without any id gets one at its oldest record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from resolvers.identity.members import Ref

STEWARD = "steward"
"""The origin of edges that a person decided."""

MODEL = "model "
"""How the origin of scored edges begins; the model's version follows. A newer score of a pair replaces the older one."""

PENDING = 2**62
"""The number of an event that is not written yet: newer than all."""

Pair = tuple[Ref, Ref]
"""Two records in canonical order: the lesser first."""


class Verdict(StrEnum):
    """What an edge says of its two records."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """How one field spoke for or against a match. `weight` is in bits (log2 of the Bayes factor)."""

    field: str
    agreement: str
    weight: float


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """What an event says of two records. `rests_on` stands for the keys that both carried then."""

    event: int
    a: Ref
    b: Ref
    verdict: Verdict
    origin: str
    confidence: float
    weight: float | None = None
    contributions: tuple[Contribution, ...] = ()
    key_type: str | None = None
    token: bytes | None = None
    rests_on: str | None = None

    @property
    def pair(self) -> Pair:
        return (self.a, self.b)

    @property
    def by_steward(self) -> bool:
        return self.origin == STEWARD

    @property
    def is_scored(self) -> bool:
        """Whether a model said it."""
        return self.origin.startswith(MODEL)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A record, and the event that brought it into the map."""

    ref: Ref
    event: int


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A customer id, and the record at which it is anchored."""

    id: str
    ref: Ref
    event: int


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the log that is closed under "same" edges. `undos` maps an undoing event to what it undoes."""

    records: Mapping[Ref, Seen]
    anchors: Sequence[Anchor]
    edges: Sequence[Edge]
    undos: Mapping[int, int]

    def until(self, event: int) -> Graph:
        """The part as it was when this event had happened and none after it."""
        return Graph(
            records={ref: seen for ref, seen in self.records.items() if seen.event <= event},
            anchors=[a for a in self.anchors if a.event <= event],
            edges=[e for e in self.edges if e.event <= event],
            undos={undo: undone for undo, undone in self.undos.items() if undo <= event},
        )


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """Clusters, the edges that stand, and the edges (a forest) that hold the clusters together."""

    clusters: tuple[frozenset[Ref], ...]
    standing: tuple[Edge, ...]
    forest: tuple[Edge, ...]


class MemberState(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the members: `confidence` is that of the strongest edge that holds the record in its cluster."""

    ref: Ref
    customer_id: str
    event: int
    confidence: float


class CustomerState(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the customers."""

    id: str
    ref: Ref
    event: int
    merged_into: str | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that a person should look at. `reopened`: it was decided, or kept apart, on other evidence than there is now."""

    a: Ref
    b: Ref
    confidence: float
    reopened: bool


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that follows."""

    members: Mapping[Ref, MemberState]
    customers: Mapping[str, CustomerState]
    questions: Mapping[Pair, Question]


def pair_of(a: Ref, b: Ref) -> Pair:
    """The two in canonical order."""
    return (a, b) if a <= b else (b, a)


def undone_events(undos: Mapping[int, int]) -> set[int]:
    """The events that do not count. An undo is newer than what it undoes, so the newest are settled first."""
    undone: set[int] = set()
    for undo, target in sorted(undos.items(), reverse=True):
        if undo not in undone:
            undone.add(target)
    return undone


def standing(graph: Graph) -> tuple[Edge, ...]:
    """The edges that count: not undone, and not replaced by a newer one of the same origin."""
    undone = undone_events(graph.undos)
    newest: dict[tuple[object, ...], Edge] = {}
    for edge in sorted((e for e in graph.edges if e.event not in undone), key=_age):
        newest[(edge.pair, *family(edge))] = edge
    doubted = {e.pair: e.event for e in newest.values() if e.is_scored and e.verdict is not Verdict.SAME}
    kept = (e for e in newest.values() if e.by_steward or e.event >= doubted.get(e.pair, 0))
    return tuple(sorted(kept, key=_strength))


def family(edge: Edge) -> tuple[str, bytes | None]:
    """Edges of one pair and one family replace each other."""
    if edge.by_steward:
        return STEWARD, None
    return (MODEL, None) if edge.is_scored else (edge.origin, edge.token)


def _age(edge: Edge) -> tuple[object, ...]:
    return (edge.event, edge.a, edge.b, edge.verdict.value, edge.origin, edge.token or b"")


def _strength(edge: Edge) -> tuple[object, ...]:
    order = (edge.a, edge.b, edge.origin, edge.token or b"")
    if edge.by_steward:
        return (0, 0.0, -edge.event, *order)
    return (1, -edge.confidence, edge.event, *order)


def partition(graph: Graph) -> Partition:
    """The clusters (rule 3)."""
    edges = standing(graph)
    groups = _Groups(graph.records, (e for e in edges if e.by_steward and e.verdict is Verdict.DIFFERENT))
    forest = tuple(
        e for e in edges if e.verdict is Verdict.SAME and e.a in graph.records and e.b in graph.records
        and groups.join(e.a, e.b)
    )  # fmt: skip
    return Partition(clusters=groups.all(), standing=edges, forest=forest)


class _Groups:
    """Disjoint sets of records that refuse a join which would bring records together that must stay apart."""

    def __init__(self, records: Iterable[Ref], apart: Iterable[Edge]) -> None:
        self._root = {ref: ref for ref in records}
        self._members = {ref: {ref} for ref in self._root}
        self._enemies: dict[Ref, set[Ref]] = defaultdict(set)
        for edge in apart:
            self._enemies[edge.a].add(edge.b)
            self._enemies[edge.b].add(edge.a)

    def join(self, a: Ref, b: Ref) -> bool:
        """Whether the two were apart and are together now."""
        big, small = self._root[a], self._root[b]
        if big == small or not self._enemies[big].isdisjoint(self._members[small]):
            return False
        if len(self._members[big]) < len(self._members[small]):
            big, small = small, big
        for ref in self._members[small]:
            self._root[ref] = big
        self._members[big] |= self._members.pop(small)
        self._enemies[big] |= self._enemies.pop(small, set())
        return True

    def all(self) -> tuple[frozenset[Ref], ...]:
        return tuple(sorted((frozenset(m) for m in self._members.values()), key=min))


def oldest(refs: Iterable[Ref], records: Mapping[Ref, Seen]) -> Ref:
    """The record that came into the map first."""
    return min(refs, key=lambda ref: (records[ref].event, ref))


def without_id(graph: Graph, parts: Partition) -> list[Ref]:
    """The records at which ids have to be anchored: the oldest of each cluster that has none."""
    anchored = {a.ref for a in graph.anchors}
    return [oldest(c, graph.records) for c in parts.clusters if c.isdisjoint(anchored)]


def derive(graph: Graph, parts: Partition) -> Derived:
    """The rows that follow. Every cluster must have an id (see `without_id`)."""
    cluster_of = {ref: n for n, cluster in enumerate(parts.clusters) for ref in cluster}
    ids: dict[int, str] = {}
    for anchor in sorted(graph.anchors, key=lambda a: a.id):
        ids.setdefault(cluster_of[anchor.ref], anchor.id)
    confidence = _confidence(parts, cluster_of)
    members = {
        ref: MemberState(
            ref=ref, customer_id=ids[cluster_of[ref]], event=seen.event, confidence=confidence.get(ref, 1.0)
        )
        for ref, seen in graph.records.items()
    }  # fmt: skip
    customers = {
        a.id: CustomerState(
            id=a.id, ref=a.ref, event=a.event,
            merged_into=None if ids[cluster_of[a.ref]] == a.id else ids[cluster_of[a.ref]],
        )
        for a in graph.anchors
    }  # fmt: skip
    return Derived(members=members, customers=customers, questions=_questions(parts, cluster_of))


def _confidence(parts: Partition, cluster_of: Mapping[Ref, int]) -> dict[Ref, float]:
    best: dict[Ref, float] = {}
    for edge in parts.standing:
        together = edge.a in cluster_of and cluster_of[edge.a] == cluster_of.get(edge.b)
        if edge.verdict is Verdict.SAME and together:
            for ref in edge.pair:
                best[ref] = max(best.get(ref, 0.0), edge.confidence)
    return best


def _questions(parts: Partition, cluster_of: Mapping[Ref, int]) -> dict[Pair, Question]:
    by_pair: dict[Pair, list[Edge]] = defaultdict(list)
    for edge in parts.standing:
        by_pair[edge.pair].append(edge)
    kept_apart = dict.fromkeys(cluster_of, 0)
    for edge in parts.standing:
        if edge.by_steward and edge.verdict is Verdict.DIFFERENT:
            for ref in edge.pair:
                kept_apart[ref] = max(kept_apart.get(ref, 0), edge.event)
    newest: dict[int, int] = defaultdict(int)
    for ref, cluster in cluster_of.items():
        newest[cluster] = max(newest[cluster], kept_apart[ref])
    found: dict[Pair, Question] = {}
    for pair, edges in by_pair.items():
        a, b = (cluster_of.get(ref) for ref in pair)
        if a is not None and a == b:
            continue
        decided_until = max((newest[c] for c in (a, b) if c is not None), default=0)
        if question := _question(edges, decided_until):
            found[pair] = question
    return found


def _question(edges: Sequence[Edge], decided_until: int) -> Question | None:
    """What is open about a pair in two clusters. `decided_until`: the newest "different" that keeps its clusters apart."""
    decision = next((e for e in edges if e.by_steward), None)
    automatic = [e for e in edges if not e.by_steward]
    if decision is not None:
        fresh = [
            e for e in automatic
            if e.verdict is not Verdict.DIFFERENT
            and e.event > decision.event and e.rests_on != decision.rests_on
        ]  # fmt: skip
    else:
        fresh = [
            e for e in automatic
            if e.verdict is Verdict.UNSURE or (e.verdict is Verdict.SAME and e.event > decided_until)
        ]  # fmt: skip
    if not fresh:
        return None
    strongest = max(fresh, key=lambda e: e.confidence)
    reopened = decision is not None or all(e.verdict is Verdict.SAME for e in fresh)
    return Question(a=strongest.a, b=strongest.b, confidence=strongest.confidence, reopened=reopened)
