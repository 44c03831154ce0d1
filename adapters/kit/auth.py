"""Sign-in for vendors' APIs, as small httpx.Auth classes to combine. Secrets stay in SecretStr until they are sent."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Generator

import httpx
from pydantic import SecretStr

from adapters.kit.message import Answer, Exchange, Origin, Request

_TRANSFER = ("content-encoding", "content-length", "transfer-encoding")


class HeaderAuth(httpx.Auth):
    """One fixed header: `Authorization: <prefix> <secret>`, or any other. Costs nothing more than the header."""

    def __init__(self, secret: SecretStr, *, header: str = "Authorization", prefix: str = "") -> None:
        self._secret, self._header, self._prefix = secret, header, prefix

    def header(self) -> tuple[str, str]:
        """The header's name, in lower case, and its value."""
        return self._header.lower(), self._prefix + self._secret.get_secret_value()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        name, value = self.header()
        request.headers[name] = value
        yield request


def bearer(secret: SecretStr) -> HeaderAuth:
    """`Authorization: Bearer <secret>`."""
    return HeaderAuth(secret, prefix="Bearer ")


def basic(user: str, password: SecretStr) -> HeaderAuth:
    """`Authorization: Basic …`, UTF-8."""
    token = base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode()
    return HeaderAuth(SecretStr(token), prefix="Basic ")


async def signed_in(
    auth: httpx.Auth, exchange: Exchange, request: Request, deadline: float, limit: int
) -> Answer:
    """The answer to `request` after whatever round trips `auth` makes; they share its deadline. See `Exchange`."""
    asked = httpx.Request(
        request.method, request.url, headers=dict(request.headers), content=request.content or None
    )
    async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
        flow = auth.async_auth_flow(asked)
        try:
            step = await anext(flow)
            while True:
                # only the call itself may be repeated: a vendor may take a refresh token once only
                repeatable = request.repeatable and step is asked
                answer = await exchange(await _read(step, repeatable), deadline, limit)
                try:
                    step = await flow.asend(_response(step, answer))
                except StopAsyncIteration:
                    return answer
        finally:
            await flow.aclose()


async def _read(step: httpx.Request, repeatable: bool) -> Request:
    headers = {name: value for name, value in step.headers.items() if name != "content-length"}
    target = step.url.raw_path.decode("ascii")
    return Request(step.method, Origin.of(step.url), target, headers, await step.aread(), repeatable)


def _response(step: httpx.Request, answer: Answer) -> httpx.Response:
    """As a flow wants it. The body is inflated already."""
    headers = {name: value for name, value in answer.headers.items() if name not in _TRANSFER}
    return httpx.Response(answer.status, headers=headers, content=answer.body, request=step)
