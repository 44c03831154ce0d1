"""GraphQL over HTTP: one endpoint that reads a request, runs it within the limits and the deadline, and answers.

Two media types have two meanings of the status: with application/graphql-response+json a request that was not
run is a 400, with application/json every well-formed request is a 200. Requests that a browser may send for
another site without asking first are refused: POST takes application/json only, and a GET that the browser
itself calls cross-site is turned away. No cookie is ever read, and no CORS header is ever sent.

A request that is byte for byte one that was answered before, of the same caller, gets the kept answer without
being parsed; who the caller is, is found out first in any case.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import structlog
from graphql import ExecutionResult, GraphQLError, OperationType
from graphql.execution.values import VariableValues
from starlette.responses import RedirectResponse
from starlette.types import Receive, Scope, Send

from gateway import errors, variables
from gateway.access import note
from gateway.answering import Reply, encoded, reply, send_kept, send_reply
from gateway.auth import Authenticator
from gateway.context import Context, ContextFactory
from gateway.errors import Code, UserError
from gateway.execution.answers import Answers, Kept, Key, Recording, key_of
from gateway.execution.documents import BadDocument, Documents, Operation
from gateway.execution.executor import executed
from gateway.execution.flights import Flights
from gateway.execution.persisted import Persisted
from gateway.incoming import ClientGone, Incoming, Watch
from gateway.request import GRAPHQL_RESPONSE, JSON, Question, Refused, accepted, question
from gateway.settings import Limits, Server
from gateway.telemetry import Metrics, described
from resolvers.asker import Asker

_STATUS = {Code.UNAUTHENTICATED: 401, Code.FORBIDDEN: 403, Code.OVERLOADED: 503}
_ALLOWED = {"Allow": "GET, POST"}
_NAMING_EXTENSIONS = frozenset({"persistedQuery"})
"""Extensions of a request that only say which document it is, so that they change no answer."""


class _Job(NamedTuple):
    """An operation to run for someone; `key` is what the answer may be kept under."""

    operation: Operation
    values: VariableValues
    asker: Asker
    media: str
    key: Key | None


class GraphQLEndpoint:
    """The ASGI application behind /graphql."""

    def __init__(
        self,
        context: ContextFactory,
        *,
        documents: Documents,
        persisted: Persisted,
        answers: Answers,
        flights: Flights[tuple[Reply, str]],
        authenticator: Authenticator,
        server: Server,
        limits: Limits,
        metrics: Metrics,
        development: bool = False,
        graphiql: str | None = None,
        compiled: bool = True,
    ) -> None:
        """`graphiql` is the path that a browser which opens the endpoint is sent to."""
        self._documents = documents
        self._persisted = persisted
        self._answers = answers
        self._flights = flights
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
        self._answered_ok = metrics.requests.labels("OK")
        self._counted = {name: metrics.answers.labels(name) for name in ("kept", "shared", "made")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Incoming(scope, receive)
        started = time.monotonic()
        ends = asyncio.get_running_loop().time() + self._server.deadline
        if len(self._answers) and await self._quick(incoming, send, ends):
            self._answered_ok.inc()
            self._counted["kept"].inc()
            self._metrics.seconds.observe(time.monotonic() - started)
            return
        if self._graphiql and _opened_by_browser(incoming):
            await RedirectResponse(self._graphiql, status_code=307)(scope, receive, send)
            return
        media = accepted(incoming.get("accept"))
        answer, outcome = await self._answered(incoming, media, started, ends)
        self._metrics.requests.labels(outcome).inc()
        self._metrics.seconds.observe(time.monotonic() - started)
        note(scope, outcome=outcome)
        if answer is None:
            return
        if answer.kept is not None:
            await send_kept(send, incoming, answer.media, answer.kept, self._answers)
        else:
            await send_reply(send, incoming, answer)

    async def _quick(self, incoming: Incoming, send: Send, ends: float) -> bool:
        """Sends the kept answer to a request that was answered before, byte for byte; False where there is none."""
        media = accepted(incoming.get("accept"))
        if media is None or not _plain(incoming):
            return False
        try:
            caller = self._authenticator.caller(incoming)
            async with asyncio.timeout_at(ends):
                sent = incoming.query_string if incoming.method == "GET" else await incoming.whole()
        except (UserError, TimeoutError):
            return False  # which is said on the long way
        kept = self._answers.quick((caller, media, incoming.method, sent)) if sent is not None else None
        if kept is None:
            return False
        note(incoming.scope, principal=caller.principal, outcome="OK", answer="kept")
        await send_kept(send, incoming, media, kept, self._answers)
        return True

    async def _answered(
        self, incoming: Incoming, media: str | None, started: float, ends: float
    ) -> tuple[Reply | None, str]:
        """The reply and its outcome; no reply where the client has gone."""
        try:
            if media is None:
                text = f"answers are {GRAPHQL_RESPONSE} or {JSON}, in UTF-8"
                raise Refused(406, Code.BAD_USER_INPUT, text)
            with self._place():
                return await self._run(incoming, media, started, ends)
        except Refused as refused:
            error = errors.plain(refused.code, refused.message)
            return reply(refused.status, media or JSON, {"errors": [error]}, refused.headers), refused.code
        except ClientGone:
            return None, "CANCELLED"
        except Exception as error:  # masked here, where the media type is known
            self._log.error("unexpected error", stack=described(error, self._development))
            correlation = incoming.scope.get("state", {}).get("correlation_id", "-")
            shown = errors.plain(Code.INTERNAL, "internal error", correlationId=correlation)
            return reply(500, media or JSON, {"errors": [shown]}), Code.INTERNAL

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
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

    async def _run(self, incoming: Incoming, media: str, started: float, ends: float) -> tuple[Reply, str]:
        _check_method(incoming)
        asker = self._asker(incoming, started)
        try:
            async with asyncio.timeout_at(ends):
                asked, sent = await question(incoming, self._server.max_body_bytes)
                operation, values = self._prepared(asked, incoming)
                _check_operation(incoming, operation)
                async with Watch(incoming.receive):
                    key = self._key(operation, asked, asker, media)
                    job = _Job(operation, values, asker, media, key)
                    if key is None:
                        return await self._made(job)
                    return await self._kept_or_made(job, key, incoming, sent)
        except TimeoutError:
            text = f"there was no answer within {self._server.deadline:g} seconds"
            raise Refused(503, Code.OVERLOADED, text) from None
        except BadDocument as bad:
            shown = [errors.of_request(error) for error in bad.errors]
            status = 400 if media == GRAPHQL_RESPONSE else 200
            return reply(status, media, {"errors": shown}), shown[0]["extensions"]["code"]

    def _asker(self, incoming: Incoming, started: float) -> Asker:
        try:
            caller = self._authenticator.caller(incoming)
        except UserError as error:
            headers = {"WWW-Authenticate": "Bearer"} if error.code is Code.UNAUTHENTICATED else {}
            raise Refused(_STATUS.get(error.code, 400), error.code, error.message, headers) from None
        note(incoming.scope, principal=caller.principal)
        return Asker(
            principal=caller.principal,
            purpose=caller.purpose,
            steward=caller.steward,
            deadline=started + self._server.deadline,
            correlation_id=incoming.scope.get("state", {}).get("correlation_id", "-"),
        )

    def _prepared(self, asked: Question, incoming: Incoming) -> tuple[Operation, VariableValues]:
        # while developing, GraphiQL's own page (which the browser vouches for) may try out new documents
        free = self._development and incoming.get("sec-fetch-site") == "same-origin"
        text = self._persisted.text(asked, free=free and self._graphiql is not None)
        operation = self._documents.operation(text, asked.operation_name)
        self._persisted.register(asked)
        values = variables.coerce(self._documents.schema, operation.node, asked.variables)
        if isinstance(values, list):
            raise BadDocument(values)
        try:
            operation.measure.check_cost(values.coerced, self._limits)
        except GraphQLError as error:
            raise BadDocument([error]) from None
        return operation, values

    def _key(self, operation: Operation, asked: Question, asker: Asker, media: str) -> Key | None:
        """What the answer may be kept under; None where it may not."""
        if operation.hint is None or not self._answers.active or asked.extensions.keys() - _NAMING_EXTENSIONS:
            return None
        return key_of(operation, asked.variables, asker, media)

    async def _kept_or_made(self, job: _Job, key: Key, incoming: Incoming, sent: bytes) -> tuple[Reply, str]:
        kept, outcome, answer = self._answers.get(key), "OK", "kept"
        made = Reply(status=200, media=job.media, kept=kept)
        if kept is None:
            (made, outcome), shared = await self._flights.shared(key, lambda: self._made_for_all(job))
            answer = "shared" if shared else "made"
        self._counted[answer].inc()
        note(incoming.scope, answer=answer)
        if made.kept is not None and _plain(incoming):
            raw = (self._authenticator.caller(incoming), job.media, incoming.method, sent)
            self._answers.remember(made.kept, raw)
        return made, outcome

    async def _made_for_all(self, job: _Job) -> tuple[Reply, str]:
        """Work that several wait for has its own deadline: that of the request which began it."""
        async with asyncio.timeout(max(0.0, job.asker.deadline - time.monotonic())):
            return await self._made(job)

    async def _made(self, job: _Job) -> tuple[Reply, str]:
        """The answer, executed; kept under the job's key where it has one and everything in it is whole and fresh."""
        recording = self._answers.begin() if job.key is not None else None
        context = self._context(job.asker)
        try:
            result = await executed(
                self._documents.schema, job.operation, job.values, context, compiled=self._compiled
            )
            body, outcome = self._body(result, context, job.asker)
            kept = None
            if recording is not None and outcome == "OK":
                kept = self._keep(job, body, context, recording)
            return Reply(status=200, media=job.media, body=body, kept=kept), outcome
        finally:
            if recording is not None:
                self._answers.end(recording)
            await context.session.aclose()

    def _keep(self, job: _Job, body: bytes, context: Context, recording: Recording) -> Kept | None:
        hint = job.operation.hint
        if job.key is None or hint is None:
            return None
        return self._answers.keep(
            job.key,
            body,
            life=min(hint.max_age, context.session.fresh_for()),
            private=hint.private,
            tags=context.session.tags(),
            recording=recording,
        )

    def _body(self, result: ExecutionResult, context: Any, asker: Asker) -> tuple[bytes, str]:
        shown, unexpected = errors.of_execution(result.errors or (), asker.correlation_id)
        for error in unexpected:
            self._log.error("unexpected error", stack=described(error, self._development))
        shown += errors.of_failures(context.session.errors, result.data, asker.correlation_id)
        body: dict[str, Any] = {"errors": shown, "data": result.data} if shown else {"data": result.data}
        return encoded(body), "PARTIAL" if shown else "OK"


