"""From a vendor's pages to the windows that are asked for: newest first, a bound per owner, nothing read that is not needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from adapters.base import Owner, Page, Window
from adapters.records import Activity

T = TypeVar("T")
R = TypeVar("R")
A = TypeVar("A", bound=Activity)


def order(record: Activity) -> tuple[float, str]:
    """The one sorting key of every stream: time, then id."""
    return (record.at.timestamp(), record.id)


def below(record: Activity, window: Window) -> bool:
    """Whether a record lies strictly below the window's position."""
    return window.before is None or (record.at, record.id) < (window.before.at, window.before.id)


def cut(records: Iterable[Activity], window: Window, *, has_more: bool = False) -> Page:
    """A page from the records of one owner in any order; `has_more` where the source has older ones than these."""
    kept = sorted((r for r in records if below(r, window)), key=order, reverse=True)
    return Page(records=tuple(kept[: window.limit]), has_more=has_more or len(kept) > window.limit)


async def windows(
    batches: AsyncIterable[Sequence[Activity]], owners: Sequence[Owner], window: Window, *, max_pages: int = 50
) -> dict[str, Page]:
    """Reads vendor pages that run from newest to oldest, over all `owners` together, until each window is full.

    Ends early when every owner has `limit` + 1 records below the position, and gives up after `max_pages`, in which case
    owners whose window is not full are marked `has_more`. A record that comes twice (pages shift while they are read) counts once.

    Records that share a second may come in any order, so a window counts as full only when an older time has been seen.
    """
    gathered: dict[str, dict[str, Activity]] = {owner.ref: {} for owner in owners}
    pages, ended = 0, True
    async for batch in batches:
        pages += 1
        oldest = min((r.at for r in batch), default=None)
        for record in batch:
            if record.owner in gathered and below(record, window):
                gathered[record.owner][record.id] = record
        if oldest is not None and all(_full(g.values(), window, oldest) for g in gathered.values()):
            ended = False
            break
        if pages >= max_pages:
            ended = False
            break
    return {ref: cut(found.values(), window, has_more=not ended) for ref, found in gathered.items()}


def _full(records: Iterable[Activity], window: Window, oldest: object) -> bool:
    older = sorted((r.at for r in records), reverse=True)
    return len(older) > window.limit and older[window.limit - 1] > oldest  # type: ignore[operator]


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def together(work: Callable[[T], Awaitable[R]], items: Iterable[T]) -> list[R]:
    """Runs `work` on all items at once, in order of the items; the first error cancels the rest and is raised bare."""
    tasks = [asyncio.ensure_future(work(item)) for item in items]
    if len(tasks) == 1:
        return [await tasks[0]]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
