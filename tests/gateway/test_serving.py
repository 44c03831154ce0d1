"""The sockets that the gateway serves on."""

from __future__ import annotations

import socket

from gateway.serving import _listen


def test_an_accepted_connection_sends_without_waiting_for_acknowledgements() -> None:
    with _listen("127.0.0.1", 0) as listening:
        listening.setblocking(True)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
