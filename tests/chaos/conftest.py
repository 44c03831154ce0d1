"""The stores that the killed processes write to."""

from __future__ import annotations

from tests.resolvers.conftest import store as store
