"""Creates parties in Tryton through its REST API and reads back what it keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx

from tests.live.seed.plans import Address, CrmEntry
from tests.live.seed.records import Party
from tests.live.systems import System

REQUEST_SECONDS = 60.0
PHONE_TYPES = ("phone", "mobile", "fax")
COUNTRY_NAMES = {
    "AT": "Austria",
    "DE": "Germany",
    "GB": "United Kingdom",
    "JP": "Japan",
    "PL": "Poland",
    "TR": "Turkey",
    "US": "United States",
}
PARTY_FIELDS = (
    "code",
    "name",
    "lang.code",
    "create_date",
    "write_date",
    "contact_mechanisms.type",
    "contact_mechanisms.value",
    "addresses.street",
    "addresses.city",
    "addresses.postal_code",
    "addresses.country.code",
)


class TrytonSeed:
    """A signed-in client; use it as a context manager."""

    def __init__(self, system: System) -> None:
        headers = {"Authorization": f"Bearer {system.secret}"}
        self._client = httpx.Client(base_url=system.extra["rest"], headers=headers, timeout=REQUEST_SECONDS)
        self._languages: dict[str, int] = {}
        self._countries: dict[str, int] = {}

    def __enter__(self) -> TrytonSeed:
        self._languages = self._ids("ir.lang")
        self._countries = self._ids("country.country")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def create_party(self, entry: CrmEntry) -> Party:
        """One party with its contact mechanisms, addresses and language."""
        mechanisms = [{"type": "email", "value": email} for email in entry.emails]
        mechanisms += [{"type": "phone", "value": phone} for phone in entry.phones]
        values: dict[str, Any] = {
            "name": entry.name,
            "contact_mechanisms": [["create", mechanisms]],
            "addresses": [["create", [self._address(address) for address in entry.addresses]]],
        }
        if entry.language is not None:
            values["lang"] = self._languages[entry.language]
        created = self._send("POST", "party.party", values)
        return self.read_party(created["id"])

    def read_party(self, party_id: int) -> Party:
        """A party as the CRM keeps it now."""
        answer = self._client.get(f"/party.party/{party_id}", params={"f": PARTY_FIELDS})
        return _party(answer.raise_for_status().json())

    def count_parties(self) -> int:
        """How many parties the CRM has."""
        return len(self._client.get("/party.party", params={"f": "id"}).raise_for_status().json())

    def _address(self, address: Address) -> dict[str, Any]:
        return {
            "street": address.street,
            "city": address.city,
            "postal_code": address.postal_code,
            "country": self._country(address.country),
        }

    def _country(self, code: str) -> int:
        """The country's id; a new Tryton has none, so it is created where it is missing."""
        if code not in self._countries:
            created = self._send("POST", "country.country", {"code": code, "name": COUNTRY_NAMES[code]})
            self._countries[code] = created["id"]
        return self._countries[code]

    def _ids(self, model: str) -> dict[str, int]:
        records = self._client.get(f"/{model}", params={"f": "code"}).raise_for_status().json()
        return {record["code"]: record["id"] for record in records}

    def _send(self, method: str, path: str, values: dict[str, Any]) -> dict[str, Any]:
        record: dict[str, Any] = (
            self._client.request(method, f"/{path}", json=values).raise_for_status().json()
        )
        return record


def _party(record: dict[str, Any]) -> Party:
    mechanisms = record["contact_mechanisms"]
    return Party(
        id=record["id"],
        code=record["code"],
        name=record["name"],
        emails=tuple(item["value"] for item in mechanisms if item["type"] == "email"),
        phones=tuple(item["value"] for item in mechanisms if item["type"] in PHONE_TYPES),
        addresses=tuple(_address(item) for item in record["addresses"]),
        language=record["lang"]["code"] if record["lang"] else None,
        created_at=_time(record["create_date"]),
        updated_at=_time(record["write_date"] or record["create_date"]),
    )


def _address(record: dict[str, Any]) -> Address:
    country = record["country"]
    return Address(
        street=record["street"],
        city=record["city"],
        postal_code=record["postal_code"],
        country=country["code"] if country else "",
    )


def _time(value: dict[str, Any]) -> datetime:
    parts = {name: number for name, number in value.items() if name != "__class__"}
    return datetime(**parts, tzinfo=UTC)
