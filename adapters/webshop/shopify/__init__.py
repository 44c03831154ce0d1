"""Shopify as a source: customers and their orders over the Admin GraphQL API."""

from adapters.base import AdapterType
from adapters.webshop.shopify.client import build
from adapters.webshop.shopify.manifest import MANIFEST
from adapters.webshop.shopify.settings import ShopifySettings

adapter = AdapterType(manifest=MANIFEST, settings=ShopifySettings, build=build)
