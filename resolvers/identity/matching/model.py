"""The Fellegi-Sunter model: how probable each level of agreement is for one person and for two; kept as JSON.

I. P. Fellegi, A. B. Sunter, "A Theory for Record Linkage", JASA 64 (1969). A level's weight is log2(m / u).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import msgspec

from resolvers.identity.matching.levels import LEVELS


class ModelError(Exception):
    """A file is no model. Its text is for the person who named the file."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """`m` and `u`: how often records of one person, and of two, agree like this."""

    name: str
    m: float
    u: float

    @property
    def weight(self) -> float:
        """Bits of evidence: positive for one person, negative for two."""
        return math.log2(self.m / self.u)


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """The levels of a field, best first. `frequencies` are the shares of common values, `rare` that of any other one."""

    levels: tuple[Level, ...]
    frequencies: Mapping[str, float] = {}
    rare: float | None = None


SMALLEST = 10_000
"""Records below which the prior is not raised further: with ten records known, the eleventh is still a stranger."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """`matches_per_record`: how many other records of the same person a record has, on average.

    It gives the prior for a map of N records: the chance that two records drawn at random are one person is this / N.
    `household`: the chance that two records with the same family name and address are one person.
    `place_overlap`: which part of what postcode, city and state say each says again, from 0 to 1.
    `differs`: field -> share of one person's records in which it differs, where something else vouches for the person.
    `records`: how many were looked at, which is what `u` of a contact depends on.
    `made` says from what and how the numbers were estimated.
    """

    fields: Mapping[str, Field]
    matches_per_record: float
    household: float = 0.5
    place_overlap: float = 1.0
    differs: Mapping[str, float] = {}
    records: int = SMALLEST
    made: str = ""

    @property
    def version(self) -> str:
        """A hash of the content; evidence names the model by it."""
        return hashlib.sha256(dump(self)).hexdigest()[:12]

    @property
    def household_bits(self) -> float:
        """log2 of the odds that belong to `household`."""
        return math.log2(self.household / (1 - self.household))

    def prior(self, records: int) -> float:
        """The chance that two of `records` records are one person; a small map says little about the world."""
        return min(0.5, self.matches_per_record / max(records, SMALLEST))


def dump(model: Model) -> bytes:
    """The model as JSON, the same bytes for the same model."""
    return msgspec.json.format(msgspec.json.encode(model, order="deterministic"), indent=1) + b"\n"


def load(path: Path) -> Model:
    """Reads a model file; raises ModelError."""
    try:
        return _decoded(path.read_bytes(), path.name)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from None


def default() -> Model:
    """The model that ships with the product."""
    file = resources.files("resolvers.identity.matching") / "default_model.json"
    return _decoded(file.read_bytes(), "default_model.json")


def _decoded(content: bytes, name: str) -> Model:
    try:
        model = msgspec.json.decode(content, type=Model)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ModelError(f"{name} is no matching model: {error}") from None
    for field, levels in LEVELS.items():
        if field not in model.fields or tuple(level.name for level in model.fields[field].levels) != levels:
            raise ModelError(f"{name} needs the field {field} with the levels {', '.join(levels)}")
    if any(not (0 < p <= 1) for f in model.fields.values() for level in f.levels for p in (level.m, level.u)):
        raise ModelError(f"{name} has a probability that is not above 0 and at most 1")
    if not (0 < model.matches_per_record < math.inf and 0 < model.household < 1):
        raise ModelError(f"{name} needs matches_per_record above 0, and household between 0 and 1")
    return model
