"""What the source cache answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from adapters.errors import SourceError

K = TypeVar("K")
V = TypeVar("V")


class Fetched(msgspec.Struct, Generic[K, V], frozen=True, kw_only=True, gc=False):
    """An adapter's answer, however it was come by. `at` is when its oldest part was asked for; `stale` that some of it is past
    its fresh life, and `failure` why it could not be renewed, where that was tried.
    """

    values: Mapping[K, V]
    at: datetime
    stale: bool = False
    failure: SourceError | None = None
