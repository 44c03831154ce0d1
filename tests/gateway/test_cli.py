"""The `c360` command as people run it: a process of its own, its output, and its exit status."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from gateway import demo
from gateway.schema import build_schema

C360 = Path(sys.executable).parent / "c360"
SECRET = "s" * 32
KEY = "k" * 24


class Result(NamedTuple):
    status: int
    out: str
    err: str


async def c360(*arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Result:
    """Runs to its end."""
    process = await start(*arguments, env=env, cwd=cwd)
    out, err = await process.communicate()
    assert "Traceback" not in err.decode()
    return Result(process.returncode or 0, out.decode(), err.decode())


async def start(
    *arguments: str, env: dict[str, str] | None = None, cwd: Path | None = None
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        str(C360),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", **(env or {})},
        cwd=cwd,
    )


async def line_with(stream: asyncio.StreamReader | None, text: str) -> str:
    """The first line that has the text; fails when the stream ends before."""
    assert stream is not None
    seen = []
    while line := (await stream.readline()).decode():
        if text in line:
            return line
        seen.append(line)
    raise AssertionError(f"{text!r} was never printed: {''.join(seen)}")


@contextlib.asynccontextmanager
async def running(*arguments: str, until: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A command that stays; gives the line that says it is ready."""
    process = await start(*arguments)
    try:
        yield process, await line_with(process.stderr, until)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def config(folder: Path, **replacing: str) -> str:
    """A settings file with one source where nobody answers."""
    values = {
        "port": "0",
        "url": f"sqlite+aiosqlite:///{folder}/identity.sqlite",
        "cache": "memory://",
        "source": "http://127.0.0.1:1",
        **replacing,
    }
    text = f"""
[server]
port = {values["port"]}
[auth]
api_keys = [{{ name = "tests", key = "{KEY}" }}]
[identity]
secret = "{SECRET}"
url = "{values["url"]}"
[cache]
url = "{values["cache"]}"
[sources.crm]
adapter = "hubspot"
token = "very-secret-token"
base_url = "{values["source"]}"
retries = 0
"""
    file = folder / "c360.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


async def test_version_and_help() -> None:
    version, usage = await asyncio.gather(c360("--version"), c360("--help"))
    assert version.status == usage.status == 0
    assert version.out.startswith("c360 ")
    for command in ("demo", "serve", "query", "check", "export-schema"):
        assert command in usage.out


async def test_mistakes_in_the_settings_are_lines_and_not_tracebacks(tmp_path: Path) -> None:
    file = tmp_path / "c360.toml"
    file.write_text('[server]\nprot = 1\n[auth]\nmode = "development"\n', encoding="utf-8")
    result = await c360("serve", "--config", str(file))
    assert result.status == 2
    assert result.err.splitlines()[0].startswith("c360.toml: server.prot: unknown key")
    assert len(result.err.splitlines()) == 3
    missing = await c360("serve", "--config", "nowhere.toml")
    assert (missing.status, missing.err) == (2, "nowhere.toml: there is no such file\n")


async def test_the_gateway_serves_answers_and_stops(tmp_path: Path) -> None:
    query = tmp_path / "q.graphql"
    query.write_text("query($e: String!) { customer(by: {email: $e}) { id } sources { name kind } }")
    async with running("serve", "--config", config(tmp_path), until="serving on") as (process, line):
        url = line.split()[-1]
        arguments = ("query", str(query), "-v", "e=nobody@example.org", "--url", url)
        stranger = await c360(*arguments)
        known = await c360(*arguments, "--api-key-env", "MY_KEY", env={"MY_KEY": KEY})
        async with httpx.AsyncClient(base_url=url.removesuffix("/graphql")) as client:
            assert (await client.get("/readyz")).json() == {"status": "ready", "store": "ok", "cache": "ok"}
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert process.stderr is not None
        log = (await process.stderr.read()).decode()
    assert stranger.status == 1
    assert json.loads(stranger.out)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert known.status == 1  # the only source is down, and the answer says so
    answer = json.loads(known.out)
    assert answer["data"] == {"customer": None, "sources": [{"name": "crm", "kind": "CRM"}]}
    assert answer["errors"][0]["extensions"]["code"] == "SOURCE_UNAVAILABLE"
    assert "127.0.0.1:1" not in known.out
    for secret in (KEY, SECRET, "very-secret-token", "nobody@example.org"):
        assert secret not in log


