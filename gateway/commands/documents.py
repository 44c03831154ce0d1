"""`c360 documents`: the manifest of trusted documents; what is in it, whether all of it can be run, and adding to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="documents",
    help="Trusted documents: the manifest that the setting documents.manifest names.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="GraphQL documents, each sent as it is.")]
_Path = Annotated[Path, typer.Option("--manifest", "-m", metavar="FILE", help="The manifest.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="Settings whose limits count, instead of the defaults."
    ),
]


@app.command()
def add(files: _Files, path: _Path) -> None:
    """Adds documents to the manifest, which is made where there is none, and prints their hashes."""
    # imported late, here and below: `c360 --help` has no use for what these modules need
    from gateway.execution import manifest
    from gateway.execution.manifest import Manifest, ManifestError, sha256

    before = manifest.read(path) if path.exists() else Manifest()
    texts = {sha256(text): (file, text) for file in files for text in [_text(file)]}
    wrong = [
        f"{texts[hash_][0]}: {problem}"
        for hash_, problem in _problems({hash_: text for hash_, (_, text) in texts.items()}, None)
    ]
    if wrong:
        raise ManifestError("\n".join(wrong))
    known = {manifest.bare(hash_) for hash_ in before.documents}
    new = {hash_: text for hash_, (_, text) in texts.items() if hash_ not in known}
    try:
        manifest.write(path, Manifest(documents={**before.documents, **new}, apollo=before.apollo))
    except OSError as error:
        raise ManifestError(f"{path} cannot be written: {error.strerror}") from None
    for hash_, (file, _) in texts.items():
        print(f"{hash_}  {file}")


@app.command("list")
def list_(path: _Path, as_json: _Json = False) -> None:
    """The documents of the manifest: hash, kind and name."""
    from gateway.execution import manifest

    found = manifest.read(path).documents
    rows = [(hash_, *manifest.named(text)) for hash_, text in found.items()]
    if as_json:
        print(json.dumps([{"hash": h, "name": name, "type": kind} for h, name, kind in rows], indent=2))
        return
    for hash_, name, kind in rows:
        print(f"{hash_}  {kind:<8}  {name}")


@app.command()
def check(path: _Path, config: _Config = None, as_json: _Json = False) -> None:
    """Verifies every hash, and every document against the schema and the limits; exits with 1 when one is wrong."""
    from gateway.execution import manifest

    found = manifest.read(path).documents
    problems = _problems(found, config)
    if as_json:
        print(json.dumps([{"hash": hash_, "problem": problem} for hash_, problem in problems], indent=2))
    else:
        for hash_, problem in problems:
            print(f"FAIL  {hash_}  {problem}")
        print(
            f"{len(found) - len({h for h, _ in problems})} of {len(found)} documents can be run",
            file=sys.stderr,
        )
    raise typer.Exit(1 if problems else 0)


def _text(file: Path) -> str:
    from gateway.execution.manifest import ManifestError

    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ManifestError(f"{file} is not UTF-8 text") from None
    except OSError as error:
        raise ManifestError(f"{file} cannot be read: {error.strerror}") from None


def _problems(documents: dict[str, str], config: Path | None) -> list[tuple[str, str]]:
    from gateway import settings
    from gateway.execution import manifest
    from gateway.execution.documents import Documents, core_schema
    from gateway.schema import build_schema

    limits = settings.load_with_fields(config).limits if config else settings.Limits()
    return manifest.prepare(documents, Documents(core_schema(build_schema()), limits))
