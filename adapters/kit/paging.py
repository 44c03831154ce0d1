"""From a vendor's pages to the windows that are asked for: newest first, bounded, nothing read that is not needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Sequence,
)
from datetime import datetime
from typing import TypeVar

from adapters.base import LAST_ID, Owner, Page, Position, Window
from adapters.records import Activity

T = TypeVar("T")
R = TypeVar("R")


def order(record: Activity) -> tuple[datetime, str]:
    """The one sorting key of every stream: time, then id."""
    return (record.at, record.id)


def below(record: Activity, window: Window) -> bool:
    """Whether a record lies strictly below the window's position."""
    return window.before is None or order(record) < (window.before.at, window.before.id)


def cut(records: Iterable[Activity], window: Window, *, has_more: bool = False) -> Page:
    """A page from the records of one owner in any order; `has_more` where the source has older ones than these."""
    kept = {record.id: record for record in records if below(record, window)}
    newest = sorted(kept.values(), key=order, reverse=True)
    return Page(records=tuple(newest[: window.limit]), has_more=has_more or len(newest) > window.limit)


async def windows(
    batches: AsyncIterable[Sequence[Activity]],
    owners: Sequence[Owner],
    window: Window,
    *,
    max_pages: int = 50,
) -> dict[str, Page]:
    """Reads vendor pages that run from newest to oldest, over all `owners` together, until each window is full.

    Full means `limit` records that nothing unread can come between, and one more. Records of the same time may come in any
    order, and a record may come twice (pages shift while they are read).

    One owner's old records can lie below many pages of another's. After `max_pages` it is enough that each owner has got
    something: what is short then is marked `has_more` and ends above the first time that may not have been read to its end.
    """
    gathered: dict[str, dict[str, Activity]] = {owner.ref: {} for owner in owners}
    pages, oldest = 0, None
    async with contextlib.aclosing(_closable(batches)) as source:
        async for batch in source:
            pages += 1
            for record in batch:
                if record.owner in gathered and below(record, window):
                    gathered[record.owner][record.id] = record
            if not batch:
                continue
            oldest = min(record.at for record in batch)
            short_is_fine = pages >= max_pages
            if all(_full(found.values(), window, oldest, short_is_fine) for found in gathered.values()):
                return {ref: _unended(found.values(), window, oldest) for ref, found in gathered.items()}
    return {ref: cut(found.values(), window) for ref, found in gathered.items()}


async def narrowing(
    opened: Callable[[Sequence[Owner], Position | None], AsyncIterable[Sequence[Activity]]],
    owners: Sequence[Owner],
    window: Window,
) -> dict[str, Page]:
    """As `windows`, but an owner whose window is full is left out of what is asked next.

    So one owner's long history is not read to its end on account of another's short one. `opened(owners, before)` starts the
    vendor's pages of these owners, newest first, from `before.at` (that time included); it is called anew for the rest.
    """
    gathered: dict[str, dict[str, Activity]] = {owner.ref: {} for owner in owners}
    pages: dict[str, Page] = {}
    rest, before = list({owner.ref: owner for owner in owners}.values()), window.before
    while rest:
        narrowed = False
        async with contextlib.aclosing(_closable(opened(rest, before))) as source:
            async for batch in source:
                for record in batch:
                    if record.owner in gathered and below(record, window):
                        gathered[record.owner][record.id] = record
                oldest = min((record.at for record in batch), default=None)
                # a run of one time that is longer than a page can only be paged through, not jumped over
                if oldest is None or (before is not None and oldest >= before.at):
                    continue
                full = {o.ref for o in rest if _full(gathered[o.ref].values(), window, oldest)}
                if full:
                    pages |= {ref: _unended(gathered[ref].values(), window, oldest) for ref in full}
                    rest = [owner for owner in rest if owner.ref not in full]
                    before, narrowed = Position(oldest, LAST_ID), True
                    break
        if not narrowed:
            pages |= {owner.ref: cut(gathered[owner.ref].values(), window) for owner in rest}
            rest = []
    return pages


def _full(found: Collection[Activity], window: Window, oldest: datetime, short_is_fine: bool = False) -> bool:
    """Whether the window holds all it can: `limit` records newer than anything unread, and one more below them.

    Where short is fine, one record that is newer than anything unread will do.
    """
    needed = 1 if short_is_fine else window.limit
    if len(found) < needed + (not short_is_fine):
        return False
    return sum(record.at > oldest for record in found) >= needed


def _unended(found: Collection[Activity], window: Window, oldest: datetime) -> Page:
    """A page of a stream that was not read to its end: what lies at the last time read may have unread neighbours."""
    page = cut(found, window)
    return Page(records=tuple(record for record in page.records if record.at > oldest), has_more=True)


async def _closable(batches: AsyncIterable[T]) -> AsyncGenerator[T, None]:
    """Any async iterable as a generator whose end also ends the iterable, if it is a generator itself."""
    try:
        async for batch in batches:
            yield batch
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def together(work: Callable[[T], Awaitable[R]], items: Iterable[T]) -> list[R]:
    """Runs `work` on all items at once, in their order; the first error cancels the rest and is raised bare."""
    tasks = [asyncio.ensure_future(work(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