def _plain(incoming: Incoming) -> bool:
    """Whether nothing in the headers, beyond what a kept answer is found by, could change what happens to the request."""
    headers = incoming.headers
    if b"sec-fetch-site" in headers or b"content-encoding" in headers:
        return False
    return incoming.method == "GET" or (
        incoming.method == "POST" and headers.get(b"content-type") == b"application/json"
    )


def _opened_by_browser(incoming: Incoming) -> bool:
    wants_page = b"text/html" in incoming.headers.get(b"accept", b"")
    if incoming.method != "GET" or not wants_page:
        return False
    names = {pair.partition(b"=")[0] for pair in incoming.query_string.split(b"&")}
    return names.isdisjoint((b"query", b"documentId", b"extensions"))


def _check_method(incoming: Incoming) -> None:
    if incoming.method not in ("GET", "POST"):
        raise Refused(405, Code.BAD_USER_INPUT, "only GET and POST are accepted", _ALLOWED)
    if incoming.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
        raise Refused(403, Code.FORBIDDEN, "requests of other sites' pages are not accepted")


def _check_operation(incoming: Incoming, operation: Operation) -> None:
    kind = operation.node.operation
    if kind is OperationType.SUBSCRIPTION:
        raise BadDocument([GraphQLError("subscriptions are not served")])
    if kind is OperationType.MUTATION and incoming.method == "GET":
        raise Refused(405, Code.BAD_USER_INPUT, "a mutation needs POST", {"Allow": "POST"})
