"""Reading the requests of an adapter from its source."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.specs.sites import Source

CLIENT = """
class Client:
    async def check(self):
        await self._api.call("check", "GET", "/me", params={"a": 1})

    async def read(self, ids):
        return await together(lambda some: self._batch("people", some), ids)

    async def find(self, keys):
        operation = "find"
        params = {"query": keys}
        params["page"] = 2
        return await self._forward(operation, params), await self._batch("firms", keys)

    async def _batch(self, what, ids):
        return await self._forward(f"read {what}", {})

    async def _forward(self, operation, params):
        return await self._api.send(operation, "GET", "/x", params=params)
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Source]]:
    def made(text: str) -> Source:
        folder = tmp_path / "toy_adapter"
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "client.py").write_text(text)
        return Source("toy_adapter")

    monkeypatch.syspath_prepend(tmp_path)
    yield made
    sys.modules.pop("toy_adapter", None)


def test_names_are_followed_to_all_callers(source: Callable[[str], Source]) -> None:
    read = source(CLIENT)
    operations = [sorted(site.operations) for site in read.sites()]
    assert operations == [["check"], ["find", "read firms", "read people"]]
    assert read.names() == {"a", "query", "page"}


def test_a_name_that_cannot_be_found_out_is_an_error(source: Callable[[str], Source]) -> None:
    text = CLIENT.replace('"check", "GET"', 'self.name, "GET"')
    with pytest.raises(AssertionError, match="not to be found out"):
        source(text).sites()
