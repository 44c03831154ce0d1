"""The ASGI application: the one place where the parts of the gateway are wired together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry import Schema

from adapters.base import AdapterType
from gateway import graphiql, migrations
from gateway.access import Tracing
from gateway.answering import Reply
from gateway.auth import Authenticator, LoopbackOnly
from gateway.context import Context, ContextFactory
from gateway.demo import first_query
from gateway.errors import UserError
from gateway.execution import manifest
from gateway.execution.answers import Answers
from gateway.execution.documents import Documents, core_schema
from gateway.execution.flights import Flights
from gateway.execution.persisted import Persisted
from gateway.http import GraphQLEndpoint
from gateway.mistakes import Mistake
from gateway.schema import build_schema
from gateway.settings import Settings, SettingsError, installed_adapters
from gateway.telemetry import METRICS_TYPE, Metrics, ObservedAdapter
from resolvers.asker import Asker
from resolvers.cache import Cache, open_cache
from resolvers.caching.tags import Tags
from resolvers.caching.whole import Caching, open_caching
from resolvers.engine import Engine
from resolvers.identity.map import IdentityMap
from resolvers.identity.matching import model
from resolvers.identity.matching.model import Model
from resolvers.identity.options import IdentityOptions
from resolvers.identity.store import IdentityStore
from resolvers.identity.tokens import Tokens
from resolvers.merge import FieldRule, MergeRules, Rule
from resolvers.sources import Sources

GRAPHQL = "/graphql"
READY_WITHIN = 2.0
"""Seconds that the store and the cache have to answer /readyz."""
_OWN_PATHS = frozenset({GRAPHQL, graphiql.PATH, "/healthz", "/readyz", "/metrics"})

Probe = Callable[[], Awaitable[None]]
"""Returns when a part can be reached; raises otherwise."""


def create_app(
    settings: Settings, adapters: Mapping[str, AdapterType | Exception] | None = None
) -> Starlette:
    """The gateway. It does no I/O before its lifespan starts. Raises SettingsError where a part cannot be made."""
    metrics = Metrics()
    engine = create_engine(settings, metrics, adapters)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await open_engine(engine)
        try:
            yield
        finally:
            await engine.aclose()

    def context(asker: Asker) -> Context:
        return Context(session=engine.session(asker), asker=asker)

    probes = {"store": engine.identity.store.ping, "cache": engine.cache.ping}
    app = assemble(
        settings,
        build_schema(),
        context,
        metrics=metrics,
        probes=probes,
        tags=engine.tags,
        lifespan=lifespan,
    )
    app.state.engine = engine
    app.state.metrics = metrics
    return app


def create_engine(
    settings: Settings, metrics: Metrics, adapters: Mapping[str, AdapterType | Exception] | None = None
) -> Engine:
    """The engine with everything that it stands on, not opened yet."""
    sources = create_sources(settings, metrics, adapters)
    url = settings.cache.url.get_secret_value()
    with _needing("cache.url", "c360[redis]"):
        cache = open_cache(url, max_entries=settings.cache.max_entries)
        caching = _caching(settings, sources, cache, metrics)
    with _needing("identity.url", "c360[postgres]"):
        store = IdentityStore(settings.identity.url.get_secret_value())
    identity = IdentityMap(
        store,
        create_tokens(settings),
        caching.customers,
        sources,
        IdentityOptions(
            default_country=settings.identity.default_country,
            rediscover_after=settings.identity.rediscover_after,
            external_ids=_external_ids(settings.identity.external_ids),
        ),
        _model(settings.identity.model),
    )
    return Engine(sources=sources, identity=identity, rules=_rules(settings, sources), caching=caching)


def _caching(settings: Settings, sources: Sources, cache: Cache, metrics: Metrics) -> Caching:
    return open_caching(
        sources,
        cache,
        settings.cache.url.get_secret_value(),
        settings.cache.secret or settings.identity.secret,
        lives=settings.cache.lives,
        customer_ttl=settings.cache.ttl,
        max_entries=settings.cache.max_entries,
        max_bytes=int(settings.cache.max_memory_mb * 1_000_000),
        counts=metrics,
    )


def create_tokens(settings: Settings) -> Tokens:
    """The tokens of match keys, also those of the previous secret while a rotation runs."""
    identity = settings.identity
    return Tokens(identity.secret, version=identity.secret_version, previous=identity.previous_secret)


def _model(file: Path | None) -> Model | None:
    """The operator's weights. Raises SettingsError."""
    try:
        return model.load(file) if file else None
    except model.ModelError as error:
        raise SettingsError([Mistake("settings", "identity.model", str(error))]) from None


