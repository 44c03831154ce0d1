"""`c360 identity merge|split|undo|explain|review`: deciding who is who, and seeing why, on the identity map itself."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from gateway.commands.identity_group import app

T = TypeVar("T")

Config = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings: c360.toml.")]
Reason = Annotated[str, typer.Option(help="Why, for those who come after you; no personal data.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Actor = Annotated[str | None, typer.Option(help="Who decides.", show_default="the user of this machine")]


@app.command()
def merge(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The customers: two or more.")],
    config: Config,
    reason: Reason,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Makes customers one; the oldest id stays, the others redirect to it."""
    _decide(config, actor, as_json, lambda steward: steward.merge(ids, reason))


@app.command()
def split(
    customer: Annotated[str, typer.Argument(metavar="ID", help="The customer.")],
    members: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE:RECORD...", help="The records that are somebody else."),
    ],
    config: Config,
    reason: Reason,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Makes some of a customer's records another customer; nothing automatic joins the two again."""
    refs = [_ref(member) for member in members]
    _decide(config, actor, as_json, lambda steward: steward.split(customer, refs, reason))


@app.command()
def undo(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its number, as explain prints it.")],
    config: Config,
    reason: Reason,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Takes an event back: a decision, an automatic link, or another undo."""
    _decide(config, actor, as_json, lambda steward: steward.undo(event, reason))


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
    """Why these records are one customer, what holds them together, and what happened to them."""
    at = as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of else None
    found = asyncio.run(_with_engine(config, lambda engine: _explanation(engine, customer, at)))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print_explanation(found)


@app.command()
def review(
    config: Config,
    first: Annotated[int, typer.Option(min=1, max=100, help="Pairs to show.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="CURSOR", help="Where the page before ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """The pairs of records that wait for a decision, most valuable first."""
    found = asyncio.run(_with_engine(config, lambda engine: _waiting(engine, first, after)))
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print_review(found)


async def _with_engine(config: Path, work: Callable[[Any], Awaitable[T]]) -> T:
    """Runs `work` on the engine of these settings. Raises SettingsError or StartError."""
    from gateway.serving import StartError
    from resolvers.errors import QuestionError

    async with _opened(config) as engine:
        try:
            return await work(engine)
        except QuestionError as error:
            raise StartError(error.message) from None


@asynccontextmanager
async def _opened(config: Path) -> AsyncIterator[Any]:
    # imported late: `c360 --help` has no use for what these modules need
    from gateway import settings
    from gateway.app import create_engine, open_engine
    from gateway.commands.serve import reason, try_sqlite
    from gateway.serving import StartError
    from gateway.telemetry import Metrics

    chosen = settings.load_with_fields(config)
    try_sqlite(chosen)
    engine = create_engine(chosen, Metrics())
    try:
        await open_engine(engine)
    except Exception as error:  # a database driver's
        raise StartError(f"cannot open the identity store: {reason(error)}") from None
    try:
        yield engine
    finally:
        await engine.aclose()


def _decide(config: Path, actor: str | None, as_json: bool, decide: Callable[[Any], Awaitable[Any]]) -> None:
    from resolvers.stewardship import Stewardship

    who = (actor or f"cli:{getpass.getuser()}")[:100]
    done = asyncio.run(_with_engine(config, lambda engine: decide(Stewardship(engine.identity, who))))
    event = None if done.event is None else {"id": done.event.id, "kind": done.event.kind.value}
    if as_json:
        print(json.dumps({"customers": list(done.customers), "event": event}, indent=2))
        return
    if event is None:
        print("Nothing had to be changed.")
    else:
        print(
            f"Event {event['id']} ({event['kind']}) by {who}; to take it back: c360 identity undo {event['id']}"
        )
    for customer_id in done.customers:
        print(f"  customer {customer_id}")


def _ref(member: str) -> tuple[str, str]:
    from gateway.serving import StartError

    source, colon, record_id = member.partition(":")
    if not colon:
        raise StartError(f'a record is written SOURCE:RECORD, such as webshop:1001 (got "{member}")')
    return source, record_id


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
    found["bridges"] = [] if at else msgspec.to_builtins(await chronicle.bridges(asked))
    found["history"] = [
        {**msgspec.to_builtins(entry.event), "undone_by": entry.undone_by, "edges": [
            {"a": list(e.a), "b": list(e.b), "verdict": e.verdict.value, "rule": e.origin} for e in entry.edges
        ]}
        for entry in await chronicle.history(asked)
        if at is None or entry.event.at <= at
    ]  # fmt: skip
    return dict(found)


async def _waiting(engine: Any, first: int, after: str | None) -> dict[str, Any]:
    import msgspec

    from resolvers.stewardship import Stewardship, review_cursor

    found, more = await Stewardship(engine.identity, "cli").review(first, after)
    cursor = review_cursor(found[-1]) if found and more else None
    return {"pairs": msgspec.to_builtins(found), "next": cursor}


def _print_explanation(found: dict[str, Any]) -> None:
    customer = found["customer"]
    print(f"Customer {customer['id']}")
    if customer["redirected_from"]:
        print(f"  ({customer['redirected_from']} was merged into it)")
    print(f"\nRecords ({len(customer['members'])}):")
    for m in customer["members"]:
        print(f"  {m['source']}:{m['record_id']}, known since {m['linked_at']}")
    print("\nThey are one person because:" if found["evidence"] else "\nNothing links it to another record.")
    for e in found["evidence"]:
        print(f"  {_named(e['a'])} and {_named(e['b'])}: {_because(e)}")
    for b in found["bridges"]:
        sides = f"{b['a_side']} and {b['b_side']} records"
        print(f"  Only {_named(b['a'])} and {_named(b['b'])} hold the two sides ({sides}) together.")
    print("\nWhat happened:")
    for entry in found["history"]:
        _print_entry(entry)


def _print_entry(entry: dict[str, Any]) -> None:
    what = f"undo of event {entry['undoes']}" if entry["undoes"] else entry["kind"]
    taken_back = f", taken back by event {entry['undone_by']}" if entry["undone_by"] else ""
    why = f": {entry['reason']}" if entry["reason"] else ""
    print(f"  event {entry['id']}, {entry['at']}, {entry['actor']}: {what}{taken_back}{why}")
    for e in entry["edges"]:
        print(f"    {_named(e['a'])} and {_named(e['b'])}: {e['verdict']} ({e['rule']})")


def _because(e: dict[str, Any]) -> str:
    by = (
        f"{e['actor']} said so"
        if e["rule"] == "steward"
        else f"{e['rule']} (confidence {e['confidence']:.2f})"
    )
    if e["weight"] is not None:
        parts = ", ".join(f"{c['field']} {c['agreement']} {c['weight']:+.1f}" for c in e["contributions"])
        by += f", {e['weight']:+.1f} bits" + (f": {parts}" if parts else "")
    return f"{by}, event {e['event']}"


def _print_review(found: dict[str, Any]) -> None:
    if not found["pairs"]:
        print("Nothing waits for a decision.")
    for pair in found["pairs"]:
        again = ", kept apart before on other evidence" if pair["reopened"] else ""
        print(f"{_named(pair['a'])} and {_named(pair['b'])}: {pair['records']} records affected{again}")
        print(f"  customers {pair['a_customer']} and {pair['b_customer']}")
        for e in pair["evidence"]:
            print(f"  {e['verdict']}: {_because(e)}")
    if found["next"]:
        print(f"More: --after {found['next']}")


def _named(ref: Sequence[str]) -> str:
    return f"{ref[0]}:{ref[1]}"
