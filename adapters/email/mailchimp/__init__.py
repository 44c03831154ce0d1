"""Mailchimp Marketing: members of audiences, what they agreed to, and what happened with their e-mails."""

from adapters.base import AdapterType
from adapters.email.mailchimp.client import build
from adapters.email.mailchimp.manifest import MANIFEST
from adapters.email.mailchimp.settings import MailchimpSettings

adapter = AdapterType(manifest=MANIFEST, settings=MailchimpSettings, build=build)
