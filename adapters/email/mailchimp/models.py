"""Mailchimp's payloads, as far as they are read. Times stay text: an unknown time is written as ""."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class Problem(Struct, frozen=True, kw_only=True):
    """An error document (application/problem+json)."""

    title: str
    status: int


class Tag(Struct, frozen=True, kw_only=True):
    name: str


class Permission(Struct, frozen=True, kw_only=True):
    """A marketing permission of an audience with GDPR fields."""

    text: str | None = None
    enabled: bool = False


class Location(Struct, frozen=True, kw_only=True):
    country_code: str | None = None


class Member(Struct, frozen=True, kw_only=True):
    """A contact in one audience. `id` is a plain hash of the e-mail address: used for a call, never kept."""

    contact_id: str
    list_id: str
    id: str | None = None
    email_address: str | None = None
    full_name: str | None = None
    web_id: int | None = None
    status: str | None = None
    unsubscribe_reason: str | None = None
    consents_to_one_to_one_messaging: bool | None = None
    merge_fields: dict[str, Any] | None = None
    interests: dict[str, bool] | None = None
    language: str | None = None
    location: Location | None = None
    marketing_permissions: list[Permission] | None = None
    tags: list[Tag] | None = None
    timestamp_signup: str | None = None
    timestamp_opt: str | None = None
    last_changed: str | None = None


class Members(Struct, frozen=True, kw_only=True):
    members: list[Member]


class Matches(Struct, frozen=True, kw_only=True):
    members: list[Member] = []
    total_items: int = 0


class Search(Struct, frozen=True, kw_only=True):
    exact_matches: Matches
    full_search: Matches


class Event(Struct, frozen=True, kw_only=True):
    """An entry of a contact's activity feed; which optional fields it has depends on `activity_type`."""

    activity_type: str
    created_at_timestamp: str
    campaign_id: str | None = None
    campaign_title: str | None = None
    link_clicked: str | None = None
    bounce_type: str | None = None
    unsubscribe_reason: str | None = None
    is_admin_unsubscribed: bool | None = None
    marketing_permission_opted_in: bool | None = None
    outreach_id: str | None = None
    outreach_title: str | None = None
    survey_id: str | None = None
    survey_title: str | None = None
    event_name: str | None = None
    store_name: str | None = None
    order_id: str | None = None
    note_id: str | None = None
    thread_id: str | None = None


class Feed(Struct, frozen=True, kw_only=True):
    activity: list[Event]


class Stats(Struct, frozen=True, kw_only=True):
    member_count: int | None = None


class Audience(Struct, frozen=True, kw_only=True):
    id: str
    stats: Stats | None = None


class Audiences(Struct, frozen=True, kw_only=True):
    lists: list[Audience]
    total_items: int | UnsetType = UNSET
