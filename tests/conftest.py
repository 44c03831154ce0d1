"""What all tests share: the switches `--live` and `--spark`, and the services (PostgreSQL, Redis) that are used where they run.

A missing service is a skip that the summary names; with CI=true it is a failure.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

POSTGRES_URL = os.environ.get("C360_TEST_POSTGRES", "postgresql+asyncpg://root@127.0.0.1:5432/test")
REDIS_URL = os.environ.get("C360_TEST_REDIS", "redis://127.0.0.1:6379/15")
SPARK_SECONDS = 900
CI = os.environ.get("CI", "").lower() == "true"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live", action="store_true", help="run tests/live against real third-party servers")
    parser.addoption("--spark", action="store_true", help="run the tests that need Java and pyspark")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests on Spark get time for a JVM, and are skipped unless somebody asked for them."""
    for item in items:
        if item.get_closest_marker("spark") is None:
            continue
        item.add_marker(pytest.mark.timeout(SPARK_SECONDS))
        if not config.getoption("--spark"):
            item.add_marker(pytest.mark.skip(reason="needs Java and pyspark (500 MB): make spark"))


def listening(url: str) -> bool:
    """Whether something accepts connections where `url` points."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout=1):
            return True
    except OSError:
        return False


def need(service: str, url: str) -> str:
    """`url` when the service runs; otherwise the test is skipped, or fails where CI=true."""
    if listening(url):
        return url
    reason = f"{service} is not running (looked at {urlsplit(url).hostname}:{urlsplit(url).port})"
    if CI:
        pytest.fail(f"{reason}; with CI=true that is a failure")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    return need("PostgreSQL", POSTGRES_URL)


@pytest.fixture(scope="session")
def redis_url() -> str:
    return need("Redis", REDIS_URL)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None] | None:
    used = [n for n, u in (("PostgreSQL", POSTGRES_URL), ("Redis", REDIS_URL)) if listening(u)]
    missing = [n for n in ("PostgreSQL", "Redis") if n not in used]
    terminalreporter.write_sep("-", "services")
    terminalreporter.write_line("used: " + (", ".join(used) or "none"))
    terminalreporter.write_line(
        "not running, tests that need them skipped: " + (", ".join(missing) or "none")
    )
    return None
