"""The listening socket: what a client meets before any request is read."""

from __future__ import annotations

import socket

import httpx
from starlette.types import Receive, Scope, Send

from gateway.serving import _listen, serving


async def _two_packets(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first ", "more_body": True})
    await send({"type": "http.response.body", "body": b"second"})


def test_packets_of_an_answer_do_not_wait_for_acknowledgements() -> None:
    with _listen("127.0.0.1", 0) as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_an_answer_in_pieces_arrives_whole() -> None:
    async with serving(_two_packets, "127.0.0.1", 0) as url:
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(url)).text == "first second"
