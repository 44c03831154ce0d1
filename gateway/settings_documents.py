"""Settings of the documents that are accepted, of how they are run, and of the answers that are kept."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.sections import Section


class Documents(Section):
    """Documents that clients name by their hash."""

    manifest: Path | None = Field(
        default=None, description="File of trusted documents; every one is checked before the gateway starts."
    )
    only: bool = Field(default=False, description="Whether nothing but trusted documents is run.")
    automatic: bool = Field(
        default=True,
        description="Whether clients may register documents by hash (automatic persisted queries).",
    )

    kept: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="Documents that are kept parsed and compiled, beside the trusted ones; a large one takes 0.1 MB.",
    )

    @model_validator(mode="after")
    def _something_to_run(self) -> Documents:
        if self.only and self.manifest is None:
            text = "only = true needs a manifest: nothing could be asked"
            raise PydanticCustomError("value_error", "{error}", {"error": text})
        return self


class Execution(Section):
    """How documents are run."""

    compiled: bool = Field(
        default=True,
        description="Whether selections are compiled; without, graphql-core walks every field: for comparison.",
    )


class Answers(Section):
    """Whole answers, kept for documents that say `@cacheControl`."""

    max_entries: int = Field(default=10_000, ge=0, description="Answers kept at most; 0 keeps none.")
    max_bytes: int = Field(default=16_000_000, ge=100_000, description="Bytes that they may take in memory.")
    max_age: float = Field(
        default=300.0,
        gt=0,
        le=86_400,
        description="Seconds an answer is kept at most, whatever a document says.",
    )
