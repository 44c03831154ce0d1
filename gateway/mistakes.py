"""What is said of a mistake in the settings."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pydantic import SecretStr
from pydantic_core import PydanticCustomError


class Mistake(NamedTuple):
    """One thing that is wrong: where (a file or a variable), the dotted key, and what to do about it."""

    where: str
    key: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in self if part)


def unknown(name: str, valid: Iterable[str], what: str = "key") -> str:
    """Says that a name is not known, what may have been meant, and which are."""
    names = sorted(valid)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f'unknown {what} "{name}"{hint} (valid: {", ".join(names) or "none"})'


def with_scheme(url: SecretStr, schemes: Sequence[str]) -> SecretStr:
    """The URL, if it begins with one of these."""
    if not url.get_secret_value().startswith(tuple(schemes)):
        raise PydanticCustomError("url_scheme", "expected a URL that begins with " + " or ".join(schemes))
    return url
