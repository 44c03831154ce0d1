"""How a request is written: as httpx writes it, and nothing that could become a second header or a second request."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.kit.message import Address, Answer, Headers, Origin, Request, written

BASES = [
    "http://h",
    "http://h/",
    "https://h:8443/base",
    "http://h/a%20b/ü",
    "http://[::1]:81/x/",
    "http://h/?key=1",
]
VALUES = st.text(max_size=12) | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)
PARAMS = (
    st.none()
    | st.dictionaries(st.text(max_size=8), VALUES | st.lists(VALUES, max_size=3), max_size=4)
    | st.lists(st.tuples(st.sampled_from(["a", "b", "ids[]", "ü"]), VALUES), max_size=5)
)
PATHS = st.text(max_size=30) | st.text("ab/.%?&=#+ ~2Fü[]|^\\:@\t", max_size=20)


@given(base=st.sampled_from(BASES), path=PATHS, params=PARAMS)
@example("http://h/", "x?old=1", {"new": "2"})
@example("http://h/b", "/../../x/./y", None)
@example("http://h/b", "", [("b", 1), ("a", 2), ("b", 3)])
@example("http://h/b", "/%zz%41", {"q": "a b+c/ü&=%'\"<>~*"})
@example("http://h/b", "/x", {"q": "y" * 70_000})
@example("http://h/b", "/x" * 40_000, None)
@example("http://h/b", "/x", {"q": "\ud800"})
@example("http://h/b", "/x?y=1", {"q": []})
@example("http://h/b", "/x", {"q": []})
@example("http://h/b", "//other.example/x", None)
def test_targets_are_those_of_httpx(base: str, path: str, params: Any) -> None:
    path = path if not path or path.startswith(("/", "?")) else f"/{path}"
    address = Address(base)
    try:
        expected = httpx.Request("GET", base.rstrip("/") + path, params=params or None).url.raw_path.decode()
    except (httpx.InvalidURL, ValueError) as error:
        with pytest.raises(type(error)):
            address.target(path, params)
    else:
        assert address.target(path, params) == expected


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://H.example", ("http", "h.example", 80, "h.example")),
        ("https://h.example:443/x", ("https", "h.example", 443, "h.example")),
        ("http://h.example:8080", ("http", "h.example", 8080, "h.example:8080")),
        ("http://[::1]:81", ("http", "::1", 81, "[::1]:81")),
        ("https://bücher.example", ("https", "xn--bcher-kva.example", 443, "xn--bcher-kva.example")),
    ],
)
def test_origins(url: str, origin: tuple[str, str, int, str]) -> None:
    assert Address(url).origin == Origin(*origin)


@pytest.mark.parametrize("url", ["ftp://h", "h:1", "http://", "", "//h"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises((httpx.UnsupportedProtocol, httpx.InvalidURL)):
        Address(url)


def _request(headers: dict[str, str], method: str = "POST", content: bytes = b"{}") -> Request:
    return Request(method, Origin("http", "h", 81, "h:81"), "/x?y=1", headers, content, True)


def test_a_request_as_it_is_sent() -> None:
    assert written(_request({"accept": "a/b", "x-empty": ""})) == (
        b"POST /x?y=1 HTTP/1.1\r\nhost: h:81\r\naccept: a/b\r\nx-empty: \r\ncontent-length: 2\r\n\r\n{}"
    )
    assert b"content-length: 0\r\n" in written(_request({}, content=b""))
    assert b"content-length" not in written(_request({}, "GET", b""))
    assert written(_request({"host": "other"})).count(b"host:") == 1


def test_a_method_is_one_word() -> None:
    for method in ("GET / HTTP/1.1\r\nx: y\r\n\r\nGET", "GET /", "GÉT"):
        with pytest.raises(httpx.LocalProtocolError):
            written(_request({}, method))


def test_nothing_personal_or_secret_shows() -> None:
    request = Request("GET", Origin("http", "h", 81, "h:81"), "/ada", {"authorization": "k3y"}, b"ada", True)
    shown = f"{request!r} {Answer(200, {'set-cookie': 'k3y'}, b'ada')!r}"
    assert shown == "Request(GET, h:81) Answer(200, 3 bytes)"


@given(
    name=st.text(max_size=6) | st.sampled_from(["x", "content-length", "transfer-encoding"]),
    value=st.text(max_size=10) | st.text("a \r\n\t\0:é", max_size=6),
)
@example("x", "a\r\nhost: evil")
@example("x\r\nhost", "evil")
@example("x", "wörd")
@example("x", "\x7f")
@example("x", "a\tb")
def test_a_header_is_one_line_or_nothing(name: str, value: str) -> None:
    try:
        sent = written(_request({name: value}))
    except httpx.LocalProtocolError:
        return
    head, _, content = sent.partition(b"\r\n\r\n")
    assert content == b"{}"
    lines = head.decode("ascii").split("\r\n")
    expected = 3 if name == "host" else 4
    assert len(lines) == expected
    assert f"{name}: {value}" in lines
    assert head.count(b"\n") == head.count(b"\r") == expected - 1
    assert b"\0" not in head
    assert sum(line.lower().startswith(("content-length:", "transfer-encoding:")) for line in lines) == 1


def test_headers_are_found_in_any_case_and_joined() -> None:
    raw = [
        (b"Link", b"<a>"),
        (b"X-Name", "ü".encode()),
        (b"link", b"<b>"),
        (b"x-old", b"\xfc"),
        (b"x-empty", b""),
    ]
    headers, theirs = Headers(raw), httpx.Headers(raw[:3])
    assert headers["LINK"] == headers.get("link") == theirs["link"] == "<a>, <b>"
    assert headers["x-name"] == theirs["x-name"] == "ü"
    assert headers["x-old"] == "ü"
    assert headers["x-empty"] == ""
    assert headers.get("absent") is None
    assert "Link" in headers
    assert dict(headers) == {"link": "<a>, <b>", "x-name": "ü", "x-old": "ü", "x-empty": ""}
    assert len(headers) == 4
