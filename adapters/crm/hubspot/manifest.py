"""What the HubSpot adapter is and can do."""

from __future__ import annotations

from adapters.base import KeyType, KindSupport, Manifest, SourceKind
from adapters.records import RecordKind

MANIFEST = Manifest(
    adapter="hubspot",
    title="HubSpot CRM",
    kind=SourceKind.CRM,
    api="CRM objects v3, associations v4",
    verified="the vendor's OpenAPI descriptions (CRM v3, associations v4) and the sandbox; no live account",
    lookups={
        KeyType.EMAIL: (
            "search with IN over email and hs_additional_emails, 100 addresses a call; exact, case ignored."
            " Search lags behind writes: a contact made within the last minute or so may not be found yet"
        ),
        KeyType.PHONE: (
            "search with IN over phone, mobilephone and HubSpot's own searchable digits, 25 numbers a call;"
            " compared as E.164, a number without country code by the contact's country or `default_country`"
        ),
        KeyType.CUSTOMER_NUMBER: "the contact's record id, by batch read, 100 a call; exact",
        KeyType.NAME: "HubSpot's full-text search, one call a name, best matches first; approximate",
    },
    cannot_look_up={
        KeyType.ORDER_NUMBER: "HubSpot's orders and deals are not read",
        KeyType.TICKET_NUMBER: "HubSpot's tickets are not read",
    },
    kinds={
        RecordKind.PROFILE: KindSupport(
            calls=(
                "one batch read for 100 contacts; with the part `account` two more: which companies they have"
                " (at the same time), then these companies, because no call follows an association"
            ),
            batch=100,
            page=200,
            parts=frozenset({"account"}),
            changes=True,
        )
    },
    profile_fields=frozenset(
        {
            "given_name",
            "family_name",
            "birth_date",
            "language",
            "emails",
            "phones",
            "addresses",
            "account",
            "consents",
            "preferences",
            "external_ids",
            "country",
        }
    ),
    quality={
        "batched": "done",
        "paged": "exempt: a contact has no activities that are read here",
        "rate-limits": "done",
        "changes": "done",
        "deep-links": "exempt: only where `portal_id` is set",
        "update-time": "done",
        "typed-decoding": "done",
        "timeouts": "done",
        "error-tree": "done",
        "no-secrets-in-errors": "done",
        "injection-safe": "done",
        "fixtures": "done",
        "docs": "done",
        "verified": "done",
    },
)
