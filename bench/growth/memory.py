"""Whether a worker's memory stays flat: mixed requests by the thousand, the resident memory in between.

    python -m bench.growth.memory [--requests 100000] [--seed 1]

One customer, a list of ten, a timeline, a search, an unknown id, errors (an unknown field, a page too large, no key), in turn
over all customers, on 16 connections. Printed as Markdown; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import uuid
from collections.abc import Sequence

from bench.growth import HEADERS
from bench.growth.fit import Line, line
from bench.growth.load import Load, drive
from bench.growth.place import Place, Running, Spec, place, say
from bench.peers import data
from bench.peers.install import HERE
from bench.peers.load import Failed, request
from bench.peers.processes import NotStarted

CONNECTIONS, STEP, CUSTOMERS = 16, 5000, 4000
GOAL_MB = 150.0
_ONE = (HERE / "queries" / "A.graphql").read_text()
_LIST = (HERE / "queries" / "B.graphql").read_text()
_TIMELINE = """query Timeline($id: ID!) {
  customer(by: {id: $id}) { displayName timeline(first: 40) { nodes { __typename at source recordId } pageInfo { hasNextPage } } }
}"""
_SEARCH = "query Search($text: String!) { search(text: $text, first: 10) { nodes { id displayName } } }"
_WRONG = "query Wrong($id: ID!) { customer(by: {id: $id}) { id shoeSize } }"
_TOO_LARGE = "query TooLarge($id: ID!) { customer(by: {id: $id}) { orders(first: 100000) { nodes { at } } } }"


class Mixed:
    """The questions in their order: ten kinds in turn, over all customers."""

    def __init__(self, seed: int, names: dict[int, str]) -> None:
        self._seed, self._names = seed, names

    def __call__(self, number: int) -> bytes:
        who = number // 10 * 7 % len(self._names)
        id_ = self._names[who]
        turn = number % 10
        if turn in (0, 2, 4, 6):
            return _post(_ONE, {"id": id_})
        if turn == 1:
            return _post(_LIST, {"ids": [self._names[(who + n) % len(self._names)] for n in range(10)]})
        if turn in (3, 8):
            return _post(_TIMELINE, {"id": id_})
        if turn == 5:
            return _post(_SEARCH, {"text": f"{data.person_id(self._seed, who)}@example.com"})
        if turn == 7:
            return _post(_ONE, {"id": str(uuid.UUID(int=number + 1))})
        return self._error(number, id_)

    def _error(self, number: int, id_: str) -> bytes:
        kind = number // 10 % 3
        if kind == 2:
            return _post(_ONE, {"id": id_}, headers=())
        return _post((_WRONG, _TOO_LARGE)[kind], {"id": id_})


def _post(document: str, variables: object, headers: Sequence[tuple[str, str]] = HEADERS) -> bytes:
    body = json.dumps({"query": document, "variables": variables}).encode()
    return request("/graphql", headers, body)


def measured(where: Place, requests: int) -> tuple[list[tuple[int, float]], dict[str, int]]:
    """Resident MB after so many requests, from 0 on; and how the requests were answered. Raises Failed, NotStarted."""
    one = where.server(Spec(searched=True))
    samples = [(0, one.process.rss_mb())]
    answers = {"200": 0, "401": 0, "503": 0, "with errors": 0}
    while one.next < requests:
        load = _step(one, Mixed(where.seed, one.names), min(STEP, requests - one.next))
        samples.append((one.next, one.process.rss_mb()))
        for status in (200, 401, 503):
            answers[str(status)] += load.statuses[status]
        answers["with errors"] += load.errors
        say(f"{one.next} requests, {load.asked / load.seconds:.0f}/s: {samples[-1][1]:.1f} MB")
    return samples, answers


def _step(one: Running, question: Mixed, most: int) -> Load:
    load = asyncio.run(
        drive(one.process.port, question, first=one.next, connections=CONNECTIONS, most=most, seconds=600.0)
    )
    one.next += load.asked
    return load


def second_half(samples: Sequence[tuple[int, float]]) -> Line:
    """MB a request over the second half of the requests: the first fills caches."""
    late = [sample for sample in samples if sample[0] >= samples[-1][0] / 2]
    return line([float(requests) for requests, _ in late], [mb for _, mb in late])


def flat(found: Line) -> bool:
    """Whether 100,000 requests add less than 5 MB, or no more than the scatter of the samples explains."""
    return found.slope * 100_000 < 5.0 or found.slope < 2 * found.error


def markdown(samples: Sequence[tuple[int, float]], answers: dict[str, int]) -> str:
    """The table and its judgement."""
    found = second_half(samples)
    peak = max(mb for _, mb in samples)
    rows = [f"| {requests:,} | {mb:.1f} |" for requests, mb in samples]
    answered = ", ".join(f"{count:,} {what}" for what, count in answers.items() if count)
    verdict = "flat" if flat(found) else "growing"
    return "\n".join(
        [
            "| requests | RSS, MB |",
            "|---|---|",
            *rows,
            "",
            f"Second half: {found.slope * 100_000:+.2f} ± {found.error * 100_000:.2f} MB for 100,000 requests: {verdict}. "
            f"Peak {peak:.1f} MB ({'within' if peak <= GOAL_MB else 'above'} the goal of {GOAL_MB:g}). Answers: {answered}.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 when memory is flat and below the goal."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth.memory", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.requests < 4 * STEP:
        parser.error(f"--requests must be at least {4 * STEP}: fewer leave no line to draw")
    try:
        with place(options.seed, CUSTOMERS) as where:
            samples, answers = measured(where, options.requests)
    except (Failed, NotStarted) as error:
        print(error, file=sys.stderr)
        return 1
    print(markdown(samples, answers))
    print(f"\nLoad average of the machine: {os.getloadavg()[0]:.1f}")
    return 0 if flat(second_half(samples)) and max(mb for _, mb in samples) <= GOAL_MB else 1


if __name__ == "__main__":
    sys.exit(main())
