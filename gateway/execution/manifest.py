"""The manifest of trusted documents: a JSON file that maps the hash of each document to its text.

Relay's and GraphQL Code Generator's form is `{"HASH": "text"}`, Apollo's is `{"format": "apollo-persisted-query-manifest",
"version": 1, "operations": [{"id", "name", "type", "body"}]}`. Both are read, and written back as they were. A hash is
SHA-256, with or without `sha256:` before it; Relay's default MD5 and SHA-1 are told by their length.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import orjson
from graphql import GraphQLError, OperationDefinitionNode, parse

APOLLO = "apollo-persisted-query-manifest"
MAX_BYTES = 64_000_000
"""Of the file."""
_HASH = re.compile(r"[0-9a-f]+")


class ManifestError(Exception):
    """The manifest cannot be used. Its text is for the operator, one line for each mistake."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`documents` by their hash, as the file writes it."""

    documents: dict[str, str] = {}
    apollo: bool = False


def sha256(text: str) -> str:
    """The hash that clients send."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def bare(hash_: str) -> str:
    """A hash as it is compared."""
    return hash_.removeprefix("sha256:").lower()


_ALGORITHMS: Mapping[int, Callable[[bytes], Any]] = {
    32: lambda data: hashlib.md5(data, usedforsecurity=False),
    40: lambda data: hashlib.sha1(data, usedforsecurity=False),
    64: hashlib.sha256,
}


def read(path: Path) -> Manifest:
    """The manifest, every hash verified. Raises ManifestError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ManifestError(f"{path} is larger than {MAX_BYTES} bytes")
        table = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise ManifestError(f"{path} is not valid JSON: {error.msg} in line {error.lineno}") from None
    if not isinstance(table, dict):
        raise ManifestError(f"{path} must be a JSON object that maps hashes to documents")
    manifest = _apollo(path, table) if table.get("format") == APOLLO else Manifest(documents=table)
    wrong = list(_wrong(manifest.documents))
    if wrong:
        raise ManifestError("\n".join(f"{path}: {line}" for line in wrong))
    return manifest


def write(path: Path, manifest: Manifest) -> None:
    """Writes it in its own form. Raises OSError."""
    table: dict[str, Any] = dict(manifest.documents)
    if manifest.apollo:
        operations = [_described(id_, text) for id_, text in manifest.documents.items()]
        table = {"format": APOLLO, "version": 1, "operations": operations}
    new = path.with_name(path.name + ".new")
    new.write_bytes(orjson.dumps(table, option=orjson.OPT_INDENT_2) + b"\n")
    new.replace(path)  # a gateway that starts meanwhile reads the old or the new one, never half of it


def _apollo(path: Path, table: Mapping[str, Any]) -> Manifest:
    if table.get("version") != 1:
        raise ManifestError(f"{path}: only version 1 of {APOLLO} is known")
    operations = table.get("operations")
    if not isinstance(operations, list) or not all(isinstance(each, dict) for each in operations):
        raise ManifestError(f"{path}: operations must be a list of objects with id and body")
    documents: dict[str, str] = {}
    for operation in operations:
        id_, body = str(operation.get("id")), operation.get("body")
        if documents.setdefault(id_, body or "") != body:
            raise ManifestError(f"{path}: {id_[:80]} stands for two different documents, or for none")
    return Manifest(documents=documents, apollo=True)


def _wrong(documents: Mapping[str, Any]) -> Iterator[str]:
    for id_, text in documents.items():
        shown, digest = id_[:80], bare(id_)
        algorithm = _ALGORITHMS.get(len(digest))
        if not isinstance(text, str) or not text.strip():
            yield f"{shown} has no document: a text was expected"
        elif algorithm is None or not _HASH.fullmatch(digest):
            yield f"{shown} is no hash: SHA-256 in 64 hexadecimal digits was expected"
        elif algorithm(text.encode("utf-8", "surrogatepass")).hexdigest() != digest:
            yield f"{shown} is not the hash of its document: make it anew with `c360 documents add`"


def named(text: str) -> tuple[str, str]:
    """Name and kind of the first operation, for people."""
    try:
        for definition in parse(text).definitions:
            if isinstance(definition, OperationDefinitionNode):
                return definition.name.value if definition.name else "(unnamed)", definition.operation.value
    except (GraphQLError, RecursionError):
        return "(not readable)", "?"
    return "(no operation)", "?"


def _described(id_: str, text: str) -> dict[str, str]:
    name, type_ = named(text)
    return {"id": id_, "name": name, "type": type_, "body": text}


class Documents(Protocol):
    """What prepares documents, and refuses those that could never be run."""

    def trust(self, text: str) -> Iterable[str]:
        """What is wrong with a document; nothing where it is prepared now."""
        ...


def prepare(documents: Mapping[str, str], into: Documents) -> list[tuple[str, str]]:
    """Prepares every document; hash and problem of each that cannot be run."""
    return [
        (id_[:80], f"{named(text)[0]}: {problem}")
        for id_, text in documents.items()
        for problem in into.trust(text)
    ]
