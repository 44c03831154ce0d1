"""Tryton: parties."""

from adapters.base import AdapterType
from adapters.crm.tryton.client import build
from adapters.crm.tryton.manifest import MANIFEST
from adapters.crm.tryton.settings import TrytonSettings

adapter = AdapterType(manifest=MANIFEST, settings=TrytonSettings, build=build)
