"""The `[sources.NAME]` table of a Zendesk source."""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, field_validator

from adapters.base import AdapterSettings


class ZendeskSettings(AdapterSettings):
    """Settings of one Zendesk Support account."""

    base_url: str = Field(description="The account's address, like https://acme.zendesk.com, without a path.")
    email: str = Field(
        min_length=3, description="E-mail address of the agent or admin whom the API token acts for."
    )
    api_token: SecretStr = Field(description="API token (Admin Center, Apps and integrations, Zendesk API).")
    web_url: str | None = Field(
        default=None, description="Address of the agent interface for deep links, where it is not `base_url`."
    )
    external_id_system: str | None = Field(
        default=None,
        description="System whose numbers stand in the users' external_id; unset: one of this source's own.",
    )
    default_country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country (ISO 3166 alpha-2) whose national writing users' phone numbers may have.",
    )
    identity_lookups: int = Field(
        default=5,
        ge=0,
        le=50,
        description="Users per e-mail look-up whose further addresses may be read (one call each); 0: none.",
    )
    max_body_chars: int = Field(
        default=20_000,
        ge=0,
        description="Longest comment or description, in characters.",
    )
    exports_per_minute: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Allowance of incremental exports (30 with the High Volume add-on).",
    )

    @field_validator("base_url", "web_url")
    @classmethod
    def _bare_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.rstrip("/")
        if not re.fullmatch(r"https?://[^\s/@?#]+", value):
            raise ValueError("must be like https://acme.zendesk.com, without a path or credentials")
        return value
