"""What the tests of the wire ask, and what their servers answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from adapters.base import Call
from adapters.errors import SourceError
from adapters.kit.http import SourceClient
from tests.adapters.kit.conftest import PATIENT, Asked, answer

MEGABYTE = 1_000_000


class Thing(msgspec.Struct):
    id: str


Behave = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


def call() -> Call:
    return Call(deadline=time.monotonic() + PATIENT, correlation_id="c0ffee")


async def get(client: SourceClient, id: str = "7", **more: Any) -> str:
    return (await client.call("read thing", "GET", f"/things/{id}", Thing, call(), **more)).id


async def failure(client: SourceClient, **more: Any) -> type[SourceError]:
    with pytest.raises(SourceError) as caught:
        await get(client, **more)
    return type(caught.value)


def own(asked: Asked) -> bytes:
    """A right answer: the id that was asked for."""
    return answer(body=msgspec.json.encode({"id": asked.target.rsplit("/", 1)[1]}))


STRANGER = answer(body=b'{"id": "stranger"}')
BODY = b'{"id": "7"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def right(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(own(asked))
