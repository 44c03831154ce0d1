"""Judging an answer: brought into one shape, its leaves counted, and compared with what the sources hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.peers import data

CONNECTIONS = ("orders", "tickets", "emailEvents")


class Wrong(Exception):
    """The answer is not what the sources hold. Its text says where."""


@dataclass(frozen=True)
class Truth:
    """What each customer's answers must say. `names` are the server's own ids of the customers; theirs is expected as `id`."""

    seed: int
    names: Mapping[int, str]

    def check(self, query: str, numbers: Sequence[int], body: bytes) -> None:
        """Raises Wrong unless the answer to `query` about the customers `numbers` is right in every leaf."""
        found = customers(query, body)
        expected = [self._expected(query, number) for number in numbers]
        place = difference(found, expected)
        if place:
            raise Wrong(place)
        count = leaves(found)
        if count != data.LEAVES[query]:
            raise Wrong(f"{count} leaves instead of {data.LEAVES[query]}")

    def _expected(self, query: str, number: int) -> Any:
        one = data.person(self.seed, number)
        return {**(data.whole(one) if query == "A" else data.short(one)), "id": self.names[number]}


def customers(query: str, body: bytes) -> list[Any]:
    """The customers of an answer in one shape, whoever gave it. Raises Wrong where it holds errors or is no answer."""
    try:
        answer = json.loads(body)
    except ValueError:
        raise Wrong(f"no JSON: {body[:200]!r}") from None
    if answer.get("errors"):
        raise Wrong(f"errors: {json.dumps(answer['errors'])[:400]}")
    found = answer.get("data") or {}
    if query == "B":
        return [_plain(one) for one in found.get("customers") or ()]
    if "contact" in found:  # four root fields, for a server that cannot start them below one customer
        parts = {name: found[name] for name in CONNECTIONS}
        return [_plain({**_first(found["contact"]), **{name: _first(part) for name, part in parts.items()}})]
    return [_plain(found.get("customer"))]


def leaves(value: Any) -> int:
    """Scalars and nulls."""
    if isinstance(value, dict):
        return sum(leaves(item) for item in value.values())
    if isinstance(value, list):
        return sum(leaves(item) for item in value)
    return 1


def difference(found: Any, expected: Any, place: str = "data") -> str | None:
    """The first place where the two differ, in words; None where they say the same."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if found.keys() != expected.keys():
            return f"{place} has {sorted(found)} instead of {sorted(expected)}"
        parts = [(f"{place}.{name}", found[name], expected[name]) for name in expected]
    elif isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            return f"{place} has {len(found)} items instead of {len(expected)}"
        parts = [(f"{place}[{n}]", f, e) for n, (f, e) in enumerate(zip(found, expected, strict=True))]
    else:
        same = found == expected and type(found) is type(expected)
        return None if same else f"{place} is {found!r} instead of {expected!r}"
    return next((wrong for part, f, e in parts if (wrong := difference(f, e, part))), None)


def _plain(value: Any) -> Any:
    """Connections become lists, times in UTC are written with a Z, a contact below a customer is part of them."""
    if isinstance(value, dict):
        if value.keys() == {"nodes"}:
            return [_plain(item) for item in value["nodes"]]
        found = {name: _time(item) if name == "at" else _plain(item) for name, item in value.items()}
        return {**found.pop("contact"), **found} if isinstance(found.get("contact"), dict) else found
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _time(value: Any) -> Any:
    return (
        value.removesuffix("+00:00") + "Z" if isinstance(value, str) and value.endswith("+00:00") else value
    )


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value
