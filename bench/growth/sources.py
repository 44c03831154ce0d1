"""The sources of a growing gateway: any number of the benchmark's four, and a CRM that can be searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from adapters.base import AdapterType, Call, Found, KeyType, MatchKey
from adapters.kit.http import Transport
from adapters.kit.paging import chunks
from bench.peers.ours.identity import SOURCES
from bench.peers.ours.sources import ADAPTERS, BATCH, Contact, Crm, SourceSettings


def named(count: int) -> dict[str, str]:
    """Names of so many sources, each with its kind: crm, shop, support, mail, crm2, shop2 …"""
    found = {}
    for number in range(count):
        again, kind = divmod(number, len(SOURCES))
        found[SOURCES[kind] + (str(again + 1) if again else "")] = SOURCES[kind]
    return found


class SearchedCrm(Crm):
    """People, who are found by their e-mail addresses too."""

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        by_address = {key.value: key for key in keys if key.type is KeyType.EMAIL}
        found = {key: Found() for key in keys}
        for part in chunks(list(by_address), BATCH):
            asked = {"emails": ",".join(part)}
            contacts = await self._http.call("find", "GET", "/crm/found", list[Contact], call, params=asked)
            for profile in map(self._profile, contacts):
                for email in profile.emails:
                    if key := by_address.get(email.value):
                        found[key] = Found(profiles=(profile,))
        return found


def _searched() -> AdapterType:
    plain = ADAPTERS["bench-crm"].manifest
    manifest = msgspec.structs.replace(
        plain,
        adapter="bench-searched-crm",
        lookups={KeyType.EMAIL: "exact"},
        cannot_look_up={
            type_: why for type_, why in plain.cannot_look_up.items() if type_ is not KeyType.EMAIL
        },
    )

    def build(source: str, settings: SourceSettings, transport: Transport | None) -> SearchedCrm:
        adapter = SearchedCrm(source, settings, transport)
        adapter.manifest = manifest
        return adapter

    return AdapterType(manifest=manifest, settings=SourceSettings, build=build)


ALL: Mapping[str, AdapterType] = {**ADAPTERS, "bench-searched-crm": _searched()}
"""By the names of the adapters."""


def adapters_of(count: int, *, searched: bool) -> dict[str, str]:
    """The adapter of each of so many sources; `searched`: the CRMs can be asked for addresses."""
    crm = "bench-searched-crm" if searched else "bench-crm"
    return {source: crm if kind == "crm" else f"bench-{kind}" for source, kind in named(count).items()}
