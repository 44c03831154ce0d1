"""The servers that are compared: how each is started, asked, and what each calls the customers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from bench.peers import data
from bench.peers.install import CACHE, HERE, install
from bench.peers.load import request
from bench.peers.ours import KEY
from bench.peers.ours.identity import prepared
from bench.peers.processes import NotStarted, Process, free_port

ROOT = HERE.parents[1]
WARM_DIRECTIVE = ""
"""What our operations carry in the cell `warm`, such as `@cacheControl(maxAge: 60)`; without one no answer is kept."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and for what data a server is started. `folder` is for files of this run only."""

    folder: Path
    stub: str
    core: int
    seed: int
    customers: int


@dataclass(frozen=True, kw_only=True)
class Server:
    """One of the compared. A `warm` one is started once more for the warm cell, with its answer cache."""

    name: str
    title: str
    queries: tuple[str, ...] = ("A", "B")
    own_queries: bool = False
    answer_cache: bool = False
    separate_warm: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    warm_directive: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def document(self, query: str, cell: str) -> str:
        """The text of the query as this server is asked it."""
        text = (HERE / (self.name if self.own_queries else "queries") / f"{query}.graphql").read_text()
        if cell != "warm" or not self.warm_directive:
            return text
        head, brace, rest = text.partition(") {")
        return f"{head}) {self.warm_directive.strip()}{brace.removeprefix(')')}{rest}"

    def names(self, place: Place) -> dict[int, str]:
        """What the server calls each customer."""
        if self.name == "ours":
            return prepared(CACHE / "ours", place.seed, place.customers)[1]
        return dict(enumerate(data.ids(place.seed, place.customers)))

    def start(self, place: Place, *, warm: bool) -> Process:
        """Raises Missing or NotStarted."""
        log = place.folder / f"{self.name}{'-warm' if warm else ''}.log"
        if self.name in ("ours", "plain"):
            command = [sys.executable, "-m", f"bench.peers.{self.name}.serve", "--stub", place.stub]
            if self.name == "ours":
                command += ["--map", str(prepared(CACHE / "ours", place.seed, place.customers)[0])]
            return Process(self.name, command, place.core, log, cwd=ROOT)
        into = install(self.name)
        env = {"STUB": place.stub, "NODE_ENV": "production", **self.environment}
        if self.name in ("apollo", "mercurius"):
            env |= {"CACHE": "1"} if warm else {}
            return Process(self.name, ["node", "server.mjs"], place.core, log, cwd=into, env=env)
        port = free_port()
        env |= {"PORT": str(port)}
        command = (_hive if self.name == "hive" else _tailcall)(into, place.folder, env)
        return Process(self.name, command, place.core, log, cwd=into, env=env, port=port)


ALL: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server(
            name="ours", title="this gateway", answer_cache=True, headers=(("Authorization", f"Bearer {KEY}"),),
            warm_directive=WARM_DIRECTIVE,
        ),
        Server(name="hive", title="Hive Gateway", own_queries=True),
        Server(name="apollo", title="Apollo Server + DataLoader", answer_cache=True, separate_warm=True),
        Server(name="mercurius", title="Mercurius + graphql-jit"),
        Server(
            name="tailcall", title="Tailcall", queries=("A",), own_queries=True,
            environment={"TAILCALL_LOG_LEVEL": "error", "TAILCALL_TRACKER": "false"},
        ),
        Server(name="plain", title="plain Strawberry + httpx"),
    )
}  # fmt: skip


class Questions:
    """The requests of one server for one query, made when they are first asked; they go round all customers."""

    def __init__(self, server: Server, query: str, cell: str, names: Mapping[int, str]) -> None:
        self._server, self._query, self._names = server, query, names
        self._document = server.document(query, cell)
        self._each = 1 if query == "A" else data.LIST
        self._made: dict[int, bytes] = {}
        self._fixed = cell == "warm"

    def numbers(self, question: int) -> list[int]:
        """The customers that a question is about."""
        if self._fixed:
            return list(range(self._each))
        start = question * self._each
        return [(start + n) % len(self._names) for n in range(self._each)]

    def request(self, question: int) -> bytes:
        numbers = self.numbers(question)
        made = self._made.get(numbers[0])
        if made is None:
            ids = [self._names[n] for n in numbers]
            variables = {"id": ids[0]} if self._query == "A" else {"ids": ids}
            body = json.dumps({"query": self._document, "variables": variables}).encode()
            made = self._made[numbers[0]] = request("/graphql", self._server.headers, body)
        return made


def versions(servers: list[str]) -> dict[str, str]:
    """What is compared, by exact version."""
    found = {
        "python": sys.version.split()[0],
        "ours": _own_version(),
        "plain": ", ".join(f"{name} {version(name)}" for name in ("strawberry-graphql", "starlette", "httpx", "uvicorn")),
    }  # fmt: skip
    for peer in set(servers) - {"ours", "plain"}:
        wanted = json.loads((HERE / peer / "package.json").read_text())["dependencies"]
        found[peer] = ", ".join(f"{name} {number}" for name, number in wanted.items())
        found.setdefault("node", _output(["node", "--version"]))
    return {name: found[name] for name in ("python", "node", *servers) if name in found}


def _own_version() -> str:
    return f"c360 {version('c360')} at {_output(['git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD']) or '?'}"


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except OSError:
        return ""


def _hive(into: Path, folder: Path, env: dict[str, str]) -> list[str]:
    """Composes the supergraph, which names the stub's address; in files of this run, because Hive watches them for changes."""
    env |= {"RUN": folder.name, "SUPERGRAPH": str(folder / "supergraph.graphql")}
    compose = [str(into / "node_modules/.bin/mesh-compose"), "-c", "mesh.config.mjs", "-o", env["SUPERGRAPH"]]
    try:
        done = subprocess.run(
            compose, cwd=into, env={**os.environ, **env}, capture_output=True, text=True, timeout=120, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotStarted("hive's supergraph is not composed after 120 s") from None
    finally:
        for description in into.glob(f"*-{folder.name}.openapi.json"):
            description.unlink()
    if done.returncode:
        raise NotStarted(f"hive's supergraph cannot be composed:\n{(done.stdout + done.stderr)[-1500:]}")
    return [str(into / "node_modules/.bin/hive-gateway"), "supergraph", "-c", "gateway.config.mjs"]


def _tailcall(into: Path, folder: Path, env: dict[str, str]) -> list[str]:
    """Its configuration holds the addresses."""
    file = folder / "tailcall.graphql"
    text = (into / "config.graphql").read_text()
    file.write_text(text.replace("{{PORT}}", env["PORT"]).replace("{{STUB}}", env["STUB"]))
    return [str(into / "node_modules/@tailcallhq/core-linux-x64-gnu/bin/tailcall"), "start", str(file)]
