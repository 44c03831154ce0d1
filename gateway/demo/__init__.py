"""The demo's queries: the same that the README shows."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def queries() -> dict[str, str]:
    """The documents by name, in the order they are shown in."""
    return {file.stem: file.read_text(encoding="utf-8") for file in sorted(_HERE.glob("*.graphql"))}


def first_query() -> str:
    """The document that a newcomer runs first."""
    return next(iter(queries().values()), "{ __typename }")
