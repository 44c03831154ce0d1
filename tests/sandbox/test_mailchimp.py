"""Mailchimp's dialect: members by three keys, search, activity newest first, problem documents, connections."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import httpx
import pytest

from sandbox import mailchimp
from sandbox.build import build
from sandbox.world import World
from tests.sandbox.conftest import Desk, desk

MEMBERS = f"/3.0/lists/{mailchimp.LIST_ID}/members"
HASH = hashlib.md5(b"ada.yilmaz@example.com").hexdigest()


async def get(mail: Desk, path: str, **params: Any) -> Any:
    response = await mail.client.get(path, params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_ada_by_hash_by_address_and_by_contact_id(mail: Desk) -> None:
    by_hash = await get(mail, f"{MEMBERS}/{HASH}")
    assert by_hash["email_address"] == "ADA.YILMAZ@EXAMPLE.COM" and by_hash["id"] == HASH
    assert await get(mail, f"{MEMBERS}/ada.yilmaz%40example.com") == by_hash
    assert await get(mail, f"{MEMBERS}/{by_hash['contact_id']}") == by_hash
    assert (
        by_hash["merge_fields"]["FNAME"] == "Ada" and by_hash["merge_fields"]["ADDRESS"]["city"] == "Berlin"
    )
    assert by_hash["marketing_permissions"][0] == {
        "marketing_permission_id": "0000000001",
        "text": "Email",
        "enabled": True,
    }


async def test_search_tells_exact_from_partial(mail: Desk) -> None:
    answer = await get(mail, "/3.0/search-members", query="Ada.Yilmaz@example.com", list_id=mailchimp.LIST_ID)
    assert [m["id"] for m in answer["exact_matches"]["members"]] == [HASH]
    assert answer["full_search"]["total_items"] == 0
    answer = await get(mail, "/3.0/search-members", query="yılmaz ada")
    assert HASH in [m["id"] for m in answer["full_search"]["members"]]
    answer = await get(mail, "/3.0/search-members", query="ada.yilmaz@example.com", list_id="other")
    assert answer["exact_matches"]["total_items"] == 0


async def test_members_page_to_the_end_in_the_order_of_change(mail: Desk, world: World) -> None:
    since = "2026-03-01T00:00:00+00:00"
    seen: list[str] = []
    changed: list[str] = []
    while True:
        answer = await get(
            mail,
            MEMBERS,
            count=50,
            offset=len(seen),
            since_last_changed=since,
            sort_field="last_changed",
            sort_dir="ASC",
            fields="members.contact_id,members.last_changed,total_items",
        )
        if not answer["members"]:
            break
        assert set(answer["members"][0]) == {"contact_id", "last_changed"}
        seen += [m["contact_id"] for m in answer["members"]]
        changed += [m["last_changed"] for m in answer["members"]]
    assert len(seen) == len(set(seen)) == answer["total_items"] > 100
    assert changed == sorted(changed) and changed[0] >= since


async def test_members_by_status_and_without_fields(mail: Desk, world: World) -> None:
    answer = await get(
        mail, MEMBERS, status="unsubscribed", count=1000, exclude_fields="members.merge_fields,members._links"
    )
    assert answer["total_items"] == sum(m.status == "unsubscribed" for m in world.members) > 0
    assert all("merge_fields" not in m and m["unsubscribe_reason"] for m in answer["members"])


async def test_activity_is_newest_first_and_filtered(mail: Desk) -> None:
    path = f"{MEMBERS}/{HASH}/activity-feed"
    answer = await get(mail, path, count=1000)
    times = [row["created_at_timestamp"] for row in answer["activity"]]
    assert len(times) == 20 and times == sorted(times, reverse=True)
    assert answer["email_id"] == HASH
    clicks = (await get(mail, path, activity_filters="click"))["activity"]
    assert {row["activity_type"] for row in clicks} == {"click"} and all(
        row["link_clicked"] for row in clicks
    )
    page = (await get(mail, path, count=5, offset=5))["activity"]
    assert page == answer["activity"][5:10]


async def test_a_new_event_comes_first() -> None:
    async with (mail := desk("mailchimp", build(10))).client:
        member = await get(mail, f"{MEMBERS}/{HASH}")
        made = {"kind": "event", "member": member["contact_id"], "event": "unsub"}
        assert (await mail.client.post("/__sandbox/create", json=made)).status_code == 200
        newest = (await get(mail, f"{MEMBERS}/{HASH}/activity-feed", count=1))["activity"][0]
        assert newest["activity_type"] == "unsub" and newest["unsubscribe_reason"]
        member = await get(mail, f"{MEMBERS}/{HASH}")
        assert member["status"] == "unsubscribed" and member["last_changed"] > "2026-11-01"


async def test_ping_and_lists(mail: Desk, world: World) -> None:
    assert (await get(mail, "/3.0/ping"))["health_status"] == "Everything's Chimpy!"
    [row] = (await get(mail, "/3.0/lists"))["lists"]
    assert row["id"] == mailchimp.LIST_ID and row["stats"]["total_contacts"] == len(world.members)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{MEMBERS}/{'0' * 32}", 404),
        ("/3.0/lists/unknown/members", 404),
        ("/3.0/search-members?query=a", 400),
        (f"{MEMBERS}?count=1001", 400),
        (f"{MEMBERS}?sort_field=shoe_size", 400),
        (f"{MEMBERS}?since_last_changed=yesterday", 400),
        ("/3.0/campaigns", 404),
    ],
)
async def test_a_wrong_request_is_answered_by_a_problem_document(mail: Desk, path: str, status: int) -> None:
    response = await mail.client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) == {"type", "title", "status", "detail", "instance"}


async def test_a_bearer_token_is_taken_too(mail: Desk) -> None:
    mail.client.auth = httpx.Auth()
    good = await mail.client.get("/3.0/ping", headers={"Authorization": f"Bearer {mailchimp.KEY}"})
    bad = await mail.client.get("/3.0/ping", headers={"Authorization": "Bearer nonsense"})
    assert (good.status_code, bad.status_code) == (200, 401)


async def test_no_more_than_ten_calls_at_the_same_time(mail: Desk) -> None:
    mail.controls.set_faults({"latency_ms": 50})
    answers = await asyncio.gather(*(mail.client.get("/3.0/ping") for _ in range(14)))
    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) == 4 and refused[0].json()["title"] == "Too Many Requests"
    mail.controls.set_settings({"connections": None})
    answers = await asyncio.gather(*(mail.client.get("/3.0/ping") for _ in range(14)))
    assert {a.status_code for a in answers} == {200}
