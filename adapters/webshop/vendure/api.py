"""One call to Vendure's Admin API, signed in; a session that has expired is renewed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import SecretStr

from adapters.base import Call
from adapters.errors import SourceAuthFailed, SourceError, SourceUnavailable
from adapters.kit.graphql import GraphQLClient, Reply, classify
from adapters.kit.http import SourceClient, Transport
from adapters.webshop.vendure import queries
from adapters.webshop.vendure.models import Me
from adapters.webshop.vendure.session import Session
from adapters.webshop.vendure.settings import VendureSettings

D = TypeVar("D")


class Api:
    """The Admin API of one server."""

    def __init__(self, source: str, settings: VendureSettings, transport: Transport | None) -> None:
        path = settings.admin_path
        channel = settings.channel_token
        headers = {"vendure-token": channel.get_secret_value()} if channel else None
        self._http = SourceClient(source, settings.base_url, settings, headers=headers, transport=transport)
        self._graphql = GraphQLClient(self._http, path, classify=_classify)
        self._session = Session(self._http, path, settings.username, settings.password, settings.call_timeout)

    async def ask(
        self, operation: str, document: str, variables: Mapping[str, Any], into: type[D], call: Call
    ) -> D:
        """One query, its `data` decoded into `into`."""
        token = await self._session.token(call)
        try:
            return await self._query(operation, document, variables, into, call, token)
        except SourceAuthFailed:
            # the server says FORBIDDEN for an expired session and for a missing right alike
            if await self._accepted(token, call):
                raise
        self._session.expire(token)
        token = await self._session.token(call)
        return await self._query(operation, document, variables, into, call, token)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._session.aclose()
        await self._http.aclose()

    async def _accepted(self, token: SecretStr, call: Call) -> bool:
        """Whether the session is still good."""
        try:
            answer = await self._query("ask who I am", queries.WHO_AM_I, {}, Me, call, token)
        except SourceAuthFailed:
            return False
        return answer.me is not None

    async def _query(
        self,
        operation: str,
        document: str,
        variables: Mapping[str, Any],
        into: type[D],
        call: Call,
        token: SecretStr,
    ) -> D:
        headers = {"authorization": f"Bearer {token.get_secret_value()}"}
        return await self._graphql.query(operation, document, variables, into, call, headers=headers)


def _classify(source: str, operation: str, reply: Reply) -> SourceError | None:
    """What an answer's errors mean; a fault inside the server may pass, other refusals do not."""
    if any(error.code == "INTERNAL_SERVER_ERROR" for error in reply.errors or ()):
        return SourceUnavailable(source, operation, "INTERNAL_SERVER_ERROR")
    return classify(source, operation, reply)
