"""A server that speaks Zendesk's Support dialect: users, their identities, tickets, comments, search and exports.

Settings: `per_minute` (default 700) and `incremental_per_minute` (10), null for no limit; `nulls` ("null": a field
without a value is null, as the live API answers; "omit": it is left out, as the OpenAPI description has it).
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.controls import BadControl, Controls, Guard, Handler, Window, control_routes, json_response
from sandbox.records import HubSpotCompany, ZendeskComment, ZendeskIdentity, ZendeskTicket, ZendeskUser
from sandbox.times import iso
from sandbox.webhooks import Change, Delivery, hmac_base64
from sandbox.world import NOW, World
from sandbox.writers import identity
from sandbox.zendesk_search import BadQuery, Search

EMAIL = "admin@kaffee-kontor.example"
TOKEN = "sandboxzendesktoken000000000000000000c360"
HOST = "https://kaffee-kontor.zendesk.com"

_CAP = 1000
_ADMIN = "360000100000"


class Refused(Exception):
    """The request is wrong; carries the vendor's answer."""

    def __init__(self, status: int, error: object, description: str | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = {"error": error} | ({"description": description} if description else {})


def create_app(world: World, controls: Controls) -> Starlette:
    """The server; `controls` gets the settings it lacks."""
    controls.defaults(per_minute=700, incremental_per_minute=10, nulls="null")
    dialect = Zendesk(world, controls)
    guard = Guard(controls, dialect)
    table: list[tuple[str, str, Handler]] = [
        ("users/search", "users.search", dialect.search_users),
        ("users/show_many", "users.show_many", dialect.users),
        ("users/me", "users.me", dialect.me),
        ("users/{id:int}/identities", "users.identities", dialect.identities),
        ("users/{id:int}", "users.get", dialect.user),
        ("organizations/show_many", "organizations.show_many", dialect.organizations),
        ("search/export", "search.export", dialect.export),
        ("search/count", "search.count", dialect.count),
        ("search", "search", dialect.search),
        ("tickets/show_many", "tickets.show_many", dialect.tickets),
        ("tickets/{id:int}/comments", "tickets.comments", dialect.comments),
        ("tickets/{id:int}", "tickets.get", dialect.ticket),
        ("incremental/users/cursor", "incremental.users", dialect.changed_users),
        ("incremental/tickets/cursor", "incremental.tickets", dialect.changed_tickets),
    ]
    routes: list[Route] = []
    for path, operation, handler in table:
        routes += [guard.route(f"/api/v2/{path}{end}", operation, handler) for end in ("", ".json")]
    app = Starlette(routes=[*control_routes(controls, dialect), *routes])
    app.add_exception_handler(Refused, dialect.refuse)
    app.add_exception_handler(BadQuery, dialect.bad_query)
    app.add_exception_handler(HTTPException, dialect.no_such_route)
    return app


class Zendesk:
    """The dialect over one world."""

    def __init__(self, world: World, controls: Controls) -> None:
        self._world, self._controls = world, controls
        self._all, self._incremental = Window(700, 60), Window(10, 60)

    # -- what the control side asks ------------------------------------------------------------------------------

    def authenticate(self, request: Request) -> Response | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        right = scheme.lower() == "basic" and given == f"{EMAIL}/token:{TOKEN}"
        return None if right else self.unauthorized()

    def admit(self, request: Request, operation: str) -> Response | None:
        settings = self._controls.settings
        self._all.limit, self._incremental.limit = settings["per_minute"], settings["incremental_per_minute"]
        if not self._all.admit():
            return self._too_many(self._all.free_in, "Number of allowed API requests per minute exceeded")
        if operation.startswith("incremental.") and not self._incremental.admit():
            message = "Number of allowed incremental export API requests per minute exceeded"
            return self._too_many(self._incremental.free_in, message)
        return None

    def unauthorized(self) -> Response:
        return json_response({"error": "Couldn't authenticate you"}, 401)

    def limited(self) -> Response:
        return self._too_many(1, "Number of allowed API requests per minute exceeded")

    def failed(self) -> Response:
        return json_response(
            {"error": "InternalError", "description": "Sorry, we could not process that."}, 500
        )

    def finish(self, response: Response) -> None:
        if self._all.limit is not None:
            response.headers["X-Rate-Limit"] = str(self._all.limit)
            response.headers["X-Rate-Limit-Remaining"] = str(self._all.remaining)

    async def refuse(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return json_response(error.body, error.status)

    async def bad_query(self, request: Request, error: Exception) -> Response:
        return json_response({"error": "invalid", "description": f"Invalid search: {error}"}, 422)

    async def no_such_route(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        body = {"error": {"title": "Invalid endpoint", "message": "Not found"}}
        return json_response(body, error.status_code)

    def _too_many(self, seconds: int, message: str) -> Response:
        body = {"error": "APIRateLimitExceeded", "description": message}
        return json_response(body, 429, {"Retry-After": str(seconds)})

    # -- users ---------------------------------------------------------------------------------------------------

    async def search_users(self, request: Request) -> Response:
        asked = request.query_params
        if asked.get("external_id"):
            found = self._world.users.find("external_id", asked["external_id"])
        elif asked.get("query"):
            found = Search(self._world, asked["query"], kind="user").users()
        else:
            raise Refused(400, "BadRequest", "query or external_id is required")
        return self._pages(request, "users", [self._user(user) for user in found])

    async def users(self, request: Request) -> Response:
        if external := request.query_params.get("external_ids"):
            wanted = _few(external)
            found = [user for key in wanted for user in self._world.users.find("external_id", key)]
        else:
            found = [
                u for key in _few(request.query_params.get("ids", "")) if (u := self._world.users.get(key))
            ]
        return json_response({"users": [self._user(user) for user in found], "count": len(found)} | _NO_PAGES)

    async def me(self, request: Request) -> Response:
        """The one who signed in: an admin, whom nobody else can look up."""
        me = ZendeskUser(
            id=_ADMIN,
            name="Kaffee-Kontor Admin",
            email=EMAIL,
            phone=None,
            role="admin",
            locale="de",
            created=NOW - 1_500 * 86_400,
            updated=NOW - 30 * 86_400,
            identities=[],
        )
        return json_response({"user": self._user(me) | {"authenticity_token": "none"}})

    async def user(self, request: Request) -> Response:
        return json_response({"user": self._user(self._known_user(request))})

    async def identities(self, request: Request) -> Response:
        user = self._known_user(request)
        return self._pages(request, "identities", [self._identity(user, row) for row in user.identities])

    def _known_user(self, request: Request) -> ZendeskUser:
        user = self._world.users.get(str(request.path_params["id"]))
        if user is None:
            raise Refused(404, "RecordNotFound", "Not found")
        return user

    def _user(self, user: ZendeskUser) -> dict[str, Any]:
        return self._trim(
            {
                "id": int(user.id),
                "url": f"{HOST}/api/v2/users/{user.id}.json",
                "name": user.name,
                "email": user.email,
                "created_at": iso(user.created),
                "updated_at": iso(user.updated),
                "time_zone": user.time_zone,
                "phone": user.phone,
                "shared_phone_number": user.shared_phone,
                "photo": None,
                "locale_id": 8 if user.locale == "de" else 1,
                "locale": user.locale,
                "organization_id": int(user.organization) if user.organization else None,
                "role": user.role,
                "verified": user.email is not None,
                "external_id": user.external_id,
                "tags": [],
                "alias": "",
                "active": True,
                "shared": False,
                "shared_agent": False,
                "last_login_at": None,
                "signature": None,
                "details": "",
                "notes": user.notes,
                "role_type": 0 if user.role == "agent" else None,
                "custom_role_id": None,
                "moderator": user.role == "agent",
                "ticket_restriction": None if user.role == "agent" else "requested",
                "only_private_comments": False,
                "restricted_agent": user.role != "agent",
                "suspended": False,
                "default_group_id": None,
                "report_csv": False,
                "user_fields": {},
            }
        )

    def _identity(self, user: ZendeskUser, row: ZendeskIdentity) -> dict[str, Any]:
        return {
            "id": int(row.id),
            "url": f"{HOST}/api/v2/users/{user.id}/identities/{row.id}.json",
            "user_id": int(user.id),
            "type": row.kind,
            "value": row.value,
            "verified": row.verified,
            "primary": row.primary,
            "created_at": iso(user.created),
            "updated_at": iso(user.updated),
        } | ({"undeliverable_count": 0, "deliverable_state": "deliverable"} if row.kind == "email" else {})

    # -- organizations -------------------------------------------------------------------------------------------

    async def organizations(self, request: Request) -> Response:
        """The CRM's companies under the same ids, as if one had been imported from the other."""
        wanted = _few(request.query_params.get("ids", ""))
        found = [company for key in wanted if (company := self._world.companies.get(key))]
        rows = [self._organization(company) for company in found]
        return json_response({"organizations": rows, "count": len(rows)} | _NO_PAGES)

    def _organization(self, company: HubSpotCompany) -> dict[str, Any]:
        domain = company.properties.get("domain")
        return {
            "id": int(company.id),
            "url": f"{HOST}/api/v2/organizations/{company.id}.json",
            "name": company.properties.get("name", ""),
            "created_at": iso(company.created),
            "updated_at": iso(company.updated),
            "domain_names": [domain] if domain else [],
            "details": "",
            "notes": "",
            "shared_tickets": False,
            "shared_comments": False,
            "tags": [],
            "organization_fields": {},
        }

    # -- tickets -------------------------------------------------------------------------------------------------

    async def tickets(self, request: Request) -> Response:
        found = [
            t for key in _few(request.query_params.get("ids", "")) if (t := self._world.tickets.get(key))
        ]
        return json_response({"tickets": [self._ticket(t) for t in found], "count": len(found)} | _NO_PAGES)

    async def ticket(self, request: Request) -> Response:
        return json_response({"ticket": self._ticket(self._known_ticket(request))})

    async def comments(self, request: Request) -> Response:
        ticket = self._known_ticket(request)
        asked = request.query_params
        descending = asked.get("sort", "").startswith("-") or asked.get("sort_order", "asc").lower() == "desc"
        rows = ticket.comments[::-1] if descending else ticket.comments
        return self._pages(request, "comments", [self._comment(ticket, row) for row in rows])

    def _known_ticket(self, request: Request) -> ZendeskTicket:
        ticket = self._world.tickets.get(str(request.path_params["id"]))
        if ticket is None:
            raise Refused(404, "RecordNotFound", "Not found")
        return ticket

    def _ticket(self, ticket: ZendeskTicket) -> dict[str, Any]:
        return self._trim(
            {
                "url": f"{HOST}/api/v2/tickets/{ticket.id}.json",
                "id": int(ticket.id),
                "external_id": None,
                "via": {"channel": ticket.channel, "source": {"from": {}, "to": {}, "rel": None}},
                "created_at": iso(ticket.created),
                "updated_at": iso(ticket.updated),
                "generated_timestamp": ticket.updated,
                "type": ticket.kind,
                "subject": ticket.subject,
                "raw_subject": ticket.subject,
                "description": ticket.comments[0].body if ticket.comments else "",
                "priority": ticket.priority,
                "status": ticket.status,
                "recipient": "support@kaffee-kontor.example" if ticket.channel == "email" else None,
                "requester_id": int(ticket.requester),
                "submitter_id": int(ticket.requester),
                "assignee_id": int(ticket.assignee) if ticket.assignee else None,
                "organization_id": int(ticket.organization) if ticket.organization else None,
                "group_id": 360_000_360,
                "collaborator_ids": [],
                "follower_ids": [],
                "email_cc_ids": [],
                "forum_topic_id": None,
                "problem_id": None,
                "has_incidents": False,
                "is_public": True,
                "due_at": None,
                "tags": list(ticket.tags),
                "custom_fields": [],
                "satisfaction_rating": {"score": ticket.score},
                "sharing_agreement_ids": [],
                "followup_ids": [],
                "brand_id": 360_000_001,
                "allow_channelback": False,
                "allow_attachments": True,
                "from_messaging_channel": False,
            }
        )

    def _comment(self, ticket: ZendeskTicket, comment: ZendeskComment) -> dict[str, Any]:
        return {
            "id": int(comment.id),
            "type": "Comment",
            "author_id": int(comment.author),
            "body": comment.body,
            "html_body": f'<div class="zd-comment" dir="auto"><p>{comment.body}</p></div>',
            "plain_body": comment.body,
            "public": comment.public,
            "attachments": [],
            "audit_id": int(comment.id) + 1,
            "via": {"channel": ticket.channel, "source": {"from": {}, "to": {}, "rel": None}},
            "created_at": iso(comment.created),
            "metadata": {"system": {}, "custom": {}},
        }

    # -- search --------------------------------------------------------------------------------------------------

    async def search(self, request: Request) -> Response:
        size, page = _size(request, 100), _page(request)
        if size * page > _CAP:
            message = "Requested response size was greater than Search Response Limits"
            raise Refused(422, "invalid", f"Invalid search: {message}")
        asked = request.query_params
        search = Search(self._world, _required(request, "query"))
        found = search.sorted(asked.get("sort_by"), asked.get("sort_order", "desc"))
        part = found[(page - 1) * size : page * size]
        body = {
            "results": [self._result(row) for row in part],
            "facets": None,
            # The vendor links to pages past the cap too, and refuses them when they are asked for.
            "next_page": _page_link(request, page + 1) if page * size < len(found) else None,
            "previous_page": _page_link(request, page - 1) if page > 1 else None,
            "count": len(found),
        }
        return json_response(body)

    async def count(self, request: Request) -> Response:
        return json_response(
            {"count": len(Search(self._world, _required(request, "query")).sorted(None, "desc"))}
        )

    async def export(self, request: Request) -> Response:
        asked = request.query_params
        kind = asked.get("filter[type]")
        if kind not in ("ticket", "user"):
            raise Refused(
                422, "invalid", "filter[type] must be one of ticket, user (organization, group are not here)"
            )
        size = _whole(asked.get("page[size]", "100"), "page[size]", 1000)
        found = Search(self._world, _required(request, "query"), kind=kind).sorted("created_at", "desc")
        rows = [(-row.created, -int(row.id), row) for row in found]
        mark = _read_mark(asked.get("page[after]"))
        rest = [row for row in rows if mark is None or row[:2] > mark]
        part = rest[:size]
        after = _write_mark(part[-1][:2]) if part else None
        more = len(rest) > size
        body = {
            "results": [self._result(row[2]) for row in part],
            "facets": None,
            "meta": {"has_more": more, "after_cursor": after if more else None, "before_cursor": None},
            "links": {"next": _cursor_link(request, after) if more and after else None, "prev": None},
        }
        return json_response(body)

    def _result(self, row: ZendeskTicket | ZendeskUser) -> dict[str, Any]:
        if isinstance(row, ZendeskTicket):
            return self._ticket(row) | {"result_type": "ticket"}
        return self._user(row) | {"result_type": "user"}

    # -- exports -------------------------------------------------------------------------------------------------

    async def changed_users(self, request: Request) -> Response:
        rows = [(user.updated, int(user.id), user) for user in self._world.users]
        part, rest = _since(request, rows)
        return json_response({"users": [self._user(row[2]) for row in part]} | rest)

    async def changed_tickets(self, request: Request) -> Response:
        rows = [(ticket.updated, int(ticket.id), ticket) for ticket in self._world.tickets]
        part, rest = _since(request, rows)
        return json_response({"tickets": [self._ticket(row[2]) for row in part]} | rest)

    # -- pages ---------------------------------------------------------------------------------------------------

    def _pages(self, request: Request, name: str, rows: list[dict[str, Any]]) -> Response:
        """A page by cursor where page[size] is given, else by number."""
        asked = request.query_params
        if "page[size]" in asked or "page[after]" in asked:
            return json_response(_cursor_page(request, name, rows))
        size, page = _size(request, 100), _page(request)
        part = rows[(page - 1) * size : page * size]
        body = {
            name: part,
            "count": len(rows),
            "next_page": _page_link(request, page + 1) if page * size < len(rows) else None,
            "previous_page": _page_link(request, page - 1) if page > 1 else None,
        }
        return json_response(body)

    def _trim(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._controls.settings["nulls"] != "omit":
            return body
        return {name: value for name, value in body.items() if value is not None}

    # -- changes -------------------------------------------------------------------------------------------------

    def change(self, wish: dict[str, Any]) -> Change:
        """`{"kind": "user"|"ticket", "id": …, "set": {…}}`; a user's name, email, phone, notes, external_id; a
        ticket's status, priority, subject."""
        values = wish.get("set")
        if not isinstance(values, dict):
            raise BadControl('give "set", an object')
        at = wish.get("at") or self._world.tick()
        if wish.get("kind", "user") == "ticket":
            ticket = self._wanted_ticket(wish.get("id"))
            _assign(ticket, values, ("status", "priority", "subject"))
            ticket.updated = at
            self._world.tickets.put(ticket)
            return Change(kind="ticket", action="updated", record_id=ticket.id, at=at, fields=values)
        user = self._world.users.get(str(wish.get("id")))
        if user is None:
            raise BadControl("no user has that id")
        _assign(user, values, ("name", "email", "phone", "notes", "external_id"))
        self._renew_identities(user, values)
        user.updated = at
        self._world.users.put(user)
        return Change(kind="user", action="updated", record_id=user.id, at=at, fields=values)

    def _renew_identities(self, user: ZendeskUser, values: dict[str, Any]) -> None:
        """A new primary address or number replaces the identity that held the old one."""
        for name, kind in (("email", "email"), ("phone", "phone_number")):
            if name not in values:
                continue
            others = [i for i in user.identities if i.kind != kind or (kind == "email" and not i.primary)]
            fresh = [identity(self._world, kind, values[name], primary=True)] if values[name] else []
            user.identities = [*fresh, *others]

    def create(self, wish: dict[str, Any]) -> Change:
        """`{"kind": "ticket", "requester": id, "subject": …, "body": …}`, `{"kind": "comment", "ticket": id, "body":
        …, "author": id?}` or `{"kind": "user", "set": {…}, "person": id}`."""
        makers = {"ticket": self._create_ticket, "comment": self._create_comment, "user": self._create_user}
        kind = wish.get("kind", "ticket")
        if kind not in makers:
            raise BadControl(f"kind must be one of {', '.join(makers)}")
        return makers[kind](wish, wish.get("at") or self._world.tick())

    def _create_ticket(self, wish: dict[str, Any], at: int) -> Change:
        requester = str(wish.get("requester"))
        if requester not in self._world.users:
            raise BadControl("no user has that id")
        ticket = ZendeskTicket(
            id=str(self._world.new_id("zendesk.ticket")),
            requester=requester,
            assignee=None,
            subject=str(wish.get("subject") or "Neue Frage"),
            status="new",
            priority="normal",
            kind="question",
            channel="email",
            created=at,
            updated=at,
            comments=[self._new_comment(requester, str(wish.get("body") or "Hallo!"), at)],
        )
        self._world.tickets.put(ticket)
        return Change(
            kind="ticket", action="created", record_id=ticket.id, at=at, fields={"subject": ticket.subject}
        )

    def _create_comment(self, wish: dict[str, Any], at: int) -> Change:
        ticket = self._wanted_ticket(wish.get("ticket"))
        author = str(wish.get("author") or ticket.requester)
        ticket.comments.append(self._new_comment(author, str(wish.get("body") or "Noch etwas."), at))
        ticket.updated = at
        self._world.tickets.put(ticket)
        return Change(kind="ticket", action="updated", record_id=ticket.id, at=at, fields={"comment": True})

    def _create_user(self, wish: dict[str, Any], at: int) -> Change:
        values = wish.get("set")
        if not isinstance(values, dict) or not values.get("name"):
            raise BadControl('give "set", an object with at least a name')
        user = ZendeskUser(
            id=str(self._world.new_id("zendesk.user")),
            name="",
            email=None,
            phone=None,
            role="end-user",
            locale="de",
            created=at,
            updated=at,
            identities=[],
        )
        _assign(user, values, ("name", "email", "phone", "notes", "external_id"))
        self._renew_identities(user, values)
        self._world.users.put(user)
        if wish.get("person"):
            self._world.truth[("zendesk", user.id)] = str(wish["person"])
        return Change(kind="user", action="created", record_id=user.id, at=at, fields=values)

    def _new_comment(self, author: str, body: str, at: int) -> ZendeskComment:
        number = str(self._world.new_id("zendesk.comment"))
        return ZendeskComment(id=number, author=author, body=body, public=True, created=at)

    def _wanted_ticket(self, ticket_id: Any) -> ZendeskTicket:
        ticket = self._world.tickets.get(str(ticket_id))
        if ticket is None:
            raise BadControl("no ticket has that id")
        return ticket

    def sign(self, change: Change, url: str, secret: str) -> Delivery:
        """Zendesk's signature: base64 HMAC-SHA256 of the timestamp and the body."""
        topic = f"zen:event-type:{change.kind}.{self._event(change)}"
        body = orjson.dumps(
            {
                "account_id": 360360,
                "id": f"c360-{change.at}-{change.record_id}",
                "type": topic,
                "time": iso(change.at),
                "subject": f"zen:{change.kind}:{change.record_id}",
                "zendesk_event_version": "2022-11-06",
                "detail": {"id": change.record_id, "updated_at": iso(change.at)},
                "event": {},
            }
        )
        stamp = iso(time.time())
        headers = {
            "Content-Type": "application/json",
            "X-Zendesk-Account-Id": "360360",
            "X-Zendesk-Webhook-Id": "01C360SANDBOX00000000000000",
            "X-Zendesk-Webhook-Invocation-Id": f"{change.at}{change.record_id}",
            "X-Zendesk-Webhook-Signature": hmac_base64(secret, stamp.encode() + body),
            "X-Zendesk-Webhook-Signature-Timestamp": stamp,
        }
        return Delivery(url=url, headers=headers, body=body, topic=topic)

    def _event(self, change: Change) -> str:
        if change.action == "created":
            return "created"
        names = {"name": "name_changed", "notes": "notes_changed", "external_id": "external_id_changed"}
        if change.kind == "user":
            return names.get(next(iter(change.fields), ""), "identity_changed")
        ticket = {"comment": "comment_added", "priority": "priority_changed", "subject": "subject_changed"}
        return ticket.get(next(iter(change.fields), ""), "status_changed")


_NO_PAGES: dict[str, Any] = {"next_page": None, "previous_page": None}


def _assign(record: Any, values: dict[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        raise BadControl(f"cannot set {', '.join(unknown)}; choose from {', '.join(allowed)}")
    for name, value in values.items():
        setattr(record, name, value)


def _required(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if not value:
        raise Refused(422, "invalid", f"{name} is required")
    return value


def _few(text: str) -> list[str]:
    """At most a hundred ids from a list with commas."""
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if not ids:
        raise Refused(400, {"title": "Invalid attribute", "message": "ids are required"})
    if len(ids) > 100:
        raise Refused(400, {"title": "Invalid attribute", "message": "at most 100 ids are allowed"})
    return list(dict.fromkeys(ids))


def _whole(text: str, name: str, most: int) -> int:
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise Refused(
            400, {"title": "Invalid attribute", "message": f"{name} must be a number from 1 to {most}"}
        )
    return int(text)


def _size(request: Request, most: int) -> int:
    # The vendor gives its largest page to whoever asks for more.
    return min(most, _whole(request.query_params.get("per_page", str(most)), "per_page", 1_000_000))


def _page(request: Request) -> int:
    return _whole(request.query_params.get("page", "1"), "page", 1_000_000)


def _page_link(request: Request, page: int) -> str:
    return str(request.url.include_query_params(page=page))


def _cursor_link(request: Request, after: str) -> str:
    return str(request.url.include_query_params(**{"page[after]": after}))


def _cursor_page(request: Request, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The rows after the one whose id the cursor names."""
    size = min(100, _whole(request.query_params.get("page[size]", "100"), "page[size]", 1_000_000))
    mark = _read_mark(request.query_params.get("page[after]"))
    start = 0
    if mark is not None:
        start = next((i + 1 for i, row in enumerate(rows) if row["id"] == mark[1]), len(rows))
    part = rows[start : start + size]
    more = start + size < len(rows)
    after = _write_mark((0, part[-1]["id"])) if part else None
    before = _write_mark((0, part[0]["id"])) if part else None
    return {
        name: part,
        "meta": {"has_more": more, "after_cursor": after, "before_cursor": before},
        "links": {"next": _cursor_link(request, after) if more and after else None, "prev": None},
    }


def _since(
    request: Request, rows: Sequence[tuple[int, int, Any]]
) -> tuple[list[tuple[int, int, Any]], dict[str, Any]]:
    """One page of an incremental export, and what stands around it."""
    asked = request.query_params
    size = _whole(asked.get("per_page", "1000"), "per_page", 1000)
    mark = _read_mark(asked.get("cursor"))
    if mark is None:
        start = asked.get("start_time", "")
        if not start.isdigit():
            raise Refused(400, {"title": "Invalid attribute", "message": "start_time or cursor is required"})
        mark = (int(start), -1)
    rest = sorted((row for row in rows if row[:2] > mark), key=lambda row: row[:2])
    part = rest[:size]
    after = _write_mark(part[-1][:2] if part else mark)
    end = len(rest) <= size
    url = str(request.url.replace(query=f"cursor={after}"))
    around = {
        "after_url": url,
        "after_cursor": after,
        "before_url": None,
        "before_cursor": None,
        "end_of_stream": end,
    }
    return part, around


def _write_mark(mark: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(f"{mark[0]}||{mark[1]}".encode()).decode().rstrip("=")


def _read_mark(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    try:
        moment, _, record = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("||")
        return int(moment), int(record)
    except (ValueError, binascii.Error):
        raise Refused(400, {"title": "Invalid attribute", "message": "the cursor is not valid"}) from None
