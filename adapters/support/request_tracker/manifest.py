"""What the Request Tracker adapter is and can do."""

from __future__ import annotations

from adapters.base import KeyType, KindSupport, Manifest, SourceKind
from adapters.records import RecordKind

MANIFEST = Manifest(
    adapter="request_tracker",
    title="Request Tracker",
    kind=SourceKind.SUPPORT,
    api="RT REST 2.0 (RT 5.0)",
    verified="a real Request Tracker 5.0.3 server (Debian packages, SQLite)",
    lookups={
        KeyType.EMAIL: "user search, up to 100 addresses in a query; exact but for upper and lower case",
        KeyType.PHONE: "search for tickets whose requestor's mobile, work or home number has these digits, however "
        "they are spaced; compared as E.164. RT cannot search users by number, so who has no ticket is not found",
        KeyType.NAME: "user search for all words in the real name; each must begin a word of it, case and accents aside",
        KeyType.TICKET_NUMBER: "exact; all requestors of the ticket",
        KeyType.CUSTOMER_NUMBER: "exact; the user's number, or their login name",
    },
    cannot_look_up={KeyType.ORDER_NUMBER: "RT holds no orders"},
    kinds={
        RecordKind.PROFILE: KindSupport(
            calls="1 call for 100 customers; and every 10 minutes 2 calls for the list of privileged users",
            batch=100,
            page=100,
            parts=frozenset({"account"}),
            changes=True,
        ),
        RecordKind.TICKET: KindSupport(
            calls="1 search for up to 100 customers while their windows fit into a page of 100 tickets; each further "
            "page is one more search, over the customers whose windows are not full",
            batch=100,
            page=100,
            changes=True,
        ),
        RecordKind.COMMENT: KindSupport(
            calls="2 calls for up to 100 tickets (entries, then their texts, which RT keeps apart) while the windows "
            "fit into a page of 100 entries; 2 more for each further page",
            batch=100,
            page=100,
        ),
    },
    profile_fields=frozenset(
        {
            "full_name",
            "language",
            "emails",
            "phones",
            "addresses",
            "account",
            "customer_number",
            "country",
        }
    ),
    quality={
        "batched": "done",
        "paged": "done",
        "rate-limits": "exempt: RT has none; `requests_per_second` sets one",
        "changes": "exempt: comments have none of their own; a new one changes its ticket",
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
