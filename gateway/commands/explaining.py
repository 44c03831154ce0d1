"""`c360 identity explain|review|decisions`: why, what is in doubt, and who decided what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gateway.commands.identity_group import After, AsJson, Config, First, app, with_engine


@app.command()
def explain(
    customer: Annotated[str, typer.Argument(metavar="ID", help="The customer.")],
    config: Config,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            metavar="TIME",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
            help="As it was believed to be then (UTC unless it says otherwise).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Why these records are one customer, what holds them together, who is related, and what happened."""
    from gateway.commands import words

    at = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else None
    found = asyncio.run(with_engine(config, lambda engine: _explanation(engine, customer, at)))
    _print(found, as_json, words.explanation)


@app.command()
def review(
    config: Config,
    first: First = 20,
    after: After = None,
    source: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only pairs with a record of this source.")
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Only pairs of at least this confidence.")
    ] = 0.0,
    max_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Only pairs of at most this confidence.")
    ] = 1.0,
    as_json: AsJson = False,
) -> None:
    """The pairs of records that wait for a decision, most valuable first, each with why."""
    from gateway.commands import words
    from resolvers.identity.chronicle import Wanted

    wanted = Wanted(source=source, least=min_confidence, most=max_confidence)
    found = asyncio.run(with_engine(config, lambda engine: _waiting(engine, first, after, wanted)))
    _print(found, as_json, words.review)


@app.command()
def decisions(
    config: Config,
    first: First = 20,
    after: After = None,
    actor: Annotated[str | None, typer.Option(help="Only the decisions of this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """What was decided and by whom, newest first."""
    from gateway.commands import words

    found = asyncio.run(with_engine(config, lambda engine: _decided(engine, first, after, actor)))
    _print(found, as_json, words.decisions)


def _print(found: dict[str, Any], as_json: bool, in_words: Any) -> None:
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for line in in_words(found):
        print(line)


async def _explanation(engine: Any, customer: str, at: datetime | None) -> dict[str, Any]:
    import msgspec

    from resolvers.errors import InvalidArgument
    from resolvers.stewardship import customer_id

    asked = customer_id(customer, "ID")
    chronicle = engine.identity.store.chronicle
    believed = await chronicle.as_of(asked, at or datetime.max.replace(tzinfo=UTC))
    if believed is None:
        text = "there was no such customer at that time" if at else "the identity map knows no such customer"
        raise InvalidArgument("ID", text)
    found = msgspec.to_builtins(believed)
    found["evidence"] = _told(believed.evidence)
    bridges = [] if at else await chronicle.bridges(asked)
    found["bridges"] = [{**msgspec.to_builtins(b), "evidence": _told(b.evidence)} for b in bridges]
    current = believed.customer.id
    related = {} if at else await chronicle.relations_of([current])
    found["related"] = msgspec.to_builtins(related.get(current, ()))
    found["history"] = [
        {**msgspec.to_builtins(entry.event), "undone_by": entry.undone_by, "edges": _edges(entry.edges)}
        for entry in await chronicle.history(asked)
        if at is None or entry.event.at <= at
    ]
    return dict(found)


async def _waiting(engine: Any, first: int, after: str | None, wanted: Any) -> dict[str, Any]:
    import msgspec

    from resolvers.stewardship import Stewardship, review_cursor

    found, more = await Stewardship(engine.identity, "cli").review(first, after, wanted)
    pairs = [{**msgspec.to_builtins(pair), "evidence": _told(pair.evidence)} for pair in found]
    return {"pairs": pairs, "next": review_cursor(found[-1]) if found and more else None}


async def _decided(engine: Any, first: int, after: str | None, actor: str | None) -> dict[str, Any]:
    import msgspec

    from resolvers.stewardship import Stewardship, decision_cursor

    found, more = await Stewardship(engine.identity, "cli").decisions(first, after, actor)
    shown = [
        {
            **msgspec.to_builtins(d.event),
            "undone_by": d.undone_by,
            "edges": _edges(d.edges),
            "pairs": d.pairs,
        }
        for d in found
    ]
    return {"decisions": shown, "next": decision_cursor(found[-1]) if found and more else None}


def _told(evidence: Iterable[Any]) -> list[dict[str, Any]]:
    """Evidence, its doubts and, where a model scored it, the chance that its bits stand for."""
    import msgspec

    from resolvers.identity.doubts import doubts
    from resolvers.identity.matching.scorer import probability

    return [
        {
            **msgspec.to_builtins(e),
            "doubts": list(doubts(e.contributions)),
            "probability": None if e.weight is None else probability(e.weight),
        }
        for e in evidence
    ]


def _edges(edges: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {
            "a": list(e.a), "b": list(e.b), "verdict": e.verdict.value, "rule": e.origin,
            "confidence": e.confidence, "weight": e.weight,
        }
        for e in edges
    ]  # fmt: skip
