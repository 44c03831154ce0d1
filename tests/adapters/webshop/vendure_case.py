"""The contract case of the Vendure adapter, the same on a real server and on what was recorded from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from adapters.base import KeyType, MatchKey, Owner
from adapters.contract import ContractCase
from adapters.records import RecordKind
from adapters.webshop.vendure import adapter as VENDURE
from adapters.webshop.vendure.settings import VendureSettings

Facts = Mapping[str, Any]
"""By the key of a person in the live tests' cast: the customer's `id`, and `orders` as [id, code], newest first."""


def vendure_case(
    settings: VendureSettings, facts: Facts, transport: httpx.AsyncBaseTransport | None = None
) -> ContractCase:
    """Customers and orders of the cast."""

    def found(*people: str) -> frozenset[str]:
        return frozenset(facts[person]["id"] for person in people)

    owners = {
        Owner(ref=fact["id"]): tuple(order_id for order_id, _ in fact["orders"]) for fact in facts.values()
    }
    return ContractCase.over_http(
        VENDURE,
        settings,
        transport,
        find={
            MatchKey(KeyType.EMAIL, "jane.doe@example.org"): found("jane"),
            MatchKey(KeyType.EMAIL, "juergen.gross@example.com"): found("juergen"),
            MatchKey(KeyType.PHONE, "+441134960123"): found("jane"),
            MatchKey(KeyType.PHONE, "+49221998877"): found("juergen"),
            MatchKey(KeyType.PHONE, "+902125550123"): found("ayse"),
            MatchKey(KeyType.CUSTOMER_NUMBER, facts["bob"]["id"]): found("bob"),
            MatchKey(KeyType.ORDER_NUMBER, facts["bob"]["orders"][0][1]): found("bob"),
            MatchKey(KeyType.ORDER_NUMBER, facts["jane"]["orders"][-1][1]): found("jane"),
            MatchKey(KeyType.NAME, "doe jane"): found("jane"),
            MatchKey(KeyType.NAME, "春香"): found("haruka"),
        },
        find_calls=1 + 1 + 3 + 1,  # contacts, orders, names (one each, one unknown), numbers
        profiles={
            facts["jane"]["id"]: {"given_name": "Jane", "family_name": "Doe", "country": "GB"},
            facts["juergen"]["id"]: {"given_name": "Jürgen", "family_name": "Groß", "country": "DE"},
            facts["ayse"]["id"]: {"given_name": "Ayşe", "family_name": "Yıldırım", "country": "TR"},
        },
        owners={RecordKind.ORDER: owners},
        sign_in_calls=1,
    )
