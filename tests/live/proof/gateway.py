"""The gateway as its operator starts it: a c360.toml, secrets in the environment, `c360 serve` as a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.live.systems import Server, System
from tests.live.systems.base import HOST, new_secret
from tests.live.systems.processes import Processes, tail

CRM, WEBSHOP, SUPPORT, MAILBOX = "crm", "webshop", "support", "mailbox"
SOURCES = (CRM, WEBSHOP, SUPPORT, MAILBOX)
"""The sources in the gateway's order of trust."""
SYSTEM_OF = {CRM: "tryton", WEBSHOP: "vendure", SUPPORT: "request_tracker", MAILBOX: "dovecot"}

API_KEY, STEWARD_KEY, IDENTITY_SECRET = "PROOF_API_KEY", "PROOF_STEWARD_KEY", "PROOF_IDENTITY_SECRET"
STEWARD = "live-steward"
SECRET_OF = {source: f"PROOF_{source.upper()}_SECRET" for source in SOURCES}
WRONG = "this-is-not-the-secret"

START_SECONDS = 60.0
REQUEST_SECONDS = 60.0
CHECK_SECONDS = 90.0
_SERVING = re.compile(r"serving on (http://\S+)/graphql")
_CONFIG = """
[server]
port = 0
deadline = 40.0

[auth]
api_keys = [
  {{ name = "live-proof", key = {{ env = "{api_key}" }} }},
  {{ name = "{steward}", key = {{ env = "{steward_key}" }}, steward = true }},
]

[identity]
url = "sqlite+aiosqlite:///{store}"
secret = {{ env = "{identity_secret}" }}
{identity}
[cache]
url = "memory://"

[log]
level = "debug"
format = "json"
{merge}
[sources.{crm}]
adapter = "tryton"
base_url = "{tryton.base_url}"
database = "{tryton.extra[database]}"
key = {{ env = "{secret_of[crm]}" }}
{patience}
[sources.{webshop}]
adapter = "vendure"
base_url = "{vendure.base_url}"
username = "{vendure.username}"
password = {{ env = "{secret_of[webshop]}" }}
{patience}
[sources.{support}]
adapter = "request_tracker"
base_url = "{request_tracker.base_url}"
username = "{request_tracker.username}"
password = {{ env = "{secret_of[support]}" }}
{patience}
[sources.{mailbox}]
adapter = "imap"
host = "{host}"
port = {dovecot.port}
tls = "none"
username = "{dovecot.username}"
password = {{ env = "{secret_of[mailbox]}" }}
own_addresses = ["accounts@shop.example"]
{patience}"""
# The machine may be busy, and slowness is not what is proven here.
_PATIENCE = "connect_timeout = 10.0\nread_timeout = 30.0\ncall_timeout = 30.0\n"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back for one question."""

    data: dict[str, Any] | None
    errors: list[dict[str, Any]]
    text: str

    @property
    def whole(self) -> dict[str, Any]:
        """The data of an answer without errors."""
        assert not self.errors, self.errors
        assert self.data is not None
        return self.data

    @property
    def partial(self) -> dict[str, Any]:
        """The data of an answer with errors."""
        assert self.errors
        assert self.data is not None
        return self.data

    def blamed(self) -> set[tuple[str, str]]:
        """Code and source of each error."""
        return {(error["extensions"]["code"], error["extensions"]["source"]) for error in self.errors}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A c360.toml on the four servers and the environment that goes with it."""

    config: Path
    env: Mapping[str, str]

    @property
    def secrets(self) -> frozenset[str]:
        return frozenset(self.env.values())

    def with_wrong_secret(self, source: str) -> Setup:
        """The same with a secret that one source does not accept."""
        return Setup(config=self.config, env={**self.env, SECRET_OF[source]: WRONG})


def write_setup(
    folder: Path,
    systems: Mapping[str, System],
    *,
    name: str = "c360",
    merge: str = "",
    identity: str = "",
    store: str = "c360.db",
) -> Setup:
    """Writes the settings of a gateway on these servers into `folder`; `identity` are further lines there."""
    config = folder / f"{name}.toml"
    config.write_text(
        _CONFIG.format(
            **systems, host=HOST, store=folder / store, merge=merge, secret_of=SECRET_OF, patience=_PATIENCE,
            api_key=API_KEY, steward_key=STEWARD_KEY, steward=STEWARD, identity_secret=IDENTITY_SECRET,
            identity=identity,
            crm=CRM, webshop=WEBSHOP, support=SUPPORT, mailbox=MAILBOX,
        )
    )  # fmt: skip
    secrets = {SECRET_OF[source]: systems[system].secret for source, system in SYSTEM_OF.items()}
    own = {name: new_secret() + new_secret() for name in (API_KEY, STEWARD_KEY, IDENTITY_SECRET)}
    return Setup(config=config, env={**secrets, **own})


def command() -> Path:
    """The `c360` of this environment."""
    return Path(sys.executable).with_name("c360")


def _environment(setup: Setup) -> dict[str, str]:
    """The secrets, and this checkout's code wherever the installed `c360` points."""
    return {**setup.env, "PYTHONPATH": str(Path(__file__).parents[3])}


def check(setup: Setup, *options: str) -> subprocess.CompletedProcess[str]:
    """`c360 check` on a set-up."""
    return subprocess.run(
        [command(), "check", "--config", setup.config, *options],
        env=_environment(setup),
        capture_output=True,
        text=True,
        timeout=CHECK_SECONDS,
        check=False,
    )


class Gateway:
    """A gateway that runs, and a client of it that holds the API key."""

    def __init__(self, setup: Setup, processes: Processes, log: Path) -> None:
        """Starts `c360 serve` and waits until it listens."""
        self.setup = setup
        self.log = log
        self._server: Server = processes.spawn(
            "gateway", [command(), "serve", "--config", setup.config], log=log, env=_environment(setup)
        )
        self._server.wait_until(lambda: self._url() is not None, START_SECONDS)
        self.url = self._url() or ""
        self.client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {setup.env[API_KEY]}"},
            timeout=REQUEST_SECONDS,
            trust_env=False,
        )

    def ask(self, document: str, **variables: Any) -> Answer:
        """One question over HTTP, as any client would ask it."""
        return self._post(document, variables, {})

    def decide(self, document: str, **variables: Any) -> Answer:
        """One mutation over HTTP, with the steward's key."""
        return self._post(document, variables, {"Authorization": f"Bearer {self.setup.env[STEWARD_KEY]}"})

    def _post(self, document: str, variables: dict[str, Any], headers: dict[str, str]) -> Answer:
        body = {"query": document, "variables": variables}
        answer = self.client.post("/graphql", json=body, headers=headers)
        assert answer.status_code == 200, (answer.status_code, answer.text, tail(self.log))
        read = answer.json()
        return Answer(data=read.get("data"), errors=read.get("errors", []), text=answer.text)

    def calls(self) -> dict[tuple[str, str], int]:
        """Operations of the sources so far, by source and operation."""
        found: dict[tuple[str, str], int] = {}
        for line in self.client.get("/metrics").raise_for_status().text.splitlines():
            if line.startswith("c360_source_operations_total{"):
                labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
                place = (labels["source"], labels["operation"])
                found[place] = found.get(place, 0) + int(float(line.rsplit(" ", 1)[1]))
        return found

    def stop(self) -> None:
        """Ends the process; its log stays. Stopping twice is fine."""
        self.client.close()
        self._server.stop()

    def _url(self) -> str | None:
        found = _SERVING.search(self.log.read_text()) if self.log.exists() else None
        return found[1] if found else None
