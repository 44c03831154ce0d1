"""What the IMAP adapter is and can do."""

from __future__ import annotations

from adapters.base import KeyType, KindSupport, Manifest, OwnedBy, SourceKind
from adapters.records import RecordKind

_NO_PEOPLE = "a mailbox holds messages, not people: ask for messages by e-mail address"

MANIFEST = Manifest(
    adapter="imap",
    title="IMAP mailbox",
    kind=SourceKind.EMAIL,
    api="IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051)",
    verified="a real Dovecot 2.3 server",
    lookups={},
    cannot_look_up={
        KeyType.EMAIL: _NO_PEOPLE,
        KeyType.PHONE: _NO_PEOPLE,
        KeyType.CUSTOMER_NUMBER: _NO_PEOPLE,
        KeyType.ORDER_NUMBER: _NO_PEOPLE,
        KeyType.TICKET_NUMBER: _NO_PEOPLE,
        KeyType.NAME: "names in mail headers are whatever the sender wrote; they identify nobody",
    },
    kinds={
        RecordKind.MESSAGE: KindSupport(
            calls="three commands for each mailbox (EXAMINE, one SORT or SEARCH for all owners, FETCH of headers), "
            "whether for one customer or for as many as fit a command line (about 60 addresses); one more FETCH for "
            "each further 500 messages that must be looked at, and without SORT one for their dates. Below a "
            "position two or three more, to see that no copy lies above it. Bodies take three or more.",
            batch=50,
            page=500,
            owned_by=OwnedBy.EMAIL,
            parts=frozenset({"body"}),
            changes=True,
        ),
    },
    profile_fields=frozenset(),
    quality={
        "batched": "done",
        "paged": "done",
        "rate-limits": "exempt: IMAP has no such headers; max_connections keeps within what servers allow",
        "changes": "done",
        "deep-links": "exempt: only with message_url, since IMAP does not know the webmail in front of it",
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
