"""What comes in is one answer or none, however the network cuts it into pieces, and no bytes make the parser raise."""

from __future__ import annotations

import gzip
import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from adapters.kit.body import Undecodable
from adapters.kit.incoming import Incoming

FRAGMENTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No Content\r\n",
        b"HTTP/1.1 304 Not Modified\r\n", b"HTTP/1.1 500 Oh\r\n", b"content-length: 4\r\n", b"Content-Length: 0\r\n",
        b"transfer-encoding: chunked\r\n", b"content-encoding: gzip\r\n", b"connection: close\r\n", b"x: y\r\n", b"x:\r\n",
        b"\r\n", b"\r\n\r\n", b"4\r\nabcd\r\n", b"0\r\n\r\n", b"0\r\nx: trailer\r\n\r\n", b"abcd", b"\n", b"\0", b" ",
        gzip.compress(b"abcd"), b"18\r\n" + gzip.compress(b"abcd") + b"\r\n",
    ]
)  # fmt: skip
STREAMS = st.lists(FRAGMENTS | st.binary(max_size=6), max_size=12).map(b"".join)
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd"


def _taken(stream: bytes, cuts: list[int], *, limit: int = 1000) -> object:
    """What becomes of a stream that arrives in pieces and then ends."""
    incoming = Incoming(headless=False, limit=limit)
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    for start, end in itertools.pairwise(places):
        incoming.feed(stream[start:end])
        if incoming.failure is not None or incoming.done:
            break
    if incoming.failure is None and not incoming.done:
        incoming.end()
    if incoming.failure is not None:
        return type(incoming.failure)
    if not incoming.done:
        return None
    try:
        answer = incoming.answer()
    except Undecodable as error:
        return type(error)
    return answer.status, dict(answer.headers), answer.body


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 500), max_size=8))
@example(stream=PLAIN + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", cuts=[5, 45, 60])
@example(stream=b"HTTP/1.1 200 OK\r\nx:\r\ncontent-length: 4\r\n\r\nabcd", cuts=list(range(50)))
def test_pieces_change_nothing(stream: bytes, cuts: list[int]) -> None:
    whole = _taken(stream, [])
    assert _taken(stream, cuts) == whole
    assert _taken(stream, list(range(len(stream)))) == whole


@given(tail=st.binary(min_size=1, max_size=60) | STREAMS.filter(bool))
def test_whatever_follows_an_answer_is_not_in_it(tail: bytes) -> None:
    incoming = Incoming(headless=False, limit=1000)
    incoming.feed(PLAIN + tail)
    assert (incoming.failure, incoming.done) == (None, True)
    assert incoming.answer().body == b"abcd"
    assert dict(incoming.answer().headers) == {"content-length": "4"}
    if tail.strip(b"\r\n"):
        assert not incoming.alone


@given(stream=st.binary(max_size=200), headless=st.booleans())
def test_no_bytes_raise(stream: bytes, headless: bool) -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\n", PLAIN[:-2]):
        incoming = Incoming(headless=headless, limit=10)
        incoming.feed(start + stream)
        incoming.end()
        if incoming.failure is None and incoming.done:
            assert len(incoming.answer().body) <= 10
