"""Dovecot 2.3, the mailbox: the Debian package with a private configuration, run as an ordinary user."""

from __future__ import annotations

import getpass
import grp
import imaplib
import os
import pwd
from pathlib import Path

from tests.live.systems.base import HOST, Report, System, new_secret, start_on_free_port, write_private
from tests.live.systems.packages import debian_version, install_debian, install_once, program
from tests.live.systems.processes import HarnessError, Processes

NAME = "dovecot"
PACKAGES = ("dovecot-imapd",)
SERIES = "2.3."
MAILBOX = "support@shop.example"
# Dovecot refuses to keep mail as root; these users are on every Debian and may do nothing else.
ORDINARY_USERS = ("mail", "nobody")
START_SECONDS = 30.0
REQUEST_SECONDS = 20.0
CONFIG = """
protocols = imap
listen = {host}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = no
disable_plaintext_auth = no
default_login_user = {user}
default_internal_user = {user}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def install(*, cache: Path, processes: Processes, report: Report) -> None:
    """The Debian package; there is nothing to prepare beyond it."""
    log = cache / f"{NAME}.log"
    install_debian(PACKAGES, processes=processes, report=report, log=log)
    version = debian_version("dovecot-core") or ""
    if SERIES not in version:
        raise HarnessError(f"needs Dovecot {SERIES}x, and this machine installs {version or 'none'}")
    install_once(cache / NAME, version, lambda: None)


def start(*, cache: Path, workdir: Path, processes: Processes) -> System:
    """A server with one empty mailbox that has an INBOX and a Sent folder."""
    binary = program("dovecot")
    if binary is None:
        raise HarnessError("Dovecot's package is there, but its program is not")
    password = new_secret()

    def launch(port: int) -> System:
        user = _ordinary_user()
        folder = processes.scratch(user)
        config = _write_config(folder, user or getpass.getuser(), port, password)
        log = workdir / "server.log"
        server = processes.spawn(NAME, [binary, "-F", "-c", config], log=log, cwd=folder, user=user)
        server.wait_until(lambda: _answers(port, password), START_SECONDS)
        return System(
            name=NAME,
            base_url=f"imap://{HOST}:{port}",
            port=port,
            username=MAILBOX,
            secret=password,
            extra={"tls": "none", "folders": "INBOX,Sent"},
            server=server,
        )

    return start_on_free_port(launch)


def _ordinary_user() -> str | None:
    """The user to run as; None when we are an ordinary user ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ORDINARY_USERS:
        if name in known:
            return name
    raise HarnessError(f"Dovecot needs an ordinary user to run as: {' or '.join(ORDINARY_USERS)}")


def _write_config(folder: Path, user: str, port: int, password: str) -> Path:
    owner = pwd.getpwnam(user)
    group = grp.getgrgid(owner.pw_gid).gr_name
    config = folder / "dovecot.conf"
    config.write_text(CONFIG.format(host=HOST, folder=folder, user=user, group=group, port=port))
    users = folder / "users"
    write_private(users, f"{MAILBOX}:{{PLAIN}}{password}::::::\n")
    if os.geteuid() == 0:
        os.chown(users, owner.pw_uid, owner.pw_gid)
    return config


def _answers(port: int, password: str) -> bool:
    """Whether the mailbox opens; a server that is just starting may refuse or hang up."""
    try:
        with imaplib.IMAP4(HOST, port, timeout=REQUEST_SECONDS) as client:
            client.login(MAILBOX, password)
            return client.select("INBOX", readonly=True)[0] == "OK"
    except (OSError, imaplib.IMAP4.error):
        return False
