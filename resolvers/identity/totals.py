"""How much the identity map holds: for the summaries of commands that work on all of it."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from resolvers.identity.tables import CustomerRow, MemberRow, ReviewRow


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Records, customers that are not merged into others, and pairs that wait for a steward."""

    records: int
    customers: int
    review: int


async def totals(engine: AsyncEngine) -> Totals:
    """Counts everything: not for every record."""
    current = select(func.count()).select_from(CustomerRow).where(CustomerRow.merged_into.is_(None))
    return Totals(
        records=await _counted(engine, select(func.count()).select_from(MemberRow)),
        customers=await _counted(engine, current),
        review=await waiting(engine),
    )


async def waiting(engine: AsyncEngine) -> int:
    """The pairs that wait for a steward."""
    return await _counted(engine, select(func.count()).select_from(ReviewRow))


async def _counted(engine: AsyncEngine, counting: Select[Any]) -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(counting)).scalar_one())
