"""Running the ASGI application: uvicorn, stopped cleanly by a signal or by its caller."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

T = TypeVar("T")
_COLLECT_AFTER = (50_000, 20, 20)
"""Containers more than there were, and rounds of the younger generations, until the garbage collector comes."""
GRACE = 5
"""Seconds that running requests may take to end when the gateway stops."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on uvloop, where it is installed."""
    try:
        import uvloop
    except ImportError:  # it does not exist for Windows
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


@contextlib.contextmanager
def calm_collector() -> Iterator[None]:
    """Keeps Python's garbage collector from looking, again and again, at what is there to stay.

    A request leaves no cycles behind (a test holds that), so reference counts free nearly everything; the collector only has
    to come now and then, and need not look at what was there before the first request.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


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
        http="httptools",
        ws="none",
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
    # head and body are two writes: without it, the second waits for the client's delayed acknowledgement (40 ms). asyncio
    # sets it for sockets that say that they are TCP only, which accepted ones do not
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
