"""`c360 identity`: the group that the commands about the identity map belong to."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="identity",
    help="Who is who: decide, take back, explain, measure and train.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
