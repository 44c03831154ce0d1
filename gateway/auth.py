"""Who asks, and for what purpose: API keys, or in development anyone on this machine."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from typing import Protocol

import msgspec
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import Code, UserError
from gateway.settings import LOOPBACK, ApiKey, Auth, AuthMode

_PURPOSE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
MAX_KNOWN = 1024
"""Callers that are remembered by what they sent."""
DEVELOPER = "development"
"""The principal of everyone under development sign-in."""


class Headers(Protocol):
    """The headers of a request, by their names in lower case."""

    def get(self, name: str, default: str, /) -> str:
        """The first value, or the default."""
        ...


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: the name of an API key, the purpose that was stated and is allowed, and whether they decide who is who."""

    principal: str
    purpose: str | None = None
    steward: bool = False


class Authenticator:
    """Finds the caller in a request's headers."""

    def __init__(self, auth: Auth) -> None:
        self._known: dict[tuple[str, str, str], Caller] = {}
        self.open = auth.mode is AuthMode.DEVELOPMENT
        self._keys = (
            [] if self.open else [(_digest(key.key.get_secret_value()), key) for key in auth.api_keys]
        )

    def caller(self, headers: Headers) -> Caller:
        """The caller; raises a UserError: UNAUTHENTICATED, FORBIDDEN, or BAD_USER_INPUT for a malformed purpose."""
        # everything that `_found` looks at; whoever was let in once is let in again, and nobody else is remembered
        sent = (
            headers.get("authorization", ""),
            headers.get("x-api-key", ""),
            headers.get("x-purpose", "\0"),
        )
        caller = self._known.get(sent)
        if caller is None:
            caller = self._found(headers)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[sent] = caller
        return caller

    def _found(self, headers: Headers) -> Caller:
        if self.open:
            return Caller(principal=DEVELOPER, purpose=_stated_purpose(headers), steward=True)
        key = self._key(headers)
        if key is None:
            text = "an API key is needed: Authorization: Bearer KEY, or X-API-Key: KEY"
            raise UserError(Code.UNAUTHENTICATED, text)
        purpose = _allowed_purpose(key, _stated_purpose(headers))
        return Caller(principal=key.name, purpose=purpose, steward=key.steward)

    def _key(self, headers: Headers) -> ApiKey | None:
        scheme, _, credential = headers.get("authorization", "").partition(" ")
        presented = credential.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "").strip()
        digest = _digest(presented)
        found = None
        for known, key in self._keys:  # all of them, so that the time says nothing
            if hmac.compare_digest(known, digest):
                found = key
        return found if presented else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _stated_purpose(headers: Headers) -> str | None:
    purpose = headers.get(
        "x-purpose", "\0"
    )  # which no header can hold: an empty one is malformed, a missing one is not
    if purpose == "\0":
        return None
    if not _PURPOSE.fullmatch(purpose):
        raise UserError(Code.BAD_USER_INPUT, "the header X-Purpose is malformed", argument="X-Purpose")
    return purpose


def _allowed_purpose(key: ApiKey, stated: str | None) -> str | None:
    if key.purposes is None:
        return stated
    if stated is None and len(key.purposes) == 1:
        return key.purposes[0]
    if stated in key.purposes:
        return stated
    text = (
        "this API key may not ask for that purpose" if stated else "state the purpose in the header X-Purpose"
    )
    raise UserError(Code.FORBIDDEN, text)


class LoopbackOnly:
    """Refuses what does not come from this machine, or was addressed to another name.

    Development sign-in lets everyone in, so a web page must not reach the gateway by rebinding its own name
    to 127.0.0.1.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _from_here(scope):
            text = "development sign-in answers on this machine's loopback address only\n"
            await PlainTextResponse(text, status_code=403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _from_here(scope: Scope) -> bool:
    client = scope.get("client")
    host = next((v.decode("latin-1") for n, v in scope["headers"] if n == b"host"), "")
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return client is not None and _is_loopback(client[0]) and name.lower() in LOOPBACK


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
