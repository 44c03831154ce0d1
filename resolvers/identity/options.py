"""What an operator may decide about identity."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class IdentityOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`rediscover_after` is in seconds. `external_ids` says which source a foreign number belongs to:
    {("support", "external_id"): "webshop"}.
    """

    default_country: str | None = None
    rediscover_after: float = 3600.0
    external_ids: Mapping[tuple[str, str], str] = {}
