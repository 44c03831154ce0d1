"""A private Dovecot for the tests of this folder, where the program is installed."""

from __future__ import annotations

import contextlib
import imaplib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.adapters.email import mailbox
from tests.live.systems import dovecot
from tests.live.systems.packages import program
from tests.live.systems.processes import Processes


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A Dovecot with the test mailbox in it."""

    port: int
    username: str
    password: str
    validity: dict[str, int]

    def client(self) -> imaplib.IMAP4:
        """A signed-in connection of the test's own."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        client.login(self.username, self.password)
        return client


@contextlib.contextmanager
def running_dovecot(workdir: Path) -> Iterator[Running]:
    """Starts it; all of it is gone when the block is left."""
    with contextlib.closing(Processes()) as processes:
        system = dovecot.start(cache=workdir, workdir=workdir, processes=processes)
        try:
            found = Running(port=system.port, username=system.username, password=system.secret, validity={})
            with found.client() as client:
                found.validity.update(mailbox.fill(client))
            yield found
        finally:
            system.stop()


@pytest.fixture(scope="session")
def real_dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if program("dovecot") is None:
        pytest.skip(
            "Dovecot is not installed (apt install dovecot-imapd); its recording is played back instead"
        )
    with running_dovecot(tmp_path_factory.mktemp("dovecot")) as found:
        yield found
