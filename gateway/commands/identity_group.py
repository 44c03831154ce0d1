"""`c360 identity`: the group of the commands about the identity map, and what they share: options, and the opened map."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

app = typer.Typer(
    name="identity",
    help="Who is who: decide, take back, explain, measure and train.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Config = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings: c360.toml.")]
Reason = Annotated[str, typer.Option(help="Why, for those who come after you; no personal data.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Actor = Annotated[str | None, typer.Option(help="Who decides.", show_default="the user of this machine")]
First = Annotated[int, typer.Option(min=1, max=100, help="How many to show.")]
After = Annotated[str | None, typer.Option(metavar="CURSOR", help="Where the page before ended.")]


async def with_engine(config: Path, work: Callable[[Any], Awaitable[T]]) -> T:
    """Runs `work` on the engine of these settings. Raises SettingsError or StartError."""
    # imported late: `c360 --help` has no use for what these modules need
    from gateway import settings
    from gateway.commands.maintenance import opened
    from gateway.serving import StartError
    from resolvers.errors import QuestionError

    async with opened(settings.load_with_fields(config)) as engine:
        try:
            return await work(engine)
        except QuestionError as error:
            raise StartError(error.message) from None


def record(written: str) -> tuple[str, str]:
    """The record that a person wrote as SOURCE:RECORD. Raises StartError."""
    from gateway.serving import StartError

    source, colon, record_id = written.partition(":")
    if not (source and colon and record_id):
        raise StartError(f'a record is written SOURCE:RECORD, such as webshop:1001 (got "{written[:100]}")')
    return source, record_id
