"""Prepared fields: fields that say beforehand what they need from the sources, so that the whole answer is asked for in one wave.

A field's `Prepared` stands in its metadata. The plain executor never looks at it: it calls the resolver, which is made of the
same two functions (`resolved`), so both ways give the same answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from resolvers.errors import FieldPath
from resolvers.loading import Wanted, finished

METADATA = "c360.prepared"
DIRECT = "c360.direct"
Arguments = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepared(Generic[T]):
    """`want(parent, arguments, names, path)` asks for what the field needs, and waits for nothing; None where it cannot say yet.
    `names` are those of all fields below. `read(parent, arguments, wanted)` gives the value when that is there. Either may raise
    what the resolver raises.
    """

    want: Callable[[Any, Arguments, frozenset[str], FieldPath], Wanted | None]
    read: Callable[[Any, Arguments, Wanted], T]

    @property
    def metadata(self) -> dict[str, Any]:
        """For `strawberry.field(metadata=…)`."""
        return {METADATA: self}

    async def resolved(self, parent: Any, path: FieldPath, names: frozenset[str], **arguments: Any) -> T:
        """The field's value, by the same way, for a resolver."""
        wanted = self.want(parent, arguments, names, path)
        assert wanted is not None, "a field that cannot say what it needs has a resolver of its own"
        await finished(wanted)
        return self.read(parent, arguments, wanted)


Direct = Callable[[Any, Arguments, FieldPath], Awaitable[Any]]
"""(context, arguments, path) -> the value of a field of the root, for `strawberry.field(metadata={DIRECT: …})`: what its resolver
does, without the objects that Strawberry makes for each call. Arguments are as graphql-core coerces them.
"""
