"""What speaks against a scored pair, or is missing, in words: read from the levels that the model noted."""

from __future__ import annotations

from collections.abc import Iterable

from resolvers.identity.derivation import Contribution
from resolvers.identity.matching import scorer

_OTHER = {
    "national_id": scorer.OTHER_ID,
    "given": scorer.OTHER_GIVEN,
    "birth_date": scorer.OTHER_BIRTH_DATE,
}


def doubts(contributions: Iterable[Contribution]) -> tuple[str, ...]:
    """Why a person should look, however high the sum; empty where only the sum is too low, or no model spoke.

    These are the scorer's doubts under a model without a `differs`, and true of the two records in any case.
    """
    levels = {c.field: c.agreement for c in contributions}
    if not levels or levels.get("national_id") in ("exact", "close"):
        return ()
    found = [words for field, words in _OTHER.items() if levels.get(field) == "different"]
    return tuple(found) if _is_personal(levels) else (*found, scorer.NOT_PERSONAL)


def _is_personal(levels: dict[str, str]) -> bool:
    """As the scorer sees it: something agrees that few people share."""
    if levels.get("email") == "exact":
        return True
    named = levels.get("given", "different") != "different"
    born = levels.get("birth_date") in ("exact", "swapped", "close")
    return named and (born or levels.get("phone") == "exact")
