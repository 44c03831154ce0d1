"""`c360 documents`, and what `c360 check` and `c360 serve` say of a manifest."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.execution.manifest import sha256
from tests.gateway.test_cli import c360, config

GOOD = "query Who($id: ID!) { customer(by: {id: $id}) { displayName } }\n"
OTHER = "query Where { sources { name } }"


def files(folder: Path, **texts: str) -> list[str]:
    for name, text in texts.items():
        (folder / f"{name}.graphql").write_text(text)
    return [str(folder / f"{name}.graphql") for name in texts]


async def test_documents_are_added_listed_and_checked(tmp_path: Path) -> None:
    manifest = str(tmp_path / "m.json")
    added = await c360("documents", "add", *files(tmp_path, a=GOOD), "--manifest", manifest)
    assert added.status == 0, added.err
    assert added.out.split()[0] == sha256(GOOD)
    await c360("documents", "add", *files(tmp_path, b=OTHER), "--manifest", manifest)
    listed = json.loads((await c360("documents", "list", "--manifest", manifest, "--json")).out)
    assert [(d["hash"], d["name"], d["type"]) for d in listed] == [
        (sha256(GOOD), "Who", "query"),
        (sha256(OTHER), "Where", "query"),
    ]
    checked = await c360("documents", "check", "--manifest", manifest)
    assert (checked.status, "2 of 2 documents" in checked.err) == (0, True)


async def test_a_document_that_cannot_be_run_is_not_added(tmp_path: Path) -> None:
    manifest = tmp_path / "m.json"
    refused = await c360(
        "documents", "add", *files(tmp_path, a=GOOD, bad="{ gone }"), "--manifest", str(manifest)
    )
    assert refused.status == 1
    assert "bad.graphql" in refused.err
    assert "Cannot query field 'gone'" in refused.err
    assert "Traceback" not in refused.err
    assert not manifest.exists()


async def test_apollos_form_stays_apollos(tmp_path: Path) -> None:
    manifest = tmp_path / "m.json"
    empty = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": []}
    manifest.write_text(json.dumps(empty))
    added = await c360("documents", "add", *files(tmp_path, a=GOOD), "--manifest", str(manifest))
    assert added.status == 0
    operations = json.loads(manifest.read_text())["operations"]
    assert operations == [{"id": sha256(GOOD), "name": "Who", "type": "query", "body": GOOD}]


async def test_what_no_longer_can_be_run_is_told_by_every_command(tmp_path: Path) -> None:
    manifest = tmp_path / "m.json"
    manifest.write_text(json.dumps({sha256(GOOD): GOOD, sha256("{ gone }"): "{ gone }"}))
    checked = await c360("documents", "check", "--manifest", str(manifest), "--json")
    assert checked.status == 1
    (problem,) = json.loads(checked.out)
    assert problem["hash"] == sha256("{ gone }")
    settings = config(tmp_path)
    with open(settings, "a") as file:  # noqa: ASYNC230
        file.write(f'\n[documents]\nmanifest = "{manifest}"\n')
    for command in ("check", "serve"):
        told = await c360(command, "--config", settings)
        assert told.status in (1, 2)
        assert "Cannot query field 'gone'" in told.out + told.err
        assert "Traceback" not in told.err
