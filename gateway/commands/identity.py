"""`c360 identity eval` and `train`: how well matching does on a table of people, and weights estimated from one."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from gateway.commands.progress import Told, bar
from gateway.commands.tables import Table, TableError, columns_of, read
from resolvers.identity.matching import evaluation, model
from resolvers.identity.matching.scorer import Scorer
from resolvers.identity.training.backends import backend as named
from resolvers.identity.training.estimate import estimate


def evaluate(
    file: Path,
    *,
    truth: str,
    mapping: list[str],
    train: bool,
    model_file: Path | None,
    country: str | None,
    as_json: bool,
) -> int:
    """Matches, compares with the truth, prints. Raises TableError, model.ModelError or TrainingError."""
    columns = columns_of(mapping)
    weights = model.load(model_file) if model_file else model.default()
    with bar() as progress:
        told, began = Told(progress), time.perf_counter()
        table = read(file, columns, truth, country)
        reading = time.perf_counter() - began
        if train:
            weights = estimate(table.people, told.said)
        started = time.perf_counter()
        clusters = evaluation.match(table.people, Scorer(weights, len(table.people)), told.done)
        seconds = time.perf_counter() - started
    found = evaluation.figures(dict(table.truth), clusters)
    speed = (
        len(table.people) / (reading + seconds) if table.people else 0.0
    )  # normalising them counts, training not
    print(json.dumps(_as_json(found, speed), indent=2) if as_json else _as_text(found, speed, table, weights))
    return 0


def train(file: Path, *, output: Path, mapping: list[str], country: str | None, backend: str) -> int:
    """Estimates a model and writes it. Raises TableError or TrainingError."""
    table = read(file, columns_of(mapping), None, country)
    with bar() as progress:
        made = estimate(table.people, Told(progress).said, backend=named(backend))
    try:
        output.write_bytes(model.dump(made))
    except OSError as error:
        raise TableError(f"{output} cannot be written: {error.strerror}") from None
    print(f"{output}: model {made.version}, estimated from {len(table.people):,} records", file=sys.stderr)
    return 0


def _peak_mb() -> float:
    """Peak resident memory of this process in MB (1,000,000 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def _as_json(found: evaluation.Figures, speed: float) -> dict[str, Any]:
    return {
        "pairwise": msgspec.to_builtins(found.pairwise),
        "cluster": msgspec.to_builtins(found.cluster),
        "bcubed": msgspec.to_builtins(found.bcubed),
        "largest_cluster": found.largest_cluster,
        "review": found.review,
        "review_recall": found.review_recall,
        "records_per_s": round(speed, 1),
        "peak_mb": round(_peak_mb(), 1),
    }


def _as_text(found: evaluation.Figures, speed: float, table: Table, weights: model.Model) -> str:
    lines = [
        f"{len(table.people):,} records of {len(set(table.truth.values())):,} people, model {weights.version}",
        "",
        f"{'':16}precision   recall       F1",
    ]
    for name, quality in (
        ("pairwise", found.pairwise),
        ("cluster pairs", found.cluster),
        ("B-cubed", found.bcubed),
    ):
        lines.append(f"{name:14}{quality.precision:11.4f}{quality.recall:9.4f}{quality.f1:9.4f}")
    lines += [
        "",
        f"largest cluster   {found.largest_cluster:,} records",
        f"review band       {found.review:,} pairs (pairwise recall with them decided rightly: {found.review_recall:.4f})",
        f"speed             {speed:,.0f} records a second",
        f"peak memory       {_peak_mb():,.0f} MB",
    ]
    return "\n".join(lines)
