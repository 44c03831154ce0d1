"""Recording what a server answers, and answering it again without the server."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from adapters.contract import RecordingTransport, ReplayTransport, Unrecorded

SECRET = "s3cr3t-t0ken"
LIVE = "http://127.0.0.1:41234"
STABLE = "https://crm.example"


class Server(httpx.AsyncBaseTransport):
    """A server with a sign-in, a cookie, a compressed answer, links to itself, a text and bytes."""

    closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        headers = {
            "set-cookie": "session=abc",
            "x-auth-token": SECRET,
            "x-ratelimit-remaining": "7",
            "server": "x",
        }
        if path == "/login":
            return httpx.Response(200, headers=headers, json={"token": SECRET, "user": "demo"})
        if path == "/packed":
            headers |= {"content-encoding": "gzip", "content-type": "application/json"}
            body = gzip.compress(json.dumps({"next": f"{LIVE}/packed?page=2", "name": "Zoë"}).encode())
            return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))
        if path == "/text":
            return httpx.Response(503, headers={"retry-after": "3"}, text="RT/5.0 maintenance\n")
        if path == "/bytes":
            return httpx.Response(200, content=b"\xff\x00\xfe")
        return httpx.Response(404)

    async def aclose(self) -> None:
        self.closed = True


def _requests() -> Iterator[httpx.Request]:
    auth = {"authorization": f"Bearer {SECRET}", "cookie": "session=abc"}
    yield httpx.Request("POST", f"{LIVE}/login", json={"user": "demo", "password": SECRET})
    yield httpx.Request("GET", f"{LIVE}/packed?b=2&a=1&a=3&key={SECRET}", headers=auth)
    yield httpx.Request("GET", f"{LIVE}/text", headers=auth)
    yield httpx.Request("GET", f"{LIVE}/bytes")
    yield httpx.Request("GET", f"{LIVE}/none")


async def _recorded(folder: Path) -> list[httpx.Response]:
    transport = RecordingTransport(Server(), folder, secrets=[SECRET], replace={LIVE: STABLE})
    responses = [await transport.handle_async_request(request) for request in _requests()]
    for response in responses:
        await response.aread()
    return responses


def _files(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


async def test_recording_passes_the_real_answers_on(tmp_path: Path) -> None:
    login, packed, text, raw, none = await _recorded(tmp_path)
    assert login.json()["token"] == SECRET
    assert login.headers["x-auth-token"] == SECRET
    assert packed.json() == {"next": f"{LIVE}/packed?page=2", "name": "Zoë"}
    assert (text.status_code, text.text) == (503, "RT/5.0 maintenance\n")
    assert raw.content == b"\xff\x00\xfe"
    assert none.status_code == 404


async def test_files_are_readable_and_hold_no_credentials(tmp_path: Path) -> None:
    await _recorded(tmp_path)
    files = _files(tmp_path)
    assert len(files) == 5
    assert any(name.startswith("get-packed-") for name in files)
    for text in files.values():
        assert SECRET not in text
        assert "session" not in text
        assert "127.0.0.1" not in text
    assert any('"name": "Zoë"' in text for text in files.values())


async def test_replay_answers_the_same_without_the_server(tmp_path: Path) -> None:
    await _recorded(tmp_path)
    replay = ReplayTransport(tmp_path, secrets=["another-t0ken"])
    login = httpx.Request("POST", f"{STABLE}/login", content=b'{"password": "another-t0ken", "user":"demo"}')
    answer = await replay.handle_async_request(login)
    assert json.loads(await answer.aread()) == {"token": "removed", "user": "demo"}
    assert answer.headers["x-auth-token"] == "removed"
    assert answer.headers["x-ratelimit-remaining"] == "7"
    assert "server" not in answer.headers
    packed = httpx.Request("GET", f"{STABLE}/packed?a=1&a=3&key=another-t0ken&b=2")
    assert json.loads(await (await replay.handle_async_request(packed)).aread()) == {
        "next": f"{STABLE}/packed?page=2",
        "name": "Zoë",
    }
    text = await replay.handle_async_request(httpx.Request("GET", f"{STABLE}/text"))
    assert (text.status_code, text.headers["retry-after"]) == (503, "3")
    assert await text.aread() == b"RT/5.0 maintenance\n"
    raw = await replay.handle_async_request(httpx.Request("GET", f"{STABLE}/bytes"))
    assert await raw.aread() == b"\xff\x00\xfe"


@pytest.mark.parametrize(
    "request_",
    [
        httpx.Request("GET", f"{STABLE}/other"),
        httpx.Request("POST", f"{STABLE}/text"),
        httpx.Request("GET", f"{STABLE}/text?page=2"),
        httpx.Request("GET", f"{STABLE}/text", content=b"{}"),
    ],
)
async def test_what_was_not_recorded_fails_loudly(tmp_path: Path, request_: httpx.Request) -> None:
    await _recorded(tmp_path)
    replay = ReplayTransport(tmp_path, how_to_record="run `make live`")
    with pytest.raises(Unrecorded) as caught:
        await replay.handle_async_request(request_)
    assert request_.url.path in str(caught.value)
    assert "make live" in str(caught.value)


async def test_recording_again_replaces_the_answer(tmp_path: Path) -> None:
    await _recorded(tmp_path)
    await _recorded(tmp_path)
    assert len(_files(tmp_path)) == 5


async def test_closing_closes_the_real_transport(tmp_path: Path) -> None:
    server = Server()
    await RecordingTransport(server, tmp_path).aclose()
    assert server.closed
