"""Running the ASGI application: uvicorn, stopped cleanly by a signal or by its caller."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.types import ASGIApp

GRACE = 5
"""Seconds that running requests may take to end when the gateway stops."""


class _Server(uvicorn.Server):
    """Uvicorn without its signal handling, which ends the process before the application could close."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class StartError(Exception):
    """The server could not start. Its text is for the operator."""


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[str]:
    """Serves while the context is open; gives the URL of what answers. The application's lifespan is not run here."""
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        # the socket listens already: who connects now is served as soon as the loop turns
        yield f"http://{_address(host, listening.getsockname()[1])}"
    finally:
        server.should_exit = True
        await task
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise StartError(
            f"cannot listen on {_address(host, port)}: {os.strerror(error.errno or 0)}"
        ) from None
    listening.setblocking(False)
    # asyncio sets it only on sockets that name their protocol, which `create_server` leaves out; without it the second
    # packet of an answer waits for the client's delayed acknowledgement, 40 ms
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """An event that is set by Ctrl-C or SIGTERM, while the context is open."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    handled = (signal.SIGINT, signal.SIGTERM)
    for number in handled:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
