"""Measures servers side by side: checks each answer first, then asks in turns, and reads what the system accounts to each."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers.answers import Truth, Wrong
from bench.peers.install import HERE, Missing
from bench.peers.load import Failed, Load, drive
from bench.peers.processes import NotStarted, Process, cpu_s
from bench.peers.servers import Place, Questions, Server

CELLS = ("cold", "latency", "warm")
LATENCY = {"crm": 20, "shop": 40, "support": 60, "mail": 30}
"""Milliseconds of the sources in the cell `latency`."""
SLOWEST = max(LATENCY.values())
IDENTICAL = 64
_CONNECTIONS = {("cold", "A"): 16, ("cold", "B"): 8, ("warm", "A"): 16, ("warm", "B"): 8}
_WARM_UP = {"A": (1500, 8.0), "B": (200, 8.0)}
"""Requests and seconds at most before a server is measured for a query: the peers' compilers take hundreds of requests."""
_CHECKED = {"A": 3, "B": 2}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured: `seconds` and `requests` bound each repetition, whichever comes first."""

    servers: Sequence[Server]
    queries: Sequence[str]
    cells: Sequence[str]
    repetitions: int
    seconds: float
    requests: int
    seed: int
    customers: int


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One repetition. `busy` is the share of its core that the server used, `load_busy` that of load and stub."""

    cpu_ms: float
    rps: float
    calls: float
    rss_mb: float
    busy: float
    load_busy: float
    latencies: Sequence[float]


