"""The real servers, started once for a test run and filled with the cast."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from tests.live.seed import Created, seed_all
from tests.live.systems import System, print_progress, start

# The first test that needs the servers also waits for their installation.
LIVE_SECONDS = 1800


@dataclass(frozen=True, kw_only=True)
class LiveSystems:
    """The running servers by name, and everything that was put into them."""

    systems: Mapping[str, System]
    created: Created


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Live tests get time for an installation, and are skipped unless somebody asked for them."""
    wanted = config.getoption("--live", default=False)
    for item in items:
        if item.get_closest_marker("live") is None:
            continue
        item.add_marker(pytest.mark.timeout(LIVE_SECONDS))
        if not wanted:
            item.add_marker(pytest.mark.skip(reason="needs real third-party servers: run with --live"))


@pytest.fixture(scope="session")
def live_systems(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveSystems]:
    """Tryton, Vendure, Request Tracker and Dovecot, clean and seeded."""
    if not request.config.getoption("--live", default=False):
        pytest.skip("needs real third-party servers: run with --live")
    with contextlib.ExitStack() as stack:
        with visible_progress(request.config):
            systems = stack.enter_context(start(workdir=tmp_path_factory.mktemp("live")))
            print_progress("creating customers, orders, tickets and mails ...")
            created = seed_all(systems)
        yield LiveSystems(systems=systems, created=created)


def visible_progress(config: pytest.Config) -> contextlib.AbstractContextManager[None]:
    """Lets progress through to the terminal: installing takes minutes, and silence looks like a hang."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return contextlib.nullcontext() if capture is None else capture.global_and_fixture_disabled()
