"""What the Tryton adapter is and can do."""

from __future__ import annotations

from adapters.base import KeyType, KindSupport, Manifest, SourceKind
from adapters.records import RecordKind

BATCH = 200
"""Parties in one call; Tryton itself sets no bound."""

KEYS = 50
"""Look-up keys in one search, so that the server's query stays of a size that every database takes."""

MANIFEST = Manifest(
    adapter="tryton",
    title="Tryton",
    kind=SourceKind.CRM,
    api="REST API of trytond 8.2 (user application `rest`), module party",
    verified="a real Tryton 8.2 server (trytond 8.2.1, party 8.2.0, SQLite)",
    lookups={
        KeyType.EMAIL: "a party's contact mechanisms, 50 keys of all types a call; exact, case ignored",
        KeyType.PHONE: (
            "a party's phones and mobiles as E.164, which is how Tryton keeps them where the Python package"
            " phonenumbers is installed on its server; elsewhere only in the usual spellings"
        ),
        KeyType.CUSTOMER_NUMBER: "the party's code; exact",
        KeyType.NAME: "parties whose name holds each of the words, in any order; case ignored",
    },
    cannot_look_up={
        KeyType.ORDER_NUMBER: "sales are not read",
        KeyType.TICKET_NUMBER: "Tryton has no tickets",
    },
    kinds={
        RecordKind.PROFILE: KindSupport(
            calls="one for 200 parties, with their contact mechanisms, addresses, identifiers and categories",
            batch=BATCH,
            page=BATCH,
            changes=True,
        )
    },
    profile_fields=frozenset(
        {
            "full_name",
            "language",
            "emails",
            "phones",
            "addresses",
            "preferences",
            "external_ids",
            "customer_number",
            "country",
        }
    ),
    quality={
        "batched": "done",
        "paged": "exempt: a party has no activities that are read here",
        "rate-limits": "exempt: Tryton has none; a Retry-After of a proxy before it is honoured",
        "changes": "done",
        "deep-links": "exempt: only where `web_url` is set",
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
