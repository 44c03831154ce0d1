"""GraphQL over HTTP on a SourceClient: typed data out, a vendor's errors as one SourceError."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from adapters.base import Call
from adapters.errors import BadPayload, SourceAuthFailed, SourceError, SourceRateLimited, SourceRejected
from adapters.kit.http import Answer, SourceClient

T = TypeVar("T")

_AUTH_CODES = frozenset({"UNAUTHENTICATED", "FORBIDDEN", "ACCESS_DENIED", "UNAUTHORIZED"})
_RATE_CODES = frozenset({"THROTTLED", "RATE_LIMITED", "TOO_MANY_REQUESTS"})
_DETAIL_CODES = 5


class GraphQLError(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `errors`. `message` may quote what was asked, so it never goes into a log or an error."""

    message: str = ""
    extensions: dict[str, Any] | None = None

    @property
    def code(self) -> str:
        """`extensions.code`, "" where there is none."""
        code = (self.extensions or {}).get("code")
        return code if isinstance(code, str) else ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer whose `data` is not decoded yet. `extensions` holds costs and the like."""

    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: tuple[GraphQLError, ...] | None = None
    extensions: dict[str, Any] | None = None


Classify = Callable[[str, str, Reply], SourceError | None]
"""(source, operation, reply) -> the error that a reply is. Sees replies without errors too, so it may also read their costs."""


def classify(source: str, operation: str, reply: Reply) -> SourceError | None:
    """By `extensions.code` where it is a usual one; any other error means that the vendor refuses the query."""
    if not reply.errors:
        return None
    codes = [error.code for error in reply.errors]
    detail = "GraphQL errors: " + ", ".join(safe_code(code) for code in codes[:_DETAIL_CODES])
    if any(code in _RATE_CODES for code in codes):
        return SourceRateLimited(source, operation, detail)
    if any(code in _AUTH_CODES for code in codes):
        return SourceAuthFailed(source, operation, detail)
    return SourceRejected(source, operation, detail)


def safe_code(code: str) -> str:
    """A vendor's error code if it looks like one (so that nothing else gets into the log through it), else "no code"."""
    plain = code.replace("_", "").replace("-", "")
    return code if plain.isascii() and plain.isalnum() and len(code) <= 64 else "no code"


class GraphQLClient:
    """Queries of one endpoint. Errors in a 200 answer are retried like their HTTP cousins where they may be."""

    def __init__(self, http: SourceClient, path: str, *, classify: Classify = classify) -> None:
        self._http, self._path, self._classify = http, path, classify

    async def query(
        self,
        operation: str,
        document: str,
        variables: Mapping[str, Any],
        into: type[T],
        call: Call,
        *,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> T:
        """`data` decoded into `into`. Values from outside belong into `variables`, never into `document`.

        `operation` names the query in errors and metrics. `repeatable` is false for mutations.
        """
        replies: list[Reply] = []

        def inspect(answer: Answer) -> SourceError | None:
            replies.append(self._http.decode(operation, answer.body, Reply))
            return self._classify(self._http.source, operation, replies[-1])

        body = {"query": document, "variables": variables}
        await self._http.send(
            operation, "POST", self._path, call, json=body, headers=headers,
            repeatable=repeatable, inspect=inspect,
        )  # fmt: skip
        data = bytes(replies[-1].data)
        if data == b"null":
            raise BadPayload(self._http.source, operation, "neither data nor errors")
        return self._http.decode(operation, data, into)
