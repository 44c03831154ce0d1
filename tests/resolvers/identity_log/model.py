"""The evidence log as simply as it can be said: no database, no locks, everything worked out from the beginning each time."""

from __future__ import annotations

from dataclasses import dataclass, field

Pair = tuple[int, int]


@dataclass
class Said:
    """One event. Edges are (pair, verdict, strength, what makes two edges the same evidence)."""

    edges: list[tuple[Pair, str, float, str]] = field(default_factory=list)
    undoes: int | None = None


@dataclass
class Model:
    """Records are numbers. `born` says by which event each came in; `anchor` at which record each id is."""

    events: dict[int, Said] = field(default_factory=dict)
    born: dict[int, tuple[int, int]] = field(default_factory=dict)
    anchor: dict[str, int] = field(default_factory=dict)

    def counts(self, event: int) -> bool:
        return not any(e.undoes == event and self.counts(n) for n, e in self.events.items())

    def decided(self) -> dict[Pair, tuple[str, int]]:
        """The newest steward's verdict on each pair, and its event."""
        return {
            pair: (verdict, n)
            for n, said in sorted(self.events.items()) if self.counts(n)
            for pair, verdict, _, evidence in said.edges if evidence == "steward"
        }  # fmt: skip

    def clusters(self) -> list[set[int]]:
        decided = self.decided()
        apart = [set(pair) for pair, (verdict, _) in decided.items() if verdict == "different"]
        order = [(0, -n, pair) for pair, (verdict, n) in decided.items() if verdict == "same"]
        automatic = [
            (1, -strength, n, pair)
            for n, said in self.events.items() if self.counts(n)
            for pair, _, strength, evidence in said.edges if evidence != "steward"
        ]  # fmt: skip
        clusters = [{n} for n in self.born]
        for *_, (a, b) in [*sorted(order), *sorted(automatic)]:
            one = next(c for c in clusters if a in c)
            other = next(c for c in clusters if b in c)
            union = one | other
            if one is other or any(pair <= union for pair in apart):
                continue
            clusters = [c for c in clusters if c not in (one, other)] + [union]
        return clusters

    def cluster(self, n: int) -> set[int]:
        return next(c for c in self.clusters() if n in c)

    def oldest(self, numbers: set[int]) -> int:
        return min(numbers, key=self.born.__getitem__)

    def current(self, customer_id: str) -> str:
        """The id that this one stands for now."""
        cluster = self.cluster(self.anchor[customer_id])
        return min(i for i, n in self.anchor.items() if n in cluster)

    def knows(self, pair: Pair, evidence: str) -> bool:
        """Whether this evidence was ever in the log, undone or not."""
        return any((p, e) == (pair, evidence) for said in self.events.values() for p, _, _, e in said.edges)

    def merging(self, clusters: list[set[int]]) -> Said:
        first = self.oldest(clusters[0])
        pairs = {tuple(sorted((first, self.oldest(c)))) for c in clusters[1:]}
        for pair, (verdict, _) in self.decided().items():
            ends = [next((k for k, c in enumerate(clusters) if n in c), None) for n in pair]
            if verdict == "different" and None not in ends and ends[0] != ends[1]:
                pairs.add(pair)
        return self.steward(same=pairs)

    def confirming(self, a: int, b: int) -> Said:
        one, other = self.cluster(a), self.cluster(b)
        pairs = {(min(a, b), max(a, b))}
        if one is not other and one != other:
            pairs |= {
                pair for pair, (verdict, _) in self.decided().items()
                if verdict == "different" and len(one & set(pair)) == 1 and len(other & set(pair)) == 1
            }  # fmt: skip
        return self.steward(same=pairs)

    def splitting(self, members: set[int], rest: set[int]) -> Said:
        apart = {tuple(sorted((a, b))) for a in members for b in rest}
        with_apart = Model({**self.events, 10**9: self.steward(different=apart)}, self.born, self.anchor)
        holding = set()
        for side in (members, rest):
            pieces = [c & side for c in with_apart.clusters() if c & side]
            first = self.oldest(side)
            tops = {self.oldest(piece) for piece in pieces} - {first}
            holding |= {tuple(sorted((first, top))) for top in tops}
        return self.steward(same=holding, different=apart)

    @staticmethod
    def steward(same: set[Pair] = frozenset(), different: set[Pair] = frozenset()) -> Said:
        edges = [(p, "same", 1.0, "steward") for p in same] + [
            (p, "different", 1.0, "steward") for p in different
        ]
        return Said(edges)
