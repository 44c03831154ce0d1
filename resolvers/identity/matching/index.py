"""A small store of match-key tokens in SQLite: finds the records that share an uncrowded key with another one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from resolvers.identity.matching.keys import MAX_CANDIDATES, Kind, limit, of_person
from resolvers.identity.matching.person import Person
from resolvers.identity.tokens import Tokens


class Index:
    """Tokens of records that are numbered by their place in `people`. Nothing in it is personal data."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._connection = sqlite3.connect(":memory:")
        self._connection.execute(
            "CREATE TABLE match_key (token TEXT, record INTEGER, PRIMARY KEY (token, record)) WITHOUT ROWID"
        )

    def add(self, people: Iterable[tuple[int, Person]]) -> None:
        """Takes note of the keys of numbered records."""
        rows = ((token, number) for number, person in people for _, token in self.tokens(person))
        self._connection.executemany("INSERT OR IGNORE INTO match_key VALUES (?, ?)", rows)

    def tokens(self, person: Person) -> list[tuple[Kind, bytes]]:
        """The tokens of a record's keys in order of priority."""
        return [(key.kind, self._tokens.token(key.kind, key.value)) for key in of_person(person)]

    def candidates(self, person: Person) -> Sequence[int]:
        """The numbers of the records to compare with, itself included; crowded keys are left out."""
        found: dict[int, None] = {}
        for kind, token in self.tokens(person):
            if len(found) >= MAX_CANDIDATES:
                break
            at_most = limit(kind)
            rows = self._connection.execute(
                "SELECT record FROM match_key WHERE token = ? LIMIT ?", (token, at_most + 1)
            ).fetchall()
            if len(rows) <= at_most:
                found.update((number, None) for (number,) in rows)
        return list(found)

    def close(self) -> None:
        """Forgets everything."""
        self._connection.close()
