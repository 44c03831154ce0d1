"""Vendors that answer nonsense: the answer stays whole, the codes stay in the list, nobody hangs."""

from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.errors import Code
from tests.whole import gateway

ANSWERS = int(os.environ.get("C360_MUTATIONS", "150"))

QUERY = """
query($email: String!) {
  customer(by: {email: $email}) {
    id displayName givenName familyName birthDate language
    emailAddresses { value source } phoneNumbers { value } addresses { street city country }
    account { name industry employees annualRevenue } consents { purpose state at } preferences { name value }
    orders(first: 5) { nodes { id number status at total { amount currency } lines { title quantity } refunds { at } } }
    tickets(first: 5) { nodes { number subject status comments(first: 3) { nodes { role body } } } }
    emailEvents(first: 5) { nodes { type at campaign } }
    timeline(first: 10) { nodes { __typename id at } }
    provenance { field value source conflicts { value } }
    identity { members { source evidence { rule } } }
    sources { source state error { code } }
  }
}
"""

JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    10**30,
    "",
    "x" * 5000,
    "\ud7ff",
    "9999-99-99T99:99:99Z",
    [],
    {},
    [[[]]],
    {"a": 1},
]


class Mutating(httpx.AsyncBaseTransport):
    """Changes some answers: values of other types, missing keys, bytes cut off, bytes flipped."""

    def __init__(self, inner: httpx.AsyncBaseTransport, dice: random.Random, share: float) -> None:
        self._inner, self._dice, self._share = inner, dice, share

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        body = await answer.aread()
        if self._dice.random() < self._share:
            body = self._mutated(body)
        headers = {"content-type": answer.headers.get("content-type", "application/json")}
        return httpx.Response(answer.status_code, headers=headers, content=body)

    def _mutated(self, body: bytes) -> bytes:
        kind = self._dice.choice(["value", "value", "value", "cut", "flip", "junk"])
        if kind == "cut":
            return body[: self._dice.randrange(len(body) + 1)]
        if kind == "flip" and body:
            at = self._dice.randrange(len(body))
            return body[:at] + bytes([self._dice.randrange(256)]) + body[at + 1 :]
        if kind == "junk":
            return json.dumps(self._dice.choice(JUNK)).encode()
        try:
            tree = json.loads(body)
        except ValueError:
            return body
        for _ in range(self._dice.randint(1, 3)):
            self._change(tree)
        return json.dumps(tree).encode()

    def _change(self, tree: Any) -> None:
        """Walks to a random place and puts something else there, or takes it away."""
        while isinstance(tree, dict | list) and tree:
            keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
            key = self._dice.choice(keys)
            if not isinstance(tree[key], dict | list) or not tree[key] or self._dice.random() < 0.15:
                if self._dice.random() < 0.3:
                    del tree[key]
                else:
                    tree[key] = copy.deepcopy(
                        self._dice.choice(JUNK)
                    )  # a list that stands twice could end up in itself
                return
            tree = tree[key]


@pytest.mark.timeout(1200)
async def test_mutated_payloads(tmp_path: Path) -> None:
    dice = random.Random(360)
    emails = ["ada.yilmaz@example.com", "familie.weber@example.net", "info@kaffee-kontor.example"]
    codes: dict[str, int] = {}
    async with gateway(tmp_path, lambda inner: Mutating(inner, dice, 0.5)) as client:
        for number in range(ANSWERS):
            variables = {"email": emails[0] if number % 10 else dice.choice(emails)}
            answer = await client.post("/graphql", json={"query": QUERY, "variables": variables})
            assert answer.status_code == 200
            assert "Traceback" not in answer.text
            body = answer.json()
            for error in body.get("errors", []):
                code = error["extensions"]["code"]
                codes[code] = codes.get(code, 0) + 1
                assert code in Code.__members__
                assert code != "INTERNAL", (number, error)
    assert codes.get("SOURCE_BAD_PAYLOAD", 0) > 0, "the mutations did reach the adapters"
