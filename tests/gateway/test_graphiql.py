"""GraphiQL's page: from our own origin only, and a sentence where its files are missing."""

from __future__ import annotations

import hashlib
import html
import re
from pathlib import Path

import pytest

from gateway.graphiql import ASSETS, MISSING, directory, missing
from tests.gateway.small import KEY, Small, open_settings, settings

DEVELOPMENT = {"environment": "development"}


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("C360_ASSETS", str(tmp_path))
    folder = tmp_path / "graphiql"
    folder.mkdir()
    return folder


async def test_the_page_says_how_to_get_the_files(assets: Path) -> None:
    async with Small(open_settings(**DEVELOPMENT)).client() as client:
        page = await client.get("/graphiql")
        file = await client.get("/graphiql/react.js")
    assert page.status_code == 200
    assert MISSING in html.unescape(page.text)
    assert "<script" not in page.text
    assert file.status_code == 404


async def test_the_page_loads_nothing_from_elsewhere(assets: Path) -> None:
    for asset in ASSETS:
        (assets / asset.name).write_text(f"/* {asset.name} */")
    async with Small(open_settings(**DEVELOPMENT)).client() as client:
        page = await client.get("/graphiql")
        links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        loaded = [await client.get(link) for link in links]
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert "http" not in page.text
    assert not re.search(r"<script>|<style|\son\w+=", page.text)
    assert [response.status_code for response in loaded] == [200] * 6
    assert {link.rsplit(".", 1)[1]: r.headers["content-type"] for link, r in zip(links, loaded, strict=True)} == {
        "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
    }  # fmt: skip
    assert "OneCustomer" in loaded[-1].text


@pytest.mark.parametrize("name", ["../../pyproject.toml", "%2e%2e/%2e%2e/pyproject.toml", "other.js"])
async def test_no_other_file_can_be_read(assets: Path, name: str) -> None:
    async with Small(open_settings(**DEVELOPMENT)).client() as client:
        assert (await client.get(f"/graphiql/{name}")).status_code == 404


async def test_a_browser_is_sent_to_the_page_in_development_only() -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with Small(open_settings(**DEVELOPMENT)).client() as client:
        opened = await client.get("/graphql", headers=browser)
        root = await client.get("/")
        query = await client.get("/graphql?query={hello}", headers=browser)
    assert (opened.status_code, opened.headers["location"]) == (307, "/graphiql")
    assert root.headers["location"] == "/graphiql"
    assert query.json() == {"data": {"hello": "hello world"}}
    async with Small(settings()).client(headers={"x-api-key": KEY, **browser}) as client:
        assert (await client.get("/graphql")).status_code == 400


def test_files_that_make_installed_are_the_known_ones() -> None:

    if missing(directory()):
        pytest.skip("GraphiQL's files are not installed (make graphiql needs npm)")
    for asset in ASSETS:
        content = (directory() / asset.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == asset.sha256
