"""A Tryton database in memory, for what nobody wants to record: crowds, and thousands of parties of one transaction."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Row = dict[str, Any]


def moment(at: datetime) -> dict[str, Any]:
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{part: getattr(at, part) for part in parts}}


class Parties(httpx.AsyncBaseTransport):
    """Evaluates `search_read` on parties and what belongs to them; a model's rows are counted from 1."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, Row]] = {
            "party.party": {}, "party.contact_mechanism": {}, "party.address": {}, "party.identifier": {},
        }  # fmt: skip
        self.calls: Counter[str] = Counter()

    def put(self, name: str, at: datetime = NOON, *, emails: tuple[str, ...] = (), **more: Any) -> str:
        party = self.add("party.party", at, name=name, code=f"C{len(self.tables['party.party']) + 1}", **more)
        for email in emails:
            self.add(
                "party.contact_mechanism", at, party=party, type="email", value=email, value_compact=email
            )
        return str(party)

    def add(self, model: str, at: datetime = NOON, **values: Any) -> int:
        table = self.tables[model]
        id = len(table) + 1
        table[id] = {"id": id, "active": True, "create_date": at, "last_modified_at": at, **values}
        return id

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        model, action = request.url.path.split("/")[-2:]
        assert action == "search_read" and request.headers["authorization"] == "Bearer a-key"
        self.calls[model] += 1
        body = json.loads(request.content)
        every = any(clause[:1] == ["active"] for clause in body["domain"])
        rows = [row for row in self.tables[model].values() if every or row["active"]]
        rows = [row for row in rows if self._all(row, body["domain"])]
        rows.sort(key=lambda row: [row[name] for name, _ in body["order"]])
        found = [self._shown(model, row, body["fields_names"]) for row in rows[: body["limit"]]]
        return httpx.Response(200, json=found)

    def _shown(self, model: str, row: Row, names: list[str]) -> Row:
        shown: Row = {"id": row["id"]}
        for name in names:
            if "." not in name:
                value = row.get(name)
                shown[name] = moment(value) if isinstance(value, datetime) else value
        if model == "party.party":
            mechanisms = self._mechanisms(row)
            shown["contact_mechanisms."] = [{k: m[k] for k in ("id", "type", "value")} for m in mechanisms]
        return shown

    def _mechanisms(self, party: Row) -> list[Row]:
        return [m for m in self.tables["party.contact_mechanism"].values() if m["party"] == party["id"]]

    def _all(self, row: Row, domain: list[Any]) -> bool:
        if domain[:1] == ["OR"]:
            return any(self._all(row, clause) for clause in domain[1:])
        if domain and isinstance(domain[0], str):
            return self._holds(row, *domain)
        return all(self._all(row, clause) for clause in domain)

    def _holds(self, row: Row, name: str, operator: str, value: Any) -> bool:
        if operator == "where":
            return any(self._all(mechanism, value) for mechanism in self._mechanisms(row))
        mine = row.get(name)
        if isinstance(value, dict):
            value = _time(value)
        if operator == "ilike":
            return _like(str(mine), value)
        if operator == "in":
            return mine in value
        return bool(mine == value if operator == "=" else mine is not None and mine > value)


def _time(parts: dict[str, Any]) -> datetime:
    day = (parts["year"], parts["month"], parts["day"])
    return datetime(*day, parts["hour"], parts["minute"], parts["second"], parts["microsecond"], UTC)


def _like(text: str, pattern: str) -> bool:
    """Literal text, with % at both ends or at none: all that the adapter sends."""
    loose = pattern.startswith("%") and pattern.endswith("%")
    literal = re.sub(r"\\(.)", r"\1", pattern[1:-1] if loose else pattern).lower()
    assert not re.search(r"(?<!\\)(?:\\\\)*[%_]", pattern[1:-1] if loose else pattern), "an open wildcard"
    return literal in text.lower() if loose else literal == text.lower()
