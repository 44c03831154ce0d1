"""IMAP: the correspondence of a person in the company's own mailbox, read without leaving a trace in it."""

from adapters.base import AdapterType
from adapters.email.imap.client import build
from adapters.email.imap.manifest import MANIFEST
from adapters.email.imap.settings import ImapSettings

adapter = AdapterType(manifest=MANIFEST, settings=ImapSettings, build=build)
