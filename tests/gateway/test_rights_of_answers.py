"""Askers of different rights, interleaved over kept and shared answers: none ever gets the other's."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.execution import answers
from gateway.settings import Settings
from tests.gateway.small import Small, settings

TIMES = 100_000
AT_ONCE = 50
CALLERS = {
    "console": {"steward": True},
    "shop": {"purposes": ["support", "ads"]},
    "till": {"purposes": ["support", "ads"]},
}
WHO = (("console", None), ("console", "ads"), ("shop", "ads"), ("shop", "support"), ("till", "ads"))
PUBLIC = "query Q($n: String!) @cacheControl(maxAge: 60, scope: PUBLIC) { rights counted(name: $n) }"
PRIVATE = "query Q($n: String!) @cacheControl(maxAge: 60) { whoami rights counted(name: $n) }"


def callers() -> Settings:
    keys = [{"name": name, "key": name.ljust(24, "-"), **more} for name, more in CALLERS.items()]
    return settings(auth={"api_keys": keys}, answers={"max_entries": 40}, server={"max_in_flight": 1000})


def request(caller: str, purpose: str | None, query: str, name: str) -> tuple[dict[str, Any], bytes]:
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"authorization", b"Bearer " + caller.ljust(24, "-").encode()),
    ]
    if purpose:
        headers.append((b"x-purpose", purpose.encode()))
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    return scope, json.dumps({"query": query, "variables": {"n": name}}).encode()


async def ask(app: Any, scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    """One request without a client library, as cheap as can be."""
    sent: list[dict[str, Any]] = []
    bodies = [body]

    async def receive() -> dict[str, Any]:
        if not bodies:
            await asyncio.Event().wait()  # this client never leaves
        return {"type": "http.request", "body": bodies.pop()}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(dict(scope), receive, send)
    answer: dict[str, Any] = orjson.loads(sent[1]["body"])
    return answer


def expected(caller: str, purpose: str | None, query: str) -> dict[str, str]:
    rights = {"rights": f"{purpose} {bool(CALLERS[caller].get('steward'))}"}
    return rights | ({"whoami": f"{caller} for {purpose}"} if query is PRIVATE else {})


async def interleaved(small: Small, times: int) -> Counter[str]:
    """Asks in waves of AT_ONCE, in a random order, with drops between; counts answers, and those that crossed."""
    app, order = small.app(), random.Random(360)
    kinds = [
        (caller, purpose, query, name)
        for caller, purpose in WHO
        for query in (PUBLIC, PRIVATE)
        for name in ("ada", "bo", "cy")
    ]
    requests = {kind: request(*kind) for kind in kinds}
    seen: Counter[str] = Counter()
    for wave in range(times // AT_ONCE):
        asked = order.choices(kinds, k=AT_ONCE)
        if wave % 10 == 0:
            await small.tags.drop([f"customer:{order.choice(('ada', 'bo', 'cy'))}"])
        found = await asyncio.gather(*(ask(app, *requests[kind]) for kind in asked))
        for (caller, purpose, query, _), answer in zip(asked, found, strict=True):
            data = answer["data"]
            seen["answers"] += 1
            seen["crossed"] += any(data[k] != v for k, v in expected(caller, purpose, query).items())
    seen["executed"] = len(small.sessions)
    seen["shared"] = 'answer="shared"} 0.0' not in small.metrics.exposition().decode()
    return seen


@pytest.mark.timeout(600)
async def test_no_answer_crosses() -> None:
    seen = await interleaved(Small(callers()), TIMES)
    assert seen["answers"] == TIMES
    assert seen["crossed"] == 0
    assert seen["shared"], "and some were asked for while they were being made"
    assert 0 < seen["executed"] < TIMES / 10, "most were kept or shared, or this shows nothing"


@pytest.mark.parametrize(
    "weaker",
    [
        lambda operation, asker: (),
        lambda operation, asker: (asker.rights,),
        lambda operation, asker: (asker.steward, asker.principal),
    ],
    ids=["no rights", "private answers for all", "no purpose"],
)
async def test_without_the_rights_in_the_key_answers_would_cross(
    monkeypatch: pytest.MonkeyPatch, weaker: Callable[..., tuple[Any, ...]]
) -> None:
    monkeypatch.setattr(answers, "rights", weaker)
    seen = await interleaved(Small(callers()), 2000)
    assert seen["crossed"] > 0
