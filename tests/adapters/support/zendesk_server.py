"""Zendesk's rules in a process, as its description states them: search, caps, cursors, exports. For the adapter's tests."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

import adapters.support.zendesk

FIXTURES = Path(adapters.support.zendesk.__file__).with_name("fixtures")
EMAIL, TOKEN = "integration@acme.example", "s3cr3t-t0ken"
CAP = 1000

_TERM = re.compile(r'(?:(\w+)(:|<=|>=))?("[^"]*"|\S+)')

Json = dict[str, Any]


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


class ZendeskServer(httpx.AsyncBaseTransport):
    """Serves the fixtures; tests add records. `log` holds what was asked, as (path, parameters)."""

    def __init__(self) -> None:
        self.users: list[Json] = fixture("users")["users"]
        self.tickets: list[Json] = fixture("tickets")["tickets"]
        self.comments: dict[str, list[Json]] = {"101": fixture("comments")["comments"]}
        self.identities: list[Json] = fixture("identities")["identities"]
        self.organizations: list[Json] = fixture("organizations")["organizations"]
        self.me: Json = {"id": 9005, "role": "admin"}
        self.headers: dict[str, str] = {}
        self.export_size = 3
        self.log: list[tuple[str, dict[str, str]]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path, dict(request.url.params)
        self.log.append((path, params))
        assert request.method == "GET"
        if request.headers.get("authorization") != _basic():
            return self._answer(
                {"user": {"id": None, "role": "end-user"}} if path.endswith("/me") else {}, 401
            )
        for pattern, handler in self._routes().items():
            if found := re.fullmatch(pattern, path):
                return handler(params, *found.groups())
        return self._answer({"error": "InvalidEndpoint"}, 404)

    def paths(self) -> list[str]:
        """What was asked, without parameters."""
        return [path.removeprefix("/api/v2/") for path, _ in self.log]

    def _routes(self) -> dict[str, Callable[..., httpx.Response]]:
        return {
            "/api/v2/users/me": lambda params: self._answer({"user": self.me}),
            "/api/v2/users/search": self._users_search,
            "/api/v2/users/show_many": lambda params: self._many("users", params),
            "/api/v2/tickets/show_many": lambda params: self._many("tickets", params),
            "/api/v2/organizations/show_many": lambda params: self._many("organizations", params),
            r"/api/v2/users/(\d+)/identities": self._user_identities,
            "/api/v2/search": self._search,
            "/api/v2/search/export": self._search_export,
            r"/api/v2/tickets/(\d+)/comments": self._comments,
            r"/api/v2/incremental/(users|tickets)/cursor": self._incremental,
        }

    def _answer(self, body: Any, status: int = 200) -> httpx.Response:
        content = httpx.ByteStream(json.dumps(body).encode())
        return httpx.Response(
            status, headers={"content-type": "application/json", **self.headers}, stream=content
        )

    def _many(self, kind: str, params: dict[str, str]) -> httpx.Response:
        ids = params["ids"].split(",")
        assert len(ids) <= 100, "show_many takes at most 100"
        found = [r for r in getattr(self, kind) if str(r["id"]) in ids and r.get("status") != "deleted"]
        return self._answer({kind: found})

    def _users_search(self, params: dict[str, str]) -> httpx.Response:
        found = [
            user for user in self.users if user.get("active") and self._user_matches(user, params["query"])
        ]
        return self._paged("users", found, params)

    def _user_matches(self, user: Json, query: str) -> bool:
        """Same properties are alternatives; an address is matched by its tokens, so similar ones come too."""
        emails = [
            user.get("email") or "",
            *(i["value"] or "" for i in self._identities_of(user["id"], "email")),
        ]
        tokens = {token for email in emails for token in re.split(r"\W+", email.lower()) if token}
        phone = user.get("phone") or ""
        checks: dict[str, list[bool]] = {}
        for name, _, value in _terms(query):
            if name == "email":
                checks.setdefault(name, []).append(
                    set(re.split(r"\W+", value.lower())) - {"com", "co"} <= tokens
                )
            elif name == "phone":
                checks.setdefault(name, []).append(re.sub(r"\D", "", value) == re.sub(r"\D", "", phone))
            else:
                text = f"{user['name']} {' '.join(emails)}".lower()
                checks.setdefault(f"word {value}", []).append(bool(re.search(rf"\b{re.escape(value)}", text)))
        return bool(checks) and all(any(some) for some in checks.values())

    def _user_identities(self, params: dict[str, str], user_id: str) -> httpx.Response:
        return self._answer({"identities": self._identities_of(int(user_id))})

    def _identities_of(self, user_id: int, kind: str | None = None) -> list[Json]:
        return [i for i in self.identities if i["user_id"] == user_id and kind in (None, i["type"])]

    def _search(self, params: dict[str, str]) -> httpx.Response:
        terms = _terms(params["query"])
        assert ("type", ":", "ticket") in terms
        assert (params["sort_by"], params["sort_order"]) == ("created_at", "desc")
        found = sorted(self._tickets_matching(terms), key=lambda t: _time(t["created_at"]), reverse=True)
        return self._paged("results", found, params)

    def _search_export(self, params: dict[str, str]) -> httpx.Response:
        assert params["filter[type]"] == "ticket" and "type:" not in params["query"]
        return self._cursored("results", self._tickets_matching(_terms(params["query"])), params)

    def _tickets_matching(self, terms: list[tuple[str, str, str]]) -> list[Json]:
        requesters = {value for name, _, value in terms if name == "requester"}
        found = [t for t in self.tickets if str(t["requester_id"]) in requesters and t["status"] != "deleted"]
        for name, sign, value in terms:
            if name == "created":
                found = [
                    t
                    for t in found
                    if (
                        _time(t["created_at"]) <= _time(value)
                        if sign == "<="
                        else _time(t["created_at"]) >= _time(value)
                    )
                ]
        return found

    def _paged(self, name: str, found: list[Json], params: dict[str, str]) -> httpx.Response:
        size, page = int(params["per_page"]), int(params.get("page", 1))
        assert size <= 100, "at most 100 in a page"
        if size * page > CAP:
            return self._answer({"error": "invalid"}, 422)
        more = len(found) > size * page
        return self._answer(
            {
                name: found[size * (page - 1) : size * page],
                "count": len(found),
                "next_page": "https://acme.example/next" if more else None,
                "previous_page": None,
            }
        )

    def _comments(self, params: dict[str, str], ticket_id: str) -> httpx.Response:
        if ticket_id not in {str(t["id"]) for t in self.tickets}:
            return self._answer({"error": "RecordNotFound"}, 404)
        assert params["sort"] == "-created_at" and params["include"] == "users"
        found = sorted(self.comments.get(ticket_id, []), key=lambda c: _time(c["created_at"]), reverse=True)
        authors = {c["author_id"] for c in found}
        side = [u for u in self.users if u["id"] in authors]
        return self._cursored("comments", found, params, users=side)

    def _cursored(self, name: str, found: list[Json], params: dict[str, str], **more: Any) -> httpx.Response:
        size, start = int(params["page[size]"]), int(params.get("page[after]", 0))
        has_more = len(found) > start + size
        meta = {"has_more": has_more, "after_cursor": str(start + size) if has_more else None}
        return self._answer({name: found[start : start + size], "meta": meta, **more})

    def _incremental(self, params: dict[str, str], kind: str) -> httpx.Response:
        assert "start_time" in params, "the description demands it"
        found = sorted(getattr(self, kind), key=lambda r: (_time(r["updated_at"]), r["id"]))
        start = int(params["cursor"]) if "cursor" in params else 0
        found = (
            found
            if start
            else [r for r in found if _time(r["updated_at"]).timestamp() >= int(params["start_time"])]
        )
        step = found[start : start + self.export_size]
        after = str(start + len(step)) if start + len(step) else None
        ended = start + self.export_size >= len(found)
        return self._answer({kind: step, "after_cursor": after, "end_of_stream": ended})


def _terms(query: str) -> list[tuple[str, str, str]]:
    return [(name, sign, value.strip('"')) for name, sign, value in _TERM.findall(query)]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _basic() -> str:
    return "Basic " + base64.b64encode(f"{EMAIL}/token:{TOKEN}".encode()).decode()
