"""GraphQL over HTTP: one endpoint that reads a request, runs it within the limits and the deadline, and answers.

Two media types have two meanings of the status: with application/graphql-response+json a request that was not
run is a 400, with application/json every well-formed request is a 200. Requests that a browser may send for
another site without asking first are refused: POST takes application/json only, and a GET that the browser
itself calls cross-site is turned away. No cookie is ever read, and no CORS header is ever sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType, execute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry import Schema

from gateway import errors, variables
from gateway.auth import Authenticator
from gateway.context import ContextFactory
from gateway.errors import Code, UserError
from gateway.execution.documents import BadDocument, Documents, Operation, core_schema
from gateway.execution.executor import CompiledExecutor
from gateway.request import GRAPHQL_RESPONSE, JSON, Question, Refused, accepted, question
from gateway.settings import Limits, Server
from gateway.telemetry import Metrics, described, note
from resolvers.asker import Asker

_STATUS = {Code.UNAUTHENTICATED: 401, Code.FORBIDDEN: 403, Code.OVERLOADED: 503}
_ALLOWED = {"Allow": "GET, POST"}


class GraphQLEndpoint:
    """The ASGI application behind /graphql."""

    def __init__(
        self,
        schema: Schema,
        context: ContextFactory,
        *,
        authenticator: Authenticator,
        server: Server,
        limits: Limits,
        metrics: Metrics,
        development: bool = False,
        graphiql: str | None = None,
        compiled: bool = True,
    ) -> None:
        """`graphiql` is the path that a browser which opens the endpoint is sent to."""
        self._documents = Documents(core_schema(schema), limits)
        self._compiled = compiled
        self._context = context
        self._authenticator = authenticator
        self._server = server
        self._limits = limits
        self._metrics = metrics
        self._development = development
        self._graphiql = graphiql
        self._in_flight = 0
        self._log = structlog.stdlib.get_logger("gateway.graphql")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if self._graphiql and _opened_by_browser(request):
            await RedirectResponse(self._graphiql, status_code=307)(scope, receive, send)
            return
        started = time.monotonic()
        response, outcome = await self._answered(request, started)
        self._metrics.requests.labels(outcome).inc()
        self._metrics.seconds.observe(time.monotonic() - started)
        note(scope, outcome=outcome)
        if response is not None:
            await response(scope, receive, send)

    async def _answered(self, request: Request, started: float) -> tuple[Response | None, str]:
        """The response and its outcome; no response where the client has gone."""
        media = accepted(request.headers.get("accept"))
        try:
            if media is None:
                text = f"answers are {GRAPHQL_RESPONSE} or {JSON}, in UTF-8"
                raise Refused(406, Code.BAD_USER_INPUT, text)
            with self._place():
                return await self._run(request, media, started)
        except Refused as refused:
            error = errors.plain(refused.code, refused.message)
            return _response(
                refused.status, media or JSON, {"errors": [error]}, refused.headers
            ), refused.code
        except ClientDisconnect:
            return None, "CANCELLED"
        except Exception as error:  # masked here, where the media type is known
            self._log.error("unexpected error", stack=described(error, self._development))
            correlation = request.scope.get("state", {}).get("correlation_id", "-")
            shown = errors.plain(Code.INTERNAL, "internal error", correlationId=correlation)
            return _response(500, media or JSON, {"errors": [shown]}), Code.INTERNAL

    @contextlib.contextmanager
    def _place(self) -> Any:
        """One of the places at work; refuses where none is free."""
        if self._in_flight >= self._server.max_in_flight:
            raise Refused(503, Code.OVERLOADED, "too many requests at once", {"Retry-After": "1"})
        self._in_flight += 1
        self._metrics.in_flight.inc()
        try:
            yield
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.dec()

    async def _run(self, request: Request, media: str, started: float) -> tuple[Response | None, str]:
        _check_method(request)
        asker = self._asker(request, started)
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self._server.deadline):
                asked = await question(request, self._server.max_body_bytes)
                operation = self._prepared(asked)
                _check_operation(request, operation)
                result, failures = await self._executed(request, operation, asked, asker)
        except TimeoutError:
            text = f"there was no answer within {self._server.deadline:g} seconds"
            raise Refused(503, Code.OVERLOADED, text) from None
        except BadDocument as bad:
            shown = [errors.of_request(error) for error in bad.errors]
            status = 400 if media == GRAPHQL_RESPONSE else 200
            return _response(status, media, {"errors": shown}), shown[0]["extensions"]["code"]
        return self._result(media, result, failures, asker)

    def _asker(self, request: Request, started: float) -> Asker:
        try:
            caller = self._authenticator.caller(request.headers)
        except UserError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.code is Code.UNAUTHENTICATED else {}
            raise Refused(_STATUS.get(error.code, 400), error.code, error.message, headers) from None
        note(request.scope, principal=caller.principal)
        return Asker(
            principal=caller.principal,
            purpose=caller.purpose,
            steward=caller.steward,
            deadline=started + self._server.deadline,
            correlation_id=request.scope.get("state", {}).get("correlation_id", "-"),
        )

    def _prepared(self, asked: Question) -> Operation:
        operation = self._documents.operation(asked.query, asked.operation_name)
        values = variables.coerce(self._documents.schema, operation.node, asked.variables)
        if isinstance(values, list):
            raise BadDocument(values)
        try:
            operation.measure.check_cost(values, self._limits)
        except GraphQLError as error:
            raise BadDocument([error]) from None
        return operation

    async def _executed(
        self, request: Request, operation: Operation, asked: Question, asker: Asker
    ) -> tuple[ExecutionResult, list[dict[str, Any]]]:
        context = self._context(asker)
        work = asyncio.ensure_future(self._execute(operation, asked, context))
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise ClientDisconnect
            result = work.result()
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
            await context.session.aclose()
        return result, errors.of_failures(context.session.errors, result.data, asker.correlation_id)

    async def _execute(self, operation: Operation, asked: Question, context: Any) -> ExecutionResult:
        result = execute(
            self._documents.schema,
            operation.document,
            context_value=context,
            variable_values=asked.variables,
            operation_name=asked.operation_name,
            executor_class=CompiledExecutor,
            plans=operation.plans if self._compiled else None,
            operation_extensions=asked.extensions,
        )
        return result if isinstance(result, ExecutionResult) else await result

    def _result(
        self, media: str, result: ExecutionResult, failures: list[dict[str, Any]], asker: Asker
    ) -> tuple[Response, str]:
        shown, unexpected = errors.of_execution(result.errors or (), asker.correlation_id)
        for error in unexpected:
            self._log.error("unexpected error", stack=described(error, self._development))
        shown += failures
        body: dict[str, Any] = {"errors": shown, "data": result.data} if shown else {"data": result.data}
        return _response(200, media, body), "PARTIAL" if shown else "OK"


def _opened_by_browser(request: Request) -> bool:
    wants_page = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and wants_page and "query" not in request.query_params


def _check_method(request: Request) -> None:
    if request.method not in ("GET", "POST"):
        raise Refused(405, Code.BAD_USER_INPUT, "only GET and POST are accepted", _ALLOWED)
    if request.headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
        raise Refused(403, Code.FORBIDDEN, "requests of other sites' pages are not accepted")


def _check_operation(request: Request, operation: Operation) -> None:
    kind = operation.node.operation
    if kind is OperationType.SUBSCRIPTION:
        raise BadDocument([GraphQLError("subscriptions are not served")])
    if kind is OperationType.MUTATION and request.method == "GET":
        raise Refused(405, Code.BAD_USER_INPUT, "a mutation needs POST", {"Allow": "POST"})


async def _disconnected(request: Request) -> None:
    """Returns when the client has gone. The body has been read, so nothing else can arrive."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _response(
    status: int, media: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    fixed = {
        "Content-Type": f"{media}; charset=utf-8",
        "Cache-Control": "no-store",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(_encoded(body), status_code=status, headers={**fixed, **(headers or {})})


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:
        # half a surrogate pair in a vendor's text, or a whole number beyond 64 bits: the plain encoder escapes it
        return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode("ascii")
