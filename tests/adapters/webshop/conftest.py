"""What the webshop adapters' tests share."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from adapters.base import Call


@pytest.fixture
def call() -> Callable[..., Call]:
    """Makes a call that has so many seconds left."""

    def made(seconds: float = 30.0) -> Call:
        return Call(deadline=time.monotonic() + seconds, correlation_id="test")

    return made
