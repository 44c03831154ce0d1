"""What Splink is told: our fields and levels as its comparisons, with a model's numbers where there is one."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from typing import Any

from resolvers.identity.matching.levels import LEVELS
from resolvers.identity.matching.model import SMALLEST, Field, Model
from resolvers.identity.training.conditions import conditions
from resolvers.identity.training.engines import Engine

Trained = Mapping[str, Mapping[str, tuple[float | None, float | None]]]
"""Splink's (m, u) by field and level."""

FREQUENT = ("given", "family", "city")
"""Fields whose exact agreement weighs more for a rare value."""
_SHARED_BY_FEW = ("national_id", "email", "phone")


def linker(
    engine: Engine, table: str, used: Collection[str], model: Model | None = None, records: int = 0
) -> Any:
    """A Splink linker over a table of `staging`, comparing the fields that are `used`.

    With a model, its prediction is `Scorer.evidence` for a map of that many records: bits before anything is taken off.
    """
    from splink import Linker

    comparisons = [_comparison(engine, name, model, records) for name in LEVELS if name in used]
    settings: dict[str, Any] = {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "comparisons": comparisons,
        "blocking_rules_to_generate_predictions": ["1=1"],
        "retain_intermediate_calculation_columns": False,
        "retain_matching_columns": False,
        "max_iterations": 50,
    }
    if model:
        settings["probability_two_random_records_match"] = model.prior(records)
    made = Linker(engine.api.register(table), settings, log_level=logging.ERROR)
    if model:
        _register_frequencies(engine, made, model, used)
    return made


def _comparison(engine: Engine, field: str, model: Model | None, records: int) -> dict[str, Any]:
    missing, *rest = conditions(engine.dialect)[field]
    levels: list[dict[str, Any]] = [
        {"sql_condition": missing, "label_for_charts": "missing", "is_null_level": True}
    ]
    for name, condition in zip(LEVELS[field], (*rest, "ELSE"), strict=True):
        levels.append({"sql_condition": condition, "label_for_charts": name})
    if model:
        for level, known in zip(levels[1:], model.fields[field].levels, strict=True):
            level |= {"m_probability": known.m, "u_probability": known.u}
        levels[1] |= _exact(field, model, records)
    return {"output_column_name": field, "comparison_levels": levels}


def _exact(field: str, model: Model, records: int) -> dict[str, Any]:
    """u of exact agreement as the scorer has it: for the value, where frequencies are known, and for the map's size."""
    known = model.fields[field]
    if field in FREQUENT and known.rare is not None:
        common = {"tf_adjustment_column": field} if known.frequencies else {}
        return {"u_probability": known.rare} | common
    if field in _SHARED_BY_FEW:
        larger = max(records, SMALLEST) / max(model.records, SMALLEST)
        return {"u_probability": min(1.0, known.levels[0].u / larger)}
    return {}


def _register_frequencies(engine: Engine, made: Any, model: Model, used: Collection[str]) -> None:
    """Common values only: for all others Splink keeps the level's u, which is that of a rare value."""
    for name in FREQUENT:
        field = model.fields[name]
        if name in used and field.rare is not None and field.frequencies:
            table = engine.api.register(_frequencies(name, field))
            made.table_management.register_term_frequency_lookup(table, name)


def _frequencies(name: str, field: Field) -> list[dict[str, Any]]:
    return [{name: value, f"tf_{name}": share} for value, share in sorted(field.frequencies.items())]


def parameters(trained: Any) -> Trained:
    """A linker's (m, u) by field and level; None where it saw nothing."""
    found = {}
    for comparison in trained.misc.save_model_to_json()["comparisons"]:
        found[comparison["output_column_name"]] = {
            level["label_for_charts"]: (level.get("m_probability"), level.get("u_probability"))
            for level in comparison["comparison_levels"]
            if not level.get("is_null_level")
        }
    return found


def bits(probability: float) -> float:
    """log2 of the odds, as Splink's thresholds are given."""
    return math.log2(probability / (1 - probability))
