"""Random documents over the whole schema: never a 5xx, never a hang, never a stack trace to the client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from graphql import print_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import from_schema

from gateway.errors import Code
from gateway.schema import build_schema
from tests.whole import gateway

DOCUMENTS = int(os.environ.get("C360_FUZZ", "300"))
"""The proof in CI runs 10,000."""


def _sdl() -> str:
    from gateway.execution.documents import core_schema

    return print_schema(core_schema(build_schema()))


TEXTS = st.sampled_from(
    ["ada.yilmaz@example.com", "+49 30 90182017", "#1001", "Ada", "", "💥", "'; --", "a" * 300]
)
IDS = st.sampled_from(["01890000-0000-7000-8000-000000000000", "x", ""])


class Client:
    """The gateway on a loop of its own, so that hypothesis can call it like a function."""

    def __init__(self, folder: Path) -> None:
        self._runner = asyncio.Runner()
        self._open = gateway(folder)
        self._http = self._runner.run(self._open.__aenter__())

    def post(self, body: object) -> httpx.Response:
        return self._runner.run(self._http.post("/graphql", json=body))

    def close(self) -> None:
        self._runner.run(self._open.__aexit__(None, None, None))
        self._runner.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    opened = Client(tmp_path_factory.mktemp("fuzz"))
    yield opened
    opened.close()


@pytest.mark.timeout(1200)
@settings(
    max_examples=DOCUMENTS,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    document=from_schema(
        _sdl(),
        custom_scalars={
            "_Any": st.builds(
                lambda i: __import__("graphql").parse_value(f'{{__typename: "Customer", id: "{i}"}}'), IDS
            )
        },
    )
)
def test_random_documents(client: Client, document: str) -> None:
    answer = client.post({"query": document})
    assert answer.status_code < 500 or answer.json()["errors"][0]["extensions"]["code"] == "OVERLOADED", (
        document
    )
    check(answer, document)


def check(answer: httpx.Response, document: str) -> None:
    body = answer.json()
    assert "Traceback" not in answer.text
    assert "data" in body or "errors" in body
    for error in body.get("errors", []):
        assert error["extensions"]["code"] in Code.__members__, document
        assert error["extensions"]["code"] != "INTERNAL", (document, error)
