"""The `[sources.NAME]` table of a Request Tracker source."""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, field_validator, model_validator

from adapters.base import AdapterSettings
from adapters.records import TicketStatus


class RequestTrackerSettings(AdapterSettings):
    """Settings of one Request Tracker server: either `username` and `password`, or `token`."""

    base_url: str = Field(
        description="Address of RT, like https://rt.acme.example or https://acme.example/rt."
    )
    username: str | None = Field(default=None, min_length=1, description="Name of the RT user that reads.")
    password: SecretStr | None = Field(default=None, description="That user's password.")
    token: SecretStr | None = Field(default=None, description="RT auth token, in place of name and password.")
    web_url: str | None = Field(
        default=None, description="Address of RT's web interface for deep links, where it is not `base_url`."
    )
    default_country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country (ISO 3166 alpha-2) whose national writing users' phone numbers may have.",
    )
    include_privileged: bool = Field(
        default=False, description="Whether privileged users (agents) count as customers as well."
    )
    statuses: dict[str, TicketStatus] = Field(
        default_factory=dict,
        description='What the statuses of own lifecycles mean, like {waiting = "pending"}.',
    )
    max_body_chars: int = Field(default=20_000, ge=0, description="Longest comment, in characters.")

    @field_validator("base_url", "web_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.rstrip("/")
        if not re.fullmatch(r"https?://[^\s@?#]+", value) or value.endswith("/REST/2.0"):
            raise ValueError(
                "must be RT's own address, like https://rt.acme.example, without /REST/2.0 or credentials"
            )
        return value

    @model_validator(mode="after")
    def _one_sign_in(self) -> RequestTrackerSettings:
        named = self.username is not None and self.password is not None
        if named == (self.token is not None) or (self.username is None) != (self.password is None):
            raise ValueError("give either username and password, or token")
        return self
