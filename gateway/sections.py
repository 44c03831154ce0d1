"""What every section of the settings has in common."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A table of c360.toml: unknown keys are mistakes, and values are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_number(cls, value: Any, info: Any) -> Any:
        """`port = true` would otherwise be port 1."""
        if isinstance(value, bool) and bool not in plain_types(cls.model_fields[info.field_name].annotation):
            raise PydanticCustomError("not_boolean", "is true or false, which is not valid here")
        return value


def plain_types(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, or the one type."""
    return get_args(annotation) or (annotation,)
