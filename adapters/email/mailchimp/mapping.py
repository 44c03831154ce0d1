"""From Mailchimp's members and feeds to canonical records. A value that makes no sense is a ValueError."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.email.mailchimp.models import Event, Member
from adapters.email.mailchimp.settings import MailchimpSettings
from adapters.kit.text import text, utc
from adapters.records import (
    Address,
    Consent,
    ConsentState,
    EmailAddress,
    EmailEvent,
    EmailEventType,
    PhoneNumber,
    Preference,
    Profile,
)

_STATES = {
    "subscribed": ConsentState.GRANTED,
    "unsubscribed": ConsentState.WITHDRAWN,
    "pending": ConsentState.PENDING,
}
"""The other words say nothing of what the person wants: cleaned (bounced), transactional, archived."""

_TYPES = {
    "sent": EmailEventType.SENT,
    "open": EmailEventType.OPENED,
    "click": EmailEventType.CLICKED,
    "bounce": EmailEventType.BOUNCED,
    "unsub": EmailEventType.UNSUBSCRIBED,
    "signup": EmailEventType.SUBSCRIBED,
    "generic_signup": EmailEventType.SUBSCRIBED,
    "website_signup": EmailEventType.SUBSCRIBED,
    "landing_page_signup": EmailEventType.SUBSCRIBED,
    "squatter_signup": EmailEventType.SUBSCRIBED,
    "ecommerce_signup": EmailEventType.SUBSCRIBED,
}
"""All others (conversation, event, marketing_permission, note, order, postcard_sent, survey_response,
web_engagement, and what Mailchimp may add) are OTHER, with Mailchimp's word as the reason."""


def moment(value: str | None) -> datetime | None:
    """A time as Mailchimp writes it; "" is unknown."""
    return utc(datetime.fromisoformat(value)) if value else None


def profile(source: str, members: Sequence[Member], settings: MailchimpSettings) -> Profile:
    """One contact, from its entries in audiences; where they differ, the entry changed last counts."""
    ordered = sorted(members, key=lambda member: member.last_changed or "", reverse=True)
    profiles = [_profile(source, member, settings) for member in ordered]
    first = profiles[0]
    if len(profiles) == 1:
        return first
    return msgspec.structs.replace(
        first,
        created_at=min((p.created_at for p in profiles if p.created_at), default=None),
        consents=_unique(c for p in profiles for c in p.consents),
        preferences=_unique(c for p in profiles for c in p.preferences),
    )


def _profile(source: str, member: Member, settings: MailchimpSettings) -> Profile:
    fields = member.merge_fields or {}
    address = _address(fields.get(settings.address_field))
    phone = _word(fields.get(settings.phone_field))
    email = text(member.email_address)
    located = text(member.location.country_code) if member.location else None
    return Profile(
        source=source,
        id=member.contact_id,
        url=_url(member, settings),
        created_at=moment(member.timestamp_signup) or moment(member.timestamp_opt),
        updated_at=moment(member.last_changed),
        given_name=_word(fields.get(settings.given_name_field)),
        family_name=_word(fields.get(settings.family_name_field)),
        full_name=text(member.full_name),
        language=_language(member.language),
        emails=(EmailAddress(value=email, primary=True),) if email else (),
        phones=(PhoneNumber(value=phone, primary=True),) if phone else (),
        addresses=(address,) if address else (),
        consents=tuple(_consents(member)),
        preferences=_unique(_preferences(member, settings)),
        country=_country(address.country if address else None) or _country(located),
    )


def bears(member: Member, name: str, settings: MailchimpSettings) -> bool:
    """Whether a word of `name` is in the member's name: Mailchimp's search looks at addresses as well."""
    fields = member.merge_fields or {}
    own = (fields.get(settings.given_name_field), fields.get(settings.family_name_field), member.full_name)
    names = " ".join(word for word in map(_word, own) if word).casefold()
    return any(word in names for word in name.casefold().split() if any(map(str.isalpha, word)))


def _url(member: Member, settings: MailchimpSettings) -> str | None:
    if settings.data_centre is None or member.web_id is None:
        return None
    return f"https://{settings.data_centre}.admin.mailchimp.com/lists/members/view?id={member.web_id}"


