"""Lists as a Vendure server gives them, for what cannot be made on a real one: crowds of one millisecond, expiry."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec

TOKEN_HEADER = "vendure-auth-token"
Row = dict[str, Any]


class VendureLists(httpx.AsyncBaseTransport):
    """Filters, sorts and pages rows by `ListOptions` as the server does: by one field, ties in no order.

    The order of ties changes with every query, as a database may do it.
    """

    def __init__(self, customers: Sequence[Row] = (), orders: Sequence[Row] = ()) -> None:
        self.customers, self.orders = list(customers), list(orders)
        self.asked: list[dict[str, Any]] = []
        self.logins = 0
        self.good: set[str] = set()
        self.forbidden: set[str] = set()  # operations for which a right is missing
        self.password = "right"
        self._turn = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = msgspec.json.decode(request.content)
        self.asked.append(body)
        await asyncio.sleep(0)
        if "login(" in body["query"]:
            return self._login(body["variables"])
        name = body["query"].split()[1].partition("(")[0]
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.good or name in self.forbidden:
            error = {"message": "You are not currently authorized", "extensions": {"code": "FORBIDDEN"}}
            return httpx.Response(200, json={"errors": [error], "data": None})
        return httpx.Response(200, content=json.dumps({"data": self._data(name, body["variables"])}))

    def _login(self, variables: Mapping[str, Any]) -> httpx.Response:
        self.logins += 1
        if variables["password"] != self.password:
            return httpx.Response(200, json={"data": {"login": {"__typename": "InvalidCredentialsError"}}})
        token = f"token-{self.logins}"
        self.good.add(token)
        headers = {TOKEN_HEADER: token}
        return httpx.Response(200, json={"data": {"login": {"__typename": "CurrentUser"}}}, headers=headers)

    def _data(self, name: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        settings = {"serverConfig": {"moneyStrategyPrecision": 2}}
        if name == "WhoAmI":
            return {"me": {"id": "1"}}
        if name == "Customers":
            return {"customers": self._list(self.customers, variables["options"])}
        if name == "Orders":
            return {"globalSettings": settings, "orders": self._list(self.orders, variables["options"])}
        assert name == "OrdersOfCustomers", name
        owners = self._list(self.customers, variables["customers"])["items"]
        items = [
            {
                "id": owner["id"],
                "orders": self._list(
                    [o for o in self.orders if o["customer"]["id"] == owner["id"]], variables["orders"]
                ),
            }
            for owner in owners
        ]
        return {"globalSettings": settings, "customers": {"items": items}}

    def _list(self, rows: Sequence[Row], options: Mapping[str, Any]) -> dict[str, Any]:
        found = [row for row in rows if _holds(row, options.get("filter") or {})]
        self._turn += 1
        found = found[self._turn % (len(found) or 1) :] + found[: self._turn % (len(found) or 1)]
        ((field, direction),) = (options.get("sort") or {"id": "ASC"}).items()
        found.sort(key=lambda row: _key(field, row[field]), reverse=direction == "DESC")
        skip = options.get("skip") or 0
        assert options["take"] <= 1000
        return {"totalItems": len(found), "items": found[skip : skip + options["take"]]}


def _holds(row: Row, filter_: Mapping[str, Any]) -> bool:
    for field, condition in filter_.items():
        if field == "_and":
            held = all(_holds(row, part) for part in condition)
        elif field == "_or":
            held = any(_holds(row, part) for part in condition)
        else:
            held = all(_compares(row.get(field), op, value) for op, value in condition.items())
        if not held:
            return False
    return True


def _compares(value: Any, op: str, against: Any) -> bool:
    if op == "isNull":
        return (value is None) == against
    if op == "in":
        return value in against
    if op == "notEq":
        return value != against
    if value is None:
        return False
    if op == "between":
        return _kept(against["start"]) <= _kept(value) <= _kept(against["end"])
    if op == "eq":
        return _kept(value) == _kept(against)
    assert op in ("before", "after"), op
    return _kept(value) < _kept(against) if op == "before" else _kept(value) > _kept(against)


def _kept(time: str) -> str:
    """Times as SQLite keeps them: as text, and what the database itself wrote has no fraction of a second."""
    return time.replace("T", " ").removesuffix("Z")


def _key(field: str, value: Any) -> Any:
    return int(value) if field == "id" else _kept(value)


def at(base: datetime, milliseconds: int = 0, *, whole: bool = False) -> str:
    """A time as the server writes it; `whole` as its database keeps times of its own."""
    moment = base + timedelta(milliseconds=milliseconds)
    form = moment.isoformat(timespec="seconds" if whole else "milliseconds")
    return form.replace("+00:00", "Z")
