"""Exchanges with a real server, saved as readable JSON and answered again without it.

Never saved: request headers, cookies, and the words named as `secrets`. Record from demo data only: what people wrote into a
server comes into the files as it is.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

REMOVED = "removed"

_KEPT_HEADERS = re.compile(
    r"content-type|content-range|retry-after|link|etag|.*rate-?limit.*|.*total.*|.*api-version.*"
)
_SECRET_HEADERS = re.compile(r".*(token|secret|api-?key|session|csrf).*|.*-auth.*|authorization")


class Unrecorded(AssertionError):
    """A request that was never recorded: the adapter asks something new, or differently."""


class _Cleaner:
    """Takes secrets out, and puts `replace`'s stable words in the place of what changes from server to server."""

    def __init__(self, secrets: Iterable[str], replace: Mapping[str, str]) -> None:
        self._words = {**replace, **{secret: REMOVED for secret in secrets if secret}}

    def text(self, text: str) -> str:
        for word in sorted(self._words, key=len, reverse=True):
            text = text.replace(word, self._words[word])
        return text

    def request(self, request: httpx.Request) -> dict[str, Any]:
        """A request as it is saved and compared: without host, headers and order of the query."""
        query = sorted(
            [self.text(name), self.text(value)]
            for name, value in parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)
        )
        path = self.text(request.url.raw_path.decode("ascii").partition("?")[0])
        return {"method": request.method, "path": path, "query": query, "body": self.body(request.content)}

    def body(self, content: bytes) -> Any:
        """JSON as JSON, text as text, anything else as {"base64": …}."""
        try:
            text = self.text(content.decode())
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(content).decode()}
        try:
            return {"json": json.loads(text)}
        except ValueError:
            return {"text": text} if text else None

    def headers(self, headers: httpx.Headers) -> dict[str, str]:
        kept: dict[str, str] = {}
        for name, value in headers.items():
            if "cookie" in name:
                continue
            if _SECRET_HEADERS.fullmatch(name):
                kept[name] = REMOVED
            elif _KEPT_HEADERS.fullmatch(name):
                kept[name] = self.text(value)
        return kept


class RecordingTransport(httpx.AsyncBaseTransport):
    """Passes requests to a real server and saves each exchange as one JSON file in `folder` (a repeated one is overwritten).

    `secrets` are words (passwords, tokens) to take out wherever they stand. `replace` maps what differs from run to run, such as
    "http://127.0.0.1:41234", to what stands for it in the files and in the settings of the replaying test.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        folder: Path,
        *,
        secrets: Iterable[str] = (),
        replace: Mapping[str, str] | None = None,
    ) -> None:
        self._inner, self._folder = inner, folder
        self._cleaner = _Cleaner(secrets, replace or {})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        asked = self._cleaner.request(request)
        answer = {
            "status": response.status_code,
            "headers": self._cleaner.headers(response.headers),
            "body": self._cleaner.body(body),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"request": asked, "answer": answer}, indent=2, ensure_ascii=False)
        (self._folder / _file_name(asked)).write_text(text + "\n", encoding="utf-8")
        plain = [(name, value) for name, value in response.headers.multi_items() if name not in _TRANSFER]
        return httpx.Response(response.status_code, headers=plain, stream=httpx.ByteStream(body))

    async def aclose(self) -> None:
        await self._inner.aclose()


_TRANSFER = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


class ReplayTransport(httpx.AsyncBaseTransport):
    """Answers from the files in `folder`; what was not recorded fails with `Unrecorded`.

    A request matches by method, path, query (in any order) and body (JSON in any order of keys); the host does not matter.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secrets: Iterable[str] = (),
        replace: Mapping[str, str] | None = None,
        how_to_record: str = "run the live tests with a RecordingTransport on this folder",
    ) -> None:
        self._folder, self._how = folder, how_to_record
        self._cleaner = _Cleaner(secrets, replace or {})
        self._answers: dict[str, Mapping[str, Any]] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._answers is None:
            self._answers = self._load()
        asked = self._cleaner.request(request)
        answer = self._answers.get(_canonical(asked))
        if answer is None:
            raise Unrecorded(
                f"not recorded in {self._folder.name}/ ({len(self._answers)} exchanges there):\n"
                f"{json.dumps(asked, indent=2, ensure_ascii=False)}\nTo record it: {self._how}."
            )
        return httpx.Response(
            answer["status"], headers=answer["headers"], stream=httpx.ByteStream(_content(answer["body"]))
        )

    def _load(self) -> dict[str, Mapping[str, Any]]:
        exchanges = (
            json.loads(file.read_text(encoding="utf-8")) for file in sorted(self._folder.glob("*.json"))
        )
        return {_canonical(exchange["request"]): exchange["answer"] for exchange in exchanges}


def _canonical(asked: Mapping[str, Any]) -> str:
    return json.dumps(asked, sort_keys=True)


def _file_name(asked: Mapping[str, Any]) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", asked["path"]).strip("-")[-60:]
    digest = hashlib.sha256(_canonical(asked).encode("utf-8", "backslashreplace")).hexdigest()[:10]
    return f"{asked['method'].lower()}-{words}-{digest}.json"


def _content(body: Any) -> bytes:
    if body is None:
        return b""
    if "json" in body:
        return json.dumps(body["json"], ensure_ascii=False).encode("utf-8", "surrogatepass")
    return base64.b64decode(body["base64"]) if "base64" in body else body["text"].encode()
