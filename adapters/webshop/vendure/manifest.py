"""What the Vendure adapter is and can do."""

from __future__ import annotations

from adapters.base import KeyType, KindSupport, Manifest, SourceKind
from adapters.records import RecordKind

CUSTOMERS_PER_CALL = 100
MOST = 1000  # the server's adminListQueryLimit, unless somebody lowered it

MANIFEST = Manifest(
    adapter="vendure",
    title="Vendure",
    kind=SourceKind.WEBSHOP,
    api="Admin API of Vendure 3.7 (GraphQL)",
    verified="a real Vendure 3.7.3 server on SQLite",
    lookups={
        KeyType.EMAIL: "the customer's e-mail address, which the server keeps in lower case; exactly",
        KeyType.PHONE: "the customer's phone number by its digits, however it is written; compared as E.164 with "
        "the country of the customer's address, or else `default_country`",
        KeyType.CUSTOMER_NUMBER: "the customer's id, exactly",
        KeyType.ORDER_NUMBER: "the code of a placed order, in any case; finds the order's customer",
        KeyType.NAME: "every word within the first or last name",
    },
    cannot_look_up={KeyType.TICKET_NUMBER: "a shop has no tickets"},
    kinds={
        RecordKind.PROFILE: KindSupport(
            calls=f"1 for {CUSTOMERS_PER_CALL} customers (and 1 sign-in at the start)",
            batch=CUSTOMERS_PER_CALL,
            page=CUSTOMERS_PER_CALL,
            changes=True,
        ),
        RecordKind.ORDER: KindSupport(
            calls=f"1 for the orders of {CUSTOMERS_PER_CALL} customers, with lines or without "
            "(and 1 sign-in at the start)",
            batch=CUSTOMERS_PER_CALL,
            page=MOST,
            parts=frozenset({"lines"}),
            changes=True,
        ),
    },
    profile_fields=frozenset(
        {
            "given_name",
            "family_name",
            "emails",
            "phones",
            "addresses",
            "preferences",
            "customer_number",
            "country",
        }
    ),
    quality={
        "batched": "done",
        "paged": "done",
        "rate-limits": "exempt: Vendure has none of its own; Retry-After of a proxy is honoured",
        "changes": "exempt: the server does not touch a customer's updatedAt when an address changes, nor an order's "
        "when its state, payments or parcels change; new and edited records are all listed",
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
