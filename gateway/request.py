"""Reading a GraphQL request: GraphQL over HTTP's rules for methods, media types, bodies and parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
import orjson

from gateway.errors import Code
from gateway.incoming import Incoming

GRAPHQL_RESPONSE = "application/graphql-response+json"
JSON = "application/json"
_HASH = re.compile(r"(?:sha256:)?[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{32}")


class Refused(Exception):
    """The request is answered with an error before any GraphQL; `status` is of HTTP."""

    def __init__(
        self, status: int, code: Code, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a well-formed request. There is a `query`, a `document_hash` (SHA-256, in hexadecimal), or both."""

    query: str = ""
    document_hash: str | None = None
    variables: dict[str, Any] = {}
    operation_name: str | None = None
    extensions: dict[str, Any] = {}


def accepted(accept: str) -> str | None:
    """The media type to answer in, or None where the client takes neither.

    Without a preference it is application/json, which every client understands; `graphql-response+json` is
    given to those who ask for it, since its status codes say more.
    """
    # clients send few different values, and short ones
    return _accepted(accept) if len(accept) <= 256 else _accepted.__wrapped__(accept)


@lru_cache(maxsize=256)
def _accepted(accept: str) -> str | None:
    if not accept.strip():
        return JSON
    ranges = [found for part in accept.split(",") if (found := _range(part)) is not None]
    best, best_quality = None, 0.0
    for media in (GRAPHQL_RESPONSE, JSON):
        matching = [r for r in ranges if r.type in (media, "application/*", "*/*")]
        if not matching:
            continue
        # the most specific range decides; a wildcard alone does not ask for the newer type
        exact = [r for r in matching if r.type == media]
        if media == GRAPHQL_RESPONSE and not exact:
            continue
        quality = (exact or [r for r in matching if r.type == "application/*"] or matching)[0].quality
        if quality > best_quality:
            best, best_quality = media, quality
    return best


class _Range(NamedTuple):
    type: str
    quality: float


def _range(part: str) -> _Range | None:
    type_, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                return None
        elif name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            return None  # answers are UTF-8
    return _Range(type_, quality)


async def question(request: Incoming, max_body_bytes: int) -> tuple[Question, bytes]:
    """The parameters of a GET or POST request, and the bytes they were read from. Raises Refused."""
    if request.method == "GET":
        return _from_url(request.query_string), request.query_string
    _check_content_type(request)
    body = await _body(request, max_body_bytes)
    return _checked(_decoded(body, "the body")), body


def _check_content_type(request: Incoming) -> None:
    encoding = request.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Refused(
            415, Code.BAD_USER_INPUT, "compressed bodies are not accepted", {"Accept-Encoding": "identity"}
        )
    type_, *parameters = (part.strip().lower() for part in request.get("content-type").split(";"))
    # anything that a browser's form can send without asking first would let other web pages send requests
    if type_ != JSON:
        raise Refused(415, Code.BAD_USER_INPUT, "the content type must be application/json", {"Accept": JSON})
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            raise Refused(415, Code.BAD_USER_INPUT, "the charset must be UTF-8", {"Accept": JSON})


async def _body(request: Incoming, limit: int) -> bytes:
    too_large = Refused(
        413, Code.BAD_USER_INPUT, f"the body is larger than {limit} bytes", {"Connection": "close"}
    )
    declared = request.get("content-length")
    if declared.isdecimal() and int(declared[:19]) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.chunks():
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


def _decoded(text: bytes | str, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:  # malformed, not UTF-8, or nested too deeply
        raise Refused(400, Code.BAD_USER_INPUT, f"{what} is not valid JSON") from None


def _from_url(query_string: bytes) -> Question:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=32
        )
    except (UnicodeDecodeError, ValueError):
        raise Refused(400, Code.BAD_USER_INPUT, "the URL's parameters are malformed") from None
    given = dict(pairs)
    if len(given) < len(pairs):
        raise Refused(400, Code.BAD_USER_INPUT, "a parameter of the URL is given twice")
    parameters: dict[str, Any] = {
        "query": given.get("query"),
        "documentId": given.get("documentId") or None,
        "operationName": given.get("operationName") or None,
    }
    for name in ("variables", "extensions"):
        if given.get(name):
            parameters[name] = _decoded(given[name], f"the parameter {name}")
    return _checked(parameters)


def _checked(parameters: Any) -> Question:
    if isinstance(parameters, list):
        raise Refused(400, Code.BAD_USER_INPUT, "batches of requests are not accepted: send one object")
    if not isinstance(parameters, dict):
        raise Refused(400, Code.BAD_USER_INPUT, "the body must be a JSON object")
    for name, type_, what in (
        ("operationName", str, "a string"),
        ("variables", dict, "an object"),
        ("extensions", dict, "an object"),
    ):
        if parameters.get(name) is not None and not isinstance(parameters[name], type_):
            raise Refused(400, Code.BAD_USER_INPUT, f"the parameter {name} must be {what} or null")
    hash_ = _document_hash(parameters)
    query = parameters.get("query")
    if query is None and hash_ is not None:
        query = ""
    elif not isinstance(query, str) or not query.strip():
        raise Refused(400, Code.BAD_USER_INPUT, "the parameter query must be a GraphQL document, as a string")
    return Question(
        query=query,
        document_hash=hash_,
        variables=parameters.get("variables") or {},
        operation_name=parameters.get("operationName") or None,
        extensions=parameters.get("extensions") or {},
    )


def _document_hash(parameters: Mapping[str, Any]) -> str | None:
    """The hash of `documentId`, or of `extensions.persistedQuery`, which must not contradict each other."""
    found: dict[str, None] = {}
    if (id_ := parameters.get("documentId")) is not None:
        found[_hash(id_, "documentId")] = None
    if (persisted := (parameters.get("extensions") or {}).get("persistedQuery")) is not None:
        if not isinstance(persisted, dict) or persisted.get("version") != 1:
            text = "extensions.persistedQuery must be an object with version 1 and sha256Hash"
            raise Refused(400, Code.BAD_USER_INPUT, text)
        found[_hash(persisted.get("sha256Hash"), "extensions.persistedQuery.sha256Hash")] = None
    if len(found) > 1:
        raise Refused(400, Code.BAD_USER_INPUT, "documentId and extensions.persistedQuery name two documents")
    return next(iter(found), None)


def _hash(value: Any, name: str) -> str:
    # Relay's tools may make ids of MD5 (32 digits) or SHA-1 (40) for documents that the gateway trusts anyway
    if isinstance(value, str) and _HASH.fullmatch(value):
        return value.removeprefix("sha256:").lower()
    raise Refused(400, Code.BAD_USER_INPUT, f"{name} must be a SHA-256 hash in hexadecimal digits")
