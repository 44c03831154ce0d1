"""What all sections of the settings share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator
from pydantic_core import PydanticCustomError


class Mistake(NamedTuple):
    """One thing that is wrong: where (a file or a variable), the dotted key, and what to do about it."""

    where: str
    key: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in self if part)


class Section(BaseModel):
    """A table: unknown keys are mistakes, and values never stand in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_number(cls, value: Any, info: Any) -> Any:
        """`port = true` would otherwise be port 1."""
        if isinstance(value, bool) and bool not in plain_types(cls.model_fields[info.field_name].annotation):
            raise PydanticCustomError("not_boolean", "is true or false, which is not valid here")
        return value


def plain_types(annotation: Any) -> tuple[Any, ...]:
    """The types that a union consists of."""
    return get_args(annotation) or (annotation,)


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
