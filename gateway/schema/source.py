"""The configured sources: what they can do, how they are, and what each contributed to a customer."""

from __future__ import annotations

from datetime import datetime

import strawberry

from adapters import base
from adapters.records import RecordKind as RecordKindEnum
from gateway.schema.cache_control import CacheControl
from gateway.schema.common import Request
from resolvers.customer import State, Status

strawberry.enum(base.SourceKind, description="What a source is for.")
strawberry.enum(RecordKindEnum, description="The kinds of records that a source can have.")
strawberry.enum(base.KeyType, description="What a person can be looked up by.")
strawberry.enum(
    State, name="SourceState", description="FRESH: fetched for this answer. STALE: from the cache."
)


@strawberry.type(description="How one kind of record is read.")
class KindCapability:
    kind: RecordKindEnum
    batch_size: int = strawberry.field(description="Owners or records that one call can carry.")
    changes: bool = strawberry.field(description="Whether the source can list what changed.")
    calls: str = strawberry.field(description="How many calls are unavoidable, and why.")


@strawberry.type(description="A key that a source can or cannot be searched by.")
class LookupCapability:
    key: base.KeyType
    supported: bool
    note: str


@strawberry.type(description="What a source's adapter can do.")
class Capabilities:
    kinds: list[KindCapability]
    lookups: list[LookupCapability]


@strawberry.type(description="Whether a source answers now.")
class Health:
    ok: bool
    code: str | None = strawberry.field(description="The error code of what is wrong.")


@strawberry.type(description="A configured source.")
class Source:
    adapter_: strawberry.Private[base.Adapter]

    @strawberry.field(description="As configured.")
    def name(self) -> str:
        return self.adapter_.name

    @strawberry.field
    def kind(self) -> base.SourceKind:
        return self.adapter_.manifest.kind

    @strawberry.field(description="The adapter's name and the API that it speaks.")
    def adapter(self) -> str:
        return f"{self.adapter_.manifest.adapter} ({self.adapter_.manifest.api})"

    @strawberry.field
    def capabilities(self) -> Capabilities:
        manifest = self.adapter_.manifest
        return Capabilities(
            kinds=[
                KindCapability(kind=kind, batch_size=k.batch, changes=k.changes, calls=k.calls)
                for kind, k in manifest.kinds.items()
            ],
            lookups=[
                LookupCapability(key=key, supported=supported, note=note)
                for supported, notes in ((True, manifest.lookups), (False, manifest.cannot_look_up))
                for key, note in notes.items()
            ],
        )

    @strawberry.field(
        description="Asks the source now, with one cheap call.", directives=[CacheControl(max_age=0)]
    )
    async def health(self, info: Request) -> Health:
        code = await info.context.session.health(self.adapter_)
        return Health(ok=code is None, code=code)


@strawberry.type(description="Why a source contributed nothing.")
class SourceError:
    code: str
    message: str


@strawberry.type(description="What a source contributed to this customer in this answer.")
class SourceStatus:
    source: str
    state: State
    fetched_at: datetime | None
    error: SourceError | None


def source_status(status: Status) -> SourceStatus:
    failure = status.failure
    return SourceStatus(
        source=status.source,
        state=status.state,
        fetched_at=status.fetched_at,
        error=SourceError(code=failure.code, message=failure.message) if failure else None,
    )
