"""Request Tracker 5.0, the helpdesk: Debian packages and a SQLite database kept as a template."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx

from tests.live.systems.base import HOST, Report, System, new_secret, start_on_free_port, write_private
from tests.live.systems.packages import (
    INSTALL_SECONDS,
    debian_version,
    digest,
    install_debian,
    install_once,
    program,
)
from tests.live.systems.processes import Command, HarnessError, Processes

NAME = "request_tracker"
USER = "root"
RT_NAME = "helpdesk.example"
PACKAGES = ("rt5-db-sqlite", "request-tracker5", "rt5-standalone")
# Request Tracker wants some mailer; this one has no daemon, and nothing is ever handed to it.
QUIET_MAILER = "msmtp-mta"
SERVER = Path("/usr/share/request-tracker5/libexec/rt-server")
RIGHTS = Path(__file__).with_name("request_tracker_rights.pl")
WORKERS = 4
OUTBOX = "outbox"
START_SECONDS = 120.0
REQUEST_SECONDS = 60.0


def install(*, cache: Path, processes: Processes, report: Report) -> None:
    """The Debian packages, and a database with RT's own initial data and the rights that customers need."""
    log = cache / f"{NAME}.log"
    mailer = () if program("sendmail") else (QUIET_MAILER,)
    install_debian((*PACKAGES, *mailer), processes=processes, report=report, log=log)
    folder = cache / NAME

    def build() -> None:
        report("initialising Request Tracker's database ...")
        _build_database(folder, log, processes)

    install_once(folder, f"{debian_version('request-tracker5')} {digest([RIGHTS, Path(__file__)])}", build)


def start(*, cache: Path, workdir: Path, processes: Processes) -> System:
    """A server on a copy of the template database; mail that it would send stays in a file there."""
    folder = cache / NAME
    password = (folder / "password").read_text()

    def launch(port: int) -> System:
        shutil.copyfile(folder / "rt.sqlite", workdir / "rt.sqlite")
        env = _environment(_write_config(workdir, port))
        command: Command = [SERVER, "--host", HOST, "--port", str(port), "--max-workers", str(WORKERS)]
        server = processes.spawn(NAME, command, log=workdir / "server.log", env=env, cwd=workdir)
        base_url = f"http://{HOST}:{port}"
        server.wait_until(lambda: _answers(base_url, password), START_SECONDS)
        return System(
            name=NAME,
            base_url=base_url,
            port=port,
            username=USER,
            secret=password,
            extra={"api": f"{base_url}/REST/2.0", "rt_name": RT_NAME, "outbox": str(workdir / OUTBOX)},
            server=server,
        )

    return start_on_free_port(launch)


def _build_database(folder: Path, log: Path, processes: Processes) -> None:
    setup = program("rt-setup-database-5")
    if setup is None:
        raise HarnessError("Request Tracker's packages are there, but rt-setup-database-5 is not")
    password = folder / "password"
    write_private(password, new_secret())
    env = _environment(_write_config(folder, 80))
    common = [setup, "--skip-create", "--dba", "", "--dba-password", ""]
    steps: tuple[Command, ...] = (
        [*common, "--action", "init", f"--root-password-file={password}"],
        [*common, "--action", "insert", "--datafile", RIGHTS],
    )
    for step in steps:
        processes.run(step, log=log, seconds=INSTALL_SECONDS, env=env, cwd=folder)


def _environment(config: Path) -> dict[str, str]:
    return {"RT_SITE_CONFIG": str(config), "RT_SITE_CONFIG_DIR": "/dev/null"}


def _write_config(folder: Path, port: int) -> Path:
    for name in ("mason", "sessions"):
        (folder / name).mkdir(exist_ok=True)
    settings = {
        "rtname": RT_NAME,
        "Organization": RT_NAME,
        "WebDomain": HOST,
        "WebPort": str(port),
        "WebPath": "",
        "DatabaseType": "SQLite",
        "DatabaseName": str(folder / "rt.sqlite"),
        "DatabaseUser": "",
        "DatabasePassword": "",
        "Timezone": "UTC",
        "LogToSTDERR": "warning",
        "LogToSyslog": "",
        "MailCommand": "sendmailpipe",
        "SendmailPath": "/bin/sh",
        "SendmailArguments": f"-c \"cat >> '{folder / OUTBOX}'\"",
        "MasonDataDir": str(folder / "mason"),
        "MasonSessionDir": str(folder / "sessions"),
        "WebSessionClass": "Apache::Session::File",
    }
    lines = [f"Set(${name}, q{{{value}}});" for name, value in settings.items()]
    config = folder / "RT_SiteConfig.pm"
    config.write_text("\n".join([*lines, "Set(%FullTextSearch, Enable => 0, Indexed => 0);", "1;", ""]))
    return config


def _answers(base_url: str, password: str) -> bool:
    try:
        answer = httpx.get(f"{base_url}/REST/2.0/rt", auth=(USER, password), timeout=REQUEST_SECONDS)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK
