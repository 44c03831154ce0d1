"""Webhooks: what arrives, how it is signed, and that a failing receiver is tried a bounded number of times."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.build import build
from sandbox.server import _serving
from sandbox.webhooks import ATTEMPTS
from tests.sandbox.conftest import Desk, desk

SECRET = "a secret of the test"


class Receiver:
    """Takes deliveries and answers with the statuses it was given, then 200."""

    def __init__(self) -> None:
        self.deliveries: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""

    async def take(self, request: Request) -> Response:
        self.deliveries.append((dict(request.headers), await request.body()))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    it = Receiver()
    app = Starlette(routes=[Route("/hooks", it.take, methods=["POST"])])
    async with _serving(app, "127.0.0.1", 0) as url:
        it.url = f"{url}/hooks"
        yield it


CHANGES: dict[str, dict[str, Any]] = {
    "hubspot": {"id": "20100000001", "set": {"firstname": "Ada Maria"}},
    "shopify": {"id": "gid://shopify/Customer/7400000000001", "set": {"given": "Ada Maria"}},
    "zendesk": {"kind": "ticket", "id": "2003", "set": {"status": "solved"}},
    "mailchimp": {"set": {"FNAME": "Ada Maria"}},
}


async def change(it: Desk, receiver: Receiver) -> tuple[dict[str, str], bytes]:
    """Changes a record and gives the delivery that follows."""
    await it.client.put("/__sandbox/webhooks", json={"url": receiver.url, "secret": SECRET})
    wish = dict(CHANGES[it.system])
    if it.system == "mailchimp":
        wish["id"] = next(m.id for m in it.world.members if m.email.isupper())
    response = await it.client.post("/__sandbox/change", json=wish | {"wait": True})
    assert response.status_code == 200, response.text
    return receiver.deliveries[-1]


def signature(message: bytes) -> str:
    return base64.b64encode(hmac.new(SECRET.encode(), message, hashlib.sha256).digest()).decode()


async def test_hubspot_signs_method_address_body_and_time(receiver: Receiver) -> None:
    async with (it := desk("hubspot", build(10))).client:
        headers, body = await change(it, receiver)
    stamp = headers["x-hubspot-request-timestamp"]
    assert headers["x-hubspot-signature-v3"] == signature(
        f"POST{receiver.url}".encode() + body + stamp.encode()
    )
    [event] = json.loads(body)
    assert event["subscriptionType"] == "contact.propertyChange" and event["objectId"] == 20_100_000_001
    assert event["propertyName"] == "firstname" and len(stamp) == 13


async def test_shopify_signs_the_raw_body(receiver: Receiver) -> None:
    async with (it := desk("shopify", build(10))).client:
        headers, body = await change(it, receiver)
        assert headers["x-shopify-hmac-sha256"] == signature(body)
        assert headers["x-shopify-topic"] == "customers/update"
        assert json.loads(body)["admin_graphql_api_id"] == CHANGES["shopify"]["id"]
        order = {"kind": "order", "customer": CHANGES["shopify"]["id"], "wait": True}
        await it.client.post("/__sandbox/create", json=order)
    headers, body = receiver.deliveries[-1]
    assert headers["x-shopify-topic"] == "orders/create" and json.loads(body)["name"].startswith("#")


async def test_zendesk_signs_time_and_body(receiver: Receiver) -> None:
    async with (it := desk("zendesk", build(10))).client:
        headers, body = await change(it, receiver)
    stamp = headers["x-zendesk-webhook-signature-timestamp"]
    assert headers["x-zendesk-webhook-signature"] == signature(stamp.encode() + body)
    assert json.loads(body)["type"] == "zen:event-type:ticket.status_changed"
    assert json.loads(body)["detail"]["id"] == "2003"


async def test_mailchimp_sends_an_unsigned_form(receiver: Receiver) -> None:
    async with (it := desk("mailchimp", build(10))).client:
        headers, body = await change(it, receiver)
    form = parse_qs(body.decode())
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert form["type"] == ["profile"] and form["data[merges][FNAME]"] == ["Ada Maria"]
    assert not any("signature" in name or "hmac" in name for name in headers)


async def test_a_receiver_that_recovers_is_tried_again(receiver: Receiver) -> None:
    receiver.statuses = [500, 503]
    async with (it := desk("hubspot", build(10))).client:
        await change(it, receiver)
        report = (await it.client.get("/__sandbox/webhooks")).json()
    assert report["deliveries"] == [{"topic": "contact.propertyChange", "status": 200, "attempts": 3}]
    assert len({body for _, body in receiver.deliveries}) == 1


async def test_a_receiver_that_stays_broken_is_given_up(receiver: Receiver) -> None:
    receiver.statuses = [500] * 9
    async with (it := desk("zendesk", build(10))).client:
        await change(it, receiver)
        assert len(receiver.deliveries) == ATTEMPTS == 3
        await it.client.put("/__sandbox/webhooks", json={"url": "http://127.0.0.1:1/", "secret": SECRET})
        wish = {"id": next(iter(it.world.users)).id, "set": {"notes": "x"}, "wait": True}
        assert (await it.client.post("/__sandbox/change", json=wish)).status_code == 200
        report = (await it.client.get("/__sandbox/webhooks")).json()
    assert [(d["status"], d["attempts"]) for d in report["deliveries"]] == [(500, 3), (None, 3)]


async def test_nobody_is_told_when_nobody_asked(receiver: Receiver, any_desk: Desk) -> None:
    if any_desk.system == "mailchimp":
        wish = {"id": next(iter(any_desk.world.members)).id, "set": {"FNAME": "x"}, "wait": True}
    else:
        wish = {**CHANGES[any_desk.system], "wait": True}
    assert (await any_desk.client.post("/__sandbox/change", json=wish)).status_code == 200
    assert receiver.deliveries == []
