"""A HubSpot account in memory, for what the sandbox does not stage: late search, thousands changed at once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import httpx

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(milliseconds: int) -> str:
    at = EPOCH + timedelta(milliseconds=milliseconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


class Portal(httpx.AsyncBaseTransport):
    """Searches and batch reads as HubSpot describes them: one sort, `after` offsets, no more than `reach` results.

    `hidden` are the ids of contacts that search does not show yet; `fresher` the times of changes that it shows in
    its answers, though it still finds and sorts the contacts by the times before.
    """

    def __init__(self) -> None:
        self.contacts: dict[str, dict[str, Any]] = {}
        self.companies: dict[str, dict[str, Any]] = {}
        self.companies_of: dict[str, list[tuple[str, bool]]] = {}
        self.hidden: set[str] = set()
        self.fresher: dict[str, int] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.headers: dict[str, str] = {}
        self.associations_page = 500
        self.reach = 10_000

    def put(self, id: str, changed: int = 1_700_000_000_000, /, **properties: str | None) -> None:
        kept = {"hs_object_id": id, "lastmodifieddate": iso(changed), **properties}
        self.contacts[id] = _object(id, changed, kept)

    def put_company(self, id: str, **properties: str | None) -> None:
        self.companies[id] = _object(id, 1_700_000_000_000, properties)

    @property
    def paths(self) -> Counter[str]:
        return Counter(path for path, _ in self.requests)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content)
        self.requests.append((path, body))
        if path == "/crm/v3/objects/contacts/search":
            return self._answer(*self._search(body))
        if path == "/crm/v3/objects/contacts/batch/read":
            return self._answer(*self._batch(self.contacts, body))
        if path == "/crm/v3/objects/companies/batch/read":
            return self._answer(*self._batch(self.companies, body))
        if path == "/crm/v4/associations/contacts/companies/batch/read":
            return self._answer(*self._associations(body))
        return self._answer(404, {"message": "no such path"})

    def _answer(self, status: int, body: Mapping[str, Any]) -> httpx.Response:
        return httpx.Response(status, headers=self.headers, json=body)

    def _search(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        missing = {"after", "filterGroups", "limit", "properties", "sorts"} - set(body)
        values = sum(len(f.get("values", [])) for g in body["filterGroups"] for f in g["filters"])
        assert not missing, f"the description demands {missing}"
        assert body["limit"] <= 200 and len(body["filterGroups"]) <= 5 and values <= 500
        shown = [contact for id, contact in self.contacts.items() if id not in self.hidden]
        found = [contact for contact in shown if _passes(contact, body["filterGroups"])]
        found = [contact for contact in found if _speaks_of(contact, body.get("query"))]
        for name in body["sorts"]:
            found.sort(key=lambda contact: _sortable(contact, name))
        start, end = int(body["after"]), int(body["after"]) + body["limit"]
        if end > self.reach:
            return 400, {"message": "only the first 10,000 results"}
        results = [_chosen(contact, body) for contact in found[start:end]]
        for result in results:
            if result["id"] in self.fresher:
                result["properties"]["lastmodifieddate"] = iso(self.fresher[result["id"]])
        answer: dict[str, Any] = {"total": len(found), "results": results}
        if end < len(found):
            answer["paging"] = {"next": {"after": str(end), "link": "?"}}
        return 200, answer

    def _batch(self, table: dict[str, dict[str, Any]], body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        assert set(body) == {"inputs", "properties", "propertiesWithHistory"} and len(body["inputs"]) <= 100
        ids = [one["id"] for one in body["inputs"]]
        found = [_chosen(table[id], body) for id in ids if id in table]
        errors = [{"category": "OBJECT_NOT_FOUND"}] if len(found) < len(ids) else []
        status = 207 if errors else 200
        return status, {"status": "COMPLETE", "results": found, **({"errors": errors} if errors else {})}

    def _associations(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        results, size = [], self.associations_page
        for one in body["inputs"]:
            start = int(one.get("after", "0"))
            companies = self.companies_of.get(one["id"], [])
            to = [_associated(*company) for company in companies[start : start + size]]
            result: dict[str, Any] = {"from": {"id": one["id"]}, "to": to}
            if start + size < len(companies):
                result["paging"] = {"next": {"after": str(start + size)}}
            if to:
                results.append(result)
        return 200, {"status": "COMPLETE", "results": results}


def _object(id: str, changed: int, properties: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "id": id,
        "createdAt": iso(1_600_000_000_000),
        "updatedAt": iso(changed),
        "archived": False,
        "properties": dict(properties),
    }


def _chosen(record: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {name: record["properties"].get(name) for name in body["properties"]}
    return {**record, "properties": wanted}


def _associated(company: str, primary: bool) -> dict[str, Any]:
    types = [{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"}] if primary else []
    other = {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}
    return {"toObjectId": int(company), "associationTypes": [*types, other]}


def _passes(contact: Mapping[str, Any], groups: list[dict[str, Any]]) -> bool:
    return not groups or any(all(_holds(contact, f) for f in group["filters"]) for group in groups)


def _holds(contact: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    value = contact["properties"].get(asked["propertyName"]) or ""
    if asked["operator"] == "IN":
        assert len(asked["values"]) <= 100 and all(v == v.lower() for v in asked["values"])
        return any(part.strip().lower() in asked["values"] for part in value.split(";") if part)
    number, bound = _number(asked["propertyName"], value), int(asked["value"])
    return {"EQ": number == bound, "GT": number > bound, "GTE": number >= bound}[asked["operator"]]


@lru_cache(maxsize=100_000)
def _number(name: str, value: str) -> int:
    if name == "lastmodifieddate":
        return round((datetime.fromisoformat(value) - EPOCH) / timedelta(milliseconds=1))
    return int(value)


def _sortable(contact: Mapping[str, Any], name: str) -> int:
    return _number(name, contact["properties"][name])


def _speaks_of(contact: Mapping[str, Any], query: str | None) -> bool:
    if query is None:
        return True
    names = ("firstname", "lastname", "email", "company")
    text = " ".join(contact["properties"].get(name) or "" for name in names).lower()
    return all(word in text for word in query.lower().split())
