"""The settings of a Shopify source."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from adapters.base import AdapterSettings


class ShopifySettings(AdapterSettings):
    """A shop, and the token of a custom app in it."""

    shop_url: str = Field(description="The shop's own address, such as https://my-shop.myshopify.com.")
    access_token: SecretStr = Field(description="Admin API access token of a custom app (shpat_…).")
    api_version: str = Field(
        default="2026-10", pattern=r"^\d{4}-\d{2}$", description="Version of the Admin API that is spoken."
    )
    admin_url: str | None = Field(
        default=None,
        description="The shop's admin pages, for links. Default: derived from a myshopify.com address.",
    )
    default_country: str | None = Field(
        default=None,
        pattern="^[A-Z]{2}$",
        description="Country (ISO 3166) of stored phone numbers without a country code.",
    )

    def admin_base(self) -> str | None:
        """Where links into the shop's admin begin; None where that cannot be known."""
        if self.admin_url:
            return self.admin_url.rstrip("/")
        host = urlsplit(self.shop_url).hostname or ""
        shop = host.removesuffix(".myshopify.com")
        return f"https://admin.shopify.com/store/{shop}" if shop != host else None
