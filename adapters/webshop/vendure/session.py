"""Signing in to Vendure: one session token for all callers, made when it is needed and once more when it has expired."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from pydantic import SecretStr

from adapters.base import Call
from adapters.errors import SourceAuthFailed, SourceTimeout
from adapters.kit.http import SourceClient
from adapters.webshop.vendure.models import LoginReply
from adapters.webshop.vendure.queries import LOGIN

_TOKEN_HEADER = "vendure-auth-token"  # noqa: S105


class Session:
    """The administrator's session. Callers that need it at the same time share one sign-in, and its failure."""

    def __init__(
        self, http: SourceClient, path: str, username: str, password: SecretStr, call_timeout: float
    ) -> None:
        self._http, self._path = http, path
        self._username, self._password = username, password
        self._call_timeout = call_timeout
        self._token: SecretStr | None = None
        self._signing_in: asyncio.Task[SecretStr] | None = None

    async def token(self, call: Call) -> SecretStr:
        """The session's token; signs in where there is none. A refused sign-in is a SourceAuthFailed."""
        if self._token is not None:
            return self._token
        left = call.deadline - time.monotonic()
        if left <= 0:
            raise SourceTimeout(self._http.source, "sign in", "deadline")
        if self._signing_in is None:
            self._signing_in = asyncio.create_task(self._sign_in(call.correlation_id))
            self._signing_in.add_done_callback(self._signed_in)
        try:
            # shielded: a caller that gives up must not end the sign-in that others wait for
            return await asyncio.wait_for(asyncio.shield(self._signing_in), left)
        except TimeoutError:
            raise SourceTimeout(self._http.source, "sign in", "deadline") from None

    def expire(self, token: SecretStr) -> None:
        """This token is no longer accepted; a newer one, which another caller may have got meanwhile, stays."""
        if self._token is token:
            self._token = None

    async def aclose(self) -> None:
        """Ends a sign-in that is under way."""
        if self._signing_in is not None:
            self._signing_in.cancel()
            await asyncio.gather(self._signing_in, return_exceptions=True)

    def _signed_in(self, task: asyncio.Task[SecretStr]) -> None:
        self._signing_in = None
        if not task.cancelled() and task.exception() is None:
            self._token = task.result()

    async def _sign_in(self, correlation_id: str) -> SecretStr:
        call = Call(deadline=time.monotonic() + self._call_timeout, correlation_id=correlation_id)
        variables = {"username": self._username, "password": self._password.get_secret_value()}
        answer = await self._http.send(
            "sign in", "POST", self._path, call, json={"query": LOGIN, "variables": variables}
        )
        reply = self._http.decode("sign in", answer.body, LoginReply)
        result = reply.data.login.get("__typename") if reply.data else None
        if result != "CurrentUser":
            raise SourceAuthFailed(self._http.source, "sign in", "the server refuses the credentials")
        return self._found(answer.headers)

    def _found(self, headers: Mapping[str, str]) -> SecretStr:
        token = headers.get(_TOKEN_HEADER)
        if not token:
            detail = "no session token: the server's tokenMethod must include 'bearer'"
            raise SourceAuthFailed(self._http.source, "sign in", detail)
        return SecretStr(token)
