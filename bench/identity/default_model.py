"""Makes the model that ships: `python -m bench.identity.default_model SANDBOX.csv OUTPUT`.

u is a belief about a country's people, because the frequencies of a made-up world are nobody's. m is the mean of a
belief and of what Splink and EM find in the sandbox's records without labels. Where training sees given names, birth
dates or ids differ in one person, families are among what it saw: there the belief stands, which keeps the guards on.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from gateway.commands.tables import read
from resolvers.identity.matching.levels import LEVELS
from resolvers.identity.matching.model import Field, Level, Model, dump
from resolvers.identity.training.estimate import estimate

BELIEF: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "given": (
        (0.86, 0.006, 0.03, 0.06, 0.02, 0.006, 0.018),
        (0.006, 0.000012, 0.002, 0.003, 0.02, 0.03, 0.938988),
    ),
    "family": ((0.866, 0.03, 0.06, 0.02, 0.024), (0.002, 0.001, 0.001, 0.02, 0.976)),
    "birth_date": ((0.93, 0.01, 0.03, 0.02, 0.01), (0.00004, 0.00003, 0.0007, 0.04, 0.95923)),
    "email": ((0.75, 0.05, 0.02, 0.18), (0.0000005, 0.0001, 0.0001, 0.9997995)),
    "phone": ((0.75, 0.03, 0.22), (0.000003, 0.0001, 0.999897)),
    "national_id": ((0.96, 0.035, 0.005), (0.000002, 0.00002, 0.999978)),
    "street": ((0.72, 0.12, 0.06, 0.10), (0.0006, 0.002, 0.01, 0.9874)),
    "house_number": ((0.78, 0.08, 0.14), (0.01, 0.1, 0.89)),
    "postcode": ((0.80, 0.06, 0.14), (0.001, 0.02, 0.979)),
    "city": ((0.80, 0.08, 0.12), (0.02, 0.01, 0.97)),
    "state": ((0.88, 0.04, 0.08), (0.12, 0.05, 0.83)),
}
"""Field -> m and u of its levels, in their order."""

_GUARDED = ("given", "birth_date", "national_id")


def belief() -> Model:
    """What is believed before anything was seen."""
    return Model(
        fields={name: _field(name, *numbers) for name, numbers in BELIEF.items()}, matches_per_record=1.0
    )


def _field(name: str, m: tuple[float, ...], u: tuple[float, ...]) -> Field:
    levels = (Level(name=n, m=x, u=y) for n, x, y in zip(LEVELS[name], m, u, strict=True))
    return Field(levels=tuple(levels))


def make(file: Path) -> Model:
    """The mean of the belief and of what training finds in the file."""
    people = read(file, {}, None).people
    seen, fields = estimate(people, belief=belief()), {}
    for name, (m, u) in BELIEF.items():
        found = [level.m for level in seen.fields[name].levels]
        if name in _GUARDED:
            rest = (1 - m[-1]) / (1 - found[-1])
            found = [*(x * rest for x in found[:-1]), m[-1]]
        fields[name] = _field(name, tuple(round((x + y) / 2, 5) for x, y in zip(m, found, strict=True)), u)
    made = f"bench.identity.default_model: belief and {len(people)} records of the sandbox, EM without labels (Splink)"
    return msgspec.structs.replace(belief(), fields=fields, made=made)


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(dump(make(Path(sys.argv[1]))))
