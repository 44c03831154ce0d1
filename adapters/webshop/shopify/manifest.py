"""What the Shopify adapter is and can do."""

from __future__ import annotations

from adapters.base import KeyType, KindSupport, Manifest, SourceKind
from adapters.records import RecordKind
from adapters.webshop.shopify import queries

MANIFEST = Manifest(
    adapter="shopify",
    title="Shopify",
    kind=SourceKind.WEBSHOP,
    api="Admin GraphQL API 2026-10",
    verified="every query validated against the vendor's schema of 2026-10; never run against a shop",
    lookups={
        KeyType.EMAIL: "phrase search on the customer's e-mail address; compared in lower case",
        KeyType.PHONE: "search on the customer's phone number (kept in E.164 there); compared as E.164",
        KeyType.CUSTOMER_NUMBER: "the customer's numeric id, exactly",
        KeyType.ORDER_NUMBER: "the order's name with or without its #, exactly; finds the order's customer",
        KeyType.NAME: "full-text search for every word, kept where the names hold all of them",
    },
    cannot_look_up={KeyType.TICKET_NUMBER: "a shop has no tickets"},
    kinds={
        RecordKind.PROFILE: KindSupport(
            calls=f"1 for {queries.CUSTOMERS_PER_CALL} customers: a query may cost 1,000 points, "
            f"and a customer costs {queries.CUSTOMER_COST}",
            batch=queries.CUSTOMERS_PER_CALL,
            page=queries.CUSTOMERS_PER_CALL,
            changes=True,
        ),
        RecordKind.ORDER: KindSupport(
            calls="1 while customers times (orders asked for + 1) is at most "
            f"{queries.ORDERS_PER_CALL} ({queries.orders_per_call(True)} with lines); beyond that 1 for "
            "which orders there are and 1"
            f" for each {queries.ORDERS_PER_CALL} ({queries.orders_per_call(True)}) of them, "
            "because a query may cost 1,000 points; with lines 1 more for each order of more than "
            f"{queries.LINES_FIRST} lines",
            batch=50,
            page=queries.ORDERS_PER_CALL,
            parts=frozenset({"lines"}),
            changes=True,
        ),
    },
    profile_fields=frozenset(
        {
            "given_name",
            "family_name",
            "language",
            "emails",
            "phones",
            "addresses",
            "consents",
            "preferences",
            "customer_number",
            "country",
        }
    ),
    quality=dict.fromkeys(
        (
            "batched",
            "paged",
            "rate-limits",
            "changes",
            "deep-links",
            "update-time",
            "typed-decoding",
            "timeouts",
            "error-tree",
            "no-secrets-in-errors",
            "injection-safe",
            "fixtures",
            "docs",
            "verified",
        ),
        "done",
    ),
)
