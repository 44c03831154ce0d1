"""Vendure 3.7, the webshop: npm packages and a populated SQLite database kept as a template."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx

from tests.live.systems.base import HOST, Report, System, new_secret, start_on_free_port, write_private
from tests.live.systems.packages import INSTALL_SECONDS, digest, install_once, program
from tests.live.systems.processes import Command, HarnessError, Processes

NAME = "vendure"
USER = "superadmin"
SHOP = Path(__file__).with_name("vendure_shop")
START_SECONDS = 180.0
REQUEST_SECONDS = 60.0
SIGN_IN = """
mutation SignIn($user: String!, $password: String!) {
  login(username: $user, password: $password) { __typename }
}
"""


def install(*, cache: Path, processes: Processes, report: Report) -> None:
    """The shop's packages, and a database with countries, taxes, shipping, payment and a catalogue."""
    folder = cache / NAME
    log = cache / f"{NAME}.log"
    sources = [path for path in SHOP.iterdir() if path.is_file()]

    def build() -> None:
        report("installing Vendure (npm, 2 to 4 minutes) ...")
        for source in sources:
            shutil.copyfile(source, folder / source.name)
        npm = [_program("npm"), "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
        processes.run(npm, log=log, seconds=INSTALL_SECONDS, cwd=folder, env=_native_build_settings())
        report("populating Vendure's database (up to 1 minute) ...")
        write_private(folder / "password", new_secret())
        env = {**_environment(folder, folder / "template.sqlite", 0), "C360_SHOP_CREATE": "1"}
        populate: Command = [_program("node"), folder / "populate.js"]
        processes.run(populate, log=log, seconds=INSTALL_SECONDS, cwd=folder, env=env)

    install_once(folder, digest(sources), build)


def start(*, cache: Path, workdir: Path, processes: Processes) -> System:
    """A server on a copy of the template database."""
    folder = cache / NAME
    password = (folder / "password").read_text()

    def launch(port: int) -> System:
        database = workdir / "shop.sqlite"
        shutil.copyfile(folder / "template.sqlite", database)
        env = _environment(folder, database, port)
        command: Command = [_program("node"), folder / "serve.js"]
        server = processes.spawn(NAME, command, log=workdir / "server.log", env=env, cwd=folder)
        base_url = f"http://{HOST}:{port}"
        server.wait_until(lambda: sign_in(base_url, USER, password) is not None, START_SECONDS)
        return System(
            name=NAME,
            base_url=base_url,
            port=port,
            username=USER,
            secret=password,
            extra={"admin_api": f"{base_url}/admin-api", "shop_api": f"{base_url}/shop-api"},
            server=server,
        )

    return start_on_free_port(launch)


def sign_in(base_url: str, user: str, password: str, api: str = "admin-api") -> str | None:
    """A session's token; None while the shop does not listen yet or when it refuses the sign-in."""
    query = {"query": SIGN_IN, "variables": {"user": user, "password": password}}
    try:
        answer = httpx.post(f"{base_url}/{api}", json=query, timeout=REQUEST_SECONDS)
    except httpx.TransportError:
        return None
    token: str | None = answer.headers.get("vendure-auth-token")
    return token


def _environment(folder: Path, database: Path, port: int) -> dict[str, str]:
    return {
        "C360_SHOP_DATABASE": str(database),
        "C360_SHOP_PORT": str(port),
        "C360_SHOP_USER": USER,
        "C360_SHOP_PASSWORD": (folder / "password").read_text(),
    }


def _native_build_settings() -> dict[str, str]:
    """Compiles the SQLite driver with Node's own headers where they are there, so none are downloaded."""
    answer = subprocess.run(
        [_program("node"), "--print", "process.execPath"], capture_output=True, text=True, check=True
    )
    prefix = Path(answer.stdout.strip()).resolve().parents[1]
    return {"npm_config_nodedir": str(prefix)} if (prefix / "include" / "node" / "node.h").exists() else {}


def _program(name: str) -> str:
    path = program(name)
    if path is None:
        raise HarnessError(f"Vendure needs {name}: install Node.js 20 or newer")
    return path
