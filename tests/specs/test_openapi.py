"""HubSpot, Zendesk, Mailchimp: every request of the adapters and every answer of the sandbox, as Prism sees them."""

from __future__ import annotations

import pytest

from tests.specs.conftest import Run
from tests.specs.sites import Source

pytestmark = pytest.mark.timeout(600)

UNDESCRIBED: dict[str, dict[str, str]] = {}
"""Vendor -> what its adapter sends although the OpenAPI document does not name it -> where the vendor does."""


def test_no_request_violates_the_description(run: Run) -> None:
    assert _lines(run, "request") == []


def test_no_answer_of_the_sandbox_violates_the_description(run: Run) -> None:
    assert _lines(run, "response") == []


def test_the_sandbox_refused_nothing(run: Run) -> None:
    refused = {f"{e.status} {e.operation} {e.url} {e.body}" for e in run.exchanges if e.status not in (200, 207, 404)}
    assert refused == set()


def test_every_parameter_is_described(run: Run) -> None:
    found = {f"{e.operation} {name}" for e in run.exchanges for name in e.undescribed}
    assert found == set(UNDESCRIBED.get(run.vendor.name, {}))


def test_every_request_in_the_source_was_made(run: Run) -> None:
    sites = Source(run.vendor.package).sites()
    places = {place for exchange in run.exchanges for place in exchange.places}
    assert [str(site) for site in sites if not any(site.holds(place) for place in places)] == []
    strays = [e.operation for e in run.exchanges if not any(s.holds(p) for s in sites for p in e.places)]
    assert strays == []


def test_every_operation_in_the_source_was_made(run: Run) -> None:
    contained = {operation for site in Source(run.vendor.package).sites() for operation in site.operations}
    assert {exchange.operation for exchange in run.exchanges} == contained


def test_every_parameter_in_the_source_was_sent(run: Run) -> None:
    sent = {name for exchange in run.exchanges for name in exchange.names}
    assert Source(run.vendor.package).names() - sent == set()


def _lines(run: Run, side: str) -> list[str]:
    return [f"{count} x {violation}" for violation, count in run.violations(side).most_common()]
