"""`c360 identity merge|split|confirm|reject|undo`: deciding who is who on the identity map itself."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands.identity_group import Actor, AsJson, Config, Reason, app, record, with_engine

RecordA = Annotated[str, typer.Argument(metavar="A", help="A record, SOURCE:RECORD.")]
RecordB = Annotated[str, typer.Argument(metavar="B", help="Another record, SOURCE:RECORD.")]


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
    refs = [record(member) for member in members]
    _decide(config, actor, as_json, lambda steward: steward.split(customer, refs, reason))


@app.command()
def confirm(
    a: RecordA, b: RecordB, config: Config, reason: Reason, actor: Actor = None, as_json: AsJson = False
) -> None:
    """Two records are one person, and so are their customers."""
    one, other = record(a), record(b)
    _decide(config, actor, as_json, lambda steward: steward.confirm(one, other, reason))


@app.command()
def reject(
    a: RecordA, b: RecordB, config: Config, reason: Reason, actor: Actor = None, as_json: AsJson = False
) -> None:
    """Two records are different people; nothing automatic joins them again."""
    one, other = record(a), record(b)
    _decide(config, actor, as_json, lambda steward: steward.reject(one, other, reason))


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


def decider(actor: str | None) -> str:
    """Who decides, as the log names them."""
    return (actor or f"cli:{getpass.getuser()}")[:100]


def _decide(config: Path, actor: str | None, as_json: bool, decide: Callable[[Any], Awaitable[Any]]) -> None:
    from resolvers.stewardship import Stewardship

    who = decider(actor)
    done = asyncio.run(with_engine(config, lambda engine: decide(Stewardship(engine.identity, who))))
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
