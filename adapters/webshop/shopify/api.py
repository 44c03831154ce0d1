"""One call to Shopify's Admin API: paid for from the budget, its errors told apart, its answer decoded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from adapters.base import AdapterSettings, Call
from adapters.errors import SourceError, SourceRateLimited, SourceRejected, SourceUnavailable
from adapters.kit.auth import HeaderAuth
from adapters.kit.graphql import GraphQLClient, Reply, classify
from adapters.kit.http import SourceClient, Transport
from adapters.webshop.shopify.cost import Budget
from adapters.webshop.shopify.models import Cost

D = TypeVar("D")

_TROUBLE = frozenset({"INTERNAL_SERVER_ERROR", "SHOP_INACTIVE", "TIMEOUT"})


class TooCostly(SourceRejected):
    """The vendor finds a query dearer than the price list said; a smaller one may pass."""


class Api:
    """The GraphQL endpoint of one shop."""

    def __init__(
        self,
        source: str,
        shop_url: str,
        version: str,
        settings: AdapterSettings,
        auth: HeaderAuth,
        transport: Transport | None,
    ) -> None:
        self._call_timeout = settings.call_timeout
        self._budget = Budget(source)
        self._http = SourceClient(source, shop_url, settings, auth=auth, transport=transport)
        path = f"/admin/api/{version}/graphql.json"
        self._graphql = GraphQLClient(self._http, path, classify=self._classify)

    async def ask(
        self,
        operation: str,
        document: str,
        variables: Mapping[str, Any],
        cost: int,
        into: type[D],
        call: Call,
    ) -> D:
        """One query, as soon as there are points for it. `cost` is the most that it may cost.

        An answer with errors is refused whole, even where data came along: half a record is no record.
        """
        deadline = min(call.deadline, time.monotonic() + self._call_timeout)
        await self._budget.reserve(operation, cost, deadline)
        try:
            return await self._graphql.query(operation, document, variables, into, call)
        finally:
            self._budget.release(cost)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    def _classify(self, source: str, operation: str, reply: Reply) -> SourceError | None:
        """What an answer's errors mean, where the vendor has its own; and what there is left to spend."""
        spent = _cost(reply)
        if spent and spent.throttle_status:
            self._budget.observe(spent.throttle_status)
        codes = {error.code for error in reply.errors or ()}
        detail = ", ".join(sorted(codes & (_TROUBLE | {"MAX_COST_EXCEEDED", "THROTTLED"})))
        if "THROTTLED" in codes:
            return SourceRateLimited(source, operation, detail, retry_after=_refilled_in(spent))
        if "MAX_COST_EXCEEDED" in codes:
            return TooCostly(source, operation, detail)
        if codes & _TROUBLE:
            return SourceUnavailable(source, operation, detail)
        return classify(source, operation, reply)


def _cost(reply: Reply) -> Cost | None:
    """What the call cost; nothing where the vendor does not say it in the usual form."""
    try:
        return msgspec.convert((reply.extensions or {}).get("cost"), Cost | None)
    except msgspec.ValidationError:
        return None


def _refilled_in(spent: Cost | None) -> float:
    """Seconds until the bucket holds what a refused query costs; one where the vendor does not say."""
    status = spent.throttle_status if spent else None
    if spent is None or status is None or status.restore_rate <= 0:
        return 1.0
    missing = (spent.requested_query_cost or 0.0) - status.currently_available
    return max(0.1, missing / status.restore_rate)
