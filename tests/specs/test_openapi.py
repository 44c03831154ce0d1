"""HubSpot, Zendesk, Mailchimp: every request of the adapters and every answer of the sandbox, as Prism sees them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.specs.conftest import Run
from tests.specs.sites import Site, Source
from tests.specs.wire import Exchange

pytestmark = pytest.mark.timeout(600)

PAGING = "the document's text on the endpoint: offset or cursor pagination, with a link to the page that explains it"
UNDESCRIBED: dict[str, dict[str, str]] = {
    "zendesk": {
        "find.users ?per_page": PAGING,
        "page.tickets ?page": PAGING,
        "page.tickets ?per_page": PAGING,
        "page.tickets_of_second ?page[after]": PAGING,
        "page.comments ?page[after]": PAGING,
        "page.comments ?page[size]": PAGING,
        "page.comments ?sort": "the document's text on the endpoint: -created_at, with cursor pagination",
        "changes.tickets ?per_page": "listed for the export of users, whose guide is this one's too",
    }
}
"""Vendor -> what its adapter sends although the OpenAPI document does not name it -> where the vendor does."""

UNDESCRIBED_ANSWERS: dict[str, dict[str, str]] = {
    "zendesk": {
        "GET /api/v2/tickets/{ticket_id}/comments 404": "the document has no answer but 200 for any path that is read",
    }
}
"""Vendor -> status of the sandbox that the document does not name -> why it is given all the same."""


def test_no_request_violates_the_description(run: Run) -> None:
    assert _lines(run, "request") == []


def test_no_answer_of_the_sandbox_violates_the_description(run: Run) -> None:
    assert _lines(run, "response") == []


def test_every_status_is_described(run: Run) -> None:
    assert {f"{e.method} {e.template} {e.status}" for e in run.exchanges if e.undescribed_status} == set(
        UNDESCRIBED_ANSWERS.get(run.vendor.name, {})
    )


def test_the_sandbox_refused_nothing(run: Run) -> None:
    refused = [f"{e.status} {e.operation} {e.url}" for e in run.exchanges if e.status not in (200, 207, 404)]
    assert refused == []


def test_every_parameter_is_described(run: Run) -> None:
    found = {f"{e.operation} {name}" for e in run.exchanges for name in e.undescribed}
    assert found == set(UNDESCRIBED.get(run.vendor.name, {}))


def test_every_request_in_the_source_was_made(run: Run) -> None:
    sites = Source(run.vendor.package).sites()
    made = {site: [e for e in run.exchanges if _made_at(site, sites, e)] for site in sites}
    assert [str(site) for site, exchanges in made.items() if not exchanges] == []
    assert sum(map(len, made.values())) == len(run.exchanges), "a request from a place that is not known"


def test_every_operation_in_the_source_was_made(run: Run) -> None:
    contained = {operation for site in Source(run.vendor.package).sites() for operation in site.operations}
    assert {exchange.operation for exchange in run.exchanges} == contained


def test_every_parameter_in_the_source_was_sent(run: Run) -> None:
    sent = {name for exchange in run.exchanges for name in exchange.names}
    assert Source(run.vendor.package).names() - sent == set()


def test_wrong_requests_and_wrong_answers_are_noticed(run: Run) -> None:
    """The same Prisms, each given one request with a value of the wrong type and one answer of the wrong shape."""
    documents = {one.name for one in run.vendor.descriptions}
    assert {
        name for name, e in run.spoiled if any(v.where.startswith("request") for v in e.violations)
    } == documents
    assert {
        name for name, e in run.spoiled if any(v.where.startswith("response") for v in e.violations)
    } == documents


def test_the_sandbox_as_it_usually_answers_adds_nulls_alone(run: Run) -> None:
    """The live APIs answer null where there is no value, though the descriptions do not allow it; so does the sandbox."""
    assert run.usual
    for exchange, usual in run.usual:
        assert _without(usual) == _without(exchange.answer), exchange.operation


def _lines(run: Run, side: str) -> list[str]:
    return [f"{count} x {violation}" for violation, count in run.violations(side).most_common()]


def _made_at(site: Site, sites: list[Site], exchange: Exchange) -> bool:
    """By the stack; a call that a lambda hands on is not on it, and is known by its operation."""
    if any(one.holds(place) for one in sites for place in exchange.places):
        return any(site.holds(place) for place in exchange.places)
    return exchange.operation in site.operations


def _without(value: Any) -> Any:
    """An answer without nulls and without the moments at which it was given."""
    if isinstance(value, list):
        return [_without(item) for item in value]
    if isinstance(value, dict):
        left_out = {"startedAt", "completedAt"}
        return {k: _without(v) for k, v in value.items() if v is not None and k not in left_out}
    return value
