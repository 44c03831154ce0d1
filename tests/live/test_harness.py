"""The harness's own behaviour, with processes small enough to need no installation."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.seed.people import cast
from tests.live.systems import HarnessError, install
from tests.live.systems.base import free_port
from tests.live.systems.packages import CACHE_VARIABLE, cache_root, install_debian, install_once
from tests.live.systems.processes import Processes, group_lives

PARENT_OF_ONE = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print(child.pid, flush=True)\n"
    "child.wait()\n"
)
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def processes() -> Iterator[Processes]:
    with contextlib.closing(Processes()) as owner:
        yield owner


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_server_that_dies_while_starting_is_quoted(processes: Processes, tmp_path: Path) -> None:
    server = processes.spawn("shop", python("raise SystemExit('no such database')"), log=tmp_path / "log")
    with pytest.raises(HarnessError, match=r"(?s)shop ended while starting.*no such database"):
        server.wait_until(lambda: False, 30)


def test_a_server_that_never_answers_is_given_up(processes: Processes, tmp_path: Path) -> None:
    server = processes.spawn("shop", python("import time; time.sleep(600)"), log=tmp_path / "log")
    with pytest.raises(HarnessError, match="shop was not ready"):
        server.wait_until(lambda: False, 0.3)


def test_stopping_takes_the_children_along(processes: Processes, tmp_path: Path) -> None:
    log = tmp_path / "log"
    server = processes.spawn("shop", python(PARENT_OF_ONE), log=log)
    server.wait_until(lambda: log.read_text().endswith("\n"), 30)
    server.stop()
    assert not server.running
    assert not _alive(int(log.read_text()))
    assert not group_lives(server.pid)


def test_a_deaf_server_is_stopped_by_force(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.live.systems.processes.STOP_SECONDS", 0.2)
    log = tmp_path / "log"
    server = processes.spawn("shop", python(DEAF), log=log)
    server.wait_until(lambda: "deaf" in log.read_text(), 30)
    server.stop()
    assert not server.running


def test_closing_ends_servers_and_removes_scratch_folders(tmp_path: Path) -> None:
    processes = Processes()
    server = processes.spawn("shop", python("import time; time.sleep(600)"), log=tmp_path / "log")
    folder = processes.scratch(None)
    assert folder.is_dir()
    processes.close()
    assert not server.running
    assert not folder.exists()
    with pytest.raises(HarnessError, match="closing"):
        processes.spawn("shop", python("pass"), log=tmp_path / "log")


def test_closing_waits_for_a_spared_command(tmp_path: Path) -> None:
    processes, done, log = Processes(), tmp_path / "done", tmp_path / "log"
    code = f"import time; print('on', flush=True); time.sleep(0.5); open({str(done)!r}, 'w').close()"
    runner = threading.Thread(
        target=processes.run, args=(python(code),), kwargs={"log": log, "seconds": 60, "spare": True}
    )
    runner.start()
    while not (log.exists() and "on" in log.read_text()):
        assert runner.is_alive()
    processes.close()
    runner.join()
    assert done.exists()


def test_a_failed_command_shows_its_output(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"(?s)exit code 3.*disk full"):
        processes.run(python("print('disk full'); raise SystemExit(3)"), log=tmp_path / "log", seconds=60)


def test_an_endless_command_is_ended(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="took longer"):
        processes.run(python("import time; time.sleep(600)"), log=tmp_path / "log", seconds=0.3)


def test_an_installation_is_used_again_until_its_recipe_changes(tmp_path: Path) -> None:
    folder, builds = tmp_path / "shop", []

    def build() -> None:
        builds.append(sorted(path.name for path in folder.iterdir()))
        (folder / "program").touch()

    assert install_once(folder, "1.0", build)
    assert not install_once(folder, "1.0", build)
    assert install_once(folder, "1.1", build)
    assert builds == [[], []]


def test_a_failed_installation_starts_again_from_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "shop"

    def fail() -> None:
        (folder / "half").touch()
        raise HarnessError("no network")

    with pytest.raises(HarnessError, match="no network"):
        install_once(folder, "1.0", fail)
    assert install_once(folder, "1.0", lambda: None)
    assert not (folder / "half").exists()


def test_the_cache_folder_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "elsewhere"))
    assert cache_root() == tmp_path / "elsewhere"
    assert cache_root().is_dir()


def test_debian_packages_need_root(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(HarnessError, match=r"only root can install: apt-get install .* no-such-package-c360"):
        install_debian(
            ["no-such-package-c360"], processes=processes, report=lambda _: None, log=tmp_path / "log"
        )


def test_an_unknown_system_is_named_with_the_known_ones() -> None:
    with pytest.raises(HarnessError, match="unknown system sap; there are tryton, vendure"):
        install(["sap"])


def test_free_ports_are_free() -> None:
    assert 1024 < free_port() < 65536


def test_the_command_line_says_what_is_wrong() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "tests.live.systems", "up", "sap"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 1
    assert "unknown system sap" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_everybody_in_the_cast_leaves_something() -> None:
    people = cast()
    assert len({person.key for person in people}) == len(people)
    for person in people:
        assert person.parties or person.orders or person.tickets or person.mails


@pytest.mark.live
def test_the_command_line_stops_everything_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.live.systems", "up", "dovecot"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        system = json.loads(harness.stdout.readline())
        assert system["name"] == "dovecot"
        assert _alive(system["pid"])
        harness.send_signal(signal.SIGTERM)
        assert harness.wait(30) == 0
    assert not _alive(system["pid"])


def _alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked about yet does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
