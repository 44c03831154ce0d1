"""Where growth is measured: the stub and the load on one core, this gateway's servers on the other."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.growth.identity import prepared
from bench.peers.install import CACHE
from bench.peers.processes import Process, cpu_s
from bench.peers.servers import ROOT

MAPS = CACHE.parent / "growth"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Which server a point is asked of; points of equal specs share one. `label` keeps apart what should not."""

    sources: int = 4
    searched: bool = False
    label: str = ""


@dataclass(kw_only=True)
class Running:
    """A server, the ids that it knows customers by, and the number of the next question."""

    process: Process
    names: dict[int, str]
    next: int = 0


@dataclass(kw_only=True)
class Place:
    """The stub, and servers that start when they are first needed."""

    folder: Path
    core: int
    seed: int
    customers: int
    stub: Process
    stack: contextlib.ExitStack
    _started: dict[Spec, Running] = field(default_factory=dict)

    def server(self, spec: Spec) -> Running:
        """Raises NotStarted."""
        if spec not in self._started:
            self._started[spec] = self._start(spec)
        return self._started[spec]

    def _start(self, spec: Spec) -> Running:
        name = f"{spec.sources}-{len(self._started)}"
        map_file, names = prepared(MAPS, self.seed, self.customers, spec.sources)
        own = self.folder / f"map-{name}.sqlite"  # the gateway writes into it
        shutil.copyfile(map_file, own)
        command = [
            sys.executable, "-m", "bench.growth.serve", "--map", str(own), "--sources", str(spec.sources),
            "--stub", f"http://127.0.0.1:{self.stub.port}", *(["--searched"] if spec.searched else []),
        ]  # fmt: skip
        process = Process("gateway", command, self.core, self.folder / f"{name}.log", cwd=ROOT)
        self.stack.callback(process.close)
        return Running(process=process, names=names)

    def calls(self) -> int:
        """Upstream calls since this was asked last."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.stub.port}/_counts", timeout=10) as answer:
            return sum(json.loads(answer.read()).values())

    def load_cpu(self) -> float:
        """CPU seconds of load and stub so far."""
        return self.stub.cpu_s() + cpu_s(os.getpid())


@contextlib.contextmanager
def place(seed: int, customers: int) -> Iterator[Place]:
    """Pins this process and the stub to the last core that is allowed; servers get the first."""
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, set(cores))
        os.sched_setaffinity(0, {cores[-1]})
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="growth-")))
        command = [
            sys.executable, "-m", "bench.growth.stub", "--seed", str(seed), "--customers", str(customers),
        ]  # fmt: skip
        stub = Process("stub", command, cores[-1], folder / "stub.log", cwd=ROOT)
        stack.callback(stub.close)
        yield Place(folder=folder, core=cores[0], seed=seed, customers=customers, stub=stub, stack=stack)


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)