@contextlib.contextmanager
def _needing(key: str, extra: str) -> Iterator[None]:
    """Says which optional packages a setting needs, where they are missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        problem = f"needs a package that is not installed ({error.name}): pip install '{extra}'"
        raise SettingsError([Mistake("settings", key, problem)]) from None


def create_sources(
    settings: Settings, metrics: Metrics, adapters: Mapping[str, AdapterType | Exception] | None = None
) -> Sources:
    """One adapter for each [sources.NAME]."""
    known = installed_adapters() if adapters is None else adapters
    made = []
    for name, source in settings.sources.items():
        adapter = known.get(source.adapter)
        if not isinstance(adapter, AdapterType):
            problem = f'adapter "{source.adapter}" is not installed'
            raise SettingsError([Mistake("settings", f"sources.{name}.adapter", problem)])
        made.append(ObservedAdapter(adapter.build(name, source.settings, None), metrics))
    return Sources(made)


async def open_engine(engine: Engine) -> None:
    """Brings the identity store up to date, and begins to hear what others drop; raises what the database raises."""
    try:
        await migrations.upgrade(engine.identity.store.engine)
        engine.caching.start()
    except BaseException:
        await engine.aclose()
        raise


def _external_ids(configured: Mapping[str, str]) -> dict[tuple[str, str], str]:
    pairs = {}
    for pair, owner in configured.items():
        source, _, system = pair.partition(".")
        pairs[source, system] = owner
    return pairs


def _rules(settings: Settings, sources: Sources) -> MergeRules:
    rules = {
        field: FieldRule(rule=Rule(merge.rule.value), priority=merge.priority)
        for field, merge in settings.merge.items()
    }
    try:
        return MergeRules(rules, sources.rank)
    except ValueError as error:  # its text names the key and what is valid
        raise SettingsError([Mistake("settings", "", str(error))]) from None


def assemble(
    settings: Settings,
    schema: Schema,
    context: ContextFactory,
    *,
    metrics: Metrics,
    probes: Mapping[str, Probe],
    tags: Tags | None = None,
    lifespan: Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]] | None = None,
) -> Starlette:
    """Routes and layers around a schema. The outermost layer traces; whatever goes wrong inside is masked by it."""
    authenticator = Authenticator(settings.auth)
    endpoint = _endpoint(settings, schema, context, authenticator, metrics, tags or Tags())
    graphql: ASGIApp = LoopbackOnly(endpoint) if settings.open else endpoint
    routes = [
        Route(GRAPHQL, graphql),  # for what Starlette does besides, such as the redirect from /graphql/
        Route("/healthz", _health),
        Route("/readyz", _Readiness(probes)),
        Route("/metrics", _metrics(metrics, authenticator)),
    ]
    if settings.graphiql:
        routes += graphiql.GraphiQL(graphiql.directory(), first_query()).routes
        routes.append(Route("/", _to_graphiql))
    layers = [Middleware(Tracing, routes=_OWN_PATHS, development=settings.development)]
    if settings.open:
        layers.append(Middleware(LoopbackOnly))
    layers.append(Middleware(GZipMiddleware, minimum_size=1024))
    traced = Tracing(graphql, routes=_OWN_PATHS, development=settings.development)
    return _Gateway(graphql=traced, routes=routes, middleware=layers, lifespan=lifespan)


class _Gateway(Starlette):
    """Starlette, except that GraphQL goes round its routing and layers, which cost more than a kept answer."""

    def __init__(self, *, graphql: ASGIApp, **options: Any) -> None:
        super().__init__(**options)
        self._graphql = graphql

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == GRAPHQL:
            await self._graphql(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _endpoint(
    settings: Settings,
    schema: Schema,
    context: ContextFactory,
    authenticator: Authenticator,
    metrics: Metrics,
    tags: Tags,
) -> GraphQLEndpoint:
    documents = Documents(core_schema(schema), settings.limits, max_entries=settings.documents.kept)
    answers, flights = Answers(settings.answers), Flights[tuple[Reply, str]]()

    def drop(dropped: frozenset[str] | None) -> None:
        flights.close()
        answers.drop(dropped)

    tags.subscribe(drop)
    return GraphQLEndpoint(
        context,
        documents=documents,
        persisted=Persisted(
            trusted_documents(settings, documents),
            only=settings.documents.only,
            automatic=settings.documents.automatic,
        ),
        answers=answers,
        flights=flights,
        authenticator=authenticator,
        server=settings.server,
        limits=settings.limits,
        metrics=metrics,
        development=settings.development,
        graphiql=graphiql.PATH if settings.graphiql else None,
        compiled=settings.execution.compiled,
    )


def trusted_documents(settings: Settings, documents: Documents) -> Mapping[str, str]:
    """The documents of the manifest by hash, all prepared. Raises SettingsError with everything that is wrong."""
    path = settings.documents.manifest
    if path is None:
        return {}
    try:
        found = manifest.read(path).documents
    except manifest.ManifestError as error:
        lines = str(error).splitlines()
        raise SettingsError([Mistake("settings", "documents.manifest", line) for line in lines]) from None
    wrong = manifest.prepare(found, documents)
    if wrong:
        raise SettingsError([Mistake(str(path), hash_, problem) for hash_, problem in wrong])
    return found


async def _health(_request: Request) -> Response:
    """The process is alive."""
    return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


async def _to_graphiql(_request: Request) -> Response:
    return RedirectResponse(graphiql.PATH, status_code=307)


class _Readiness:
    """Whether what every answer needs can be reached. The sources are not asked: the gateway answers without them."""

    def __init__(self, probes: Mapping[str, Probe]) -> None:
        self._probes = probes
        self._log = structlog.stdlib.get_logger("gateway.ready")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        states = await asyncio.gather(*(self._state(name, probe) for name, probe in self._probes.items()))
        ready = all(state == "ok" for state in states)
        body = {"status": "ready" if ready else "not ready", **dict(zip(self._probes, states, strict=True))}
        response = JSONResponse(body, 200 if ready else 503, headers={"Cache-Control": "no-store"})
        await response(scope, receive, send)

    async def _state(self, name: str, probe: Probe) -> str:
        try:
            async with asyncio.timeout(READY_WITHIN):
                await probe()
        except Exception as error:  # whatever a driver raises, the answer is the same
            self._log.warning("not ready", part=name, error=type(error).__name__)
            return "unavailable"
        return "ok"


def _metrics(metrics: Metrics, authenticator: Authenticator) -> Callable[[Request], Awaitable[Response]]:
    async def exposed(request: Request) -> Response:
        # a proxy on this machine would make every client look local, so the address proves nothing
        try:
            authenticator.caller(request.headers)
        except UserError as error:
            headers = {"WWW-Authenticate": "Bearer"}
            return JSONResponse({"error": error.code}, status_code=401, headers=headers)
        return Response(metrics.exposition(), media_type=METRICS_TYPE, headers={"Cache-Control": "no-store"})

    return exposed
