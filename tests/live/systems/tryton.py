"""Tryton 8.2, the CRM: a virtual environment of its own and a SQLite database kept as a template."""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.live.systems.base import HOST, Report, System, new_secret, start_on_free_port, write_private
from tests.live.systems.packages import INSTALL_SECONDS, install_once
from tests.live.systems.processes import Command, HarnessError, Processes

NAME = "tryton"
DATABASE = "crm"
USER = "admin"
PACKAGES = (
    "trytond==8.2.1",
    "trytond_party==8.2.0",
    "trytond_sale==8.2.0",
    "trytond_sale_opportunity==8.2.0",
    "trytond_marketing_email==8.2.0",
    "phonenumbers==9.0.43",
)
MODULES = ("party", "sale", "sale_opportunity", "marketing_email")
START_SECONDS = 120.0
REQUEST_SECONDS = 60.0


def install(*, cache: Path, processes: Processes, report: Report) -> None:
    """The server in its own environment, and a database with the CRM modules activated."""
    folder = cache / NAME
    log = cache / f"{NAME}.log"

    def build() -> None:
        report("installing Tryton (pip, about 1 minute) ...")
        venv = folder / "venv"
        processes.run([sys.executable, "-m", "venv", venv], log=log, seconds=INSTALL_SECONDS)
        pip: Command = [venv / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        processes.run(pip, log=log, seconds=INSTALL_SECONDS)
        report("building Tryton's database (1 to 4 minutes) ...")
        _build_database(folder, log, processes)

    install_once(folder, "\n".join((*PACKAGES, *MODULES)), build)


def start(*, cache: Path, workdir: Path, processes: Processes) -> System:
    """A server on a copy of the template database, with a fresh key for its REST API."""
    folder = cache / NAME
    password = (folder / "password").read_text()

    def launch(port: int) -> System:
        shutil.copyfile(_database(folder), _database(workdir))
        config = _write_config(workdir, port)
        command: Command = [folder / "venv" / "bin" / "trytond", "-c", config]
        server = processes.spawn(NAME, command, log=workdir / "server.log")
        base_url = f"http://{HOST}:{port}"
        server.wait_until(lambda: _answers(base_url), START_SECONDS)
        return System(
            name=NAME,
            base_url=base_url,
            port=port,
            username=USER,
            secret=_create_key(base_url, password),
            extra={"database": DATABASE, "rest": f"{base_url}/{DATABASE}/rest/model"},
            server=server,
        )

    return start_on_free_port(launch)


def _build_database(folder: Path, log: Path, processes: Processes) -> None:
    password = folder / "password"
    write_private(password, new_secret())
    _database(folder).touch()
    config = _write_config(folder, 0)
    admin: Command = [folder / "venv" / "bin" / "trytond-admin", "-c", config, "-d", DATABASE]
    env = {"TRYTONPASSFILE": str(password)}
    steps: tuple[Command, ...] = (
        [*admin, "--all", "--email", "admin@crm.example"],
        [*admin, "--update", *MODULES, "--activate-dependencies"],
    )
    for step in steps:
        processes.run(step, log=log, seconds=INSTALL_SECONDS, env=env)


def _database(folder: Path) -> Path:
    return folder / f"{DATABASE}.sqlite"


def _write_config(folder: Path, port: int) -> Path:
    config = folder / "trytond.conf"
    config.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n\n[web]\nlisten = {HOST}:{port}\n")
    return config


def _answers(base_url: str) -> bool:
    """Whether the REST API is there: without a key it refuses, in Tryton's own way."""
    try:
        answer = httpx.get(f"{base_url}/{DATABASE}/rest/model/party.party", timeout=REQUEST_SECONDS)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.UNAUTHORIZED


def _create_key(base_url: str, password: str) -> str:
    """A validated key for the REST API, made through Tryton's own RPC as the administrator would."""
    with httpx.Client(base_url=base_url, timeout=REQUEST_SECONDS) as client:
        user_id, token, _ = _rpc(client, "common.db.login", [USER, {"password": password}, "en"])
        session = base64.b64encode(f"{USER}:{user_id}:{token}".encode()).decode()
        client.headers["Authorization"] = f"Session {session}"
        key = new_secret()
        record = {"user": user_id, "application": "rest", "key": key}
        _rpc(client, "model.res.user.application.create", [[record], {}])
        return key


def _rpc(client: httpx.Client, method: str, params: list[Any]) -> Any:
    answer = client.post(f"/{DATABASE}/rpc/", json={"id": 1, "method": method, "params": params})
    if answer.is_error or "error" in answer.json():
        raise HarnessError(f"Tryton refused {method} with status {answer.status_code}")
    return answer.json()["result"]
