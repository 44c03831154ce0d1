"""What the operator says of a Tryton server in c360.toml."""

from __future__ import annotations

from pydantic import Field, SecretStr

from adapters.base import AdapterSettings


class TrytonSettings(AdapterSettings):
    """A `[sources.NAME]` table with `adapter = "tryton"`."""

    base_url: str = Field(
        description="Where the Tryton server answers, such as https://erp.example.com:8000."
    )
    database: str = Field(min_length=1, description="Name of the database on that server.")
    key: SecretStr = Field(description="Key of a validated user application of the kind `rest`.")
    web_url: str | None = Field(
        default=None,
        description="Where Tryton's web client answers, for deep links. Without it records have no link.",
    )
    default_country: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}$",
        description="Country (ISO 3166 alpha-2) of phones without country code, if no address names one.",
    )