async def test_what_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        in_use = await c360("serve", "--config", config(tmp_path, port=str(port)))
    assert in_use.status == 1
    assert in_use.err == f"c360: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    nowhere = config(tmp_path, url=f"sqlite+aiosqlite:///{tmp_path}/no/such/folder.sqlite")
    no_store = await c360("serve", "--config", nowhere)
    assert no_store.status == 1
    assert no_store.err.startswith(
        f"c360: cannot open the identity store {tmp_path}/no/such/folder.sqlite: unable to open"
    )


async def test_a_query_that_cannot_be_asked_says_why(tmp_path: Path) -> None:
    document = tmp_path / "q.graphql"
    document.write_text("{ __typename }")
    url = "http://127.0.0.1:1/graphql"
    nobody, no_file, no_value = await asyncio.gather(
        c360("query", str(document), "--url", url),
        c360("query", str(tmp_path / "missing.graphql"), "--url", url),
        c360("query", str(document), "-v", "email", "--url", url),
    )
    assert nobody.err == f"c360: no gateway answers at {url}: start one with `c360 demo` or `c360 serve`\n"
    assert "cannot be read" in no_file.err
    assert "NAME=VALUE" in no_value.err
    assert {nobody.status, no_file.status, no_value.status} == {1}


async def test_check_finds_what_is_wrong_and_says_how_to_mend_it(tmp_path: Path) -> None:
    settings = config(tmp_path, cache="redis://user:hidden@127.0.0.1:1/0")
    shown, as_json = await asyncio.gather(
        c360("check", "--config", settings), c360("check", "--config", settings, "--json")
    )
    assert shown.status == as_json.status == 1
    findings = {finding["part"]: finding for finding in json.loads(as_json.out)}
    assert {part: finding["ok"] for part, finding in findings.items()} == {
        "settings": True, "store": True, "cache": False, "sources.crm": False,
    }  # fmt: skip
    assert findings["sources.crm"]["detail"].startswith("SOURCE_UNAVAILABLE")
    assert "[sources.crm]" in findings["sources.crm"]["mend"]
    assert "FAIL  sources.crm" in shown.out
    assert not (tmp_path / "identity.sqlite").exists()
    for secret in (KEY, SECRET, "very-secret-token", "hidden"):
        assert secret not in shown.out + shown.err + as_json.out + as_json.err


async def test_check_reports_settings_as_findings(tmp_path: Path) -> None:
    file = tmp_path / "c360.toml"
    file.write_text("[serve]\n", encoding="utf-8")
    result = await c360("check", "--config", str(file), "--json")
    findings = json.loads(result.out)
    assert result.status == 1
    assert {finding["part"] for finding in findings} == {"settings"}
    assert any("did you mean server?" in finding["detail"] for finding in findings)


async def test_export_schema(tmp_path: Path) -> None:
    file = tmp_path / "schema.graphql"
    printed, written = await asyncio.gather(
        c360("export-schema"), c360("export-schema", "--output", str(file))
    )
    assert printed.status == written.status == 0
    assert printed.out == file.read_text(encoding="utf-8") == build_schema().as_str().rstrip("\n") + "\n"
    nowhere = await c360("export-schema", "--output", str(tmp_path / "no" / "schema.graphql"))
    assert nowhere.status == 1
    assert "cannot be written" in nowhere.err


async def test_the_demo_answers_its_queries_and_exits() -> None:
    result = await c360("demo", "--check", "--people", "60", "--seed", "7")
    assert result.status == 0, result.err
    answers = json.loads(result.out)
    assert list(answers) == list(demo.queries())
    for answer in answers.values():
        assert "errors" not in answer
        assert answer["data"]["customer"]


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc to see the child processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_the_demo_leaves_nothing_running(number: signal.Signals) -> None:
    async with running("demo", "--port", "0", "--people", "60", until="Ctrl-C stops") as (process, _):
        sandboxes = children(process.pid)
        assert len(sandboxes) == 1
        process.send_signal(number)
        status = await process.wait()
        while any(alive(child) for child in sandboxes):  # noqa: ASYNC110 (nobody tells of a grandchild's end)
            await asyncio.sleep(0.05)
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)
