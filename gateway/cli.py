"""The `c360` command."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands import bulk as bulk  # these add their commands to the group
from gateway.commands import documents as trusted
from gateway.commands import explaining as explaining
from gateway.commands import identity_group
from gateway.commands import rotate_key as rotate_key
from gateway.commands import stewardship as stewardship
from gateway.commands import sync as sync


class Backend(StrEnum):
    """Where Splink computes."""

    DUCKDB = "duckdb"
    SPARK = "spark"


URL = "http://127.0.0.1:8360/graphql"

app = typer.Typer(
    name="c360",
    help="One customer, live from the CRM, webshop, helpdesk and e-mail system.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(identity_group.app)
app.add_typer(trusted.app)
Table = Annotated[Path, typer.Argument(metavar="FILE", help="People, one a row: CSV or Parquet.")]
Mapping = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=COLUMN", help="Which column holds what; repeatable."),
]
Country = Annotated[
    str | None, typer.Option(metavar="CODE", help="ISO code that national phone numbers belong to.")
]
Computes = Annotated[Backend, typer.Option("--backend", help="Where Splink computes.")]
Weights = Annotated[
    Path | None, typer.Option("--model", metavar="FILE", help="The weights, instead of the shipped ones.")
]
Config = Annotated[Path, typer.Option("--config", "-c", metavar="FILE", help="The settings: c360.toml.")]


def main() -> None:
    """The entry point: mistakes of people become lines on stderr, never a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has had enough
        sys.exit(141)
    except Exception as error:
        status = _explained(error)
        if status is None:
            raise
        sys.exit(status)


def _explained(error: Exception) -> int | None:
    """Says what a person can do about it and gives the exit status; None for a fault of ours."""
    # imported late: `c360 --help` has no use for what these modules need
    from gateway.commands.query import QueryError
    from gateway.commands.tables import TableError
    from gateway.execution.manifest import ManifestError
    from gateway.serving import StartError
    from gateway.settings import SettingsError
    from resolvers.identity.matching.model import ModelError
    from resolvers.identity.training.errors import TrainingError

    if isinstance(error, SettingsError):
        print(error, file=sys.stderr)
        return 2
    if isinstance(error, StartError | QueryError | ManifestError | TableError | ModelError | TrainingError):
        print(f"c360: {error}", file=sys.stderr)
        return 1
    return None


def _version(wanted: bool) -> None:
    if wanted:
        print(f"c360 {metadata.version('c360')}")
        raise typer.Exit


@app.callback()
def c360(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """One customer, live from the CRM, webshop, helpdesk and e-mail system."""


@app.command()
def demo(
    port: Annotated[
        int | None,
        typer.Option(help="Port of the gateway; 0 takes a free one.", min=0, max=65535, show_default="8360"),
    ] = None,
    people: Annotated[int, typer.Option(help="People in the four demo systems.", min=20, max=100_000)] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same people.", min=0)] = 360,
    check: Annotated[
        bool, typer.Option("--check", help="Ask the README's queries, print the answers, exit 0 or 1.")
    ] = False,
) -> None:
    """The gateway on four demo systems, on this machine only."""
    from gateway.commands import demo as command

    raise typer.Exit(asyncio.run(command.run(port=port, people=people, seed=seed, check=check)))


@app.command()
def serve(config: Config) -> None:
    """The gateway, in the foreground."""
    from gateway import serving, settings
    from gateway.commands import serve as command

    serving.run(command.run(settings.load_with_fields(config)))


@app.command()
def query(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A GraphQL document; - reads standard input.")],
    variable: Annotated[
        list[str] | None,
        typer.Option("--variable", "-v", metavar="NAME=VALUE", help="A variable; repeatable."),
    ] = None,
    url: Annotated[str, typer.Option(help="Where the gateway answers.")] = URL,
    api_key_env: Annotated[
        str, typer.Option(metavar="NAME", help="Environment variable that holds the API key.")
    ] = "C360_API_KEY",
    purpose: Annotated[str | None, typer.Option(help="What the data is for (header X-Purpose).")] = None,
    operation: Annotated[str | None, typer.Option(help="Which operation of the document to run.")] = None,
) -> None:
    """One query against a running gateway; exits 1 when the answer has errors."""
    from gateway.commands import query as command

    raise typer.Exit(
        command.run(
            file, variable or [], url=url, api_key_env=api_key_env, purpose=purpose, operation=operation
        )
    )


@app.command()
def check(
    config: Config,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Verifies settings, store, cache and each source; says what is wrong and how to mend it."""
    from gateway.commands import check as command

    raise typer.Exit(command.run(config, as_json=as_json))


@app.command()
def export_schema(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it, instead of standard output."),
    ] = None,
) -> None:
    """The GraphQL schema as text."""
    from gateway.schema import build_schema
    from gateway.serving import StartError

    text = build_schema().as_str().rstrip("\n") + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartError(f"{output} cannot be written: {error.strerror}") from None


@identity_group.app.command("eval")
def identity_eval(
    file: Table,
    truth: Annotated[str, typer.Option(metavar="COLUMN", help="The column that says who each record is.")],
    mapping: Mapping = None,
    train: Annotated[
        bool, typer.Option("--train", help="First estimate the weights on this file, without the truth.")
    ] = False,
    model: Weights = None,
    country: Country = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """How well people are matched in a table whose truth is known."""
    from gateway.commands import identity as command

    raise typer.Exit(
        command.evaluate(
            file,
            truth=truth,
            mapping=mapping or [],
            train=train,
            model_file=model,
            country=country,
            as_json=as_json,
        )
    )


@identity_group.app.command("train")
def identity_train(
    file: Table,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write the model (JSON).")
    ],
    mapping: Mapping = None,
    country: Country = None,
    backend: Computes = Backend.DUCKDB,
) -> None:
    """Estimates matching weights from a table of people, without labels."""
    from gateway.commands import identity as command

    raise typer.Exit(
        command.train(file, output=output, mapping=mapping or [], country=country, backend=backend)
    )


@identity_group.app.command("reconcile")
def identity_reconcile(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="The settings: all records of the sources, for the review."
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Instead: people, one a row, CSV or Parquet."),
    ] = None,
    mapping: Mapping = None,
    model: Weights = None,
    country: Country = None,
    backend: Computes = Backend.DUCKDB,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each pair.")] = False,
) -> None:
    """Compares all records at once and proposes pairs to stewards; joins and parts nobody."""
    from gateway.commands import reconcile as command

    if (config is None) == (file is None):
        raise typer.BadParameter("needs either --config (the sources' records) or --file (a table)")
    if config is not None:
        raise typer.Exit(command.on_map(config, model_file=model, backend=backend, as_json=as_json))
    assert file is not None
    raise typer.Exit(
        command.on_file(
            file, mapping=mapping or [], model_file=model, country=country, backend=backend, as_json=as_json
        )
    )
