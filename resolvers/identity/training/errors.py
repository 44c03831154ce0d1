"""What training and reconciling refuse, in words for the person who asked."""

from __future__ import annotations


class TrainingError(Exception):
    """Nothing could be estimated or compared. Its text says what to do."""


def not_installed(module: str | None, extra: str) -> TrainingError:
    """The error for a package that an optional group brings."""
    return TrainingError(f"{module} is not installed: pip install 'c360[{extra}]'")
