"""Windows cut out of a vendor's pages: whatever the split, the ties and the shifts, exactly what was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import LAST_ID, Owner, Page, Position, Window
from adapters.kit.paging import below, chunks, cut, narrowing, order, together, windows
from adapters.records import Activity

START = datetime(2026, 1, 1, tzinfo=UTC)


def _record(owner: str, second: int, id_: int) -> Activity:
    return Activity(source="shop", id=str(id_), at=START + timedelta(seconds=second), owner=owner)


@st.composite
def histories(draw: st.DrawFn) -> list[Activity]:
    """Records of a few owners, many of them within the same second, in a vendor's order: newest first, ties anyhow."""
    rows = draw(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), max_size=40))
    records = [_record(owner, second, number) for number, (owner, second) in enumerate(rows)]
    draw(st.randoms(use_true_random=False)).shuffle(records)
    return sorted(records, key=lambda record: record.at, reverse=True)


positions = st.none() | st.builds(
    lambda second, id_: Position(START + timedelta(seconds=second), id_),
    st.integers(-1, 7),
    st.sampled_from(["", "3", "17", LAST_ID]),
)
wanted_windows = st.builds(
    lambda limit, before: Window(limit=limit, before=before), st.integers(1, 6), positions
)
OWNERS = [Owner(ref=ref) for ref in "abcd"]


def _expected(history: Sequence[Activity], ref: str, window: Window) -> tuple[list[Activity], bool]:
    own = sorted((r for r in history if r.owner == ref), key=lambda r: (r.at, r.id), reverse=True)
    lower = [r for r in own if window.before is None or (r.at, r.id) < (window.before.at, window.before.id)]
    return lower[: window.limit], len(lower) > window.limit


def _same(pages: dict[str, Page], history: Sequence[Activity], window: Window) -> None:
    assert set(pages) == set("abcd")
    for ref, page in pages.items():
        records, has_more = _expected(history, ref, window)
        assert list(page.records) == records
        assert page.has_more == has_more


async def _split(history: Sequence[Activity], sizes: Sequence[int]) -> AsyncIterator[Sequence[Activity]]:
    """Pages of these sizes, over and over; a size of 0 is an empty page in the middle of a stream."""
    start, turn = 0, 0
    while start < len(history):
        size = sizes[turn % len(sizes)]
        yield history[start : start + size]
        start, turn = start + size, turn + 1


@given(histories(), st.lists(st.integers(0, 7), min_size=1, max_size=5).filter(any), wanted_windows)
def test_windows_from_any_split(history: list[Activity], sizes: list[int], window: Window) -> None:
    pages = asyncio.run(windows(_split(history, sizes), OWNERS, window, max_pages=10_000))
    _same(pages, history, window)


async def _shifting(
    history: Sequence[Activity], size: int, arrivals: Sequence[int]
) -> AsyncIterator[Sequence[Activity]]:
    """Pages by offset, while before each page some records arrive on top: the old ones come again."""
    stream = list(history)
    for page in range(1000):
        for number in range(arrivals[page % len(arrivals)] if page else 0):
            stream.insert(0, _record("a", 100 + page, 10_000 * page + number))
        yield stream[page * size : (page + 1) * size]
        if len(stream) <= (page + 1) * size:
            return


@given(histories(), st.integers(2, 7), st.lists(st.integers(0, 1), min_size=1, max_size=4), wanted_windows)
def test_windows_while_records_arrive(
    history: list[Activity], size: int, arrivals: list[int], window: Window
) -> None:
    """Windows below a position never see what arrives on top of it, and never lose what was there."""
    window = Window(limit=window.limit, before=window.before or Position(START + timedelta(seconds=50), ""))
    pages = asyncio.run(windows(_shifting(history, size, arrivals), OWNERS, window, max_pages=10_000))
    _same(pages, history, window)


@given(histories(), st.integers(1, 7), st.integers(1, 6))
def test_chained_windows_have_no_gap_and_no_repeat(history: list[Activity], size: int, limit: int) -> None:
    async def chain(owner: Owner) -> list[Activity]:
        records: list[Activity] = []
        window, more = Window(limit=limit), True
        while more:
            page = (await windows(_split(history, [size]), [owner], window))[owner.ref]
            records += page.records
            more = page.has_more
            assert len(records) <= len(history), "windows repeat"
            if more:
                window = Window(limit=limit, before=Position(records[-1].at, records[-1].id))
        return records

    for owner in OWNERS:
        assert asyncio.run(chain(owner)) == _expected(history, owner.ref, Window(limit=1000))[0]


