"""`c360 serve`: the gateway in the foreground, until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping

from adapters.base import AdapterType
from gateway import telemetry
from gateway.app import create_app
from gateway.serving import StartError, serving, stop_signals
from gateway.settings import LOOPBACK, Settings

SQLITE = "sqlite+aiosqlite:///"


async def run(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM. Raises StartError or SettingsError."""
    telemetry.configure(settings.log, development=settings.development)
    for line in warnings(settings):
        print(f"c360: WARNING: {line}", file=sys.stderr, flush=True)
    with stop_signals() as stop:
        async with running(settings) as url:
            print(f"c360: serving on {url}/graphql", file=sys.stderr, flush=True)
            await stop.wait()
            print("c360: stopping", file=sys.stderr, flush=True)


@contextlib.asynccontextmanager
async def running(
    settings: Settings, adapters: Mapping[str, AdapterType | Exception] | None = None
) -> AsyncIterator[str]:
    """The gateway, opened and listening; gives its URL. `adapters` are the installed ones unless others are given."""
    try_sqlite(settings)
    app = create_app(settings, adapters)
    async with contextlib.AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(30):
                await stack.enter_async_context(app.router.lifespan_context(app))
        except TimeoutError:
            raise StartError("cannot open the identity store: it does not answer within 30 seconds") from None
        except Exception as error:  # a database driver's; its text names host and reason, never the password
            raise StartError(f"cannot open the identity store: {reason(error)}") from None
        yield await stack.enter_async_context(serving(app, settings.server.host, settings.server.port))


def try_sqlite(settings: Settings) -> None:
    """Opens the file once in this thread: the driver's own thread would complain after the loop has ended."""
    url = settings.identity.url.get_secret_value()
    if not url.startswith(SQLITE) or ":memory:" in url:
        return
    file = url.removeprefix(SQLITE)
    try:
        sqlite3.connect(file).close()
    except sqlite3.Error as error:
        raise StartError(f"cannot open the identity store {file}: {error}") from None


def warnings(settings: Settings) -> list[str]:
    """What an operator should not overlook at start."""
    lines = []
    if settings.open:
        lines.append("development sign-in: everybody on this machine may ask for everything")
    if settings.auth.mode.value == "api_keys" and settings.server.host not in LOOPBACK:
        lines.append("API keys travel over this connection: put TLS in front of it")
    if settings.development:
        lines.append('environment = "development": the texts of unexpected errors are logged')
    elif settings.graphiql:
        lines.append("GraphiQL is served in production")
    return lines


def reason(error: BaseException) -> str:
    """One line of a driver's error."""
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines()
    return f"{lines[0]} ({type(original).__name__})" if lines else type(original).__name__
