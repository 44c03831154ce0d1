"""Shopify's search syntax: `email:"a@example.com" OR (updated_at:>=2026-01-01 AND NOT tag:guest) words`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from sandbox.times import parse_time

R = TypeVar("R")

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\)) |
        (?P<field>-?[A-Za-z_]+):(?P<op>>=|<=|>|<)?(?:"(?P<dq>(?:\\.|[^"\\])*)"|'(?P<sq>(?:\\.|[^'\\])*)'|(?P<value>[^\s()]+)) |
        (?:"(?P<phrase>(?:\\.|[^"\\])*)") |
        (?P<word>[^\s()]+)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One comparison; without a field it is free text."""

    field: str | None
    operator: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or:
    parts: tuple[Node, ...]


Node = Term | Not | And | Or


def parse(text: str) -> Node:
    """The syntax tree; text that is not well formed is read as far as it goes, as the vendor does."""
    return _Parser(text).read()


class _Parser:
    """Recursive descent over the tokens: OR binds weaker than AND, and two terms side by side mean AND."""

    def __init__(self, text: str) -> None:
        self._tokens = [match for match in _TOKEN.finditer(text) if match.group().strip()]
        self._at = 0

    def read(self) -> Node:
        return self._either()

    def _word(self) -> str | None:
        return self._tokens[self._at]["word"] if self._at < len(self._tokens) else None

    def _either(self) -> Node:
        parts = [self._both()]
        while self._word() == "OR":
            self._at += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(parts=tuple(parts))

    def _both(self) -> Node:
        parts: list[Node] = []
        while self._at < len(self._tokens) and self._word() != "OR" and not self._tokens[self._at]["close"]:
            if self._word() == "AND":
                self._at += 1
                continue
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(parts=tuple(parts))

    def _one(self) -> Node:
        token = self._tokens[self._at]
        self._at += 1
        if token["word"] == "NOT" and self._at < len(self._tokens):
            return Not(part=self._one())
        if token["open"]:
            inner = self._either()
            if self._at < len(self._tokens) and self._tokens[self._at]["close"]:
                self._at += 1
            return inner
        if token["field"]:
            return self._field(token)
        text = token["phrase"] if token["phrase"] is not None else token["word"] or ""
        return Term(field=None, operator="=", value=_unescaped(text))

    def _field(self, token: re.Match[str]) -> Node:
        quoted = token["dq"] if token["dq"] is not None else token["sq"]
        value = _unescaped(quoted) if quoted is not None else token["value"] or ""
        term = Term(field=token["field"].lstrip("-").lower(), operator=token["op"] or "=", value=value)
        return Not(part=term) if token["field"].startswith("-") else term


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Generic[R]):
    """How one search field looks at a record."""

    values: Callable[[R], Iterable[object]]
    kind: str = "text"
    """text (whole value, `*` at the end for a beginning), number or time."""
    normalise: Callable[[str], str] = str
    """Brings what was asked for into the form in which the values are kept."""
    lookup: Callable[[str], list[R]] | None = None
    """Finds the records with that value without looking at all of them."""


class Query(Generic[R]):
    """A parsed search over records of one kind."""

    def __init__(self, text: str, fields: dict[str, Field[R]], words: Callable[[R], Iterable[str]]) -> None:
        self._tree = parse(text)
        self._fields = fields
        self._words = words
        self.unknown: list[str] = []
        """Fields that do not exist. The vendor ignores such a term, with a warning, and so finds more, not less."""

    def run(self, everything: Iterable[R], identify: Callable[[R], str]) -> list[R]:
        found = self._candidates(self._tree)
        pool = everything if found is None else {identify(record): record for record in found}.values()
        return [record for record in pool if self._holds(self._tree, record)]

    def _candidates(self, node: Node) -> list[R] | None:
        """A list that holds every match, or None where only looking at all records will do."""
        if isinstance(node, Term):
            field = self._fields.get(node.field or "")
            plain = node.operator == "=" and not node.value.endswith("*")
            return field.lookup(node.value) if field and field.lookup and plain else None
        if isinstance(node, Or):
            lists = [self._candidates(part) for part in node.parts]
            return (
                None if any(found is None for found in lists) else [r for found in lists for r in found or ()]
            )
        if isinstance(node, And):
            known = [found for part in node.parts if (found := self._candidates(part)) is not None]
            return min(known, key=len) if known else None
        return None

    def _holds(self, node: Node, record: R) -> bool:
        if isinstance(node, And):
            return all(self._holds(part, record) for part in node.parts)
        if isinstance(node, Or):
            return any(self._holds(part, record) for part in node.parts)
        if isinstance(node, Not):
            return not self._holds(node.part, record)
        if node.field is None:
            return self._has_word(node.value, record)
        field = self._fields.get(node.field)
        if field is None:
            if node.field not in self.unknown:
                self.unknown.append(node.field)
            return True
        wanted = Term(field=node.field, operator=node.operator, value=field.normalise(node.value))
        return any(_compare(field.kind, wanted, value) for value in field.values(record) if value is not None)

    def _has_word(self, text: str, record: R) -> bool:
        have = [token for words in self._words(record) for token in (words.lower(), *words.lower().split())]
        return any(token.startswith(text.lower().rstrip("*")) for token in have)


def _compare(kind: str, term: Term, value: object) -> bool:
    if kind == "text":
        have, want = str(value).lower(), term.value.lower()
        if want == "*":
            return bool(have)
        return have.startswith(want[:-1]) if want.endswith("*") else have == want
    other = parse_time(term.value) if kind == "time" else _number(term.value)
    if other is None or not isinstance(value, int | float):
        return False
    holds = {
        "=": value == other,
        ">": value > other,
        ">=": value >= other,
        "<": value < other,
        "<=": value <= other,
    }
    return holds[term.operator]


def _number(text: str) -> float | None:
    tail = text.rpartition("/")[2].lstrip("#")
    try:
        return float(tail)
    except ValueError:
        return None
