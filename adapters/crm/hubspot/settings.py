"""What the operator says of a HubSpot account in c360.toml."""

from __future__ import annotations

from pydantic import Field, SecretStr

from adapters.base import AdapterSettings


class HubSpotSettings(AdapterSettings):
    """A `[sources.NAME]` table with `adapter = "hubspot"`."""

    token: SecretStr = Field(description="Access token of a HubSpot private app.")
    base_url: str = Field(default="https://api.hubapi.com", description="Where HubSpot's API answers.")
    portal_id: str | None = Field(
        default=None,
        pattern=r"^\d+$",
        description="HubSpot account id (Hub ID), for deep links. Without it records have no link.",
    )
    app_url: str = Field(
        default="https://app.hubspot.com",
        description="HubSpot's user interface, for deep links (EU accounts: https://app-eu1.hubspot.com).",
    )
    default_country: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}$",
        description="Country (ISO 3166 alpha-2) of phones without country code, if the contact names none.",
    )
    searches_per_second: float = Field(
        default=3.0,
        gt=0,
        description="Own limit for searches, in bursts of 2; HubSpot allows 5 a second to all programs.",
    )
    external_ids: dict[str, str] = Field(
        default_factory=dict,
        description="Contact properties that hold ids of other systems: property name -> system name.",
    )
