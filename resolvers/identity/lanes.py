"""Where the keys of a record stand: a row holds up to one key of each lane, and a key's kind says which lane it is in.

A row of its own for each key would cost PostgreSQL more for the row than for the key.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from resolvers.identity.tokens import Token

COLUMNS = ("t0", "t1", "t2", "t3", "t4")
_LANES = {1: 0, 2: 1, 16: 3, 17: 4, 18: 3, 19: 2, 20: 3, 21: 4, 22: 0, 23: 4, 24: 1}
"""A kind's byte -> its lane, so that each lane is about as often in use. Stored: changing it needs a migration."""


def lane(token: Token) -> int:
    """The lane of a token; kinds that are not listed are spread by their number."""
    kind = token[1] if len(token) > 1 else 0
    return _LANES.get(kind, kind % len(COLUMNS))


def rows(member_id: int, tokens: Iterable[Token]) -> list[dict[str, Any]]:
    """The rows that hold these keys of a record."""
    lanes: tuple[list[Token], ...] = tuple([] for _ in COLUMNS)
    for token in sorted(tokens):
        lanes[lane(token)].append(token)
    return [
        {"member_id": member_id, "n": n, **dict(zip(COLUMNS, beside, strict=True))}
        for n, beside in enumerate(zip_longest(*lanes))
    ]


def tokens(row: Any) -> list[Token]:
    """The keys in a row."""
    return [token for name in COLUMNS if (token := getattr(row, name)) is not None]
