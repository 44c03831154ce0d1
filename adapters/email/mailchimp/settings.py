"""What a `[sources.NAME]` table with `adapter = "mailchimp"` may hold."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, SecretStr, model_validator

from adapters.base import AdapterSettings

_DATA_CENTRE = re.compile(r"-([a-z]{2,4}[0-9]{1,4})$")


class MailchimpSettings(AdapterSettings):
    """Settings of one Mailchimp account. All times are in seconds."""

    max_connections: int = Field(
        default=8, ge=1, le=10, description="Connections open at once; Mailchimp allows an account 10."
    )
    api_key: SecretStr = Field(
        description='API key of the account, with its data centre at the end ("…-us21").'
    )
    base_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="Root of the API, when it does not follow from the key: https://us21.api.mailchimp.com/3.0",
    )
    list_ids: tuple[str, ...] = Field(
        default=(),
        max_length=100,
        description="Audiences to read; empty: all of the account, looked up again every ten minutes.",
    )
    interest_names: dict[str, str] = Field(
        default_factory=dict,
        description="What interest groups are called, by their id; without a name the id is shown.",
    )
    given_name_field: str = Field(default="FNAME", description="Merge field with the given name.")
    family_name_field: str = Field(default="LNAME", description="Merge field with the family name.")
    phone_field: str = Field(default="PHONE", description="Merge field with the phone number.")
    address_field: str = Field(default="ADDRESS", description="Merge field with the postal address.")
    page_size: int = Field(
        default=1000, ge=2, le=1000, description="Members in one answer when changes are listed."
    )

    @property
    def data_centre(self) -> str | None:
        """The part of the key that names Mailchimp's data centre ("us21")."""
        found = _DATA_CENTRE.search(self.api_key.get_secret_value())
        return found.group(1) if found else None

    @property
    def root(self) -> str:
        """Root of the API, without a slash at its end."""
        return (self.base_url or f"https://{self.data_centre}.api.mailchimp.com/3.0").rstrip("/")

    @model_validator(mode="after")
    def _root_is_known(self) -> Self:
        if self.base_url is None and self.data_centre is None:
            raise ValueError('api_key does not end in a data centre ("-us21"): set base_url')
        return self
