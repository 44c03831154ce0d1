"""Compares an answer with what was created, field by field, and counts the fields."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.live.proof.evidence import assert_explained


@dataclass(frozen=True, kw_only=True)
class Where:
    """A value that is not known beforehand, but what it must be like is."""

    what: str
    holds: Callable[[Any], bool]


def between(earliest: datetime, latest: datetime | None = None) -> Where:
    """A time from `earliest` on, and not after `latest` where one is given."""

    def holds(value: Any) -> bool:
        at = datetime.fromisoformat(value)
        return at >= earliest and (latest is None or at <= latest)

    return Where(what=f"a time between {earliest} and {latest or 'now'}", holds=holds)


def start_of(text: str, least: int) -> Where:
    """The beginning of a text, of at least `least` characters, and not all of it."""

    def holds(value: Any) -> bool:
        return isinstance(value, str) and least <= len(value) < len(text) and text.startswith(value)

    return Where(what=f"the beginning of a text of {len(text)} characters", holds=holds)


@dataclass(kw_only=True)
class Tally:
    """How much was compared in a run."""

    fields: int = 0
    people: set[str] = field(default_factory=set)

    def compare(self, expected: Any, answered: Any) -> None:
        """Fails with every field that differs; no field may be missing and none too many."""
        wrong: list[str] = []
        self._walk(expected, answered, "", wrong)
        assert not wrong, "\n".join(wrong)

    def customer(self, key: str, expected: Any, answer: Any) -> None:
        """A customer's whole answer; Vendure's lines have no order of their own."""
        answered = copy.deepcopy(answer)
        for order in (answered["orders"] or {}).get("nodes", ()):
            order["lines"].sort(key=lambda line: line["sku"])
        self.people.add(key)
        self.compare(expected, answered)
        assert_explained(answered["identity"]["members"])

    def _walk(self, expected: Any, answered: Any, path: str, wrong: list[str]) -> None:
        if isinstance(expected, Mapping) and isinstance(answered, Mapping):
            for name in expected.keys() | answered.keys():
                if name not in expected or name not in answered:
                    wrong.append(f"{path}.{name}: {'not expected' if name in answered else 'missing'}")
                else:
                    self._walk(expected[name], answered[name], f"{path}.{name}", wrong)
        elif _is_list(expected) and isinstance(answered, list):
            if len(expected) != len(answered):
                wrong.append(
                    f"{path}: expected {len(expected)} of them, got {len(answered)}: {answered!r:.600}"
                )
            for index, (one, other) in enumerate(zip(expected, answered, strict=False)):
                self._walk(one, other, f"{path}[{index}]", wrong)
        else:
            self.fields += 1
            if not _same(expected, answered):
                wrong.append(f"{path}: expected {_shown(expected)}, got {answered!r:.300}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _same(expected: Any, answered: Any) -> bool:
    if isinstance(expected, Where):
        return answered is not None and expected.holds(answered)
    if isinstance(expected, datetime):
        return isinstance(answered, str) and datetime.fromisoformat(answered) == expected
    if isinstance(expected, Decimal):
        return isinstance(answered, str) and Decimal(answered) == expected
    return type(expected) is type(answered) and bool(expected == answered)


def _shown(expected: Any) -> str:
    return expected.what if isinstance(expected, Where) else f"{expected!r:.300}"


_MOMENTS = frozenset({"observedAt", "fetchedAt"})


def timeless(answered: Any) -> Any:
    """An answer without when it was fetched, so that two of them can be compared."""
    if isinstance(answered, dict):
        return {name: timeless(value) for name, value in answered.items() if name not in _MOMENTS}
    if isinstance(answered, list):
        return [timeless(value) for value in answered]
    return answered
