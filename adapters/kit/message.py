"""What goes to a source and what comes back, and how a request is written down in HTTP/1.1."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import httpx
import msgspec

Params = Mapping[str, Any] | list[tuple[str, Any]]

_UNCHANGED = frozenset(string.ascii_letters + string.digits + "-._~%!$&'()*+,;=:@/?")
"""Characters of a path or a query that no rule of RFC 3986 makes httpx write in another way."""
_LONG = 32_768
_TOKEN = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")  # RFC 9110 §5.6.2
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """A server as one connects to it."""

    scheme: str
    host: str
    port: int
    netloc: str  # as it stands in the Host header

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        """Raises httpx.UnsupportedProtocol where `url` is no address of HTTP."""
        port = url.port or _DEFAULT_PORTS.get(url.scheme)
        if port is None or not url.host:
            raise httpx.UnsupportedProtocol("an address must start with http:// or https:// and a host")
        return cls(url.scheme, url.raw_host.decode("ascii"), port, url.netloc.decode("ascii"))


class Request(NamedTuple):
    """A request to send. `target` is path and query, escaped; header names are in lower case."""

    method: str
    origin: Origin
    target: str
    headers: Mapping[str, str]
    content: bytes
    repeatable: bool

    def __repr__(self) -> str:
        """Without what could be personal or secret, which is nearly everything."""
        return f"Request({self.method}, {self.origin.netloc})"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.origin.scheme}://{self.origin.netloc}{self.target}"


class Answer(msgspec.Struct, frozen=True):
    """An answer, read to its end. Names of `headers` are found in whatever case they are asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"


class Exchange(Protocol):
    """A way to bring a request to its server and the answer back.

    Raises the errors of httpx, TimeoutError past the deadline, and Overweight or Undecodable for a body. Only a `repeatable`
    request may reach the server twice.
    """

    async def __call__(self, request: Request, deadline: float, limit: int) -> Answer:
        """`deadline` is on the clock of `time.monotonic()`; the body, inflated, may have `limit` bytes."""
        ...

    async def aclose(self) -> None:
        """Closes the connections."""
        ...


class Headers(Mapping[str, str]):
    """An answer's headers as they came in; read into a dictionary when somebody first asks."""

    __slots__ = ("_found", "_raw")

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw
        self._found: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._joined()[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined())

    def __len__(self) -> int:
        return len(self._joined())

    def _joined(self) -> dict[str, str]:
        """Headers of one name become one, with commas (RFC 9110 §5.3)."""
        if self._found is None:
            found: dict[str, str] = {}
            for raw_name, raw_value in self._raw:
                name, value = _text(raw_name).lower(), _text(raw_value)
                found[name] = f"{found[name]}, {value}" if name in found else value
            self._found = found
        return self._found


class Address:
    """A base URL, taken apart once, that paths and queries are added to."""

    def __init__(self, base_url: str) -> None:
        """Raises httpx.InvalidURL or httpx.UnsupportedProtocol."""
        self._base = base_url.rstrip("/")
        url = httpx.URL(self._base)
        self.origin = Origin.of(url)
        prefix = url.raw_path.decode("ascii").removesuffix("/")
        self._prefix = None if "?" in self._base or "#" in self._base else prefix

    def target(self, path: str, params: Params | None) -> str:
        """Path and query as httpx writes them. Raises httpx.InvalidURL or ValueError for what cannot be written."""
        query = str(httpx.QueryParams(params)) if params else ""
        if (
            self._prefix is None
            or "/." in path
            or (params and "?" in path)
            or len(path) + len(query) > _LONG
            or not _UNCHANGED.issuperset(path)
        ):
            url = self._base + path
            # httpx drops a query in the URL where it is given `params`, be they None
            whole = httpx.URL(url, params=params) if params else httpx.URL(url)
            return whole.raw_path.decode("ascii")
        target = f"{self._prefix}{path}" if path[:1] == "/" or self._prefix else f"/{path}"
        return f"{target}?{query}" if params else target


def written(request: Request) -> bytes:
    """The request in HTTP/1.1. Raises httpx.LocalProtocolError for what must not be sent, without quoting it."""
    headers = request.headers
    if not _TOKEN.issuperset(request.method):
        raise httpx.LocalProtocolError("a method has characters that must not be sent")
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    if "host" not in headers:
        lines.append(f"host: {request.origin.netloc}")
    for name, value in headers.items():
        if not _sendable(name, value):
            raise httpx.LocalProtocolError("a header's name or value has characters that must not be sent")
        lines.append(f"{name}: {value}")
    if request.content or request.method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(request.content)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + request.content


def _sendable(name: str, value: str) -> bool:
    """A line break would start another header, or another request; how long the body is, only `written` says."""
    return (
        bool(name)
        and _TOKEN.issuperset(name)
        and name not in _FRAMING
        and value.isascii()
        and (value.isprintable() or value.replace("\t", "").isprintable())
        and value == value.strip()
    )


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
