"""What must hold of the evidence behind a customer, whether rules or a model gave it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

Place = tuple[str, str]
"""A source and one of its records."""


def place(node: Mapping[str, Any]) -> Place:
    """The record that a member, a piece of evidence or a reference names."""
    return (node["source"], node["recordId"])


def assert_explained(members: Sequence[Mapping[str, Any]]) -> None:
    """Evidence ties every record to the others, says the same from both ends, and carries the members' confidence."""
    said: Counter[tuple[Place, Place, str, float, str]] = Counter()
    for member in members:
        for each in member["evidence"]:
            _assert_sound(each)
            said[place(member), place(each), each["rule"], each["confidence"], each["at"]] += 1
        strongest = max((each["confidence"] for each in member["evidence"]), default=1.0)
        assert member["confidence"] == strongest
    for (here, there, *what), times in said.items():
        assert said[(there, here, *what)] == times  # type: ignore[index]
    assert _reached(said, members) == {place(member) for member in members}


def _assert_sound(evidence: Mapping[str, Any]) -> None:
    """It is believed for something; where a model weighed it, it says which field weighed how much."""
    assert evidence["rule"].strip()
    assert 0 < evidence["confidence"] <= 1
    assert (evidence["weight"] is None) == (evidence["contributions"] == [])
    assert all(each["field"] for each in evidence["contributions"])


def _reached(said: Mapping[tuple[Any, ...], int], members: Sequence[Mapping[str, Any]]) -> set[Place]:
    """The records that evidence leads to, from the first one on."""
    steps: dict[Place, set[Place]] = defaultdict(set)
    for here, there, *_ in said:
        steps[here].add(there)
    reached: set[Place] = set()
    frontier = {place(member) for member in members[:1]}
    while frontier:
        reached |= frontier
        frontier = {there for here in frontier for there in steps[here]} - reached
    return reached
