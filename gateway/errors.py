"""What a client may learn of a failure: the closed list of codes, and the masking of everything else.

Only errors of our own classes, and GraphQL's about the document itself, keep their text. A vendor's status,
body, host or stack, and the value of a variable, never get into an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from graphql import GraphQLError
from graphql.language import Node, ValueNode

from adapters.errors import SourceError
from resolvers.errors import QuestionError, SourceFailure


class Code(StrEnum):
    """`extensions.code` of an error. `meaning` says when it is given."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Code:
        code = str.__new__(cls, value)
        code._value_ = value
        code.meaning = meaning
        return code

    BAD_USER_INPUT = "BAD_USER_INPUT", "The request, the document or an argument is not valid."
    UNAUTHENTICATED = "UNAUTHENTICATED", "No API key was sent, or it is not known."
    FORBIDDEN = "FORBIDDEN", "The caller is known but may not do this."
    CONSENT_WITHHELD = "CONSENT_WITHHELD", "The customer has not agreed to this use of the data."
    COST_EXCEEDED = "COST_EXCEEDED", "The document asks for more than the limits allow."
    RATE_LIMITED = "RATE_LIMITED", "This caller asks too often."
    SOURCE_TIMEOUT = "SOURCE_TIMEOUT", "A source did not answer in time."
    SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE", "A source cannot be reached, or refuses the request."
    SOURCE_RATE_LIMITED = "SOURCE_RATE_LIMITED", "A source asks the gateway to slow down."
    SOURCE_AUTH_FAILED = "SOURCE_AUTH_FAILED", "A source does not accept the gateway's credentials."
    SOURCE_BAD_PAYLOAD = "SOURCE_BAD_PAYLOAD", "A source answered something that cannot be read."
    OVERLOADED = "OVERLOADED", "The gateway has too much to do, or could not finish within its deadline."
    INTERNAL = "INTERNAL", "A fault of the gateway; its log has the details under the correlation id."


class UserError(Exception):
    """An error whose text is written for the client: no personal data in it, and nothing of a vendor's."""

    def __init__(self, code: Code, message: str, *, argument: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.argument = argument


def plain(code: Code, message: str, **extensions: Any) -> dict[str, Any]:
    """One error that belongs to no field."""
    return {"message": message, "extensions": {"code": code.value, **extensions}}


def of_request(error: GraphQLError) -> dict[str, Any]:
    """An error found before anything ran: syntax, validation, variables, limits."""
    formatted: dict[str, Any] = {"message": error.message}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    formatted["extensions"] = {"code": Code.BAD_USER_INPUT.value, **(error.extensions or {})}
    return formatted


def of_execution(
    errors: Iterable[GraphQLError], correlation_id: str
) -> tuple[list[dict[str, Any]], list[BaseException]]:
    """The errors of fields as the client sees them, and the unexpected ones for the log."""
    formatted: list[dict[str, Any]] = []
    unexpected: list[BaseException] = []
    seen: set[int] = set()
    for error in errors:
        original = _original(error)
        if isinstance(original, SourceError):
            # one failed batch is one error, however many fields waited for it
            if id(original) in seen:
                continue
            seen.add(id(original))
        elif not isinstance(original, UserError | QuestionError) and not _about_the_document(original):
            unexpected.append(original)
        formatted.append(_located(error, *_shown(original, correlation_id)))
    return formatted, unexpected


def of_failures(failures: Iterable[SourceFailure], data: Any, correlation_id: str) -> list[dict[str, Any]]:
    """The failed batches of a session, one error each, in the order of the answer's `data`; each names the first field that
    missed it. When fields come to want something depends on chance, so it must not show.
    """
    formatted: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    for failure in failures:
        code = failure.code if failure.code in Code.__members__ else Code.INTERNAL.value
        paths = (path.as_list() for path in failure.paths)
        place, _, path = min(
            ((_place(p, data), [str(k) for k in p], p) for p in paths),
            default=((), (), []),
            key=lambda p: p[:2],
        )
        error: dict[str, Any] = {"message": failure.message}
        if path:
            error |= {"path": path}
        extensions = {"code": code, "source": failure.source, "correlationId": correlation_id}
        formatted.append(((place, failure.source, code), {**error, "extensions": extensions}))
    return [error for _, error in sorted(formatted, key=lambda pair: pair[0])]


def _place(path: Sequence[str | int], data: Any) -> tuple[int, ...]:
    """Where a path stands in the answer; what is not there any more (its parent is null) comes first."""
    place = []
    for key in path:
        if isinstance(data, dict) and key in data:
            place.append(list(data).index(str(key)))
            data = data[key]
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            place.append(key)
            data = data[key]
        else:
            place.append(0)
            data = None
    return tuple(place)


def _shown(original: BaseException, correlation_id: str) -> tuple[str, dict[str, Any]]:
    """Message and extensions."""
    if isinstance(original, UserError):
        argument = {"argument": original.argument} if original.argument else {}
        return original.message, {"code": original.code.value, **argument}
    if isinstance(original, QuestionError):
        return original.message, {"code": Code.BAD_USER_INPUT.value, "argument": original.argument}
    if isinstance(original, SourceError):
        extensions = {"code": original.code, "source": original.source, "correlationId": correlation_id}
        return f"{original.source} {original.summary}", extensions
    if _about_the_document(original):
        # its text may hold the value of a variable
        return "an argument has a value that is not valid", {"code": Code.BAD_USER_INPUT.value}
    return "internal error", {"code": Code.INTERNAL.value, "correlationId": correlation_id}


def _located(error: GraphQLError, message: str, extensions: dict[str, Any]) -> dict[str, Any]:
    formatted: dict[str, Any] = {"message": message}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    if error.path:
        formatted["path"] = list(error.path)
    formatted["extensions"] = extensions
    return formatted


def _original(error: GraphQLError) -> BaseException:
    """What was raised first, below the wrappers that only add a location."""
    current: BaseException = error
    while isinstance(current, GraphQLError) and current.original_error is not None:
        current = current.original_error
    return current


def _about_the_document(error: BaseException) -> bool:
    """Whether graphql-core refuses a value of the document; an error about a resolver's has no such node."""
    nodes: Sequence[Node] = (error.nodes or ()) if isinstance(error, GraphQLError) else ()
    return any(isinstance(node, ValueNode) for node in nodes)