@given(histories(), st.integers(1, 4), st.integers(1, 3), wanted_windows)
def test_windows_that_give_up_never_leave_a_gap(
    history: list[Activity], size: int, max_pages: int, window: Window
) -> None:
    owners = [Owner(ref=ref) for ref in sorted({record.owner for record in history})]
    pages = asyncio.run(windows(_split(history, [size]), owners, window, max_pages=max_pages))
    for ref, page in pages.items():
        records, has_more = _expected(history, ref, window)
        assert list(page.records) == records[: len(page.records)]
        assert page.records or not records, "who has records gets some: an empty page would never end"
        assert page.has_more or (len(page.records) == len(records) and not has_more)


@given(histories(), st.integers(1, 7), wanted_windows, st.booleans())
@settings(max_examples=200)
def test_narrowing_answers_as_windows_does(
    history: list[Activity], size: int, window: Window, exact: bool
) -> None:
    """Whether the vendor can start at a place or only at a time."""

    def opened(owners: Sequence[Owner], before: Position | None) -> AsyncIterator[Sequence[Activity]]:
        refs = {owner.ref for owner in owners}
        start = before or Position(START + timedelta(days=1), "")
        lower = [r for r in history if (order(r) < (start.at, start.id) if exact else r.at <= start.at)]
        return _split([r for r in lower if r.owner in refs], [size])

    _same(asyncio.run(narrowing(opened, OWNERS, window)), history, window)


async def test_narrowing_does_not_read_a_long_history_for_the_sake_of_a_short_one() -> None:
    history = [_record("a", 5000 - n, n) for n in range(1000)] + [_record("b", 1, 5000)]
    read = 0

    async def opened(owners: Sequence[Owner], before: Position | None) -> AsyncIterator[Sequence[Activity]]:
        nonlocal read
        refs = {owner.ref for owner in owners}
        async for batch in _split([r for r in history if r.owner in refs], [50]):
            read += 1
            yield batch

    pages = await narrowing(opened, [Owner(ref="a"), Owner(ref="b")], Window(limit=10))
    assert [len(pages["a"].records), len(pages["b"].records)] == [10, 1]
    assert [pages["a"].has_more, pages["b"].has_more] == [True, False]
    assert read == 2


async def test_windows_read_no_more_pages_than_needed_and_close_their_source() -> None:
    history = [_record("a", 1000 - n, n) for n in range(100)]
    read, closed = 0, False

    async def source() -> AsyncIterator[Sequence[Activity]]:
        nonlocal read, closed
        try:
            for batch in chunks(history, 10):
                read += 1
                yield batch
        finally:
            closed = True

    page = (await windows(source(), [Owner(ref="a")], Window(limit=10)))["a"]
    assert (len(page.records), page.has_more) == (10, True)
    assert (read, closed) == (
        2,
        True,
    )  # the second page tells that the tenth record has no neighbour, and that there are more


async def test_windows_pass_on_what_goes_wrong() -> None:
    async def source() -> AsyncIterator[Sequence[Activity]]:
        yield [_record("a", 1, 1)]
        raise LookupError("the vendor's second page")

    with pytest.raises(LookupError):
        await windows(source(), [Owner(ref="a")], Window(limit=5))


@given(histories(), wanted_windows)
def test_cut_takes_any_order_and_counts_repeats_once(history: list[Activity], window: Window) -> None:
    own = [record for record in history if record.owner == "a"]
    page = cut([*own, *own], window)
    assert (list(page.records), page.has_more) == _expected(history, "a", window)
    assert all(below(record, window) for record in page.records)
    assert list(page.records) == sorted(page.records, key=order, reverse=True)


def test_chunks() -> None:
    assert list(chunks([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(chunks([], 2)) == []


async def test_together_keeps_the_order() -> None:
    async def work(number: int) -> int:
        for _ in range(5 - number):
            await asyncio.sleep(0)
        return number * 10

    assert await together(work, range(5)) == [0, 10, 20, 30, 40]
    assert await together(work, []) == []


async def test_together_raises_the_first_error_bare_and_leaves_nothing_running() -> None:
    ended: list[int] = []

    async def work(number: int) -> None:
        try:
            if number == 2:
                raise LookupError("two")
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    with pytest.raises(LookupError, match="two"):
        await together(work, range(4))
    assert sorted(ended) == [0, 1, 2, 3]


async def test_together_cancelled_leaves_nothing_running() -> None:
    ended: list[int] = []
    begun = asyncio.Event()

    async def work(number: int) -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    task = asyncio.ensure_future(together(work, range(3)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(ended) == [0, 1, 2]
