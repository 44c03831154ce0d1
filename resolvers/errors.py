"""What can be wrong with a question, and what a source failed to give.

QuestionError            the question cannot be answered as asked; `argument` names what to change
├── InvalidArgument      malformed e-mail address, phone number, id, cursor or page size
└── AmbiguousKey         several unrelated customers carry the key: the answer would be a guess
SourceFailure            not raised: one failed batch, noted once, while the rest of the answer goes on
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class QuestionError(Exception):
    """`argument` is the GraphQL argument at fault, dotted ("by.email"). The text never repeats the value."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(message)
        self.argument = argument
        self.message = message


class InvalidArgument(QuestionError):
    """The argument's value is malformed or out of bounds."""


class AmbiguousKey(QuestionError):
    """Several customers carry the key; `count` of them are known."""

    def __init__(self, argument: str, count: int) -> None:
        super().__init__(
            argument,
            f"{argument} belongs to {count} different customers, and the gateway does not guess: "
            "list them with search(text:), then ask by id",
        )
        self.count = count


class FieldPath(Protocol):
    """A place in the answer, turned into a list only when an error needs it (graphql-core's `Path`)."""

    def as_list(self) -> list[str | int]: ...


class SourceFailure(msgspec.Struct, frozen=True, kw_only=True):
    """One failed batch. `paths` are the fields of the answer that missed it, as they came to want it."""

    source: str
    code: str
    message: str
    paths: Sequence[FieldPath] = ()
