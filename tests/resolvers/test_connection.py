"""Pages of a merged stream: nothing twice, nothing left out, whatever arrives in the meantime."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Page, Window
from adapters.kit.paging import cut
from adapters.records import Activity
from resolvers.connection import MAX_FIRST, kind_of, merge_pages, page_size, place_of, read_cursor
from resolvers.errors import InvalidArgument
from tests.resolvers.people import START, message, order, ticket

MAKERS = {"shop": order, "shop2": order, "desk": ticket, "mail": message}
STREAMS = list(MAKERS)
RECORDS = st.lists(st.tuples(st.sampled_from(STREAMS), st.integers(0, 5)), max_size=25)


def made(rows: list[tuple[str, int]], prefix: str = "r") -> list[Activity]:
    return [MAKERS[s](s, f"{prefix}{i:03d}", "me", day) for i, (s, day) in enumerate(rows)]


def read_page(records: list[Activity], first: int, after: str | None) -> tuple[list[Activity], bool]:
    place = read_cursor(after)
    pages = []
    for stream in STREAMS:
        mine = [r for r in records if r.source == stream]
        if mine:
            before = place.below(kind_of(mine[0]), stream) if place else None
            pages.append(cut(mine, Window(limit=first, before=before)))
    found, more = merge_pages(pages, first)
    return list(found), more


@given(RECORDS, st.integers(1, 6), RECORDS)
def test_pages_chain_without_gap_or_repeat_while_newer_records_arrive(
    rows: list[tuple[str, int]], first: int, arrivals: list[tuple[str, int]]
) -> None:
    records = made(rows)
    expected = [place_of(r) for r in sorted(records, key=place_of, reverse=True)]
    late = [MAKERS[s](s, f"n{i}", "me", 10 + day) for i, (s, day) in enumerate(arrivals)]
    seen: list[object] = []
    after: str | None = None
    for step in range(len(records) + 1):
        found, more = read_page(records if step == 0 else records + late, first, after)
        seen += [place_of(r) for r in found]
        if not more:
            break
        after = place_of(found[-1]).cursor()
    assert seen == expected


def test_a_stream_that_was_not_read_to_the_end_hides_what_lies_below() -> None:
    busy = [order("shop", f"o{i}", "me", 20 - i) for i in range(3)]
    quiet = [ticket("desk", f"t{i}", "me", day) for i, day in enumerate((19, 2))]
    found, more = merge_pages(
        [Page(records=tuple(busy), has_more=True), Page(records=tuple(quiet), has_more=False)], 5
    )
    assert [r.id for r in found] == ["o0", "t0", "o1", "o2"]
    assert more


@pytest.mark.parametrize(
    "cursor", ["", "x", "bm90IGEgY3Vyc29y", "W10", "💥", "A" * 2000, "WzFlOTksIm9yZGVyIiwicyIsImkiXQ"]
)
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidArgument):
        read_cursor(cursor)


@given(st.text(max_size=60))
def test_no_text_breaks_the_cursor_reader(cursor: str) -> None:
    with contextlib.suppress(InvalidArgument):
        read_cursor(cursor)


@pytest.mark.parametrize("first", [0, -1, MAX_FIRST + 1, 10**9])
def test_page_sizes_are_bounded(first: int) -> None:
    with pytest.raises(InvalidArgument):
        page_size(first)


def test_the_largest_page_is_allowed() -> None:
    assert page_size(MAX_FIRST) == MAX_FIRST == 250


def test_microseconds_survive_the_cursor() -> None:
    record = order("shop", "o", "me", 0)
    later = type(record)(
        **{f: getattr(record, f) for f in record.__struct_fields__}
        | {"at": START + timedelta(microseconds=7)}
    )
    assert read_cursor(place_of(later).cursor()) == place_of(later)
