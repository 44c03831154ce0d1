"""One run of each adapter through Prism for all tests of this folder, and the numbers at the end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from adapters.errors import SourceError
from sandbox.controls import Controls
from sandbox.server import Sandbox, running
from tests.conftest import CI
from tests.specs import drives, prism
from tests.specs.described import HUBSPOT, MAILCHIMP, SPECS, VARIABLE, WHY_NOT, ZENDESK, Vendor
from tests.specs.wire import Exchange, Violation, Wire
from tests.specs.worlds import Crowded, crowded

SUMMARY = pytest.StashKey[list[str]]()
Drive = Callable[[Wire, Mapping[str, str], Crowded], Awaitable[None]]
VENDORS: dict[str, tuple[Vendor, Drive]] = {
    "hubspot": (HUBSPOT, drives.drive_hubspot),
    "zendesk": (ZENDESK, drives.drive_zendesk),
    "mailchimp": (MAILCHIMP, drives.drive_mailchimp),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that an adapter sent and was answered."""

    vendor: Vendor
    exchanges: tuple[Exchange, ...]
    spoiled: tuple[tuple[str, Exchange], ...]
    """By document: requests that are wrong, whose answers are too."""
    usual: tuple[tuple[Exchange, Any], ...]
    """One exchange of each operation, and what the sandbox answers when it writes nulls as the live APIs do."""

    def violations(self, side: str) -> Counter[Violation]:
        """What the description has against the requests or the answers ("request", "response"), and how often."""
        return Counter(
            violation
            for exchange in self.exchanges
            for violation in exchange.violations
            if violation.where.startswith(side)
        )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SUMMARY] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := terminalreporter.config.stash.get(SUMMARY, []):
        terminalreporter.write_sep("-", "vendors' descriptions")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def summary(pytestconfig: pytest.Config) -> list[str]:
    """Lines that are shown when all is done."""
    return pytestconfig.stash[SUMMARY]


@pytest.fixture(scope="session")
def specs() -> None:
    """Skips where there are no descriptions; a folder that is named and not there is a failure under `make specs`."""
    if SPECS.is_dir():
        return
    if os.environ.get(prism.NEED_VARIABLE) and os.environ.get(VARIABLE):
        pytest.fail(WHY_NOT)
    pytest.skip(WHY_NOT)


@pytest.fixture(scope="session")
def prism_there(specs: None) -> None:
    """Skips where Prism cannot be run; under `make specs` with CI=true that is a failure."""
    if (reason := prism.why_not()) is None:
        return
    if CI and os.environ.get(prism.NEED_VARIABLE):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def crowd() -> Crowded:
    """The world that all runs read."""
    return crowded()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox(crowd: Crowded) -> AsyncIterator[Sandbox]:
    """The four servers, in the form that the descriptions prescribe."""
    async with running(world=crowd.world, limits=False, strict=True) as servers:
        yield servers


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=sorted(VENDORS))
async def run(
    request: pytest.FixtureRequest, prism_there: None, sandbox: Sandbox, crowd: Crowded, summary: list[str]
) -> Run:
    """All that a vendor's adapter can send, through one Prism for each of the vendor's documents."""
    vendor, drive = VENDORS[request.param]
    upstreams = {one: sandbox.urls[vendor.name] + one.base for one in vendor.descriptions}
    with prism.proxies(upstreams) as addresses:
        wire = Wire(vendor=vendor, prisms=addresses)
        try:
            await drive(wire, sandbox.endpoints()[vendor.name], crowd)
            done = Run(
                vendor=vendor,
                exchanges=tuple(wire.exchanges),
                spoiled=await _spoiled(wire, sandbox.controls[vendor.name]),
                usual=await _usual(wire.exchanges, sandbox, vendor),
            )
        except SourceError as error:
            error.add_note(f"{error.detail}; after {len(wire.exchanges)} requests")
            raise
        finally:
            await wire.finish()
    sides = [sum(done.violations(side).values()) for side in ("request", "response")]
    summary.append(
        f"{vendor.name}: {len(done.exchanges)} requests of {len({e.operation for e in done.exchanges})} operations"
        f" through Prism, {sides[0]} violations in requests, {sides[1]} in the sandbox's answers"
    )
    return done


async def _spoiled(wire: Wire, controls: Controls) -> tuple[tuple[str, Exchange], ...]:
    """Sends what each document forbids, to a sandbox that answers what it forbids."""
    wrong = Wire(vendor=wire.vendor, prisms=wire.prisms)
    controls.set_faults({"mode": "wrong_shape"})
    for one in wire.vendor.descriptions:
        method, path, body = drives.WRONG[one.name]
        await wrong.handle_async_request(httpx.Request(method, wire.vendor.address + path, json=body))
    controls.set_faults({})
    await wrong.finish()
    names = [one.name for one in wire.vendor.descriptions]
    return tuple(zip(names, wrong.exchanges, strict=True))


async def _usual(
    exchanges: Sequence[Exchange], sandbox: Sandbox, vendor: Vendor
) -> tuple[tuple[Exchange, Any], ...]:
    """The last exchange of each operation once more, without Prism and without the strictness."""
    last = {exchange.operation: exchange for exchange in exchanges if exchange.status == 200}
    controls = sandbox.controls[vendor.name]
    strict = {name: value for name, value in controls.settings.items() if name == "nulls"}
    controls.set_settings(dict.fromkeys(strict, "null"))
    answers = []
    async with httpx.AsyncClient() as client:
        for exchange in last.values():
            request = exchange.request
            url = sandbox.urls[vendor.name] + request.url.raw_path.decode()
            headers = {"authorization": request.headers["authorization"]}
            answer = await client.request(request.method, url, content=request.content, headers=headers)
            answers.append((exchange, answer.json()))
    controls.set_settings(strict)
    return tuple(answers)
