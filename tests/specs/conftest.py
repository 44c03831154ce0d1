"""One run of each adapter through Prism for all tests of this folder, and the numbers at the end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

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
        finally:
            await wire.finish()
    done = Run(vendor=vendor, exchanges=tuple(wire.exchanges))
    sides = [sum(done.violations(side).values()) for side in ("request", "response")]
    summary.append(
        f"{vendor.name}: {len(wire.exchanges)} requests of {len({e.operation for e in wire.exchanges})} operations"
        f" through Prism, {sides[0]} violations in requests, {sides[1]} in the sandbox's answers"
    )
    return done
