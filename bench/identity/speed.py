"""Times scoring and look-up by key: `python -m bench.identity.speed FILE.csv`, figures in microseconds of CPU."""

from __future__ import annotations

import secrets
import sys
import time
from pathlib import Path

from pydantic import SecretStr

from gateway.commands.tables import read
from resolvers.identity.matching import model
from resolvers.identity.matching.index import Index
from resolvers.identity.matching.scorer import Scorer
from resolvers.identity.tokens import Tokens


def main() -> None:
    """Prints what a record costs, part by part."""
    began = time.process_time()
    people = read(Path(sys.argv[1]), {}, None).people
    _say("read and normalise, a record", began, len(people))
    index, scorer = Index(Tokens(SecretStr(secrets.token_urlsafe(32)))), Scorer(model.default(), len(people))
    began = time.process_time()
    index.add(enumerate(people))
    _say("keys, tokens and storing, a record", began, len(people))
    began = time.process_time()
    found = [index.candidates(person) for person in people]
    _say("finding candidates, a record", began, len(people))
    pairs = [(number, other) for number, others in enumerate(found) for other in others if other > number]
    began = time.process_time()
    for a, b in pairs:
        scorer.score(people[a], people[b])
    print(f"{len(pairs) / len(people):.1f} pairs a record")
    _say("scoring, a pair", began, len(pairs))
    _say("scoring, a record", began, len(people))


def _say(what: str, began: float, count: int) -> None:
    print(f"{what:36} {(time.process_time() - began) / count * 1e6:8.1f}")


if __name__ == "__main__":
    main()
