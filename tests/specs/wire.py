"""The wire between an adapter and the sandbox: through Prism, with a note of every request, answer and violation."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import httpx

from adapters.kit.http import SourceClient
from tests.specs.described import Vendor

VIOLATIONS = "sl-violations"
_OWN_HEADERS = ("content-encoding", "content-length", "transfer-encoding", VIOLATIONS)
_UNKNOWN_STATUS = "Unable to match the returned status code"
Alter = Callable[["Exchange"], Any]
"""Another body for an answer that was checked already, or None to leave it as it is."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What the description has against a request or an answer."""

    operation: str
    method: str
    template: str
    where: str  # request or response, and the place in it
    what: str

    def __str__(self) -> str:
        return f"{self.method} {self.template} ({self.operation}) {self.where}: {self.what}"


@dataclass(kw_only=True)
class Exchange:
    """One request as the adapter wrote it, and what came back."""

    operation: str
    places: frozenset[tuple[str, int]]
    method: str
    url: httpx.URL
    body: Any
    status: int = 0
    answer: Any = None
    template: str = ""
    undescribed: frozenset[str] = frozenset()
    violations: tuple[Violation, ...] = ()
    undescribed_status: bool = False
    request: httpx.Request = field(repr=False)

    @property
    def names(self) -> set[str]:
        """Names of the query parameters, and of the body's own properties."""
        return set(self.url.params) | (set(self.body) if isinstance(self.body, dict) else set())


@dataclass(kw_only=True)
class Wire(httpx.AsyncBaseTransport):
    """The transport of an adapter that believes it speaks to the vendor."""

    vendor: Vendor
    prisms: Mapping[str, str]
    exchanges: list[Exchange] = field(default_factory=list)
    alter: Alter | None = None

    def __post_init__(self) -> None:
        # a connection for each request: Prism may close an idle one just as it is used again
        one_each = httpx.Limits(max_connections=50, max_keepalive_connections=0)
        self._network = httpx.AsyncHTTPTransport(trust_env=False, limits=one_each)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        description, path = self.vendor.description_of(str(request.url))
        exchange = noted(request)
        exchange.template = description.template(request.method, path) or "undescribed path"
        if exchange.template != "undescribed path":
            exchange.undescribed = frozenset(
                description.undescribed(
                    request.method, exchange.template, set(request.url.params), exchange.body
                )
            )
        response = await self._through_prism(request, self.prisms[description.name], description.base)
        content = await response.aread()
        exchange.status, exchange.answer = response.status_code, _json(content)
        found = _violations(exchange, response.headers.get(VIOLATIONS, "[]"))
        exchange.violations = tuple(one for one in found if not one.what.startswith(_UNKNOWN_STATUS))
        exchange.undescribed_status = len(exchange.violations) < len(found)
        self.exchanges.append(exchange)
        if self.alter is not None and (other := self.alter(exchange)) is not None:
            status, body = other
            return httpx.Response(status, stream=httpx.ByteStream(json.dumps(body).encode()))
        headers = {name: value for name, value in response.headers.items() if name not in _OWN_HEADERS}
        return httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(content))

    async def _through_prism(self, request: httpx.Request, prism: str, base: str) -> httpx.Response:
        target = request.url.raw_path.decode("ascii").removeprefix(base)
        headers = [(name, value) for name, value in request.headers.multi_items() if name != "host"]
        sent = httpx.Request(
            request.method, prism + target, headers=headers, content=request.content,
            extensions={"timeout": httpx.Timeout(60.0).as_dict()},
        )  # fmt: skip
        return await self._network.handle_async_request(sent)

    async def aclose(self) -> None:
        """The adapters of one run share the connections; `finish` closes them."""

    async def finish(self) -> None:
        await self._network.aclose()


def noted(request: httpx.Request) -> Exchange:
    """The request, and from the stack which operation it is and where in the adapter it was made."""
    operation, places = "", set()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code is SourceClient.send.__code__:
            operation = frame.f_locals["operation"]
        if "adapters" in Path(frame.f_code.co_filename).parts:
            places.add((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return Exchange(
        operation=operation,
        places=frozenset(places),
        method=request.method,
        url=request.url,
        body=_json(request.content),
        request=request,
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


def _violations(exchange: Exchange, header: str) -> tuple[Violation, ...]:
    found = [
        Violation(
            operation=exchange.operation,
            method=exchange.method,
            template=exchange.template,
            where="/".join(_generic(part) for part in each["location"]),
            what=each["message"],
        )
        for each in json.loads(header)
    ]
    if exchange.template == "undescribed path" and not found:
        found.append(
            Violation(
                operation=exchange.operation, method=exchange.method, template=exchange.template,
                where="request", what=exchange.url.path,
            )
        )  # fmt: skip
    return tuple(dict.fromkeys(found))


def _generic(part: Any) -> str:
    """A place in an answer without the numbers of its rows, so that equal findings are one line."""
    return "*" if str(part).isdecimal() else str(part)
