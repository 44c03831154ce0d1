"""Texts and times in one form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.text import bounded, plain, text, utc


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("Hello", "Hello"),
        ("<p>One</p><p>Two &amp; three</p>", "One\n\nTwo & three"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("1 &lt; 2 &amp;lt; 3", "1 < 2 &lt; 3"),  # escaped twice is meant to be read escaped once
        ("<style>p{}</style><script>alert('<p>')</script>x", "x"),
        ("<html><head><title>T</title><meta></head><body>x</body></html>", "x"),
        ("<html><head><meta><body>x", "x"),
        ("<ul><li>a</li><li>b</li></ul>", "a\n\nb"),
        ("a&nbsp;&nbsp; b\t\r\n  c", "a b\nc"),
        ("grüße 日本 <b>fett</b>", "grüße 日本 fett"),
        ("a < b and <unknown-tag>c", "a < b and c"),
        ("", ""),
    ],
)
def test_plain(markup: str, expected: str) -> None:
    assert plain(markup) == expected


@given(st.text(max_size=300) | st.text(alphabet="<>/&;pbr styescript=\"'! -", max_size=300))
def test_plain_takes_anything(markup: str) -> None:
    found = plain(markup)
    assert found == found.strip()
    assert "\n\n\n" not in found


def test_bounded() -> None:
    assert bounded("abcd", 4) == ("abcd", False)
    assert bounded("abcde", 4) == ("abcd", True)
    assert bounded(None, 4) == (None, False)


def test_utc() -> None:
    local = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert utc(local) == local
    assert utc(local).utcoffset() == timedelta(0)
    assert utc(datetime(2026, 1, 1, 12)) == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert utc(None) is None


def test_text() -> None:
    assert text("  a b ") == "a b"
    assert text("") is text("  ") is text(None) is None
