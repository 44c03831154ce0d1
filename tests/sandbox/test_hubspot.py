"""HubSpot's dialect: search, batches, paging, associations, errors and limits."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.build import build
from sandbox.world import World
from tests.sandbox.conftest import Desk, desk

SEARCH = "/crm/v3/objects/contacts/search"
BATCH = "/crm/v3/objects/contacts/batch/read"


def search_body(*filters: dict[str, Any], **more: Any) -> dict[str, Any]:
    groups = [{"filters": [f]} for f in filters]
    return {
        "filterGroups": groups,
        "limit": 10,
        "after": "0",
        "sorts": [],
        "properties": ["email", "phone"],
    } | more


def condition(name: str, operator: str, value: Any = None) -> dict[str, Any]:
    key = "values" if isinstance(value, list) else "value"
    return {"propertyName": name, "operator": operator} | ({} if value is None else {key: value})


async def found(crm: Desk, body: dict[str, Any]) -> list[dict[str, Any]]:
    response = await crm.client.post(SEARCH, json=body)
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


@pytest.mark.parametrize(
    "wanted",
    [
        condition("email", "EQ", "ADA.Yilmaz@example.com"),
        condition("email", "IN", ["nobody@example.com", "ada.yilmaz@example.com"]),
        condition("email", "CONTAINS_TOKEN", "ada.yilmaz@example.com"),
        condition("hs_searchable_calculated_phone_number", "EQ", "3090182017"),
        condition("hs_object_id", "IN", ["20100000001"]),
    ],
)
async def test_ada_is_found_by_each_key(crm: Desk, wanted: dict[str, Any]) -> None:
    [ada] = await found(crm, search_body(wanted))
    assert ada["id"] == "20100000001"
    assert ada["properties"]["email"] == "ada.yilmaz@example.com"
    assert ada["properties"]["phone"] == "+49 30 90182017"


async def test_groups_are_alternatives_and_filters_of_one_group_are_not(crm: Desk) -> None:
    ada = condition("email", "EQ", "ada.yilmaz@example.com")
    weber = condition("email", "EQ", "familie.weber@example.net")
    assert len(await found(crm, search_body(ada, weber))) == 2
    both = search_body() | {"filterGroups": [{"filters": [ada, weber]}]}
    assert await found(crm, both) == []


async def test_a_property_without_value_is_null_or_left_out(crm: Desk) -> None:
    body = search_body(condition("email", "EQ", "ada.yilmaz@example.com"), properties=["mobilephone"])
    [ada] = await found(crm, body)
    assert ada["properties"]["mobilephone"] is None
    crm.controls.set_settings({"nulls": "omit"})
    [ada] = await found(crm, body)
    assert "mobilephone" not in ada["properties"]


async def test_changes_since_a_time_come_in_their_order(crm: Desk, world: World) -> None:
    since = "1790000000000"
    pages: list[str] = []
    after = "0"
    while after:
        body = search_body(
            condition("lastmodifieddate", "GTE", since),
            properties=["lastmodifieddate"],
            sorts=[{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
            after=after,
            limit=200,
        )
        answer = (await crm.client.post(SEARCH, json=body)).json()
        pages += [row["properties"]["lastmodifieddate"] for row in answer["results"]]
        after = answer.get("paging", {}).get("next", {}).get("after", "")
    assert pages == sorted(pages)
    assert (
        len(pages) == sum(contact.updated >= 1_790_000_000 for contact in world.contacts) == answer["total"]
    )


async def test_free_text_finds_beginnings_of_names(crm: Desk) -> None:
    rows = await found(crm, search_body(query="ada yıl", filterGroups=[]))
    assert [row["id"] for row in rows] == ["20100000001"]


async def test_a_batch_by_address_finds_additional_addresses_and_names_the_missing(
    crm: Desk, world: World
) -> None:
    contact = next(c for c in world.contacts if "hs_additional_emails" in c.properties)
    second = contact.properties["hs_additional_emails"].upper()
    body = {
        "idProperty": "email",
        "inputs": [{"id": second}, {"id": "nobody@example.com"}],
        "properties": ["email"],
        "propertiesWithHistory": [],
    }
    response = await crm.client.post(BATCH, json=body)
    assert response.status_code == 207
    answer = response.json()
    assert [row["id"] for row in answer["results"]] == [contact.id]
    assert answer["errors"][0]["context"] == {"ids": ["nobody@example.com"]}
    assert answer["numErrors"] == 1


async def test_a_batch_where_all_are_there_answers_200(crm: Desk) -> None:
    body = {"inputs": [{"id": "20100000001"}], "properties": [], "propertiesWithHistory": []}
    response = await crm.client.post(BATCH, json=body)
    assert response.status_code == 200
    assert set(response.json()["results"][0]["properties"]) >= {
        "email",
        "firstname",
        "lastname",
        "hs_object_id",
    }


async def test_company_of_a_contact(crm: Desk) -> None:
    path = "/crm/v4/associations/contacts/companies/batch/read"
    [link] = (await crm.client.post(path, json={"inputs": [{"id": "20100000001"}]})).json()["results"]
    company = link["to"][0]["toObjectId"]
    body = {
        "inputs": [{"id": company}],
        "properties": ["name", "industry", "annualrevenue"],
        "propertiesWithHistory": [],
    }
    [row] = (await crm.client.post("/crm/v3/objects/companies/batch/read", json=body)).json()["results"]
    assert row["properties"]["name"] == "Nordlicht Design GmbH"
    assert row["properties"]["annualrevenue"] == "3100000"


async def test_listing_pages_to_the_end(crm: Desk, world: World) -> None:
    crm.controls.set_settings({"per_ten_seconds": None})
    ids: list[str] = []
    params = {"limit": "100", "properties": "email"}
    while True:
        answer = (await crm.client.get("/crm/v3/objects/contacts", params=params)).json()
        ids += [row["id"] for row in answer["results"]]
        if "paging" not in answer:
            break
        params["after"] = answer["paging"]["next"]["after"]
    assert len(ids) == len(set(ids)) == len(world.contacts)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SEARCH, {"limit": 201}),
        (SEARCH, {"after": "9999", "limit": 10}),
        (SEARCH, search_body({"propertyName": "email", "operator": "IS"})),
        (SEARCH, search_body(*[condition("email", "EQ", "x@example.com")] * 7)),
        (SEARCH, search_body(condition("email", "IN"))),
        (SEARCH, search_body(condition("lastmodifieddate", "GTE", "yesterday"))),
        (BATCH, {"inputs": [{"id": str(i)} for i in range(101)]}),
        (BATCH, {"inputs": "x"}),
        (BATCH, {"inputs": [{"id": "x"}], "idProperty": "phone"}),
    ],
)
async def test_a_wrong_request_is_refused_in_the_vendors_words(
    crm: Desk, path: str, body: dict[str, Any]
) -> None:
    response = await crm.client.post(path, json=body)
    assert response.status_code == 400, response.text
    assert response.json()["category"] == "VALIDATION_ERROR"
    assert response.json()["correlationId"]


async def test_one_contact_by_id_and_by_address(crm: Desk) -> None:
    by_id = await crm.client.get(
        "/crm/v3/objects/contacts/20100000001", params={"properties": "email,hs_language"}
    )
    assert by_id.json()["properties"]["hs_language"] == "de"
    path = "/crm/v3/objects/contacts/ada.yilmaz@example.com"
    assert (await crm.client.get(path, params={"idProperty": "email"})).json()["id"] == "20100000001"
    missing = await crm.client.get("/crm/v3/objects/contacts/1")
    assert missing.status_code == 404 and missing.json()["category"] == "OBJECT_NOT_FOUND"


async def test_searches_and_other_calls_have_limits_of_their_own(crm: Desk) -> None:
    crm.controls.set_settings({"search_per_second": 2, "per_ten_seconds": 3})
    body = search_body(condition("email", "EQ", "nobody@example.com"))
    answers = [(await crm.client.post(SEARCH, json=body)) for _ in range(3)]
    # A slow machine may need more than the second, and then the third is admitted too; 2 are in any case.
    assert [a.status_code for a in answers[:2]] == [200, 200]
    crm.controls.set_settings({"search_per_second": 0})
    refused = await crm.client.post(SEARCH, json=body)
    assert refused.status_code == 429
    assert refused.json()["policyName"] == "SECONDLY" and refused.headers["retry-after"] == "1"
    crm.controls.set_settings({"per_ten_seconds": 0})
    refused = await crm.client.get("/crm/v3/objects/contacts")
    assert refused.status_code == 429 and refused.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert refused.headers["x-hubspot-ratelimit-remaining"] == "0"


async def test_a_changed_contact_is_found_by_its_new_values() -> None:
    async with (crm := desk("hubspot", build(10))).client:
        wish = {"id": "20100000001", "set": {"email": "ada@new.example", "phone": "+49 30 90182099"}}
        assert (await crm.client.post("/__sandbox/change", json=wish)).status_code == 200
        assert await found(crm, search_body(condition("email", "EQ", "ada.yilmaz@example.com"))) == []
        [ada] = await found(crm, search_body(condition("email", "EQ", "ada@new.example")))
        by_phone = search_body(condition("hs_searchable_calculated_phone_number", "EQ", "3090182099"))
        assert [row["id"] for row in await found(crm, by_phone)] == [ada["id"]]
        assert ada["updatedAt"] == "2026-11-01T00:01:00.000Z"


async def test_a_new_contact_is_found_and_its_truth_known() -> None:
    async with (crm := desk("hubspot", build(10))).client:
        wish = {"set": {"email": "neu@example.com", "firstname": "Neu"}, "person": "person-00002"}
        made = (await crm.client.post("/__sandbox/create", json=wish)).json()
        [row] = await found(crm, search_body(condition("email", "EQ", "neu@example.com")))
        assert row["id"] == made["id"]
        assert crm.world.truth[("hubspot", made["id"])] == "person-00002"
