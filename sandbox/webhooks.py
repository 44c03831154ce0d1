"""Signed webhook deliveries, with a bounded number of retries."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import httpx

ATTEMPTS = 3
PAUSES = (0.05, 0.2)
"""Seconds between the attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that happened to a record, before any vendor has put it into its own words."""

    kind: str
    """contact, customer, order, user, ticket, comment, member or event."""
    action: str
    """created or updated."""
    record_id: str
    at: int
    """Seconds since 1970, in the world's time."""
    fields: dict[str, Any] = field(default_factory=dict)
    """What was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One HTTP request as the vendor would send it."""

    url: str
    headers: dict[str, str]
    body: bytes
    topic: str


def hmac_base64(secret: str, message: bytes) -> str:
    """The base64 HMAC-SHA256 that HubSpot, Shopify and Zendesk all sign with, each over another message."""
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


class Webhooks:
    """Delivers to one registered address and remembers the last hundred outcomes."""

    def __init__(self) -> None:
        self.target: tuple[str, str] | None = None
        """Address and secret."""
        self._outcomes: deque[dict[str, object]] = deque(maxlen=100)
        self._tasks: set[asyncio.Task[None]] = set()

    def register(self, url: str, secret: str) -> None:
        self.target = (url, secret)

    def forget(self) -> None:
        self.target = None
        self._outcomes.clear()

    def report(self) -> dict[str, object]:
        return {"url": self.target[0] if self.target else None, "deliveries": list(self._outcomes)}

    def send(self, delivery: Delivery) -> None:
        """Starts the delivery; `idle` waits for it."""
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Returns when nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Gives up what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await self.idle()

    async def _deliver(self, delivery: Delivery) -> None:
        status: int | None = None
        attempt = 0
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            for attempt in range(1, ATTEMPTS + 1):
                status = await self._post(client, delivery)
                if status is not None and status < 300:
                    break
                if attempt < ATTEMPTS:
                    await asyncio.sleep(PAUSES[attempt - 1])
        self._outcomes.append({"topic": delivery.topic, "status": status, "attempts": attempt})

    async def _post(self, client: httpx.AsyncClient, delivery: Delivery) -> int | None:
        try:
            response = await client.post(delivery.url, content=delivery.body, headers=delivery.headers)
        except httpx.HTTPError:
            return None
        return response.status_code