def _word(value: Any) -> str | None:
    """A merge field as text: number fields come as numbers, empty fields as ""."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return text(str(value))


def _address(value: Any) -> Address | None:
    """An address field: an object, or "" (or a text, when the audience's field is one)."""
    if isinstance(value, str):
        street = text(value)
        return Address(street=street, primary=True) if street else None
    if not isinstance(value, dict):
        return None
    part = {name: _word(value.get(name)) for name in ("addr1", "addr2", "city", "state", "zip", "country")}
    if not any(part[name] for name in ("addr1", "addr2", "city", "zip")):
        return None  # Mailchimp fills in the country of the account by itself
    street = "\n".join(line for line in (part["addr1"], part["addr2"]) if line) or None
    return Address(
        street=street, postcode=part["zip"], city=part["city"], region=part["state"], country=part["country"],
        primary=True,
    )  # fmt: skip


def _country(value: str | None) -> str | None:
    return value.upper() if value and len(value) == 2 and value.isascii() and value.isalpha() else None


def _language(value: str | None) -> str | None:
    """Mailchimp writes "pt_PT", and "" where it does not know."""
    value = text(value)
    if value is None:
        return None
    language, _, region = value.replace("_", "-").partition("-")
    return f"{language.lower()}-{region.upper()}" if region else language.lower()


def _consents(member: Member) -> Iterator[Consent]:
    state = _STATES.get(member.status or "")
    if state is not None:
        yield Consent(purpose="marketing", channel="email", state=state, at=_stated(member, state))
    for permission in member.marketing_permissions or ():
        purpose = text(permission.text)
        if purpose:
            given = ConsentState.GRANTED if permission.enabled else ConsentState.DENIED
            yield Consent(purpose=purpose, state=given)
    if member.consents_to_one_to_one_messaging is not None:
        given = ConsentState.GRANTED if member.consents_to_one_to_one_messaging else ConsentState.DENIED
        yield Consent(purpose="one_to_one_messaging", channel="email", state=given)


def _stated(member: Member, state: ConsentState) -> datetime | None:
    """When it was said. An unsubscription's time is not told; it was not later than the last change."""
    if state is ConsentState.GRANTED:
        return moment(member.timestamp_opt) or moment(member.timestamp_signup)
    if state is ConsentState.PENDING:
        return moment(member.timestamp_signup)
    return moment(member.last_changed)


def _preferences(member: Member, settings: MailchimpSettings) -> Iterator[Preference]:
    for tag in member.tags or ():
        if text(tag.name):
            yield Preference(name="tag", value=tag.name.strip())
    for interest, chosen in sorted((member.interests or {}).items()):
        if chosen:
            yield Preference(name="interest", value=settings.interest_names.get(interest, interest))


def _unique(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))


def events(source: str, owner: str, list_id: str, feed: Sequence[Event]) -> list[EmailEvent]:
    """A contact's feed as records.

    The feed gives no ids, so one is made of what never changes in an event: its time, its kind and what it is
    about. Events that are alike in all of it are told apart by counting; which is which does not matter.
    """
    seen: Counter[str] = Counter()
    return [_event(source, owner, list_id, event, seen) for event in feed]


def _event(source: str, owner: str, list_id: str, event: Event, seen: Counter[str]) -> EmailEvent:
    at = moment(event.created_at_timestamp)
    if at is None:
        raise ValueError("an event without a time")
    about = "\x1f".join((list_id, event.activity_type, *(part or "" for part in _about(event))))
    digest = hashlib.blake2b(about.encode(), digest_size=8).hexdigest()
    stem = f"{owner}.{at.astimezone(UTC):%Y%m%d%H%M%S%f}.{digest}"
    number = seen[stem]
    seen[stem] += 1
    kind = _TYPES.get(event.activity_type, EmailEventType.OTHER)
    return EmailEvent(
        source=source,
        id=f"{stem}.{number:03d}",
        at=at,
        owner=owner,
        created_at=at,
        updated_at=at,
        type=kind,
        campaign_id=text(event.campaign_id) or text(event.outreach_id) or text(event.survey_id),
        campaign=_title(event),
        link=text(event.link_clicked),
        reason=_reason(kind, event),
    )


def _about(event: Event) -> tuple[str | None, ...]:
    return (
        event.campaign_id, event.link_clicked, event.outreach_id, event.survey_id, event.event_name,
        event.order_id, event.note_id, event.thread_id,
    )  # fmt: skip


def _title(event: Event) -> str | None:
    titles = (
        event.campaign_title, event.outreach_title, event.survey_title, event.event_name, event.store_name,
    )  # fmt: skip
    return next((title for title in map(text, titles) if title), None)


def _reason(kind: EmailEventType, event: Event) -> str | None:
    if kind is EmailEventType.BOUNCED:
        return text(event.bounce_type)
    if kind is EmailEventType.UNSUBSCRIBED:
        admin = "unsubscribed by an administrator" if event.is_admin_unsubscribed else None
        return text(event.unsubscribe_reason) or admin
    return event.activity_type if kind is EmailEventType.OTHER else None
