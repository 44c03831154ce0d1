"""A small schema and its application: the HTTP layer, the limits and the errors are tested without any source."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import strawberry
from starlette.applications import Starlette

from adapters.errors import SourceTimeout
from gateway.app import assemble
from gateway.context import Context
from gateway.errors import Code, UserError
from gateway.schema.cache_control import CacheControl, CacheScope, on_queries
from gateway.settings import Settings
from gateway.telemetry import Metrics
from resolvers.asker import Asker
from resolvers.caching.tags import Tags
from resolvers.errors import InvalidArgument, SourceFailure

SECRET = "s" * 32
KEY = "k" * 24
OTHER_KEY = "o" * 24


@dataclass
class FakeSession:
    """What the transport needs of a session, and what the test wants to know of it."""

    asker: Asker
    errors: list[SourceFailure] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    counter: Counter[str] = field(default_factory=Counter)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    fresh: float = math.inf
    resting: set[str] = field(default_factory=set)

    def tags(self) -> frozenset[str]:
        return frozenset(self.resting)

    def fresh_for(self) -> float:
        return self.fresh

    async def aclose(self) -> None:
        self.closed.set()


@strawberry.input(one_of=True)
class By:
    email: str | None = strawberry.UNSET
    phone: str | None = strawberry.UNSET


@strawberry.type
class Person:
    name: str

    @strawberry.field
    def friends(self, first: int = 10) -> list[Person]:
        return [Person(name=f"friend {n}") for n in range(min(first, 3))]

    @strawberry.field
    def failing(self) -> str | None:
        raise RuntimeError("secret text of a vendor: ada@example.org")


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def whoami(self, info: strawberry.Info[Context, None]) -> str:
        asker = info.context.asker
        return f"{asker.principal} for {asker.purpose}"

    @strawberry.field
    def person(self, by: By) -> Person | None:
        return Person(name="Ada")

    @strawberry.field
    def people(self, ids: list[strawberry.ID]) -> list[Person]:
        return [Person(name=str(i)) for i in ids]

    @strawberry.field
    def wrong(self) -> str | None:
        raise UserError(Code.FORBIDDEN, "not for you", argument="by.email")

    @strawberry.field
    def malformed(self) -> str | None:
        raise InvalidArgument("by.phone", "by.phone is not a phone number")

    @strawberry.field
    def late(self) -> str | None:
        raise SourceTimeout("crm", "read contacts", "HTTP 503 from db7.internal")

    @strawberry.field
    def number(self) -> int:
        return "not a number: ada@example.org"  # type: ignore[return-value]

    @strawberry.field
    def counted(self, info: strawberry.Info[Context, None], name: str = "") -> int:
        """How often it was asked for, in all."""
        session: Any = info.context.session
        session.resting.add(f"customer:{name}")
        session.counter[name] += 1
        return int(session.counter[name])

    @strawberry.field(directives=[CacheControl(max_age=5)])
    def soon_old(self) -> int:
        return 1

    @strawberry.field(directives=[CacheControl(max_age=0)])
    def never_kept(self) -> int:
        return 1

    @strawberry.field(directives=[CacheControl(scope=CacheScope.PRIVATE)])
    def own(self, info: strawberry.Info[Context, None]) -> str:
        return info.context.asker.principal

    @strawberry.field
    async def gated(self, info: strawberry.Info[Context, None]) -> str:
        """Answers when the test opens the gate."""
        session: Any = info.context.session
        session.counter["gated"] += 1
        session.started.set()
        try:
            await session.gate.wait()
        except asyncio.CancelledError:
            session.log.append("cancelled")
            raise
        return info.context.asker.principal

    @strawberry.field
    def rights(self, info: strawberry.Info[Context, None]) -> str:
        asker = info.context.asker
        return f"{asker.purpose} {asker.steward}"

    @strawberry.field
    def money(self) -> Decimal:
        return Decimal("12.50")

    @strawberry.field
    def half_a_pair(self) -> str:
        return "\ud83d"

    @strawberry.field
    def long(self) -> str:
        return "x" * 5000

    @strawberry.field
    def batch(self, info: strawberry.Info[Context, None]) -> str | None:
        failure = SourceFailure(
            source="crm", code="SOURCE_TIMEOUT", message="crm did not answer in time", paths=[info.path]
        )
        info.context.session.errors.append(failure)
        return None

    @strawberry.field
    async def slow(self, info: strawberry.Info[Context, None]) -> str:
        session: Any = info.context.session
        session.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            session.log.append("cancelled")
            raise
        return "never"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self) -> str:
        return "touched"


def settings(**sections: Any) -> Settings:
    """Settings with one API key, unless the sections say otherwise."""
    auth = {"api_keys": [{"name": "tests", "key": KEY}]}
    return Settings.model_validate({"identity": {"secret": SECRET}, "auth": auth, **sections})


def open_settings(**sections: Any) -> Settings:
    return settings(auth={"mode": "development"}, **sections)


def small_schema() -> strawberry.Schema:
    return on_queries(strawberry.Schema(query=Query, mutation=Mutation, schema_directives=[CacheControl]))


@dataclass
class Small:
    """An application on the small schema, and the sessions that it opened."""

    settings: Settings = field(default_factory=open_settings)
    probes: dict[str, Callable[[], Any]] = field(default_factory=dict)
    sessions: list[FakeSession] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    metrics: Metrics = field(default_factory=Metrics)
    tags: Tags = field(default_factory=Tags)
    counter: Counter[str] = field(default_factory=Counter)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fresh: float = math.inf

    def app(self) -> Starlette:
        return assemble(
            self.settings,
            small_schema(),
            self._context,
            metrics=self.metrics,
            probes=self.probes,
            tags=self.tags,
        )

    def _context(self, asker: Asker) -> Context:
        session: Any = FakeSession(asker, counter=self.counter, gate=self.gate, fresh=self.fresh)
        self.sessions.append(session)
        self.asked.set()
        return Context(session=session, asker=asker)

    def client(self, **options: Any) -> httpx.AsyncClient:
        """A client that calls the application directly."""
        transport = httpx.ASGITransport(self.app(), raise_app_exceptions=True)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", **options)


async def ask(client: httpx.AsyncClient, query: str, **body: Any) -> dict[str, Any]:
    """The answer to a document sent by POST."""
    response = await client.post("/graphql", json={"query": query, **body})
    answer: dict[str, Any] = response.json()
    return answer
