"""Syncs and rotations in processes of their own, to be killed: `sync_process.py URL ENDPOINTS [SCHEMA]`.

It imports everything once and forks for each run, so that a kill costs no start of Python. A line on standard input starts a
run: `sync`, `rotate N` (to the secret of that number), or `finish N` (the same to its very end). It answers with the run's
process id, with `page` for each page, and with how the run ended: `ended 0`, or `ended -9`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping

from pydantic import SecretStr

from resolvers.caching.customers import Customers
from resolvers.identity.carried import keys_of
from resolvers.identity.map import IdentityMap
from resolvers.identity.options import IdentityOptions
from resolvers.identity.rotation import Rotation
from resolvers.identity.store import IdentityStore
from resolvers.identity.sync import Sync
from resolvers.identity.tokens import Tokens
from resolvers.sources import Sources
from tests.sources import on_sandbox

PAGE = 5
NAMES = ["crm", "webshop", "support", "email"]
OPTIONS = IdentityOptions(default_country="DE")

Endpoints = Mapping[str, Mapping[str, str]]


def tokens(version: int, *, moving: bool = False) -> Tokens:
    """Those of the secret with this number, and while a rotation is under way of the one before."""

    def secret(number: int) -> SecretStr:
        return SecretStr(f"secret number {number} of the kill tests, long enough")

    return Tokens(secret(version), version=version, previous=secret(version - 1) if moving else None)


def said(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # in one piece, or a kill would leave half a line


async def sync(store: IdentityStore, endpoints: Endpoints, page: int = PAGE) -> None:
    """All sources to their ends."""
    sources = Sources(on_sandbox(endpoints))
    identity = IdentityMap(store, tokens(1), Customers(), sources, OPTIONS)
    reports = await Sync(identity, sources, page=page, told=lambda _: said("page")).run(NAMES)
    assert all(report.ok for report in reports), [report.problem for report in reports]
    for adapter in sources:
        await adapter.aclose()


async def rotate(store: IdentityStore, endpoints: Endpoints, version: int, *, finish: bool) -> None:
    """All records to the secret of this number."""
    sources = Sources(on_sandbox(endpoints))
    rotation = Rotation(
        store,
        tokens(version, moving=True),
        sources,
        lambda p: keys_of(p, OPTIONS.default_country),
        page=PAGE,
        told=lambda _: said("page"),
    )
    reports = await rotation.run()
    assert not any(report.unread for report in reports), [report.problem for report in reports]
    if finish:
        await rotation.finish()
    for adapter in sources:
        await adapter.aclose()


async def _run(order: str, url: str, endpoints: Endpoints, schema: str | None) -> None:
    options = {"server_settings": {"search_path": schema}} if schema else {}
    store = IdentityStore(url, connect_args=options)
    if order == "sync":
        await sync(store, endpoints)
    else:
        word, version = order.split()
        await rotate(store, endpoints, int(version), finish=word == "finish")
    await store.aclose()


def main(url: str, endpoints: Endpoints, schema: str | None) -> None:
    """Runs until standard input ends."""
    for order in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.run(_run(order.strip(), url, endpoints, schema))
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        said(f"pid {pid}")
        _, status = os.waitpid(pid, 0)
        said(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
