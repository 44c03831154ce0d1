"""Documents by hash: automatic persisted queries, trusted documents, and `documentId`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.execution.manifest import sha256
from gateway.execution.persisted import Persisted
from gateway.request import Question
from gateway.settings import SettingsError
from tests.gateway.small import Small, open_settings

HELLO = "query Hello($n: String!) { hello(name: $n) }"
OTHER = "{ money }"


def persisted(hash_: str, **more: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_}}, **more}


async def send(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.post("/graphql", json=body)).json()
    return answer


def manifest(path: Path, *texts: str) -> Path:
    path.write_bytes(orjson.dumps({sha256(text): text for text in texts}))
    return path


def trusting(path: Path, **more: Any) -> Small:
    return Small(open_settings(documents={"manifest": str(path), **more}))


async def test_a_client_registers_a_document_and_then_sends_its_hash_only() -> None:
    async with Small().client() as client:
        unknown = await send(client, **persisted(sha256(HELLO)))
        registering = await send(client, query=HELLO, variables={"n": "Ada"}, **persisted(sha256(HELLO)))
        again = await send(client, variables={"n": "Bo"}, **persisted(sha256(HELLO)))
        parameters = {
            "extensions": json.dumps(persisted(sha256(HELLO))["extensions"]),
            "variables": '{"n": "Cy"}',
        }
        by_get = (await client.get("/graphql", params=parameters)).json()
        by_id = await send(client, documentId=f"sha256:{sha256(HELLO)}", variables={"n": "Di"})
        id_by_get = await client.get(
            "/graphql", params={"documentId": sha256(HELLO), "variables": '{"n": "E"}'}
        )
    error = unknown["errors"][0]
    assert (error["message"], error["extensions"]["code"]) == ("PersistedQueryNotFound", "BAD_USER_INPUT")
    answers = [registering, again, by_get, by_id, id_by_get.json()]
    assert [a["data"]["hello"] for a in answers] == [f"hello {n}" for n in ("Ada", "Bo", "Cy", "Di", "E")]


async def test_an_unknown_hash_is_a_200_for_old_clients_and_a_400_for_new_ones() -> None:
    async with Small().client() as client:
        old = await client.post("/graphql", json=persisted(sha256(HELLO)))
        accept = {"accept": "application/graphql-response+json"}
        new = await client.post("/graphql", json=persisted(sha256(HELLO)), headers=accept)
    assert (old.status_code, new.status_code) == (200, 400)
    assert old.headers["cache-control"] == new.headers["cache-control"] == "no-store"


async def test_a_hash_of_another_document_is_refused_and_not_kept() -> None:
    async with Small().client() as client:
        wrong = await send(client, query=OTHER, **persisted(sha256(HELLO)))
        after = await send(client, **persisted(sha256(HELLO)))
    assert wrong["errors"][0]["message"] == "provided sha does not match query"
    assert "data" not in wrong
    assert after["errors"][0]["message"] == "PersistedQueryNotFound"


async def test_a_document_that_is_not_valid_is_not_registered() -> None:
    bad = "{ nothing }"
    async with Small().client() as client:
        await send(client, query=bad, **persisted(sha256(bad)))
        after = await send(client, **persisted(sha256(bad)))
    assert after["errors"][0]["message"] == "PersistedQueryNotFound"


@pytest.mark.parametrize(
    "body",
    [
        persisted("xyz"),
        persisted("a" * 63),
        persisted(None),  # type: ignore[arg-type]
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "a" * 64}}},
        {"extensions": {"persistedQuery": "a" * 64}},
        {"documentId": 7},
        {"documentId": "b" * 64, **persisted("a" * 64)},
        {"documentId": "b" * 64, "query": ""},
        {},
    ],
)
async def test_malformed_hashes_are_400(body: dict[str, Any]) -> None:
    async with Small().client() as client:
        response = await client.post("/graphql", json=body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_where_nothing_is_registered_clients_are_told_so() -> None:
    async with Small(open_settings(documents={"automatic": False})).client() as client:
        await send(client, query=OTHER, **persisted(sha256(OTHER)))
        after = await send(client, **persisted(sha256(OTHER)))
    assert after["errors"][0]["message"] == "PersistedQueryNotSupported"


def test_what_is_registered_is_bounded_and_the_least_used_goes_first() -> None:
    texts = [f"{{ a{n} }}" for n in range(4)]
    store = Persisted({}, max_entries=2)
    for text in (texts[0], texts[1], texts[0], texts[2]):
        store.register(Question(query=text, document_hash=sha256(text)))
    assert len(store) == 2
    assert store.text(Question(document_hash=sha256(texts[0]))) == texts[0]
    with pytest.raises(Exception, match="1 errors"):
        store.text(Question(document_hash=sha256(texts[1])))
    small = Persisted({}, max_characters=len(texts[0]) * 2)
    for text in texts:
        small.register(Question(query=text, document_hash=sha256(text)))
    assert len(small) == 2


async def test_trusted_documents_are_run_by_hash_and_nothing_else_where_it_is_said(tmp_path: Path) -> None:
    small = trusting(manifest(tmp_path / "m.json", HELLO), only=True)
    async with small.client() as client:
        by_hash = await send(client, documentId=sha256(HELLO), variables={"n": "Ada"})
        whole = await send(client, query=HELLO, variables={"n": "Bo"})
        refused = [
            await client.post("/graphql", json={"query": text, **more})
            for text, more in (
                (OTHER, {}),
                (OTHER, persisted(sha256(OTHER))),
                ("{ __schema { types { name } } }", {}),
                ("mutation { touch }", {}),
            )
        ]
        unknown = await client.post("/graphql", json=persisted(sha256(OTHER)))
        mismatch = await send(client, query=OTHER, **persisted(sha256(HELLO)))
    assert (by_hash["data"]["hello"], whole["data"]["hello"]) == ("hello Ada", "hello Bo")
    assert {r.status_code for r in (*refused, unknown)} == {403}
    assert all("trusted document" in r.json()["errors"][0]["message"] for r in (*refused, unknown))
    assert mismatch["errors"][0]["message"] == "provided sha does not match query"


async def test_trusted_documents_do_not_shut_out_others_unless_it_is_said(tmp_path: Path) -> None:
    async with trusting(manifest(tmp_path / "m.json", HELLO)).client() as client:
        assert (await send(client, query=OTHER))["data"] == {"money": "12.50"}


@pytest.mark.parametrize(("environment", "status"), [("development", 200), ("production", 403)])
async def test_graphiql_may_try_out_documents_in_development_only(
    tmp_path: Path, environment: str, status: int
) -> None:
    documents = {"manifest": str(manifest(tmp_path / "m.json", HELLO)), "only": True}
    small = Small(open_settings(documents=documents, environment=environment))
    async with small.client() as client:
        page = await client.post("/graphql", json={"query": OTHER}, headers={"sec-fetch-site": "same-origin"})
        program = await client.post("/graphql", json={"query": OTHER})
    assert page.status_code == status
    assert program.status_code == 403


async def test_apollos_manifest_and_older_hashes_are_read(tmp_path: Path) -> None:
    apollo = {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": sha256(HELLO), "name": "Hello", "type": "query", "body": HELLO}],
    }
    relay = {hashlib.md5(OTHER.encode()).hexdigest(): OTHER}
    wanted = [
        (apollo, {"documentId": sha256(HELLO), "variables": {"n": "Ada"}}, {"hello": "hello Ada"}),
        (relay, {"documentId": next(iter(relay))}, {"money": "12.50"}),
    ]
    for content, body, data in wanted:
        (tmp_path / "m.json").write_text(json.dumps(content))
        async with trusting(tmp_path / "m.json", only=True).client() as client:
            assert (await send(client, **body))["data"] == data


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must be a JSON object"),
        (json.dumps({sha256(HELLO): OTHER}), "is not the hash of its document"),
        (json.dumps({"hello": HELLO}), "is no hash"),
        (json.dumps({sha256(HELLO): 7}), "has no document"),
        (json.dumps({sha256(""): ""}), "has no document"),
        (json.dumps({sha256("{ gone }"): "{ gone }"}), "Cannot query field 'gone'"),
        (json.dumps({sha256("{ hello"): "{ hello"}), "Syntax Error"),
        (
            json.dumps({sha256("fragment F on Query { hello }"): "fragment F on Query { hello }"}),
            "no operation",
        ),
        (json.dumps({"format": "apollo-persisted-query-manifest", "version": 2}), "only version 1"),
        (
            json.dumps({"format": "apollo-persisted-query-manifest", "version": 1}),
            "operations must be a list",
        ),
    ],
)
def test_a_damaged_manifest_stops_the_start(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(SettingsError) as caught:
        trusting(tmp_path / "m.json").app()
    assert problem in str(caught.value)
    assert "m.json" in str(caught.value)


def test_a_document_beyond_the_limits_stops_the_start(tmp_path: Path) -> None:
    dear = '{ person(by: {email: "a"}) { friends(first: 100000) { name } } }'
    with pytest.raises(SettingsError, match="costs 10000"):
        trusting(manifest(tmp_path / "m.json", dear)).app()


def test_a_missing_manifest_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        trusting(tmp_path / "none.json").app()


def test_only_needs_a_manifest() -> None:
    with pytest.raises(ValueError, match="needs a manifest"):
        open_settings(documents={"only": True})


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ hello " + "hello " * 170_000 + "}", "COST_EXCEEDED"),
        ("{" + " ".join(f"a{n}: hello" for n in range(10_000)) + "}", "COST_EXCEEDED"),
        ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "BAD_USER_INPUT"),
        ("{ ...A } fragment A on Query { hello ...A }", "BAD_USER_INPUT"),
    ],
    ids=["a megabyte", "10,000 aliases", "a cycle", "a fragment in itself"],
)
async def test_bad_documents_are_refused_and_not_registered(document: str, code: str) -> None:
    async with Small(open_settings(server={"max_body_bytes": 2_000_000})).client() as client:
        answer = await send(client, query=document, **persisted(sha256(document)))
        after = await send(client, **persisted(sha256(document)))
    assert answer["errors"][0]["extensions"]["code"] == code
    assert "data" not in answer
    assert after["errors"][0]["message"] == "PersistedQueryNotFound"
