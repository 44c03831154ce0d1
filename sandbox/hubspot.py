"""A server that speaks HubSpot's CRM dialect: contacts, companies and the associations between them.

Settings: `search_per_second` (default 5) and `per_ten_seconds` (190), null for no limit; `nulls` ("null": a requested
property without a value is null, as the live API answers; "omit": it is left out, as the OpenAPI description has it).
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.controls import BadControl, Controls, Guard, Window, control_routes, json_response
from sandbox.records import HubSpotCompany, HubSpotContact, Table
from sandbox.times import iso_millis, parse_time
from sandbox.webhooks import Change, Delivery, hmac_base64
from sandbox.world import World
from sandbox.writers import put_contact

TOKEN = "pat-eu1-sandbox-0000-4000-8000-c36000000001"
PORTAL = 36_000_360

Record = HubSpotContact | HubSpotCompany

_DEFAULTS = {
    "contacts": ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    "companies": ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
}
_TYPE_IDS = {"contacts": "0-1", "companies": "0-2"}
_TIMES = ("createdate", "lastmodifieddate", "hs_lastmodifieddate")
_SEARCHED = ("firstname", "lastname", "email", "hs_additional_emails", "phone", "mobilephone", "company")
_SEARCH_CAP = 10_000


class Refused(Exception):
    """The request is wrong; carries the vendor's answer."""

    def __init__(self, message: str, *, status: int = 400, category: str = "VALIDATION_ERROR") -> None:
        super().__init__(message)
        self.message, self.status, self.category = message, status, category


def create_app(world: World, controls: Controls) -> Starlette:
    """The server; `controls` gets the settings it lacks."""
    controls.defaults(search_per_second=5, per_ten_seconds=190, nulls="null")
    dialect = HubSpot(world, controls)
    guard = Guard(controls, dialect)
    objects = "/crm/v3/objects"
    routes = [
        guard.route(f"{objects}/contacts/search", "contacts.search", dialect.search, "POST"),
        guard.route(f"{objects}/contacts/batch/read", "contacts.batch_read", dialect.read_contacts, "POST"),
        guard.route(f"{objects}/contacts", "contacts.list", dialect.list),
        guard.route(f"{objects}/contacts/{{id}}", "contacts.get", dialect.get),
        guard.route(
            f"{objects}/companies/batch/read", "companies.batch_read", dialect.read_companies, "POST"
        ),
        guard.route(
            "/crm/v4/associations/contacts/companies/batch/read",
            "associations.batch_read",
            dialect.associations,
            "POST",
        ),
    ]
    app = Starlette(routes=[*control_routes(controls, dialect), *routes])
    app.add_exception_handler(Refused, dialect.refuse)
    app.add_exception_handler(HTTPException, dialect.no_such_route)
    return app


