"""What every resolver of one request shares: who asks, and the session that answers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from resolvers.asker import Asker
from resolvers.engine import Session


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The context value of a GraphQL execution."""

    session: Session
    asker: Asker


ContextFactory = Callable[[Asker], Context]
"""Makes the context of one request; it starts nothing."""
