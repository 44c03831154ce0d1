"""What the Zendesk adapter is and can do."""

from __future__ import annotations

from adapters.base import KeyType, KindSupport, Manifest, SourceKind
from adapters.records import RecordKind

MANIFEST = Manifest(
    adapter="zendesk",
    title="Zendesk Support",
    kind=SourceKind.SUPPORT,
    api="Zendesk Support API v2",
    verified="the vendor's OpenAPI description and the sandbox; not run against a Zendesk account",
    lookups={
        KeyType.EMAIL: "user search, many addresses in a query; exact on the primary address. Where the search "
        "brings a user for another address, their identities are read (`identity_lookups` at most) and compared",
        KeyType.PHONE: "user search for the number's international writings, and the national ones of "
        "`default_country`; results are compared as E.164. A number written otherwise may be missed",
        KeyType.NAME: "user search for all words; each must begin a word of the name, accents and case aside",
        KeyType.TICKET_NUMBER: "exact; the ticket's requester",
        KeyType.CUSTOMER_NUMBER: "exact; the user's id",
    },
    cannot_look_up={KeyType.ORDER_NUMBER: "Zendesk holds no orders"},
    kinds={
        RecordKind.PROFILE: KindSupport(
            calls="1 call for 100 customers (users/show_many), and 1 more for their organizations when the part "
            '"account" is asked for',
            batch=100,
            page=100,
            parts=frozenset({"account"}),
            changes=True,
        ),
        RecordKind.TICKET: KindSupport(
            calls="1 search for up to 100 customers while their windows fit into a page of 100 tickets; each "
            "further page is one more search, over the customers whose windows are not full",
            batch=100,
            page=100,
            changes=True,
        ),
        RecordKind.COMMENT: KindSupport(
            calls="1 call per ticket: Zendesk lists comments only ticket by ticket; authors come along, and 1 more "
            "call where one does not",
            batch=1,
            page=100,
        ),
    },
    profile_fields=frozenset(
        {"full_name", "language", "emails", "phones", "account", "external_ids", "customer_number"}
    ),
    quality={
        "batched": "done",
        "paged": "done",
        "rate-limits": "done",
        "changes": "exempt: Zendesk exports no comments but as ticket events; a new comment changes its ticket",
        "deep-links": "done",
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
