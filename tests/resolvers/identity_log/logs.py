"""Short ways to write links and decisions in tests."""

from __future__ import annotations

from typing import Any

from resolvers.identity.derivation import MODEL, Verdict
from resolvers.identity.members import Ref
from resolvers.identity.store import Edge, IdentityStore, NewLinks

CONFIDENCE = {"weak": 0.9, "middle": 0.95, "strong": 0.99}
"""Rules of different strength."""
BY: dict[str, Any] = {"actor": "tess", "reason": "a test"}


def rec(n: int) -> Ref:
    return ("crm", str(n))


def links(*pairs: tuple[int, int], rule: str = "weak", token: bytes = b"t") -> NewLinks:
    """Records that share one key, linked pair by pair; a pair of one number is a record without any link."""
    records = tuple(sorted({rec(n) for pair in pairs for n in pair}))
    found = tuple(
        Edge(
            event=0, a=rec(a), b=rec(b), verdict=Verdict.SAME, origin=rule, confidence=CONFIDENCE[rule],
            key_type="email", token=token,
        )
        for a, b in pairs if a != b
    )  # fmt: skip
    return NewLinks(records=records, edges=found, tokens=tuple((token, r) for r in records))


async def seen(store: IdentityStore, *numbers: int) -> list[str]:
    """Records that nothing links, a customer each."""
    return [(await store.remember(links((n, n), token=b"own%d" % n))).customer_id for n in numbers]


def scored(a: int, b: int, verdict: Verdict, confidence: float, model: str = "v1") -> NewLinks:
    pair = Edge(
        event=0, a=rec(a), b=rec(b), verdict=verdict, origin=MODEL + model, confidence=confidence, weight=1.5
    )
    return NewLinks(records=(rec(a),), edges=(pair,), tokens=((b"own%d" % a, rec(a)),))


async def together(store: IdentityStore, *numbers: int) -> bool:
    owners = await store.by_records([rec(n) for n in numbers])
    assert len(owners) == len(numbers)
    return len(set(owners.values())) == 1


async def groups(store: IdentityStore, *numbers: int) -> list[list[int]]:
    """The customers of these records, as sorted numbers."""
    owners = await store.by_records([rec(n) for n in numbers])
    found: dict[str, list[int]] = {}
    for n in sorted(numbers):
        found.setdefault(owners[rec(n)], []).append(n)
    return sorted(found.values())
