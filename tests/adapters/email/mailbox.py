"""The mailbox that the IMAP adapter is tested on: mail of two people among mail that only looks like theirs."""

from __future__ import annotations

import base64
import imaplib
import re
from datetime import UTC, datetime, timedelta, timezone

import msgspec

OWN = "support@shop.example"
ADA, ADA_AT_WORK, BEN = "ada@mail.example", "ada.byron@work.example", "ben@mail.example"
JUERGEN = "jürgen@müller.example"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(3000)).decode()
LONG = "Zeile mit Umlauten: äöüß\n" * 400


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it lies in a mailbox, and whose stream it belongs to."""

    name: str
    box: str
    at: datetime
    raw: bytes
    of: tuple[str, ...] = ()
    inbound: tuple[str, ...] = ()  # those of `of` who wrote it
    text: str | None = None


def _at(day: int, clock: str, zone: timezone = UTC) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 3, day, hour, minute, tzinfo=zone)


def _mail(*headers: str, text: str = "Guten Tag", kind: str = "text/plain; charset=utf-8") -> bytes:
    lines = [
        *headers,
        "MIME-Version: 1.0",
        f"Content-Type: {kind}",
        "Content-Transfer-Encoding: 8bit",
        "",
        text,
    ]
    return "\r\n".join(lines).encode()


def _mixed(*headers: str) -> bytes:
    """HTML in Latin-1, quoted-printable, behind a picture and in front of a text attachment."""
    lines = [
        *headers, "MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b1"', "",
        "--b1", "Content-Type: image/png", "Content-Transfer-Encoding: base64", "", PNG,
        "--b1", 'Content-Type: multipart/related; boundary="b2"', "",
        "--b2", "Content-Type: text/html; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", "",
        "<html><head><style>p {color: red}</style></head><body><p>Sch=F6ne Gr=FC=DFe</p><p>Ben</p></body></html>",
        "--b2--",
        "--b1", "Content-Type: text/plain; charset=utf-8", "Content-Disposition: attachment; filename=geheim.txt", "",
        "never read", "--b1--", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def _alternative(*headers: str) -> bytes:
    lines = [
        *headers, "MIME-Version: 1.0", "Content-Type: multipart/alternative; boundary=alt", "",
        "--alt", "Content-Type: text/html; charset=utf-8", "", "<p>as <b>HTML</b></p>",
        "--alt", "Content-Type: text/plain; charset=x-unheard-of", "Content-Transfer-Encoding: base64", "",
        base64.b64encode("als Text – ohne HTML".encode()).decode(), "--alt--", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def _reply(day: int, subject: str, message_id: str) -> tuple[str, ...]:
    return (
        f"From: Support <{OWN}>", f"To: Ada <{ADA}>", f"Cc: {OWN}", f"Subject: {subject}",
        f"Date: {day} Mar 2026 11:59:00 +0000", f"Message-ID: <{message_id}@shop.example>",
    )  # fmt: skip


def letters() -> list[Letter]:
    """In the order in which they are put into their mailboxes, so the first of a mailbox gets UID 1."""
    twin = _mail(*_reply(5, "Ihre Bestellung", "twin"))
    words = "=?utf-8?b?" + base64.b64encode("Größe der Röstung?".encode()).decode() + "?="
    long = base64.encodebytes(LONG.encode()).decode().replace("\n", "\r\n")
    garbled = b"From: B\xe4n <BEN@Mail.Example>\r\nDate: at noon\r\nSubject: =?utf-8?q?offen\r\n\r\nroh\xff"
    return [
        *(
            Letter(
                name=f"same second {number}", box="INBOX", at=_at(1, "09:00"), of=("ada",), inbound=("ada",),
                raw=_mail(f"From: Ada <{ADA}>", f"To: {OWN}", f"Message-ID: <s{number}@mail.example>"),
            )
            for number in (1, 2, 3)
        ),
        Letter(name="longer", box="INBOX", at=_at(2, "10:00"), raw=_mail(f"From: x{ADA}", f"To: {OWN}")),
        Letter(name="other domain", box="INBOX", at=_at(2, "11:00"), raw=_mail(f"From: {ADA}.org", f"To: {OWN}")),
        Letter(
            name="with a copy to Ben", box="INBOX", at=_at(3, "12:00"), of=("ada", "ben"), inbound=("ada",),
            raw=_mail(
                f'From: "Byron, Ada" <{ADA_AT_WORK.upper()}>', f"To: {OWN}", f"Cc: =?utf-8?q?B=C3=A9n?= <{BEN}>",
                f"Subject: {words}", "Date: Tue, 3 Mar 2026 13:00:00 +0100", "Message-ID: <cc@work.example>",
            ),
            text="Guten Tag",
        ),
        Letter(
            name="html", box="INBOX", at=_at(4, "08:30"), of=("ben",), inbound=("ben",),
            raw=_mixed(f"From: {BEN}", f"To: {OWN}", "Subject: Bild", "Message-ID: <html@mail.example>"),
            text="Schöne Grüße\n\nBen",
        ),
        Letter(
            name="only named like Ada", box="INBOX", at=_at(5, "07:00"),
            raw=_mail(f'From: "{ADA}" <mallory@evil.example>', f'To: "{BEN}" <{OWN}>'),
        ),
        Letter(name="later copy", box="INBOX", at=_at(5, "12:00"), of=("ada",), raw=twin, text="Guten Tag"),
        Letter(name="garbled", box="INBOX", at=_at(5, "13:00"), of=("ben",), inbound=("ben",), raw=garbled),
        Letter(
            name="from another zone", box="INBOX", at=_at(6, "00:30", timezone(timedelta(hours=13))), of=("ada",),
            inbound=("ada",),
            raw=_alternative(f"From: {ADA}", f"To: {OWN}", "Message-ID: <zone@mail.example>"),
            text="als Text – ohne HTML",
        ),
        Letter(
            name="international", box="INBOX", at=_at(7, "07:00"), of=("jürgen",), inbound=("jürgen",),
            raw=_mail(f"From: Jürgen <{JUERGEN}>", f"To: {OWN}", "Message-ID: <eai@mail.example>"),
        ),
        Letter(name="reply", box="Sent", at=_at(1, "15:00"), of=("ada",), raw=_mail(*_reply(1, "Re: Frage", "re"))),
        Letter(name="earlier copy", box="Sent", at=_at(5, "11:59"), raw=twin),
        Letter(
            name="long", box="Sent", at=_at(4, "09:00"), of=("ben",),
            raw=_mail(
                f"From: {OWN}", f"To: {BEN}", "Message-ID: <long@shop.example>", "Content-Transfer-Encoding: base64",
                text=long,
            ).replace(b"Content-Transfer-Encoding: 8bit\r\n", b""),
        ),
    ]  # fmt: skip


def fill(client: imaplib.IMAP4) -> dict[str, int]:
    """Puts the letters into empty mailboxes; what the mailboxes' numbering is called (UIDVALIDITY)."""
    validity: dict[str, int] = {}
    for letter in letters():
        _, answer = client.append(letter.box, "", letter.at, letter.raw)
        found = re.search(rb"APPENDUID (\d+) (\d+)", answer[0])
        assert found is not None
        validity[letter.box] = int(found[1])
    return validity


def ids(validity: dict[str, int]) -> dict[str, str]:
    """The record id of each letter, by its name."""
    uids = dict.fromkeys(validity, 0)
    named: dict[str, str] = {}
    for letter in letters():
        uids[letter.box] += 1
        named[letter.name] = f"{letter.box}:{validity[letter.box]}:{uids[letter.box]}"
    return named


def stream(owner: str, validity: dict[str, int]) -> tuple[str, ...]:
    """The ids of an owner's mail, newest first."""
    named = ids(validity)
    mine = [(letter.at, named[letter.name]) for letter in letters() if owner in letter.of]
    return tuple(id for _, id in sorted(mine, reverse=True))
