"""The four vendor adapters on a running sandbox, as the gateway would build them."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.base import Adapter
from adapters.crm.hubspot import adapter as hubspot
from adapters.email.mailchimp import adapter as mailchimp
from adapters.support.zendesk import adapter as zendesk
from adapters.webshop.shopify import adapter as shopify

SYSTEM_OF = {"crm": "hubspot", "webshop": "shopify", "support": "zendesk", "email": "mailchimp"}
"""Source name -> the sandbox's name of the system."""


def on_sandbox(endpoints: Mapping[str, Mapping[str, str]], **settings: object) -> list[Adapter]:
    """The sources crm, webshop, support and email. `settings` are given to all of them."""
    h, s, z, m = (endpoints[n] for n in ("hubspot", "shopify", "zendesk", "mailchimp"))
    specs = [
        (
            "crm",
            hubspot,
            {"base_url": h["url"], "token": h["token"], "searches_per_second": 500, "default_country": "DE"},
        ),
        ("webshop", shopify, {"shop_url": s["url"], "access_token": s["token"]}),
        ("support", zendesk, {"base_url": z["url"], "email": z["email"], "api_token": z["token"]}),
        ("email", mailchimp, {"base_url": m["url"] + "/3.0", "api_key": m["key"]}),
    ]
    return [kind.build(name, kind.settings(**{**own, **settings}), None) for name, kind, own in specs]
