"""What the identity map knows, in words: the waterfall of a score, a customer's explanation, pages of pairs and decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

_FIELDS = {
    "prior": "prior: how rare a match is",
    "given": "given name",
    "family": "family name",
    "email": "e-mail address",
    "phone": "phone number",
    "place": "the place is one fact",
    "household": "an address is no person",
}
"""Fields of a contribution whose names say too little. The last two are what is taken off again."""
_OWN_WORDS = ("prior", "place", "household")
_SURE = 99.9999
"""Per cent. More is not told apart: a model's tail is no measurement."""


def explanation(found: dict[str, Any]) -> Iterator[str]:
    """A customer, as `explain` has found it."""
    customer = found["customer"]
    yield f"Customer {customer['id']}"
    if customer["redirected_from"]:
        yield f"  ({customer['redirected_from']} was merged into it)"
    yield f"\nRecords ({len(customer['members'])}):"
    for m in customer["members"]:
        yield f"  {m['source']}:{m['record_id']}, known since {m['linked_at']}"
    yield "\nThey are one person because:" if found["evidence"] else "\nNothing links it to another record."
    for e in found["evidence"]:
        yield from _evidence(e)
    for b in found["bridges"]:
        sides = f"{b['a_side']} and {b['b_side']} records"
        yield f"  Only {named(b['a'])} and {named(b['b'])} hold the two sides ({sides}) together."
    yield from _related(found["related"])
    yield "\nWhat happened:"
    for entry in found["history"]:
        yield from _event(entry)


def review(found: dict[str, Any]) -> Iterator[str]:
    """A page of pairs that wait."""
    if not found["pairs"]:
        yield "Nothing waits for a decision."
        return
    for pair in found["pairs"]:
        again = ", kept apart before on other evidence" if pair["reopened"] else ""
        yield f"{named(pair['a'])} and {named(pair['b'])}: {pair['records']} records affected{again}"
        yield f"  customers {pair['a_customer']} and {pair['b_customer']}"
        for e in pair["evidence"]:
            yield f"  {e['verdict']}: {_because(e)}"
            yield from _waterfall(e)
    yield "To decide: c360 identity confirm A B, or c360 identity reject A B."
    if found["next"]:
        yield f"More: --after {found['next']}"


def decisions(found: dict[str, Any]) -> Iterator[str]:
    """A page of decisions."""
    if not found["decisions"]:
        yield "Nothing was decided."
    for decision in found["decisions"]:
        yield from _event(decision)
        if decision["pairs"] > len(decision["edges"]):
            yield f"    and {decision['pairs'] - len(decision['edges'])} more pairs"
    if found["next"]:
        yield f"More: --after {found['next']}"


def named(ref: Sequence[str]) -> str:
    """A record as people write it."""
    return f"{ref[0]}:{ref[1]}"


def percent(probability: float) -> str:
    """A chance (0 to 1) in per cent, never rounded to a certainty."""
    value = probability * 100
    if value > _SURE:
        return f"over {_SURE} %"
    if value < 100 - _SURE:
        return f"under {100 - _SURE:.4f} %"
    return f"{value:.1f} %" if 1 <= value <= 99 else f"{value:.4f} %"


def _evidence(e: dict[str, Any]) -> Iterator[str]:
    yield f"  {named(e['a'])} and {named(e['b'])}: {_because(e)}"
    yield from _waterfall(e)


def _because(e: dict[str, Any]) -> str:
    if e["rule"] == "steward":
        by = f"{e['actor']} said so"
    elif e["probability"] is not None:
        by = f"{e['rule']}, {e['weight']:+.1f} bits = {percent(e['probability'])}"
    else:
        by = f"{e['rule']} (confidence {e['confidence']:.2f})"
    return f"{by}, event {e['event']}"


def _waterfall(e: dict[str, Any]) -> Iterator[str]:
    """A line for each field in bits, the sum, and what it is worth; then the doubts."""
    if e["contributions"]:
        bars = [(_said(c), c["weight"]) for c in e["contributions"]]
        width = max(len(text) for text, _ in bars)
        for text, weight in bars:
            yield f"      {text:{width}}  {weight:+6.1f} bits"
        yield f"      {'sum':{width}}  {e['weight']:+6.1f} bits = {percent(e['probability'])}"
    for doubt in e["doubts"]:
        yield f"      doubt: {doubt}"


def _said(contribution: dict[str, Any]) -> str:
    field = contribution["field"]
    name = _FIELDS.get(field, field.replace("_", " "))
    return name if field in _OWN_WORDS else f"{name} {contribution['agreement']}"


def _related(related: Sequence[dict[str, Any]]) -> Iterator[str]:
    if related:
        yield "\nRelated, and not one person:"
    for relation in related:
        whose = {"household": "a household's", "company": "a company's"}[relation["fan_out"]]
        others = ", ".join(relation["customers"])
        yield f"  shares {whose} {relation['key_type']} with {others}"


def _event(entry: dict[str, Any]) -> Iterator[str]:
    what = f"undo of event {entry['undoes']}" if entry["undoes"] else entry["kind"]
    taken_back = f", taken back by event {entry['undone_by']}" if entry["undone_by"] else ""
    why = f": {entry['reason']}" if entry["reason"] else ""
    yield f"  event {entry['id']}, {entry['at']}, {entry['actor']}: {what}{taken_back}{why}"
    for e in entry["edges"]:
        bits = f", {e['weight']:+.1f} bits" if e["weight"] is not None else ""
        yield f"    {named(e['a'])} and {named(e['b'])}: {e['verdict']} ({e['rule']}{bits})"
