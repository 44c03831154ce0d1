"""HubSpot CRM: contacts and their companies."""

from adapters.base import AdapterType
from adapters.crm.hubspot.client import build
from adapters.crm.hubspot.manifest import MANIFEST
from adapters.crm.hubspot.settings import HubSpotSettings

adapter = AdapterType(manifest=MANIFEST, settings=HubSpotSettings, build=build)
