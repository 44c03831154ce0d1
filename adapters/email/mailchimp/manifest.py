"""What the Mailchimp adapter is and can do."""

from __future__ import annotations

from adapters.base import KeyType, KindSupport, Manifest, SourceKind
from adapters.records import RecordKind

MANIFEST = Manifest(
    adapter="mailchimp",
    title="Mailchimp Marketing",
    kind=SourceKind.EMAIL,
    api="Mailchimp Marketing API 3.0",
    verified="the vendor's API description 3.0.55; no account at Mailchimp was used",
    lookups={
        KeyType.EMAIL: "by the hash that Mailchimp keeps of each address, exactly and regardless of case; "
        "one call for each key and audience",
        KeyType.NAME: "search-members: Mailchimp's own approximate search in first and last names",
        KeyType.CUSTOMER_NUMBER: "the contact id, exactly",
    },
    cannot_look_up={
        KeyType.PHONE: "the search knows e-mail addresses and names only; merge fields cannot be searched",
        KeyType.ORDER_NUMBER: "orders belong to the webshop; Mailchimp cannot search its copies of them",
        KeyType.TICKET_NUMBER: "Mailchimp has no tickets",
    },
    kinds={
        RecordKind.PROFILE: KindSupport(
            calls="n for n customers of one audience: Mailchimp cannot read several members in one call. "
            "With several audiences, one more for each further audience until a contact's is known. "
            "The audiences themselves are looked up once in ten minutes unless list_ids names them.",
            batch=1,
            changes=True,
        ),
        RecordKind.EMAIL_EVENT: KindSupport(
            calls="n for n customers: the activity feed belongs to one member of one audience. Deep pages "
            "cost one more call for each 1,000 events above them: the feed cannot be entered at a time.",
            batch=1,
            page=1000,
        ),
    },
    profile_fields=frozenset(
        {
            "given_name",
            "family_name",
            "full_name",
            "language",
            "emails",
            "phones",
            "addresses",
            "consents",
            "preferences",
            "country",
        }
    ),
    quality={
        "batched": "exempt: Mailchimp cannot read several members or feeds in one call; they run in parallel",
        "paged": "done",
        "rate-limits": "done",
        "changes": "exempt: profiles only; activity feeds can be read only member by member",
        "deep-links": "exempt: members have one, but events of a feed have no page of their own",
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
