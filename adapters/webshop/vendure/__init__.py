"""Vendure as a source: customers and their orders over the Admin API."""

from adapters.base import AdapterType
from adapters.webshop.vendure.client import build
from adapters.webshop.vendure.manifest import MANIFEST
from adapters.webshop.vendure.settings import VendureSettings

adapter = AdapterType(manifest=MANIFEST, settings=VendureSettings, build=build)
