"""GraphQL over HTTP: what is sent, and what becomes of data, errors and costs."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import msgspec
import pytest

from adapters.base import AdapterSettings, Call
from adapters.errors import (
    BadPayload,
    SourceAuthFailed,
    SourceError,
    SourceRateLimited,
    SourceRejected,
    SourceUnavailable,
)
from adapters.kit.graphql import GraphQLClient, Reply, classify
from adapters.kit.http import SourceClient

PERSON = "ada@example.com"
DOCUMENT = "query($email: String!) { customer(email: $email) { id } }"


class Customer(msgspec.Struct):
    id: str


class Data(msgspec.Struct):
    customer: Customer | None = None


class Vendor:
    """Answers with the given bodies one after the other, the last one again and again."""

    def __init__(self, *bodies: Any, status: int = 200) -> None:
        self.asked: list[Any] = []
        self._bodies, self._status = list(bodies), status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(json.loads(request.content))
        body = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]
        return httpx.Response(self._status, content=body if isinstance(body, bytes) else json.dumps(body))


def _client(vendor: Vendor, **more: Any) -> GraphQLClient:
    settings = AdapterSettings(retries=1)
    http = SourceClient("shop", "https://shop.example", settings, transport=httpx.MockTransport(vendor))
    return GraphQLClient(http, "/graphql", **more)


async def _query(client: GraphQLClient, **more: Any) -> Data:
    call = Call(deadline=time.monotonic() + 20)
    return await client.query("customer by e-mail", DOCUMENT, {"email": PERSON}, Data, call, **more)


async def _failure(vendor: Vendor, **more: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await _query(_client(vendor), **more)
    assert PERSON not in f"{caught.value!r} {caught.value.detail}"
    return caught.value


async def test_variables_travel_beside_the_document() -> None:
    vendor = Vendor({"data": {"customer": {"id": "7", "new": 1}}, "extensions": {"cost": 3}})
    assert await _query(_client(vendor)) == Data(Customer("7"))
    assert vendor.asked == [{"query": DOCUMENT, "variables": {"email": PERSON}}]


async def test_nobody_found_is_an_answer() -> None:
    assert await _query(_client(Vendor({"data": {"customer": None}, "errors": []}))) == Data()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("THROTTLED", SourceRateLimited),
        ("UNAUTHENTICATED", SourceAuthFailed),
        ("FORBIDDEN", SourceAuthFailed),
        ("ACCESS_DENIED", SourceAuthFailed),
        ("GRAPHQL_VALIDATION_FAILED", SourceRejected),
        (None, SourceRejected),
        (7, SourceRejected),
    ],
)
async def test_errors_by_code(code: object, error: type[SourceError]) -> None:
    entry = {"message": f"nothing for {PERSON}", "extensions": {"code": code}}
    failure = await _failure(Vendor({"data": None, "errors": [entry]}))
    assert type(failure) is error
    assert (failure.source, failure.operation) == ("shop", "customer by e-mail")
    assert not isinstance(code, str) or code in failure.detail


async def test_half_an_answer_is_none() -> None:
    errors = [{"message": "boom", "path": ["customer"]}]
    assert (
        type(await _failure(Vendor({"data": {"customer": {"id": "7"}}, "errors": errors}))) is SourceRejected
    )


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", {}, {"data": None}, {"data": {"customer": {"id": 7}}}, {"data": []}, [], {"errors": "no"},
        {"data": {}, "errors": [7]},
    ],
)  # fmt: skip
async def test_nonsense_is_a_bad_payload(body: Any) -> None:
    assert type(await _failure(Vendor(body))) is BadPayload


async def test_a_code_that_is_none_stays_out_of_the_log() -> None:
    failure = await _failure(Vendor({"errors": [{"extensions": {"code": f"no such {PERSON}"}}, {}]}))
    assert failure.detail == "GraphQL errors: no code, no code"


async def test_throttling_is_retried_and_mutations_are_not() -> None:
    throttled = {"errors": [{"extensions": {"code": "THROTTLED"}}]}
    vendor = Vendor(throttled, {"data": {"customer": None}})
    assert await _query(_client(vendor)) == Data()
    assert len(vendor.asked) == 2
    vendor = Vendor(throttled)
    assert type(await _failure(vendor, repeatable=False)) is SourceRateLimited
    assert len(vendor.asked) == 1


async def test_status_comes_before_the_body() -> None:
    assert type(await _failure(Vendor({"data": {"customer": None}}, status=401))) is SourceAuthFailed


async def test_an_own_classifier_sees_every_reply() -> None:
    costs: list[object] = []

    def own(source: str, operation: str, reply: Reply) -> SourceError | None:
        costs.append((reply.extensions or {}).get("cost"))
        if any(error.code == "SHOP_CLOSED" for error in reply.errors or ()):
            return SourceUnavailable(source, operation, "closed")
        return classify(source, operation, reply)

    fine = {"data": {"customer": None}, "extensions": {"cost": 3}}
    closed = {"errors": [{"extensions": {"code": "SHOP_CLOSED"}}]}
    assert await _query(_client(Vendor(closed, fine), classify=own)) == Data()
    assert costs == [None, 3]
