"""A server that speaks Mailchimp's Marketing dialect: one list, its members and their activity.

Settings: `connections` (calls at the same time, default 10), null for no limit.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from typing import Any
from urllib.parse import unquote, urlencode

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.controls import BadControl, Controls, Guard, control_routes, json_response
from sandbox.records import MailEvent, MailMember
from sandbox.times import iso_offset, parse_time
from sandbox.webhooks import Change, Delivery
from sandbox.world import World
from sandbox.writers import contact_id

KEY = "c360sandbox00000000000000000000-us21"
LIST_ID = "c360a1b2c3"
STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived")
_FIRST_WEB_ID = 500_000_001
_HITS = 30


class Refused(Exception):
    """The request is wrong; carries the vendor's answer."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(status)
        self.status, self.title, self.detail = status, title, detail


def create_app(world: World, controls: Controls) -> Starlette:
    """The server; `controls` gets the settings it lacks."""
    controls.defaults(connections=10)
    dialect = Mailchimp(world, controls)
    guard = Guard(controls, dialect)
    members = "/3.0/lists/{list_id}/members"
    routes = [
        guard.route("/3.0/ping", "ping", dialect.ping),
        guard.route("/3.0/lists", "lists", dialect.lists),
        guard.route("/3.0/lists/{list_id}", "list", dialect.list),
        guard.route("/3.0/search-members", "search_members", dialect.search),
        guard.route(members, "members", dialect.members),
        guard.route(f"{members}/{{key}}", "member", dialect.member),
        guard.route(f"{members}/{{key}}/activity-feed", "activity_feed", dialect.activity),
    ]
    app = Starlette(routes=[*control_routes(controls, dialect), *routes])
    app.add_exception_handler(Refused, dialect.refuse)
    app.add_exception_handler(HTTPException, dialect.no_such_route)
    return app


