"""Short ways to write links and decisions in tests."""

from __future__ import annotations

from typing import Any

from adapters.base import KeyType, MatchKey
from resolvers.identity.derivation import Verdict
from resolvers.identity.linking import Link, Ref, Rule
from resolvers.identity.store import IdentityStore, NewLinks, Scored

EMAIL = MatchKey(KeyType.EMAIL, "ada@example.com")
BY: dict[str, Any] = {"actor": "tess", "reason": "a test"}


def rec(n: int) -> Ref:
    return ("crm", str(n))


def links(*pairs: tuple[int, int], rule: Rule = Rule.EMAIL, token: str = "t") -> NewLinks:
    """Records that share one key, linked pair by pair; a pair of one number is a record without any link."""
    records = tuple(sorted({rec(n) for pair in pairs for n in pair}))
    found = tuple((Link(a=rec(a), b=rec(b), rule=rule, key=EMAIL), token) for a, b in pairs if a != b)
    return NewLinks(records=records, links=found, tokens=tuple((token, r) for r in records))


async def seen(store: IdentityStore, *numbers: int) -> list[str]:
    """Records that nothing links, a customer each."""
    return [(await store.remember(links((n, n), token=f"own{n}"))).customer_id for n in numbers]


def scored(a: int, b: int, verdict: Verdict, confidence: float, model: str = "v1") -> NewLinks:
    pair = Scored(a=rec(a), b=rec(b), verdict=verdict, model=model, confidence=confidence, weight=1.5)
    return NewLinks(records=(rec(a),), links=(), tokens=((f"own{a}", rec(a)),), scored=(pair,))


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
