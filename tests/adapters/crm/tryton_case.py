"""The contract case of the Tryton adapter, the same on a real server and on what was recorded from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from adapters.base import KeyType, MatchKey
from adapters.contract import ContractCase
from adapters.crm.tryton import adapter as TRYTON
from adapters.crm.tryton.settings import TrytonSettings
from tests.live.seed.people import FAMILY_ADDRESS

SWITCHBOARD = "+46812345600"
BOBS = "+15035550147"


def tryton_case(
    settings: TrytonSettings, ids: Mapping[str, str], transport: httpx.AsyncBaseTransport | None = None
) -> ContractCase:
    """`ids` are the parties of the live tests' cast: the person's key, and a number where there are several."""
    jane: dict[str, Any] = {
        "full_name": "Jane Doe",
        "language": "en",
        "country": "GB",
        "customer_number": ids["jane code"],
    }

    def found(*keys: str) -> frozenset[str]:
        return frozenset(ids[key] for key in keys)

    return ContractCase.over_http(
        TRYTON,
        settings,
        transport,
        find={
            MatchKey(KeyType.EMAIL, "jane.doe@example.org"): found("jane"),
            MatchKey(KeyType.EMAIL, FAMILY_ADDRESS): found("marta", "tomasz"),
            MatchKey(KeyType.EMAIL, "rmiller@example.com"): found("bob", "bob 2"),
            MatchKey(KeyType.PHONE, SWITCHBOARD): found("anna", "erik"),
            MatchKey(KeyType.PHONE, BOBS): found("bob", "bob 2"),
            MatchKey(KeyType.CUSTOMER_NUMBER, ids["jane code"]): found("jane"),
            MatchKey(KeyType.NAME, "doe jane"): found("jane"),
            MatchKey(KeyType.NAME, "春香"): found("haruka"),
        },
        find_calls=1,
        profiles={
            ids["jane"]: jane,
            ids["juergen"]: {"full_name": "Jürgen Groß", "language": "de", "country": "DE"},
            ids["bob"]: {"full_name": "Robert Miller", "language": None, "country": None},
        },
        owners={},
    )