def subscriber_hash(email: str) -> str:
    """Mailchimp's id of a member: MD5 of the address in lower case, in hex."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


class Mailchimp:
    """The dialect over one world."""

    def __init__(self, world: World, controls: Controls) -> None:
        self._world, self._controls = world, controls
        self._instance = 0

    # -- what the control side asks ------------------------------------------------------------------------------

    def authenticate(self, request: Request) -> Response | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return None if value == KEY else self.unauthorized()
        try:
            password = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            password = ""
        return None if scheme.lower() == "basic" and password == KEY else self.unauthorized()

    def admit(self, request: Request, operation: str) -> Response | None:
        limit = self._controls.settings["connections"]
        return self.limited() if limit is not None and self._controls.active > limit else None

    def unauthorized(self) -> Response:
        detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
        return self._problem(401, "API Key Invalid", detail)

    def limited(self) -> Response:
        return self._problem(
            429, "Too Many Requests", "You have exceeded the limit of 10 simultaneous connections."
        )

    def failed(self) -> Response:
        return self._problem(500, "Internal Server Error", "An unexpected internal error has occurred.")

    def finish(self, response: Response) -> None:
        response.headers["X-Request-Id"] = str(uuid.UUID(int=self._instance))

    async def refuse(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return self._problem(error.status, error.title, error.detail)

    async def no_such_route(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return self._problem(
            error.status_code, "Resource Not Found", "The requested resource could not be found."
        )

    def _problem(self, status: int, title: str, detail: str) -> Response:
        self._instance += 1
        body = {
            "type": "https://mailchimp.com/developer/marketing/docs/errors/",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": str(uuid.UUID(int=self._instance)),
        }
        return Response(orjson.dumps(body), status, media_type="application/problem+json")

    # -- endpoints -----------------------------------------------------------------------------------------------

    async def ping(self, request: Request) -> Response:
        return json_response({"health_status": "Everything's Chimpy!"})

    async def lists(self, request: Request) -> Response:
        constraints = {"may_create": False, "max_instances": 1, "current_total_instances": 1}
        body = {"lists": [self._list()], "total_items": 1, "constraints": constraints, "_links": []}
        return _answer(request, body)

    async def list(self, request: Request) -> Response:
        self._check_list(request)
        return _answer(request, self._list())

    async def search(self, request: Request) -> Response:
        asked = request.query_params
        query = asked.get("query", "").strip()
        if len(query) < 3:
            raise Refused(400, "Invalid Resource", "The query must be at least 3 characters long.")
        in_list = asked.get("list_id", LIST_ID) == LIST_ID
        exact = self._world.members.find("email", query.lower()) if in_list else []
        wanted = query.lower().split()
        partial = [m for m in self._world.members if in_list and m not in exact and _has(m, wanted)]
        body = {
            "exact_matches": {"members": [self._member(m) for m in exact], "total_items": len(exact)},
            "full_search": {
                "members": [self._member(m) for m in partial[:_HITS]],
                "total_items": len(partial),
            },
            "_links": [],
        }
        return _answer(request, body)

    async def members(self, request: Request) -> Response:
        self._check_list(request)
        count, offset = _whole(request, "count", 10, 1000), _whole(request, "offset", 0)
        found = _sorted(request, [m for m in self._world.members if _wanted(request, m)])
        body = {
            "members": [self._member(m) for m in found[offset : offset + count]],
            "list_id": LIST_ID,
            "total_items": len(found),
            "_links": [],
        }
        return _answer(request, body)

    async def member(self, request: Request) -> Response:
        return _answer(request, self._member(self._known(request)))

    async def activity(self, request: Request) -> Response:
        member = self._known(request)
        count, offset = _whole(request, "count", 10, 1000), _whole(request, "offset", 0)
        kinds = {k for part in request.query_params.getlist("activity_filters") for k in part.split(",") if k}
        events = [event for event in member.events if not kinds or event.kind in kinds]
        events.sort(key=lambda event: event.at, reverse=True)
        body = {
            "activity": [self._event(event) for event in events[offset : offset + count]],
            "email_id": subscriber_hash(member.email),
            "list_id": LIST_ID,
            "_links": [],
        }
        return _answer(request, body)

    def _check_list(self, request: Request) -> None:
        if request.path_params["list_id"] != LIST_ID:
            raise Refused(404, "Resource Not Found", "The requested resource could not be found.")

    def _known(self, request: Request) -> MailMember:
        """The member whose hash, address or contact id the path names."""
        self._check_list(request)
        key = unquote(request.path_params["key"])
        members = self._world.members
        found = members.find("hash", key.lower()) or members.find("email", key.lower())
        member = found[0] if found else members.get(key)
        if member is None:
            raise Refused(404, "Resource Not Found", "The requested resource could not be found.")
        return member

    def _list(self) -> dict[str, Any]:
        members = list(self._world.members)
        counts = {status: sum(m.status == status for m in members) for status in STATUSES}
        return {
            "id": LIST_ID,
            "web_id": 360_360,
            "name": "Kaffee-Kontor Newsletter",
            "contact": {
                "company": "Kaffee-Kontor",
                "address1": "Am Speicher 3",
                "city": "Berlin",
                "country": "DE",
            },
            "permission_reminder": "Sie haben sich auf kaffee-kontor.example angemeldet.",
            "use_archive_bar": False,
            "date_created": "2021-01-01T00:00:00+00:00",
            "list_rating": 4,
            "email_type_option": False,
            "visibility": "prv",
            "double_optin": True,
            "marketing_permissions": True,
            "stats": {
                "member_count": counts["subscribed"],
                "total_contacts": len(members),
                "unsubscribe_count": counts["unsubscribed"],
                "cleaned_count": counts["cleaned"],
                "campaign_count": len(self._world.campaigns),
            },
            "_links": [],
        }

    def _member(self, member: MailMember) -> dict[str, Any]:
        sent = sum(event.kind == "sent" for event in member.events) or 1
        rates = {
            kind: round(sum(e.kind == kind for e in member.events) / sent, 4) for kind in ("open", "click")
        }
        number = int(member.id[:8], 16)
        body: dict[str, Any] = {
            "id": subscriber_hash(member.email),
            "email_address": member.email,
            "unique_email_id": member.id[:10],
            "contact_id": member.id,
            "full_name": f"{member.merge.get('FNAME', '')} {member.merge.get('LNAME', '')}".strip(),
            "web_id": _FIRST_WEB_ID + number % 100_000_000,
            "email_type": "html",
            "status": member.status,
            "consents_to_one_to_one_messaging": True,
            "merge_fields": member.merge,
            "interests": {},
            "stats": {"avg_open_rate": rates["open"], "avg_click_rate": rates["click"]},
            "ip_signup": "",
            "timestamp_signup": iso_offset(member.created),
            "ip_opt": "192.0.2.36",
            "timestamp_opt": iso_offset(member.created),
            "member_rating": 2 + number % 4,
            "last_changed": iso_offset(member.changed),
            "language": member.language,
            "vip": member.vip,
            "email_client": "",
            "location": {
                "latitude": 0,
                "longitude": 0,
                "gmtoff": 0,
                "dstoff": 0,
                "country_code": member.country,
                "timezone": "",
                "region": "",
            },
            "marketing_permissions": [
                {"marketing_permission_id": f"{i + 1:010x}", "text": text, "enabled": enabled}
                for i, (text, enabled) in enumerate(member.permissions)
            ],
            "source": "Embed Form",
            "tags_count": len(member.tags),
            "tags": [{"id": sum(tag.encode()), "name": tag} for tag in member.tags],
            "list_id": LIST_ID,
            "_links": [],
        }
        if member.unsubscribe_reason:
            body["unsubscribe_reason"] = member.unsubscribe_reason
        return body

    def _event(self, event: MailEvent) -> dict[str, Any]:
        body: dict[str, Any] = {
            "activity_type": event.kind,
            "created_at_timestamp": iso_offset(event.at),
            "campaign_id": event.campaign,
            "campaign_title": self._world.campaigns[event.campaign].title,
        }
        if event.kind == "click":
            body["link_clicked"] = event.detail
        elif event.kind == "bounce":
            body |= {"bounce_type": event.detail, "bounce_has_open_activity": False}
        elif event.kind == "unsub":
            body |= {
                "is_admin_unsubscribed": "admin" in (event.detail or ""),
                "unsubscribe_reason": event.detail,
            }
        return body

    # -- changes -------------------------------------------------------------------------------------------------

    def change(self, wish: dict[str, Any]) -> Change:
        """`{"id": contact_id, "set": {…}}`: email, status, language, vip, or a merge field in capitals."""
        member = self._world.members.get(str(wish.get("id")))
        if member is None:
            raise BadControl("no member has that contact_id")
        return self._apply(member, wish, "updated", wish.get("at") or self._world.tick())

    def create(self, wish: dict[str, Any]) -> Change:
        """`{"kind": "event", "member": contact_id, "event": "open", "campaign": id?, "detail": …}` or
        `{"kind": "member", "set": {"email": …}, "person": id}`."""
        at = wish.get("at") or self._world.tick()
        if wish.get("kind", "event") == "member":
            return self._create_member(wish, at)
        member = self._world.members.get(str(wish.get("member")))
        if member is None:
            raise BadControl("no member has that contact_id")
        kind = wish.get("event", "open")
        details = {
            "click": "https://kaffee-kontor.example/neu",
            "bounce": "soft",
            "unsub": "NORMAL: no longer interested",
        }
        campaign = wish.get("campaign") or next(reversed(self._world.campaigns))
        if kind not in ("sent", "open", "click", "bounce", "unsub") or campaign not in self._world.campaigns:
            raise BadControl(
                "event must be one of sent, open, click, bounce, unsub, and the campaign a known one"
            )
        detail = wish.get("detail") or details.get(kind)
        member.events.append(MailEvent(kind=kind, at=at, campaign=campaign, detail=detail))
        if kind == "unsub":
            member.status, member.unsubscribe_reason, member.changed = "unsubscribed", detail, at
        action = {"event": kind}
        return Change(kind="event", action="created", record_id=member.id, at=at, fields=action)

    def _create_member(self, wish: dict[str, Any], at: int) -> Change:
        values = wish.get("set")
        if not isinstance(values, dict) or not values.get("email"):
            raise BadControl('give "set", an object with at least an email')
        member = MailMember(
            id=contact_id(self._world),
            email=str(values["email"]),
            merge={"FNAME": "", "LNAME": "", "PHONE": "", "BIRTHDAY": "", "ADDRESS": ""},
            status="subscribed",
            permissions=(("Email", True),),
            language="de",
            country="DE",
            created=at,
            changed=at,
            events=[],
        )
        if wish.get("person"):
            self._world.truth[("mailchimp", member.id)] = str(wish["person"])
        return self._apply(member, wish, "created", at)

    def _apply(self, member: MailMember, wish: dict[str, Any], action: str, at: int) -> Change:
        values = wish.get("set")
        if not isinstance(values, dict):
            raise BadControl('give "set", an object')
        for name, value in values.items():
            if name.isupper():
                member.merge = member.merge | {name: value}
            elif name in ("email", "status", "language", "vip"):
                setattr(member, name, value)
            else:
                raise BadControl(
                    f"cannot set {name}; choose from email, status, language, vip or a merge field"
                )
        member.changed = at
        self._world.members.put(member)
        return Change(kind="member", action=action, record_id=member.id, at=at, fields=values)

    def sign(self, change: Change, url: str, secret: str) -> Delivery:
        """Mailchimp does not sign: a form, known only by the secret part of its address."""
        member = self._world.members.get(change.record_id)
        topic = "subscribe" if change.action == "created" else "profile"
        if "unsubscribed" in (change.fields.get("status"),) or change.fields.get("event") == "unsub":
            topic = "unsubscribe"
        form = {
            "type": topic,
            "fired_at": iso_offset(change.at)[:19].replace("T", " "),
            "data[list_id]": LIST_ID,
        }
        if member is not None:
            form |= {"data[id]": subscriber_hash(member.email), "data[email]": member.email}
            form |= {f"data[merges][{k}]": str(v) for k, v in member.merge.items() if isinstance(v, str)}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "MailChimp"}
        return Delivery(url=url, headers=headers, body=urlencode(form).encode(), topic=topic)


def _has(member: MailMember, words: list[str]) -> bool:
    if any("@" in word for word in words):
        return all(member.email.lower().startswith(word) for word in words)
    texts = [member.email, *(value for value in member.merge.values() if isinstance(value, str))]
    tokens = [token for text in texts for token in (text.lower(), *text.lower().split())]
    return all(any(token.startswith(word) for token in tokens) for word in words)


def _whole(request: Request, name: str, default: int, most: int = 10_000_000) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit() or int(text) > most:
        raise Refused(400, "Invalid Resource", f"{name} must be a whole number up to {most}.")
    return int(text)


def _wanted(request: Request, member: MailMember) -> bool:
    asked = request.query_params
    if "status" in asked and member.status != asked["status"]:
        return False
    if asked.get("vip_only") == "true" and not member.vip:
        return False
    if "unique_email_id" in asked and member.id[:10] != asked["unique_email_id"]:
        return False
    bounds = (
        ("since_last_changed", member.changed, 1),
        ("before_last_changed", member.changed, -1),
        ("since_timestamp_opt", member.created, 1),
        ("before_timestamp_opt", member.created, -1),
    )
    return all(
        name not in asked or (value - _time(asked[name], name)) * sign >= 0 for name, value, sign in bounds
    )


def _time(text: str, name: str) -> float:
    # A plus that was not escaped arrives as a space.
    moment = parse_time(text.replace(" ", "+"))
    if moment is None:
        raise Refused(400, "Invalid Resource", f"{name} must be a time in ISO 8601.")
    return moment


def _sorted(request: Request, members: list[MailMember]) -> list[MailMember]:
    by, direction = request.query_params.get("sort_field"), request.query_params.get("sort_dir", "ASC")
    if by is not None and by not in ("timestamp_opt", "timestamp_signup", "last_changed"):
        raise Refused(
            400, "Invalid Resource", "sort_field must be timestamp_opt, timestamp_signup or last_changed."
        )
    if direction not in ("ASC", "DESC"):
        raise Refused(400, "Invalid Resource", "sort_dir must be ASC or DESC.")
    if by is not None:
        members.sort(
            key=lambda m: (m.changed if by == "last_changed" else m.created, m.id),
            reverse=direction == "DESC",
        )
    return members


def _answer(request: Request, body: dict[str, Any]) -> Response:
    """The body, cut to `fields` or without `exclude_fields`; both are lists of paths with dots."""
    asked = request.query_params
    keep = [path.split(".") for part in asked.getlist("fields") for path in part.split(",") if path]
    drop = [path.split(".") for part in asked.getlist("exclude_fields") for path in part.split(",") if path]
    if keep:
        body = _kept(body, keep)
    for path in drop:
        _drop(body, path)
    return json_response(body)


def _kept(value: Any, paths: list[list[str]]) -> Any:
    if any(not path for path in paths):
        return value
    if isinstance(value, list):
        return [_kept(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    names = {path[0] for path in paths}
    return {k: _kept(v, [p[1:] for p in paths if p[0] == k]) for k, v in value.items() if k in names}


def _drop(value: Any, path: list[str]) -> None:
    if isinstance(value, list):
        for item in value:
            _drop(item, path)
    elif isinstance(value, dict) and len(path) == 1:
        value.pop(path[0], None)
    elif isinstance(value, dict):
        _drop(value.get(path[0]), path[1:])
