"""Zendesk's dialect: users, search, comments, exports, caps and limits."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.build import build
from sandbox.world import NOW, World
from tests.sandbox.conftest import Desk, desk


async def get(help_desk: Desk, path: str, **params: Any) -> Any:
    response = await help_desk.client.get(f"/api/v2/{path}", params=params)
    assert response.status_code == 200, response.text
    return response.json()


async def ada(help_desk: Desk) -> int:
    [user] = (await get(help_desk, "users/search.json", query="email:ada.yilmaz@example.com"))["users"]
    return int(user["id"])


@pytest.mark.parametrize(
    "query",
    [
        "email:ada.yilmaz@example.com",
        'email:"ADA.yilmaz@example.com"',
        "phone:+493090182017",
        "type:user phone:+493090182017 phone:+4900",
        "type:user email:nobody@example.com email:ada.yilmaz@example.com",
        "Ada Yilmaz",
        'name:"Ada Yilmaz"',
        "ada.yilmaz@example.com",
    ],
)
async def test_ada_is_found_by_each_key(help_desk: Desk, query: str) -> None:
    users = (await get(help_desk, "users/search", query=query))["users"]
    assert "ada.yilmaz@example.com" in [user["email"] for user in users]
    assert (await get(help_desk, "users/search", query="email:nobody@example.com"))["users"] == []


async def test_a_user_is_found_by_a_second_address_and_by_external_id(help_desk: Desk, world: World) -> None:
    user = next(u for u in world.users if sum(i.kind == "email" for i in u.identities) == 2)
    second = next(i.value for i in user.identities if i.kind == "email" and not i.primary)
    users = (await get(help_desk, "users/search", query=f"email:{second}"))["users"]
    assert [u["id"] for u in users] == [int(user.id)]
    rows = (await get(help_desk, f"users/{user.id}/identities"))["identities"]
    assert second in [row["value"] for row in rows if row["type"] == "email"]
    known = next(u for u in world.users if u.external_id)
    users = (await get(help_desk, "users/search", external_id=known.external_id))["users"]
    assert [u["id"] for u in users] == [int(known.id)]


async def test_show_many_leaves_out_the_unknown(help_desk: Desk) -> None:
    me = await ada(help_desk)
    assert [u["id"] for u in (await get(help_desk, "users/show_many", ids=f"{me},1"))["users"]] == [me]
    assert [t["id"] for t in (await get(help_desk, "tickets/show_many.json", ids="2001,1"))["tickets"]] == [
        2001
    ]
    too_many = await help_desk.client.get(
        "/api/v2/users/show_many", params={"ids": ",".join(map(str, range(101)))}
    )
    assert too_many.status_code == 400


async def test_tickets_of_several_requesters_in_one_search(help_desk: Desk, world: World) -> None:
    me = await ada(help_desk)
    other = next(t.requester for t in world.tickets if t.requester != str(me))
    query = f"type:ticket requester:{me} requester:{other}"
    answer = await get(help_desk, "search", query=query, sort_by="created_at", sort_order="desc")
    requesters = {row["requester_id"] for row in answer["results"]}
    assert requesters == {me, int(other)}
    created = [row["created_at"] for row in answer["results"]]
    assert created == sorted(created, reverse=True)
    assert {row["result_type"] for row in answer["results"]} == {"ticket"}
    assert answer["count"] == len(world.tickets.find("requester", str(me))) + len(
        world.tickets.find("requester", other)
    )


async def test_search_by_time_state_and_words(help_desk: Desk) -> None:
    me = await ada(help_desk)
    base = f"type:ticket requester:{me}"
    assert (await get(help_desk, "search", query=f"{base} created<=2026-10-28T00:00:00Z"))["count"] == 3
    assert (await get(help_desk, "search", query=f"{base} created<2026-10-28T00:00:00Z"))["count"] == 2
    assert (await get(help_desk, "search", query=f"{base} created:2026-10-28"))["count"] == 1
    assert (await get(help_desk, "search", query=f"{base} status<solved"))["count"] == 1
    assert (await get(help_desk, "search", query=f"{base} -status:open"))["count"] == 2
    assert (await get(help_desk, "search", query=f"{base} undicht"))["count"] == 1
    assert 2001 in [
        row["id"] for row in (await get(help_desk, "search", query="type:ticket 2001"))["results"]
    ]


async def test_search_pages_and_stops_at_a_thousand(help_desk: Desk) -> None:
    first = await get(help_desk, "search.json", query="type:ticket", per_page=100)
    assert first["count"] > 1000 and "page=2" in first["next_page"]
    last = await get(help_desk, "search", query="type:ticket", per_page=100, page=10)
    assert "page=11" in last["next_page"] and len(last["results"]) == 100
    beyond = await help_desk.client.get(
        "/api/v2/search", params={"query": "type:ticket", "per_page": 100, "page": 11}
    )
    assert beyond.status_code == 422 and beyond.json()["error"] == "invalid"


async def test_export_goes_to_the_end(help_desk: Desk, world: World) -> None:
    ids: list[int] = []
    after: dict[str, str] = {}
    while True:
        answer = await _export(help_desk, after)
        ids += [row["id"] for row in answer["results"]]
        if not answer["meta"]["has_more"]:
            break
        after = {"page[after]": answer["meta"]["after_cursor"]}
    assert len(ids) == len(set(ids)) == len(world.tickets)
    assert answer["links"]["next"] is None


async def _export(help_desk: Desk, after: dict[str, str]) -> Any:
    params = {"query": "created>2000-01-01", "filter[type]": "ticket", "page[size]": "500"} | after
    return (await help_desk.client.get("/api/v2/search/export.json", params=params)).json()


async def test_comments_by_cursor_and_by_page(help_desk: Desk) -> None:
    ids: list[int] = []
    params: dict[str, Any] = {"page[size]": 15, "sort": "-created_at"}
    while True:
        answer = (await help_desk.client.get("/api/v2/tickets/2001/comments.json", params=params)).json()
        ids += [comment["id"] for comment in answer["comments"]]
        if not answer["meta"]["has_more"]:
            break
        params["page[after]"] = answer["meta"]["after_cursor"]
    assert len(ids) == 40 and ids == sorted(ids, reverse=True)
    page = await get(help_desk, "tickets/2001/comments", per_page=30, page=2)
    assert page["count"] == 40 and len(page["comments"]) == 10 and page["next_page"] is None
    assert [c["id"] for c in page["comments"]] == sorted(ids)[30:]
    assert {True, False} == {c["public"] for c in page["comments"]}


@pytest.mark.parametrize(("path", "name"), [("users", "users"), ("tickets", "tickets")])
async def test_incremental_export_reaches_the_end_and_then_sees_what_changed(path: str, name: str) -> None:
    async with (help_desk := desk("zendesk", build(60))).client:
        help_desk.controls.set_settings({"incremental_per_minute": None})
        table = help_desk.world.users if name == "users" else help_desk.world.tickets
        seen: list[int] = []
        params: dict[str, Any] = {"start_time": 0, "per_page": 7}
        while True:
            answer = await get(help_desk, f"incremental/{path}/cursor.json", **params)
            seen += [row["id"] for row in answer[name]]
            params = {"cursor": answer["after_cursor"], "per_page": 7}
            if answer["end_of_stream"]:
                break
        assert len(seen) == len(set(seen)) == len(list(table))
        record = str(seen[0])
        values = {"name": "Ada Neu"} if name == "users" else {"status": "solved"}
        wish = {"kind": name[:-1], "id": record, "set": values}
        assert (await help_desk.client.post("/__sandbox/change", json=wish)).status_code == 200
        answer = await get(help_desk, f"incremental/{path}/cursor", **params)
        assert [row["id"] for row in answer[name]] == [int(record)]
        assert answer["end_of_stream"] is True


async def test_incremental_export_since_a_time(help_desk: Desk, world: World) -> None:
    since = NOW - 30 * 86_400
    answer = await get(help_desk, "incremental/tickets/cursor", start_time=since)
    assert len(answer["tickets"]) == sum(t.updated >= since for t in world.tickets)


async def test_a_new_ticket_and_a_new_comment_are_found() -> None:
    async with (help_desk := desk("zendesk", build(10))).client:
        me = await ada(help_desk)
        made = await help_desk.client.post(
            "/__sandbox/create", json={"kind": "ticket", "requester": me, "subject": "Neu"}
        )
        number = made.json()["id"]
        answer = await get(help_desk, "search", query=f"type:ticket requester:{me}")
        assert answer["results"][0]["id"] == int(number) and answer["count"] == 4
        await help_desk.client.post(
            "/__sandbox/create", json={"kind": "comment", "ticket": number, "body": "Hallo?"}
        )
        comments = (await get(help_desk, f"tickets/{number}/comments"))["comments"]
        assert [c["body"] for c in comments] == ["Hallo!", "Hallo?"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("users/1", 404),
        ("tickets/1.json", 404),
        ("tickets/1/comments", 404),
        ("search?query=colour:blue type:ticket", 422),
        ("search?query=type:ticket created<soon", 422),
        ("search?query=x&sort_by=shoe_size", 422),
        ("search", 422),
        ("search/export?query=x", 422),
        ("users/show_many", 400),
        ("incremental/users/cursor", 400),
        ("incremental/users/cursor?cursor=!!", 400),
        ("automations", 404),
    ],
)
async def test_a_wrong_request_is_refused_in_the_vendors_words(
    help_desk: Desk, path: str, status: int
) -> None:
    response = await help_desk.client.get(f"/api/v2/{path}")
    assert response.status_code == status, response.text
    assert "error" in response.json()


async def test_limits(help_desk: Desk) -> None:
    help_desk.controls.set_settings({"incremental_per_minute": 1})
    path, params = "/api/v2/incremental/users/cursor", {"start_time": 0, "per_page": 1}
    good = await help_desk.client.get(path, params=params)
    assert good.status_code == 200
    assert good.headers["x-rate-limit"] == "700" and good.headers["x-rate-limit-remaining"] == "699"
    refused = await help_desk.client.get(path, params=params)
    assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 61
    help_desk.controls.set_settings({"per_minute": 2})
    assert (await help_desk.client.get("/api/v2/users/search", params={"query": "x"})).status_code == 429


async def test_nulls_can_be_left_out(help_desk: Desk) -> None:
    me = await ada(help_desk)
    assert (await get(help_desk, f"users/{me}"))["user"]["organization_id"] is None
    help_desk.controls.set_settings({"nulls": "omit"})
    assert "organization_id" not in (await get(help_desk, f"users/{me}"))["user"]
