"""What graphql-core leaves behind where an error cancels fields that it has not begun is collected quietly, and here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.execution.leftovers import collected


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield from collected()
