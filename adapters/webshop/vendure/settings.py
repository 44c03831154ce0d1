"""The settings of a Vendure source."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from adapters.base import AdapterSettings


class VendureSettings(AdapterSettings):
    """A Vendure server, and an administrator of it who may read customers and orders."""

    base_url: str = Field(description="The server's address, such as https://shop.example.com.")
    username: str = Field(description="Identifier of an administrator.")
    password: SecretStr = Field(description="The administrator's password.")
    admin_path: str = Field(default="/admin-api", description="The server's `adminApiPath`.")
    channel_token: SecretStr | None = Field(
        default=None, description="Token of the channel to read. Default: the default channel, which has all."
    )
    admin_url: str | None = Field(
        default=None,
        description="The dashboard's address for links, such as https://shop.example.com/dashboard.",
    )
    default_country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country (ISO 3166) of phone numbers of customers without an address.",
    )
    id_type: Literal["integer", "uuid"] = Field(
        default="integer",
        description="What the server's EntityIdStrategy makes; other ids are never asked for.",
    )
