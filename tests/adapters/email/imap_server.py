"""IMAP servers for tests: a real Dovecot, a recorder in front of it, the recording played back, and ones that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from adapters.contract import Fault
from adapters.email.imap import query

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")
_LOGIN = re.compile(rb"^LOGIN .*$")


@contextlib.asynccontextmanager
async def listening(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serves on a free port of loopback; every conversation is ended when the block is left."""
    running: set[asyncio.Task[None]] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            running.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        tasks = list(running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def read_command(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[bytes, bytes] | None:
    """A command's tag and the rest, its literals as non-synchronising ones; None where the client has gone."""
    line = await reader.readline()
    while literal := _LITERAL.search(line):
        if not literal[2]:
            writer.write(b"+ go on\r\n")
            line = line[: literal.start()] + b"{%s+}\r\n" % literal[1]
        line += await reader.readexactly(int(literal[1]))
        line += await reader.readline()
    if not line.endswith(b"\r\n"):
        return None
    tag, _, rest = line.removesuffix(b"\r\n").partition(b" ")
    return tag, rest


async def read_answer(reader: asyncio.StreamReader, tag: bytes) -> bytes:
    """All lines of an answer, down to the one with the tag."""
    answer = b""
    while True:
        line = await reader.readline()
        if not line:
            raise asyncio.IncompleteReadError(answer, None)
        answer += line
        if literal := _LITERAL.search(line):
            answer += await reader.readexactly(int(literal[1]))
        elif line.startswith(tag + b" "):
            return answer


class Place:
    """What an answer depends on besides its command: the open mailbox, and whether changes are counted."""

    def __init__(self) -> None:
        self._box, self._counting = "", False

    def key(self, command: bytes) -> str:
        """What a recorded answer is found by. The password is not recorded."""
        return (
            f"{self._box}{'#' if self._counting else ''}> {_LOGIN.sub(b'LOGIN', command).decode('latin-1')}"
        )

    def after(self, command: bytes) -> None:
        name, _, rest = command.partition(b" ")
        if name == b"EXAMINE":
            self._box = rest.decode("latin-1").strip('"')
        elif name == b"CLOSE":
            self._box = ""
        elif name == b"ENABLE":
            self._counting = True


class Relay:
    """Stands in front of a real server. Records what is said, and can take capabilities away from it."""

    def __init__(self, port: int, without: tuple[bytes, ...] = ()) -> None:
        self._port, self._without = port, without
        self.exchanges: dict[str, str] = {}

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, forward = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._told("greeting", await upstream.readline(), b""))
            place = Place()
            while (command := await read_command(reader, writer)) is not None:
                tag, rest = command
                forward.write(tag + b" " + rest + b"\r\n")
                key = place.key(rest)
                writer.write(self._told(key, await read_answer(upstream, tag), tag))
                place.after(rest)
        finally:
            forward.close()
            with contextlib.suppress(OSError):
                await forward.wait_closed()

    def _told(self, key: str, answer: bytes, tag: bytes) -> bytes:
        for capability in self._without:
            answer = re.sub(rb" " + re.escape(capability) + rb"(?=[ \]\r])", b"", answer)
        text = answer.decode("latin-1")
        self.exchanges[key] = text.replace(tag.decode() + " ", "{tag} ") if tag else text
        return answer

    def save(self, file: Path, validity: dict[str, int]) -> None:
        """The recording, as text that can be read: bytes above 127 stand as Latin-1."""
        document = {
            "server": "Dovecot 2.3",
            "uidvalidity": validity,
            "exchanges": dict(sorted(self.exchanges.items())),
        }
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class Replay:
    """Answers from a recording. What was never asked when it was made is a BAD that says so."""

    def __init__(self, file: Path, password: str) -> None:
        document = json.loads(file.read_text(encoding="utf-8"))
        self.validity: dict[str, int] = document["uidvalidity"]
        self._exchanges: dict[str, str] = document["exchanges"]
        self._password = query.text(password)
        self.unknown: list[str] = []
        self.connections = 0

    @property
    def greeting(self) -> bytes:
        return self._exchanges["greeting"].encode("latin-1")

    def answer(self, place: Place, tag: bytes, rest: bytes) -> bytes:
        """The recorded answer, and the place moved on."""
        key = place.key(rest)
        place.after(rest)
        if rest.startswith(b"LOGIN ") and not rest.endswith(b" " + self._password):
            return tag + b" NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"
        if key not in self._exchanges:
            self.unknown.append(key)
            return tag + b" BAD not recorded\r\n"
        return self._exchanges[key].encode("latin-1").replace(b"{tag} ", tag + b" ")

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(self.greeting)
        place = Place()
        while (command := await read_command(reader, writer)) is not None:
            writer.write(self.answer(place, *command))
            await writer.drain()


class Faulty:
    """A server that does but one thing wrong. Where the fault needs a right answer first, a recording gives it."""

    def __init__(self, fault: Fault, replay: Replay) -> None:
        self._fault, self._replay = fault, replay

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._fault
        if fault is Fault.DROPPED:
            return
        if fault is Fault.HANG:
            await asyncio.Event().wait()
        if fault is Fault.SLOW_DRIP:
            while True:
                writer.write(b"*")
                await asyncio.sleep(0.01)
        greetings = {
            Fault.MAINTENANCE: b"* BYE Down for maintenance\r\n",
            Fault.HTML: b"<!doctype html>\r\n<title>Hello</title>\r\n",
            Fault.EMPTY: b"\r\n",
        }
        writer.write(greetings.get(fault, self._replay.greeting))
        place = Place()
        while (command := await read_command(reader, writer)) is not None:
            answer = await self._spoilt(place, *command)
            writer.write(answer or b"")
            await writer.drain()
            if answer is None or (
                fault is Fault.TRUNCATED and b"* " in answer and not answer.endswith(b"\r\n")
            ):
                return

    async def _spoilt(self, place: Place, tag: bytes, rest: bytes) -> bytes | None:
        fault, right = self._fault, self._replay.answer(place, tag, rest)
        name = rest.partition(b" ")[0]
        if fault is Fault.UNAUTHORIZED and name == b"LOGIN":
            return tag + b" NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"
        if name != b"EXAMINE":
            return right
        if fault is Fault.READ_TIMEOUT:
            await asyncio.Event().wait()
        lines = {
            Fault.FORBIDDEN: tag + b" NO [NOPERM] Permission denied\r\n",
            Fault.SERVER_ERROR: tag + b" NO [SERVERBUG] Internal error occurred.\r\n",
            Fault.TRUNCATED: right[: len(right) // 2].rstrip(b"\r\n"),
            Fault.WRONG_SHAPE: b"* 7 WHATEVER\r\n" + tag + b" OK done\r\n",
            Fault.WRONG_TYPES: re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY soon", right),
            Fault.TOO_LARGE: b"* OK %s\r\n" % (b"x" * 900) * 100 + right,
        }
        return lines.get(fault, right)
