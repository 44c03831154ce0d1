"""Coroutines that graphql-core made and never began: Python warns of each when it is freed, in whatever test that happens."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator


def collected() -> Iterator[None]:
    """For a fixture: frees them at the end of the test that left them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gc.collect()
