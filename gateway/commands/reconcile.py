"""`c360 identity reconcile`: compares all records at once and says which pairs may be one person. Joins and parts nobody."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import msgspec

from gateway.commands.progress import Told, bar
from gateway.commands.tables import columns_of, stream
from resolvers.identity.matching import model
from resolvers.identity.matching.person import Person
from resolvers.identity.reconciliation import Reconciliation
from resolvers.identity.training.backends import backend as named
from resolvers.identity.training.reconcile import Proposal, propose

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

PAGE = 200
"""Pairs that are put up for review at once."""


def on_file(
    file: Path,
    *,
    mapping: list[str],
    model_file: Path | None,
    country: str | None,
    backend: str,
    as_json: bool,
) -> int:
    """Prints the proposals for a table of people. Raises TableError, model.ModelError or TrainingError."""
    weights = model.load(model_file) if model_file else model.default()
    people = stream(file, columns_of(mapping), country)
    found: Counter[str] = Counter()
    with contextlib.closing(proposals(people, weights, backend)) as all_of_them:
        for proposal in all_of_them:
            found[proposal.band] += 1
            print(as_line(proposal) if as_json else as_text(proposal))
    summary = ", ".join(f"{count:,} {band}" for band, count in sorted(found.items())) or "no pair"
    print(f"{summary} (model {weights.version})", file=sys.stderr)
    return 0


def on_map(config: Path, *, model_file: Path | None, backend: str, as_json: bool) -> int:
    """Reads all records from the sources and puts the pairs found up for review; prints those that are new, or how many.

    Raises SettingsError, StartError, SourceError, model.ModelError or TrainingError.
    """
    from anyio.from_thread import start_blocking_portal

    from gateway import settings
    from gateway.commands.maintenance import opened

    chosen = settings.load_with_fields(config)
    file = model_file or chosen.identity.model
    weights = model.load(file) if file else model.default()
    # the comparison runs here, so that signals end it; the map and the sources are asked in a thread of their own
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opened(chosen)) as engine:
        run = Reconciliation(engine.identity.store, engine.sources, engine.identity.options)
        people = _pulled(portal, run.everybody())
        found = new = 0
        with contextlib.closing(proposals(people, weights, backend)) as all_of_them:
            while some := list(islice(all_of_them, PAGE)):
                found, new = found + len(some), new + portal.call(run.propose, some, weights.version)
    summary = {"pairs": found, "new": new, "model": weights.version}
    if as_json:
        print(json.dumps(summary, indent=2))
    else:
        print(f"{found:,} pairs found, {new:,} of them new in the review (model {weights.version})")
    return 0


def _pulled(portal: BlockingPortal, steps: AsyncIterator[Sequence[Person]]) -> Iterator[Person]:
    """What the sources list, a step at a time, as it is asked for."""

    async def following() -> Sequence[Person] | None:
        return await anext(steps, None)

    while (people := portal.call(following)) is not None:
        yield from people


def proposals(
    people: Iterable[Person], weights: model.Model, backend: str
) -> Generator[Proposal, None, None]:
    """What `propose` finds, with progress on a terminal; to be closed, for the run's files are personal data.

    SIGTERM raises SystemExit until then, as Ctrl-C raises KeyboardInterrupt.
    """
    with _ended_by_sigterm(), bar() as progress:
        told = Told(progress)
        with contextlib.closing(propose(people, weights, named(backend), told.said)) as found:
            yield from found


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def as_line(proposal: Proposal) -> str:
    """A proposal as one line of JSON."""
    return msgspec.json.encode(proposal).decode()


def as_text(proposal: Proposal) -> str:
    """A proposal in words, on one line."""
    bars = ", ".join(
        f"{' '.join(filter(None, (c.field, c.agreement)))} {c.weight:+.1f}" for c in proposal.contributions
    )
    doubts = f" ({'; '.join(proposal.doubts)})" if proposal.doubts else ""
    a, b = (":".join(ref) for ref in (proposal.a, proposal.b))
    return f"{proposal.band} {proposal.probability:.4f} {a} {b}{doubts} = {bars}"
