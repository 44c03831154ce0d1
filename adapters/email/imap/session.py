"""One signed-in IMAP connection, blocking: it lives on a worker thread and is cut from outside when time is up."""

from __future__ import annotations

import contextlib
import imaplib
import logging
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from imapclient import IMAPClient, SocketTimeout
from imapclient.response_parser import parse_fetch_response, parse_message_list

from adapters.email.imap import query
from adapters.email.imap.failures import Malformed, NoMailbox, Oversized, response_code
from adapters.email.imap.settings import ImapSettings

_CHUNK = 500  # messages in one FETCH

Answer = dict[bytes, Any]
"""What FETCH tells of one message, by the names of the items in capitals."""


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """A mailbox that was opened for reading. `modseq` is None where the server does not count changes."""

    name: str
    validity: int
    next_uid: int
    messages: int
    modseq: int | None = None


class _Wire(imaplib.IMAP4):
    """imaplib's connection, with a bound on what is read, a count of commands, and a socket that others can cut."""

    def __init__(self, settings: ImapSettings, line: Session) -> None:
        self._settings, self._line = settings, line
        super().__init__(settings.host, settings.tcp_port, settings.connect_timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        raw = socket.create_connection((self._settings.host, self._settings.tcp_port), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # commands are written in small pieces
        self._line.socket = raw
        if self._settings.tls != "implicit":
            return raw
        wrapped = self._line.context().wrap_socket(
            raw, server_hostname=self._settings.host, do_handshake_on_connect=False
        )
        self._line.socket = wrapped
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped

    def _new_tag(self) -> bytes:
        self._line.commands += 1
        return super()._new_tag()  # type: ignore[misc, no-any-return]

    def read(self, size: int) -> bytes:
        self._spend(size)
        data = super().read(size)
        if len(data) < size:
            raise Malformed  # imaplib would take half a literal for a whole one
        return data

    def readline(self) -> bytes:
        data = super().readline()
        self._spend(len(data))
        return data

    def _spend(self, size: int) -> None:
        self._line.budget -= size
        if self._line.budget < 0:
            raise Oversized


class _Client(IMAPClient):  # type: ignore[misc]  # the library has no types
    """IMAPClient on our connection, with commands that it cannot send or would send unquoted."""

    def __init__(self, settings: ImapSettings, line: Session) -> None:
        self._own_settings, self._line = settings, line
        super().__init__(
            settings.host,
            settings.tcp_port,
            ssl=settings.tls == "implicit",
            timeout=SocketTimeout(settings.connect_timeout, settings.read_timeout),
        )
        self._imap.debug = 0  # it would log every line, passwords and mail included
        self.normalise_times = False

    def _create_IMAP4(self) -> _Wire:
        return _Wire(self._own_settings, self._line)

    def found(self, keys: Sequence[bytes]) -> list[int]:
        """UIDs by `keys`, which are ready to be sent; in no order."""
        charset = query.charset(keys)
        named = [] if charset == b"US-ASCII" else [b"CHARSET", charset]
        return list(parse_message_list(self._raw_command_untagged(b"SEARCH", [*named, *keys])))

    def sorted(self, keys: Sequence[bytes]) -> list[int]:
        """UIDs by `keys`, the message received last first."""
        arguments = [b"(REVERSE ARRIVAL)", query.charset(keys), *keys]
        return list(parse_message_list(self._raw_command_untagged(b"SORT", arguments)))

    def fetched(self, uids: str, items: str, modifiers: str | None = None) -> dict[int, Answer]:
        """What FETCH tells of the messages in a set of UIDs that is written as text."""
        arguments = ["UID", "FETCH", uids, f"({items})", *([modifiers] if modifiers else [])]
        tag = self._imap._command(*arguments)
        kind, data = self._imap._command_complete("FETCH", tag)
        self._checkok("fetch", kind, data)
        _, data = self._imap._untagged_response(kind, data, "FETCH")
        return dict(parse_fetch_response(data, False, True))

    def vanished(self) -> list[bytes]:
        """The sets of UIDs that the last command said have gone (RFC 7162 §3.2.10)."""
        _, data = self._imap._untagged_response("OK", [None], "VANISHED")
        return [entry for entry in data if entry]


class Session:
    """A connection that opens on first use. Used by one thread at a time; only `cut` may be called from another."""

    def __init__(self, settings: ImapSettings) -> None:
        self._settings = settings
        self._client: _Client | None = None
        self._context: ssl.SSLContext | None = None
        self.socket: socket.socket | None = None
        self.commands = 0
        self.budget = settings.max_body_bytes
        self.used = time.monotonic()
        self.is_cut = False

    def context(self) -> ssl.SSLContext:
        """The certificates to trust; the server's name is always checked."""
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._settings.ca_file)
        return self._context

    def ready(self) -> None:
        """Connects and signs in, unless that was done before, and gives the next job its whole budget."""
        self.budget = self._settings.max_body_bytes
        if self._client is not None:
            return
        logging.getLogger("imapclient").setLevel(logging.WARNING)  # at DEBUG it logs whose mail is searched
        self._client = client = _Client(self._settings, self)
        if self._settings.tls == "starttls":
            client.starttls(self.context())
            self.socket = client.socket()
        user, password = self._settings.username, self._settings.password.get_secret_value()
        if user.isascii() and password.isascii():
            client.login(query.text(user).decode(), password)
        else:
            client.plain_login(user, password)

    def can(self, capability: str) -> bool:
        """Whether the server says that it has a capability."""
        return bool(self._open.has_capability(capability))

    def product(self) -> str:
        """What the server calls itself, as far as it tells."""
        told = self._open.id_({"name": "c360"}) if self.can("ID") else None
        words = dict(zip(told[0][::2], told[0][1::2], strict=False)) if told and told[0] else {}
        return b" ".join(words[name] for name in (b"name", b"version") if words.get(name)).decode(
            "ascii", "replace"
        )

    def examine(self, name: str, *, counting: bool = False) -> Mailbox:
        """Opens a mailbox for reading; no message of it is marked in any way.

        `counting` asks the server to number changes and to tell what has gone (RFC 7162), where it can.
        """
        if counting and self.can("QRESYNC"):
            if self._open._imap.state == "SELECTED":
                self._open.close_folder()  # opened for reading, so nothing is expunged
            self._open.enable("QRESYNC")
        try:
            told = self._open.select_folder(name, readonly=True)
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            raise (error if response_code(error) else NoMailbox(name)) from None
        try:
            return Mailbox(
                name=name,
                validity=told[b"UIDVALIDITY"],
                next_uid=told[b"UIDNEXT"],
                messages=told[b"EXISTS"],
                modseq=told.get(b"HIGHESTMODSEQ"),
            )
        except KeyError:
            raise Malformed from None

    def newest_first(
        self, keys: Sequence[bytes], most: int, until: datetime | None
    ) -> tuple[list[int], bool]:
        """UIDs by `keys`, the message received last first; at most `most`, and whether there are more.

        Where there are more, none that was received after `until` counts.
        """
        if not self.can("SORT"):
            return self._by_date(sorted(self._open.found(keys), reverse=True), most, until)
        uids = self._open.sorted(keys)
        if until is not None and len(uids) > most:
            uids = self._from(uids, until)
        return uids[:most], len(uids) > most

    def _by_date(self, uids: list[int], most: int, until: datetime | None) -> tuple[list[int], bool]:
        """Highest UIDs in order of their dates: most often, though not always, they were received last."""
        dated: dict[int, datetime] = {}
        looked_at = 0
        while looked_at < len(uids) and len(dated) < most:
            found = self._dates(uids[looked_at : looked_at + _CHUNK])
            dated.update((uid, at) for uid, at in found.items() if until is None or at <= until)
            looked_at += _CHUNK
        ordered = sorted(dated, key=lambda uid: (dated[uid], uid), reverse=True)
        return ordered[:most], len(ordered) > most or looked_at < len(uids)

    def _from(self, uids: list[int], until: datetime) -> list[int]:
        """The rest of UIDs in order of their dates, from the first that was not received after `until`."""
        for start in range(0, len(uids), _CHUNK):
            piece = uids[start : start + _CHUNK]
            dates = self._dates(piece)
            first = next((at for at, uid in enumerate(piece) if uid in dates and dates[uid] <= until), None)
            if first is not None:
                return uids[start + first :]
        return []

    def _dates(self, uids: Sequence[int]) -> dict[int, datetime]:
        told = self.fetch(uids, "UID INTERNALDATE")
        return {uid: received(answer) for uid, answer in told.items() if b"INTERNALDATE" in answer}

    def search(self, keys: Sequence[bytes]) -> list[int]:
        """UIDs by `keys`, in no order."""
        return self._open.found(keys)

    def fetch(self, uids: Sequence[int], items: str) -> dict[int, Answer]:
        """What FETCH tells of these messages; those that are gone are missing."""
        answers: dict[int, Answer] = {}
        for start in range(0, len(uids), _CHUNK):
            piece = uids[start : start + _CHUNK]
            told = self._open.fetched(",".join(map(str, piece)), items)
            answers.update((uid, told[uid]) for uid in piece if uid in told)
        return answers

    def fetch_range(self, first: int, last: int, items: str) -> dict[int, Answer]:
        """The same for a range of UIDs."""
        told = self._open.fetched(f"{first}:{last}", items)
        return {uid: answer for uid, answer in told.items() if first <= uid <= last}

    def gone(self, last: int, modseq: int) -> list[bytes]:
        """The sets of UIDs up to `last` that have gone since `modseq`; needs `examine(…, counting=True)`."""
        if last < 1:
            return []
        self._open.fetched(f"1:{last}", "UID", f"(CHANGEDSINCE {modseq} VANISHED)")
        return self._open.vanished()

    def cut(self) -> None:
        """Ends the connection under a thread that waits for it; that thread then closes it."""
        self.is_cut = True
        if self.socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self.socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the connection without a word: nothing is left to say to a server that is only read."""
        self.is_cut = True
        client, self._client = self._client, None
        with contextlib.suppress(OSError, imaplib.IMAP4.error):
            if client is not None:
                client._imap.shutdown()
        if self.socket is not None:
            self.socket.close()

    @property
    def _open(self) -> _Client:
        if self._client is None:
            raise Malformed
        return self._client


def received(answer: Answer) -> datetime:
    """When the server received a message, in UTC."""
    at = answer.get(b"INTERNALDATE")
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise Malformed
    return at.astimezone(UTC)
