"""The jobs that are done on one connection: each is one mailbox's part of an answer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

import msgspec

from adapters.base import Position, Window
from adapters.email.imap import body, mapping, query
from adapters.email.imap.body import Part
from adapters.email.imap.failures import Malformed
from adapters.email.imap.mapping import Head
from adapters.email.imap.query import Wanted
from adapters.email.imap.session import Answer, Mailbox, Session, received
from adapters.kit.paging import chunks

_HEADER = "HEADER.FIELDS (FROM TO CC SUBJECT DATE MESSAGE-ID)"
_ITEMS = f"UID INTERNALDATE RFC822.SIZE BODY.PEEK[{_HEADER}]<0.16384>"
_CHUNK = 500
_RANGE = 500  # UIDs that a step of changes lists
_MOST_GONE = 100_000
_UID_SET = re.compile(rb"\d+(?::\d+)?(?:,\d+(?::\d+)?)*")


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a mailbox holds of the owners' windows, by their refs. `ended`: it holds nothing older for them."""

    heads: Mapping[str, list[Head]]
    ended: bool
    cut: bool  # at `max_messages`


class Text(msgspec.Struct, frozen=True):
    """The text of a message, or its beginning."""

    body: str | None = None
    truncated: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step through a mailbox's changes: what came, what went, and where to go on."""

    heads: list[Head]
    gone: list[str]
    place: Place
    done: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mailbox has been listed: all UIDs below `uid`, and what went up to `modseq`."""

    validity: int = 0
    uid: int = 1
    modseq: int | None = None


def newest(
    session: Session, mailbox: str, owners: Sequence[Wanted], window: Window, need: int, most: int
) -> Read:
    """The newest `need` messages of each owner below the window's position, or all where there are fewer."""
    box = session.examine(mailbox)
    before = window.before.at if window.before else None
    uids, cut = session.newest_first(query.mail_of(owners, before), most, before)
    refs = _refs(owners)
    found: dict[str, list[Head]] = {owner.ref: [] for owner in owners}
    first = max(50, min(_CHUNK, need * len(owners)))
    for piece in (uids[:first], *chunks(uids[first:], _CHUNK)):
        heads = _heads(session, box, piece)
        for one in heads:
            if window.before is None or position(one) < window.before:
                for ref in {ref for person in one.people for ref in refs[person]}:
                    found[ref].append(one)
        if heads and all(_full(mine, need, min(one.at for one in heads)) for mine in found.values()):
            return Read(heads=found, ended=False, cut=False)
    return Read(heads=found, ended=not cut, cut=cut)


def position(head: Head) -> Position:
    """Where a message stands in a stream."""
    return Position(head.at, head.id)


def _refs(owners: Sequence[Wanted]) -> Mapping[str, list[str]]:
    refs: defaultdict[str, list[str]] = defaultdict(list)
    for owner in owners:
        for address in owner.addresses:
            refs[address].append(owner.ref)
    return refs


def _full(heads: Sequence[Head], need: int, oldest: datetime) -> bool:
    """Whether nothing that is still unread can belong to the newest `need`."""
    times = sorted((head.at for head in heads), reverse=True)
    return len(times) >= need and times[need - 1] > oldest


def _heads(session: Session, box: Mailbox, uids: Sequence[int]) -> list[Head]:
    return list(_read_heads(box, session.fetch(uids, _ITEMS)))


def _read_heads(box: Mailbox, answers: Mapping[int, Answer]) -> Iterator[Head]:
    for uid, answer in answers.items():
        raw = next((value for item, value in answer.items() if item.startswith(b"BODY[HEADER.FIELDS")), None)
        if raw is None and b"INTERNALDATE" not in answer:
            continue  # a notice about another message, or this one is gone
        size = answer.get(b"RFC822.SIZE")
        if not isinstance(raw, bytes | None) or not isinstance(size, int | None):
            raise Malformed
        yield mapping.head(box.name, box.validity, uid, received(answer), size, raw or b"")


def copies(
    session: Session, mailbox: str, heads: Sequence[Head], before: Position
) -> set[tuple[object, ...]]:
    """Those of the messages, by what copies have in common, of which a copy lies at or above the position."""
    box = session.examine(mailbox)
    asked = {one.twin for one in heads if one.twin is not None}
    ids = dict.fromkeys(one.message_id for one in heads if one.message_id)
    found: set[tuple[object, ...]] = set()
    for keys in query.copies_of(list(ids), before.at):
        for one in _heads(session, box, session.search(keys)[:_CHUNK]):
            if one.twin is not None and one.twin in asked and position(one) >= before:
                found.add(one.twin)
    return found


def texts(
    session: Session, mailbox: str, validity: int, uids: Sequence[int], most: int
) -> Mapping[int, Text]:
    """The texts of messages, `most` bytes of each. One FETCH for the structures, one for each place of the text."""
    box = session.examine(mailbox)
    if box.validity != validity:
        return {}  # renumbered since the heads were read
    structures = session.fetch(uids, "UID BODYSTRUCTURE")
    parts = {uid: body.text_part(answer.get(b"BODYSTRUCTURE")) for uid, answer in structures.items()}
    chosen = sorted((part.section, uid) for uid, part in parts.items() if part is not None)
    found: dict[int, Text] = {}
    for section, group in groupby(chosen, key=lambda entry: entry[0]):
        answers = session.fetch([uid for _, uid in group], f"UID BODY.PEEK[{section}]<0.{most}>")
        for uid, answer in answers.items():
            found[uid] = _text(parts[uid], answer, section, most)
    return found


def _text(part: Part | None, answer: Answer, section: str, most: int) -> Text:
    item = next((name for name in answer if name.startswith(f"BODY[{section}]".encode())), None)
    content = answer[item] if item is not None else None
    if part is None or not isinstance(content, bytes | None):
        raise Malformed
    truncated = part.size > most
    return Text(body.readable(part, (content or b"")[:most], truncated=truncated), truncated)


def changed(session: Session, mailbox: str, place: Place | None) -> Step:
    """The next messages of a mailbox, and those that went. A message never changes, so new ones are all there is."""
    box = session.examine(mailbox, counting=True)
    if place is None or place.validity != box.validity:
        place = Place(validity=box.validity, modseq=box.modseq)  # what goes before this need not be told
    gone: list[str] = []
    modseq = place.modseq
    if box.modseq is not None and modseq is not None and box.modseq > modseq and session.can("QRESYNC"):
        gone = [
            f"{box.name}:{box.validity}:{uid}"
            for uid in _uids(session.gone(place.uid - 1, modseq), place.uid)
        ]
    heads: list[Head] = []
    uid = place.uid
    while not heads and uid < box.next_uid:
        last = min(uid + _RANGE, box.next_uid) - 1
        heads = list(_read_heads(box, session.fetch_range(uid, last, _ITEMS)))
        uid = last + 1
    following = Place(validity=box.validity, uid=max(uid, place.uid), modseq=box.modseq)
    return Step(heads=heads, gone=gone, place=following, done=uid >= box.next_uid)


def _uids(sets: Sequence[bytes], below: int) -> list[int]:
    """UIDs from sets such as "(EARLIER) 3,7:9"; those that were never listed do not matter."""
    found: list[int] = []
    for entry in sets:
        words = entry.split()
        if not words or not _UID_SET.fullmatch(words[-1]):
            raise Malformed
        for span in words[-1].split(b","):
            first, _, last = span.partition(b":")
            low, high = sorted((int(first), int(last or first)))
            found.extend(range(low, min(high + 1, below, low + _MOST_GONE - len(found))))
    return found