@dataclass
class Result:
    """Samples by (server, query, cell); why somebody is missing; calls of 64 identical requests at once."""

    samples: dict[tuple[str, str, str], list[Sample]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[str, str] = field(default_factory=dict)
    identical: dict[str, int] = field(default_factory=dict)


@dataclass
class _Running:
    server: Server
    process: Process
    names: Mapping[int, str]
    next: int = 0
    warmed_up: set[str] = field(default_factory=set)


class Stub:
    """The four sources."""

    def __init__(self, folder: Path, core: int, seed: int, customers: int) -> None:
        command = [
            sys.executable, "-m", "bench.peers.stub", "--seed", str(seed), "--customers", str(customers),
        ]  # fmt: skip
        self.process = Process("stub", command, core, folder / "stub.log", cwd=HERE.parents[1])
        self.url = f"http://127.0.0.1:{self.process.port}"

    def calls(self) -> int:
        """Calls since this was asked last."""
        return sum(self._control("/_counts").values())

    def set_latency(self, milliseconds: Mapping[str, int]) -> None:
        self._control("/_latency?" + "&".join(f"{name}={value}" for name, value in milliseconds.items()))

    def _control(self, path: str) -> dict[str, int]:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            found: dict[str, int] = json.loads(answer.read())
        return found


def run(plan: Plan) -> Result:
    """Everything that the plan asks for. The server's core is the first of those allowed, ours the last."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    try:
        with contextlib.ExitStack() as stack:
            say(f"{plan.customers} customers of seed {plan.seed} …")
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
            stub = Stub(folder, cores[-1], plan.seed, plan.customers)
            stack.callback(stub.process.close)
            place = Place(
                folder=folder, stub=stub.url, core=cores[0], seed=plan.seed, customers=plan.customers
            )
            return _Bench(plan, place, stub, stack).run()
    finally:
        os.sched_setaffinity(0, set(cores))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class _Bench:
    def __init__(self, plan: Plan, place: Place, stub: Stub, stack: contextlib.ExitStack) -> None:
        self._plan, self._place, self._stub, self._stack = plan, place, stub, stack
        self._started: dict[tuple[str, bool], _Running | None] = {}
        self._result = Result()

    def run(self) -> Result:
        for cell in self._plan.cells:
            self._stub.set_latency(LATENCY if cell == "latency" else {})
            for query in self._plan.queries:
                self._side_by_side(cell, query)
        self._stub.set_latency(LATENCY)
        for server in self._plan.servers:
            if server.name == "ours" and "A" in self._plan.queries:
                self._identical(server)
        return self._result

    def _side_by_side(self, cell: str, query: str) -> None:
        able = [s for s in self._plan.servers if query in s.queries and (cell != "warm" or s.answer_cache)]
        running = [r for s in able if (r := self._running(s, warm=cell == "warm")) is not None]
        ready = [r for r in running if self._prepared(r, cell, query)]
        for repetition in range(self._plan.repetitions):
            turn = repetition % max(1, len(ready))
            for one in ready[turn:] + ready[:turn]:  # nobody is always the first
                self._repeat(one, cell, query, repetition)

    def _running(self, server: Server, *, warm: bool) -> _Running | None:
        key = (server.name, warm and server.separate_warm)
        if key not in self._started:
            self._started[key] = self._start(server, warm=key[1])
        return self._started[key]

    def _start(self, server: Server, *, warm: bool) -> _Running | None:
        say(f"starting {server.name} …")
        try:
            names = server.names(self._place)
            process = server.start(self._place, warm=warm)
        except (Missing, NotStarted) as error:
            self._refuse(server.name, str(error))
            return None
        self._stack.callback(process.close)
        return _Running(server, process, names)

    def _refuse(self, what: str, why: str) -> None:
        self._result.refused[what] = why
        say(f"{what} is not measured: {why}")

    def _prepared(self, one: _Running, cell: str, query: str) -> bool:
        """Whether it answers as the data say, and is warmed up; else it is refused."""
        questions = Questions(one.server, query, cell, one.names)
        truth = Truth(self._plan.seed, one.names)
        try:
            for _ in range(_CHECKED[query]):
                load = self._drive(one, questions, connections=1, most=1, seconds=10.0)
                _check(truth, query, questions, load.bodies)
            if query not in one.warmed_up:
                most, seconds = _WARM_UP[query]
                connections = _CONNECTIONS.get((cell, query), 1)
                load = self._drive(one, questions, connections=connections, most=most, seconds=seconds)
                _check(truth, query, questions, load.bodies)
                one.warmed_up.add(query)
        except (Failed, Wrong) as error:
            self._refuse(f"{one.server.name}, {query}, {cell}", str(error))
            return False
        return True

    def _repeat(self, one: _Running, cell: str, query: str, repetition: int) -> None:
        key = (one.server.name, query, cell)
        if ", ".join(key) in self._result.refused:
            return
        questions = Questions(one.server, query, cell, one.names)
        connections = _CONNECTIONS.get((cell, query), 1)
        try:
            self._drive(one, questions, connections=connections, most=2 * connections, seconds=5.0)
            sample = self._sample(one, questions, connections, query)
        except (Failed, Wrong) as error:
            self._result.samples.pop(key, None)
            self._refuse(", ".join(key), str(error))
            return
        self._result.samples[key].append(sample)
        say(
            f"{cell} {query} {repetition + 1}/{self._plan.repetitions} {one.server.name}: {sample.cpu_ms:.2f} CPU-ms, "
            f"{sample.rps:.0f}/s, {sample.calls:.2f} calls, core {sample.busy:.0%} busy (load and stub {sample.load_busy:.0%})"
        )

    def _sample(self, one: _Running, questions: Questions, connections: int, query: str) -> Sample:
        before = one.process.drained()
        loading = self._load_cpu()
        self._stub.calls()
        load = self._drive(
            one, questions, connections=connections, most=self._plan.requests, seconds=self._plan.seconds
        )
        loading = self._load_cpu() - loading
        at_once = one.process.cpu_s() - before
        calls = self._stub.calls()
        used = one.process.drained() - before
        _check(Truth(self._plan.seed, one.names), query, questions, load.bodies)
        return Sample(
            cpu_ms=used / load.served * 1e3,
            rps=load.served / load.seconds,
            calls=calls / load.served,
            rss_mb=one.process.rss_mb(),
            busy=at_once / load.seconds,
            load_busy=loading / load.seconds,
            latencies=load.latencies,
        )

    def _load_cpu(self) -> float:
        return self._stub.process.cpu_s() + cpu_s(os.getpid())

    def _drive(
        self, one: _Running, questions: Questions, *, connections: int, most: int, seconds: float
    ) -> Load:
        load = asyncio.run(
            drive(
                one.process.port, questions.request, first=one.next, connections=connections, most=most,
                seconds=seconds,
            )
        )  # fmt: skip
        one.next += load.served
        return load

    def _identical(self, server: Server) -> None:
        """The calls of 64 requests for one customer that nobody has asked for lately, all at once."""
        one = self._running(server, warm=False)
        if one is None:
            return
        questions = Questions(server, "A", "cold", one.names)
        same = questions.request(one.next)
        one.next += 1
        self._stub.calls()
        with contextlib.suppress(Failed):
            asyncio.run(
                drive(one.process.port, lambda _: same, first=0, connections=IDENTICAL, most=IDENTICAL, seconds=30)
            )  # fmt: skip
            self._result.identical[server.name] = self._stub.calls()


def _check(truth: Truth, query: str, questions: Questions, bodies: Mapping[int, bytes]) -> None:
    for question, body in bodies.items():
        truth.check(query, questions.numbers(question), body)


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rows(result: Result) -> list[dict[str, object]]:
    """A row for each server, query and cell: medians over the repetitions, percentiles over all requests."""
    return [
        {
            "server": server,
            "query": query,
            "cell": cell,
            "cpu_ms": round(statistics.median(s.cpu_ms for s in samples), 3),
            "rps": round(statistics.median(s.rps for s in samples), 1),
            "p50_ms": round(quantile(latencies, 0.5) * 1e3, 2),
            "p99_ms": round(quantile(latencies, 0.99) * 1e3, 2),
            "calls": round(statistics.mean(s.calls for s in samples), 3),
            "rss_mb": round(statistics.median(s.rss_mb for s in samples), 1),
        }
        for (server, query, cell), samples in result.samples.items()
        if (latencies := [each for sample in samples for each in sample.latencies])
    ]


def spread(result: Result) -> list[dict[str, object]]:
    """How far the repetitions lie apart: quartiles of CPU-ms, and how busy the cores were."""
    return [
        {
            "server": server,
            "query": query,
            "cell": cell,
            "cpu_ms_quartiles": [round(quantile((s.cpu_ms for s in samples), q), 3) for q in (0.25, 0.75)],
            "requests": sum(len(s.latencies) for s in samples),
            "server_busy": round(statistics.median(s.busy for s in samples), 2),
            "load_busy": round(statistics.median(s.load_busy for s in samples), 2),
        }
        for (server, query, cell), samples in result.samples.items()
    ]
