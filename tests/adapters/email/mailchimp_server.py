"""A Mailchimp in memory for tests: audiences, members and feeds, as the vendor's description 3.0.55 says."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

KEY = "0123456789abcdef-us21"


def member(contact: str, email: str, *, list_id: str = "aud0000001", **fields: Any) -> dict[str, Any]:
    """A member as Mailchimp writes it; `fields` go on top."""
    names = {"FNAME": fields.pop("given", ""), "LNAME": fields.pop("family", "")}
    return {
        "id": hashlib.md5(email.lower().encode()).hexdigest(),
        "contact_id": contact,
        "list_id": list_id,
        "email_address": email,
        "full_name": " ".join(name for name in names.values() if name),
        "web_id": 1000,
        "status": "subscribed",
        "merge_fields": names,
        "timestamp_signup": "",
        "timestamp_opt": "2024-01-01T00:00:00+00:00",
        "last_changed": "2024-01-01T00:00:00+00:00",
        "language": "",
        "tags": [],
        **fields,
    }


def opened(at: str, campaign: str = "c1") -> dict[str, Any]:
    return {
        "activity_type": "open", "created_at_timestamp": at,
        "campaign_id": campaign, "campaign_title": campaign,
    }  # fmt: skip


class MailchimpServer(httpx.AsyncBaseTransport):
    """Answers the GETs that the description names, and 404 or 400 to everything else."""

    def __init__(
        self,
        members: Sequence[dict[str, Any]],
        feeds: Mapping[str, Sequence[dict[str, Any]]] | None = None,
        *,
        lists: Sequence[str] = ("aud0000001",),
        feed_takes_contact_ids: bool = True,
        since_is_inclusive: bool = False,
    ) -> None:
        self.members = list(members)
        self.feeds = {contact: list(events) for contact, events in (feeds or {}).items()}
        self.lists = list(lists)
        self._feed_takes_contact_ids = feed_takes_contact_ids
        self._inclusive = since_is_inclusive
        self.requests: list[httpx.Request] = []

    @property
    def paths(self) -> list[str]:
        """What was asked, without the root and the query."""
        return [request.url.path.removeprefix("/3.0") for request in self.requests]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        expected = "Basic " + base64.b64encode(f"c360:{KEY}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return _problem(401, "API Key Invalid")
        found = self._answer(self.paths[-1].strip("/").split("/"), dict(request.url.params))
        return _problem(404, "Resource Not Found") if found is None else httpx.Response(200, json=found)

    def _answer(self, path: list[str], query: dict[str, str]) -> Any:
        match path:
            case ["lists"]:
                rows = [{"id": id, "stats": {"member_count": len(self._in(id))}} for id in self.lists]
                return {"lists": _cut(rows, query), "total_items": len(rows)}
            case ["search-members"]:
                return self._search(query)
            case ["lists", list_id, "members"] if list_id in self.lists:
                return {"members": [_shown(m, query, "members.") for m in self._changed(list_id, query)]}
            case ["lists", list_id, "members", who]:
                found = self._member(list_id, who, contact_ids=True)
                return found and _shown(found, query, "")
            case ["lists", list_id, "members", who, "activity-feed"]:
                found = self._member(list_id, who, contact_ids=self._feed_takes_contact_ids)
                events = self.feeds.get(found["contact_id"], []) if found else []
                return found and {"activity": _cut(events, query)}
        return None

    def _in(self, list_id: str) -> list[dict[str, Any]]:
        return [m for m in self.members if m["list_id"] == list_id]

    def _member(self, list_id: str, who: str, *, contact_ids: bool) -> dict[str, Any] | None:
        names = ("id", "contact_id", "email_address") if contact_ids else ("id",)
        return next((m for m in self._in(list_id) if who in [m[name] for name in names]), None)

    def _changed(self, list_id: str, query: dict[str, str]) -> list[dict[str, Any]]:
        assert (query["sort_field"], query["sort_dir"]) == ("last_changed", "ASC")
        rows = sorted(self._in(list_id), key=lambda m: m["last_changed"])
        if "since_last_changed" in query:
            since = datetime.fromisoformat(query["since_last_changed"])
            rows = [m for m in rows if self._after(datetime.fromisoformat(m["last_changed"]), since)]
        return _cut(rows, query)

    def _after(self, at: datetime, since: datetime) -> bool:
        return at >= since if self._inclusive else at > since

    def _search(self, query: dict[str, str]) -> dict[str, Any]:
        """As loose as the real one: any word that any text of a member holds."""
        words = query["query"].casefold().split()
        rows = [m for m in self.members if query.get("list_id") in (None, m["list_id"])]
        hits = [
            m for m in rows if any(w in f"{m['full_name']} {m['email_address']}".casefold() for w in words)
        ]
        shown = [_shown(m, query, "full_search.members.") for m in hits[:30]]
        return {
            "exact_matches": {"members": [], "total_items": 0},
            "full_search": {"members": shown, "total_items": len(hits)},
        }


def _cut(rows: Sequence[Any], query: dict[str, str]) -> list[Any]:
    offset, count = int(query.get("offset", 0)), int(query.get("count", 10))
    assert count <= 1000, "Mailchimp gives 1,000 at most"
    return list(rows[offset : offset + count])


def _shown(row: dict[str, Any], query: dict[str, str], prefix: str) -> dict[str, Any]:
    names = {f.removeprefix(prefix) for f in query["fields"].split(",") if f.startswith(prefix)}
    return {name: value for name, value in row.items() if name in names}


def _problem(status: int, title: str) -> httpx.Response:
    document = {"type": "about:blank", "title": title, "status": status, "detail": title, "instance": "1"}
    return httpx.Response(
        status, content=json.dumps(document), headers={"content-type": "application/problem+json"}
    )