class HubSpot:
    """The dialect over one world."""

    def __init__(self, world: World, controls: Controls) -> None:
        self._world, self._controls = world, controls
        self._searches, self._all = Window(5, 1), Window(190, 10)
        self._correlation = 0

    # -- what the control side asks ------------------------------------------------------------------------------

    def authenticate(self, request: Request) -> Response | None:
        return None if request.headers.get("authorization") == f"Bearer {TOKEN}" else self.unauthorized()

    def admit(self, request: Request, operation: str) -> Response | None:
        settings = self._controls.settings
        self._searches.limit, self._all.limit = settings["search_per_second"], settings["per_ten_seconds"]
        if operation.endswith(".search"):
            # The vendor exempts searches from the ten-second limit; they have their own.
            return (
                None
                if self._searches.admit()
                else self._too_many("SECONDLY", "You have reached your secondly limit.")
            )
        return None if self._all.admit() else self.limited()

    def unauthorized(self) -> Response:
        message = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
        return self._error(401, "INVALID_AUTHENTICATION", message)

    def limited(self) -> Response:
        return self._too_many("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")

    def failed(self) -> Response:
        return self._error(500, "INTERNAL_ERROR", "internal error")

    def finish(self, response: Response) -> None:
        limit = self._all.limit
        if limit is None:
            return
        response.headers["X-HubSpot-RateLimit-Max"] = str(limit)
        response.headers["X-HubSpot-RateLimit-Remaining"] = str(self._all.remaining)
        response.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] = "10000"

    async def refuse(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return self._error(error.status, error.category, error.message)

    async def no_such_route(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return self._error(error.status_code, "OBJECT_NOT_FOUND", "resource not found")

    def _too_many(self, policy: str, message: str) -> Response:
        extra = {"errorType": "RATE_LIMIT", "policyName": policy}
        return self._error(429, "RATE_LIMITS", message, extra, {"Retry-After": "1"})

    def _error(
        self,
        status: int,
        category: str,
        message: str,
        extra: Mapping[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        self._correlation += 1
        body = {
            "status": "error",
            "message": message,
            "correlationId": str(uuid.UUID(int=self._correlation)),
            "category": category,
        }
        return json_response({**body, **(extra or {})}, status, headers)

    # -- endpoints -----------------------------------------------------------------------------------------------

    async def search(self, request: Request) -> Response:
        body = await _body(request)
        limit = _whole(body.get("limit", 10), "limit", 0, 200)
        start = _whole(body.get("after") or "0", "after", 0, 10**9)
        if start + limit > _SEARCH_CAP:
            raise Refused(f"The maximum number of search results is {_SEARCH_CAP}.")
        found = Search(self._world, body).run()
        page = found[start : start + limit]
        answer: dict[str, object] = {
            "total": len(found),
            "results": [self._object("contacts", record, body.get("properties")) for record in page],
        }
        if start + limit < len(found) and limit:
            answer["paging"] = {"next": {"after": str(start + limit)}}
        return json_response(answer)

    async def read_contacts(self, request: Request) -> Response:
        return await self._read("contacts", self._world.contacts, request)

    async def read_companies(self, request: Request) -> Response:
        return await self._read("companies", self._world.companies, request)

    async def list(self, request: Request) -> Response:
        limit = _whole(request.query_params.get("limit", "10"), "limit", 1, 100)
        after = _whole(request.query_params.get("after") or "0", "after", 0, 10**15)
        wanted = _wanted(request)
        rest = [contact for contact in self._world.contacts if int(contact.id) > after]
        rest.sort(key=lambda contact: int(contact.id))
        page = rest[:limit]
        answer: dict[str, object] = {"results": [self._object("contacts", record, wanted) for record in page]}
        if len(rest) > limit:
            last = page[-1].id
            link = str(request.url.include_query_params(after=last))
            answer["paging"] = {"next": {"after": last, "link": link}}
        return json_response(answer)

    async def get(self, request: Request) -> Response:
        wanted_id = request.path_params["id"]
        if request.query_params.get("idProperty") == "email":
            found = self._by_email(wanted_id)
        else:
            found = self._world.contacts.get(wanted_id)
        if found is None:
            raise Refused("resource not found", status=404, category="OBJECT_NOT_FOUND")
        return json_response(self._object("contacts", found, _wanted(request)))

    async def associations(self, request: Request) -> Response:
        started = iso_millis(time.time())
        ids = _ids(await _body(request), 1000)
        results, missing = [], []
        for contact_id in ids:
            contact = self._world.contacts.get(contact_id)
            if contact is None or contact.company is None:
                missing.append(contact_id)
                continue
            kinds = [
                {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"},
                {"category": "HUBSPOT_DEFINED", "typeId": 279},
            ]
            to = [{"toObjectId": contact.company, "associationTypes": kinds}]
            results.append({"from": {"id": contact_id}, "to": to})
        message = "No company is associated with some of the contacts."
        return _batch(results, missing, started, "fromObjectId", message)

    async def _read(self, kind: str, table: Table[Any], request: Request) -> Response:
        started = iso_millis(time.time())
        body = await _body(request)
        ids = _ids(body, 100)
        id_property = body.get("idProperty") or "hs_object_id"
        if id_property not in ("hs_object_id", "email") or (kind == "companies" and id_property == "email"):
            raise Refused(f"Property '{id_property}' is not a unique property of {kind}.")
        finder: Callable[[str], Record | None] = self._by_email if id_property == "email" else table.get
        found: dict[str, Record] = {}
        missing = []
        for wanted in ids:
            record = finder(wanted)
            if record is None:
                missing.append(wanted)
            else:
                found[record.id] = record
        results = [self._object(kind, record, body.get("properties")) for record in found.values()]
        message = f"Could not get some {kind.upper()} objects, they may be deleted or not exist. Check that ids are valid."
        return _batch(results, missing, started, "ids", message)

    def _by_email(self, email: str) -> HubSpotContact | None:
        """By primary or additional address, in either case."""
        return next(iter(self._world.contacts.find("email", email.strip().lower())), None)

    def _object(self, kind: str, record: Record, wanted: Iterable[str] | None) -> dict[str, object]:
        names = dict.fromkeys([*(wanted or _DEFAULTS[kind]), *_always(kind)])
        values = ((name, value_of(record, name)) for name in names)
        omit = self._controls.settings["nulls"] == "omit"
        return {
            "id": record.id,
            "properties": {name: value for name, value in values if value is not None or not omit},
            "createdAt": iso_millis(record.created),
            "updatedAt": iso_millis(record.updated),
            "archived": False,
            "url": f"https://app.hubspot.com/contacts/{PORTAL}/record/{_TYPE_IDS[kind]}/{record.id}",
        }

    # -- changes -------------------------------------------------------------------------------------------------

    def change(self, wish: dict[str, Any]) -> Change:
        """`{"id": …, "set": {property: value or null}}` on a contact."""
        contact = self._world.contacts.get(str(wish.get("id")))
        if contact is None:
            raise BadControl("no contact has that id")
        return self._apply(contact, wish, "updated")

    def create(self, wish: dict[str, Any]) -> Change:
        """`{"set": {property: value}, "person": id, "company": id}`; the person is noted in the truth."""
        now = self._world.tick()
        contact = HubSpotContact(
            id=str(self._world.new_id("hubspot.contact")), properties={}, created=now, updated=now
        )
        contact.company = str(wish["company"]) if wish.get("company") else None
        if wish.get("person"):
            self._world.truth[("hubspot", contact.id)] = str(wish["person"])
        return self._apply(contact, wish, "created")

    def _apply(self, contact: HubSpotContact, wish: dict[str, Any], action: str) -> Change:
        values = wish.get("set")
        if not isinstance(values, dict):
            raise BadControl('give "set", an object of properties')
        contact.properties = contact.properties | {
            str(k): "" if v is None else str(v) for k, v in values.items()
        }
        contact.updated = wish.get("at") or self._world.tick()
        put_contact(self._world, contact, country=_country_code(contact))
        return Change(kind="contact", action=action, record_id=contact.id, at=contact.updated, fields=values)

    def sign(self, change: Change, url: str, secret: str) -> Delivery:
        """HubSpot's v3 signature: base64 HMAC-SHA256 of method, URI, body and the timestamp in milliseconds."""
        kind = "contact.creation" if change.action == "created" else "contact.propertyChange"
        events = [
            {
                "eventId": change.at + i,
                "subscriptionId": 360,
                "portalId": PORTAL,
                "appId": 1360,
                "occurredAt": change.at * 1000,
                "subscriptionType": kind,
                "attemptNumber": 0,
                "objectId": int(change.record_id),
                "changeSource": "CRM",
                **({} if change.action == "created" else {"propertyName": name, "propertyValue": value}),
            }
            for i, (name, value) in enumerate(change.fields.items())
        ]
        body = orjson.dumps(events[:1] if change.action == "created" else events)
        stamp = str(int(time.time() * 1000))
        headers = {
            "Content-Type": "application/json",
            "X-HubSpot-Request-Timestamp": stamp,
            "X-HubSpot-Signature-v3": hmac_base64(secret, b"POST" + url.encode() + body + stamp.encode()),
            "X-HubSpot-Signature-Version": "v3",
        }
        return Delivery(url=url, headers=headers, body=body, topic=kind)


def _country_code(contact: HubSpotContact) -> str:
    language = contact.properties.get("hs_language", "")
    return {"pl": "PL", "tr": "TR", "ja": "JP", "ar": "AE", "en": "US"}.get(language, "DE")


def _always(kind: str) -> tuple[str, ...]:
    return ("createdate", "hs_object_id", "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate")


def value_of(record: Record, name: str) -> str | None:
    """A property as the API gives it: text, or None where there is no value."""
    if name == "hs_object_id":
        return record.id
    if name == "createdate":
        return iso_millis(record.created)
    if name in ("lastmodifieddate", "hs_lastmodifieddate"):
        return iso_millis(record.updated)
    return record.properties.get(name)


class Search:
    """One search: groups of filters joined by OR, filters joined by AND, an optional free text, one sort."""

    def __init__(self, world: World, body: dict[str, Any]) -> None:
        self._contacts = world.contacts
        self._groups = self._read_groups(body.get("filterGroups") or [])
        self._words = str(body.get("query") or "").lower().split()
        if len(str(body.get("query") or "")) > 3000:
            raise Refused("The query must not be longer than 3000 characters.")
        self._sort = self._read_sort(body.get("sorts") or [])

    def run(self) -> list[HubSpotContact]:
        found: dict[str, HubSpotContact] = {}
        for group in self._groups or [[]]:
            for contact in self._candidates(group):
                if contact.id not in found and all(_matches(contact, f) for f in group):
                    found[contact.id] = contact
        hits = [contact for contact in found.values() if _has_words(contact, self._words)]
        name, descending = self._sort
        # Two passes keep equal values in the order of ids, whichever way the sort runs.
        hits.sort(key=lambda contact: int(contact.id))
        if name:
            hits.sort(key=lambda contact: _sort_key(contact, name), reverse=descending)
        return hits

    def _candidates(self, group: list[dict[str, Any]]) -> Iterable[HubSpotContact]:
        """The contacts that an index finds for one filter of the group, or all."""
        for condition in group:
            values = condition["values"] if condition["operator"] == "IN" else [condition["value"]]
            if condition["operator"] not in ("EQ", "IN"):
                continue
            if condition["propertyName"] == "hs_object_id":
                return [c for v in values if (c := self._contacts.get(str(v)))]
            index = {
                "email": "main_email",
                "hs_searchable_calculated_phone_number": "phone",
                "hs_searchable_calculated_mobile_number": "phone",
            }.get(condition["propertyName"])
            if index:
                return [c for v in values for c in self._contacts.find(index, str(v).lower())]
        return self._contacts

    def _read_groups(self, groups: list[Any]) -> list[list[dict[str, Any]]]:
        read = []
        for group in groups:
            filters = group.get("filters") if isinstance(group, dict) else None
            if not isinstance(filters, list):
                raise Refused("Each filter group needs filters.")
            if len(filters) > 6:
                raise Refused("A filter group can hold at most 6 filters.")
            read.append([_condition(f) for f in filters])
        if len(read) > 6 or sum(map(len, read)) > 18:
            raise Refused("At most 6 filter groups and 18 filters are allowed.")
        return read

    def _read_sort(self, sorts: list[Any]) -> tuple[str | None, bool]:
        if len(sorts) > 1:
            raise Refused("Only one sort is allowed.")
        if not sorts:
            return None, False
        sort = sorts[0]
        if isinstance(sort, str):
            return sort.lstrip("-"), sort.startswith("-")
        if isinstance(sort, dict) and "propertyName" in sort:
            return str(sort["propertyName"]), sort.get("direction") == "DESCENDING"
        raise Refused("A sort is a property name or an object with propertyName and direction.")


_OPERATORS = (
    "EQ",
    "NEQ",
    "LT",
    "LTE",
    "GT",
    "GTE",
    "BETWEEN",
    "IN",
    "NOT_IN",
    "HAS_PROPERTY",
    "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN",
    "NOT_CONTAINS_TOKEN",
)


def _condition(raw: Any) -> dict[str, Any]:
    """The filter with all its keys, or Refused."""
    if not isinstance(raw, dict) or not isinstance(raw.get("propertyName"), str):
        raise Refused("Each filter needs propertyName and operator.")
    operator = raw.get("operator")
    if operator not in _OPERATORS:
        raise Refused(f"operator must be one of {', '.join(_OPERATORS)}")
    value, values = raw.get("value"), raw.get("values")
    if operator in ("IN", "NOT_IN"):
        if not isinstance(values, list) or not values:
            raise Refused(f"operator {operator} requires values")
    elif "HAS_PROPERTY" not in operator and value is None:
        raise Refused(f"operator {operator} requires a value")
    return {
        "propertyName": raw["propertyName"],
        "operator": operator,
        "value": value,
        "values": [str(v) for v in values or []],
        "highValue": raw.get("highValue"),
    }


def _comparable(name: str, value: Any) -> tuple[int, float, str]:
    """A value in an order that puts numbers and times by size and everything else by letters."""
    if name in _TIMES:
        moment = parse_time(str(value))
        if moment is None:
            raise Refused(f"'{name}' is compared with a time in milliseconds or ISO 8601.")
        return (0, moment, "")
    text = str(value).strip().lower()
    return (0, float(text), "") if re.fullmatch(r"-?\d+(\.\d+)?", text) else (1, 0, text)


def _matches(contact: HubSpotContact, condition: dict[str, Any]) -> bool:
    name, operator = str(condition["propertyName"]), str(condition["operator"])
    value = value_of(contact, name)
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return bool(value) == (operator == "HAS_PROPERTY")
    if not value:
        return operator in ("NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN")
    if operator in ("IN", "NOT_IN"):
        wanted = [_comparable(name, v) for v in condition["values"]]
        return (_comparable(name, value) in wanted) == (operator == "IN")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return _contains(value, str(condition["value"])) == (operator == "CONTAINS_TOKEN")
    mine, other = _comparable(name, value), _comparable(name, condition["value"])
    if operator == "BETWEEN":
        return other <= mine <= _comparable(name, condition["highValue"])
    return {
        "EQ": mine == other,
        "NEQ": mine != other,
        "LT": mine < other,
        "LTE": mine <= other,
        "GT": mine > other,
    }.get(operator, mine >= other)


def _tokens(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _contains(value: str, pattern: str) -> bool:
    """Whether the tokens of the pattern follow each other in the value; `*` at either end stands for any letters."""
    have, want = _tokens(value), _tokens(pattern)
    if not want:
        return False
    shape = [re.escape(token) for token in want]
    if pattern.strip().startswith("*"):
        shape[0] = r"\S*" + shape[0]
    if pattern.strip().endswith("*"):
        shape[-1] += r"\S*"
    return re.search(rf"(?<!\S){' '.join(shape)}(?!\S)", " ".join(have)) is not None


def _has_words(contact: HubSpotContact, words: list[str]) -> bool:
    """Whether each word begins a word of the contact's searchable properties, or the whole of one."""
    if not words:
        return True
    texts = [contact.properties.get(name, "").lower() for name in _SEARCHED]
    tokens = [token for text in texts for token in (*text.split(), *text.split(";"), *_tokens(text))]
    tokens += [contact.properties.get("hs_searchable_calculated_phone_number", "")]
    return all(any(token.startswith(word) for token in tokens) for word in words)


def _sort_key(contact: HubSpotContact, name: str) -> tuple[int, float, str]:
    value = value_of(contact, name)
    return (2, 0, "") if value is None else _comparable(name, value)


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise Refused("Invalid input JSON") from None
    if not isinstance(body, dict):
        raise Refused("Invalid input JSON: an object is expected")
    return body


def _ids(body: dict[str, Any], most: int) -> list[str]:
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(
        isinstance(i, dict) and isinstance(i.get("id"), str) for i in inputs
    ):
        raise Refused("inputs must be a list of objects with an id")
    if len(inputs) > most:
        raise Refused(f"Maximum number of inputs supported in a batch request is {most}")
    return list(dict.fromkeys(i["id"] for i in inputs))


def _wanted(request: Request) -> list[str]:
    return [name for part in request.query_params.getlist("properties") for name in part.split(",") if name]


def _whole(value: Any, name: str, low: int, high: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise Refused(f"{name} must be a whole number") from None
    if not low <= number <= high:
        raise Refused(f"{name} must be from {low} to {high}")
    return number


def _batch(results: list[Any], missing: list[str], started: str, context: str, message: str) -> Response:
    answer: dict[str, object] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": started,
        "completedAt": iso_millis(time.time()),
    }
    if not missing:
        return json_response(answer)
    error = {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": message,
        "context": {context: missing},
        "errors": [],
        "links": {},
    }
    return json_response(answer | {"numErrors": 1, "errors": [error]}, 207)
