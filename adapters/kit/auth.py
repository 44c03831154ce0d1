"""Sign-in for vendors' APIs, as small httpx.Auth classes to combine. Secrets stay in SecretStr until they are sent."""

from __future__ import annotations

import base64
from collections.abc import Generator

import httpx
from pydantic import SecretStr


class HeaderAuth(httpx.Auth):
    """One fixed header: `Authorization: <prefix> <secret>`, or any other."""

    def __init__(self, secret: SecretStr, *, header: str = "Authorization", prefix: str = "") -> None:
        self._secret, self._header, self._prefix = secret, header, prefix

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._header] = self._prefix + self._secret.get_secret_value()
        yield request


def bearer(secret: SecretStr) -> HeaderAuth:
    """`Authorization: Bearer <secret>`."""
    return HeaderAuth(secret, prefix="Bearer ")


def basic(user: str, password: SecretStr) -> HeaderAuth:
    """`Authorization: Basic …`, UTF-8."""
    token = base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode()
    return HeaderAuth(SecretStr(token), prefix="Basic ")
