"""The IMAP adapter: what mailboxes hold of each owner's correspondence, put together to one stream."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from adapters.base import Call, Changes, Found, MatchKey, Owner, Page, Window
from adapters.email.imap import mapping, query, reading
from adapters.email.imap.manifest import MANIFEST
from adapters.email.imap.mapping import Head
from adapters.email.imap.pool import Pool
from adapters.email.imap.query import Wanted
from adapters.email.imap.reading import Place, Read, Text
from adapters.email.imap.session import Session
from adapters.email.imap.settings import ImapSettings
from adapters.errors import SourceRejected
from adapters.kit.http import Transport
from adapters.kit.paging import together
from adapters.records import Message, Profile, RecordKind

_log = logging.getLogger(__name__)
_WIDENINGS = 5  # times that a window is read again because copies of its messages lie above it


class Imap:
    """One mailbox account. Reading leaves no trace: mailboxes are opened for reading, and nothing is marked as seen."""

    manifest = MANIFEST

    def __init__(self, name: str, settings: ImapSettings) -> None:
        self.name = name
        self._settings = settings
        self._pool = Pool(name, settings)
        own = [*settings.own_addresses, *([settings.username] if "@" in settings.username else [])]
        self._own = frozenset(query.normal(address.strip()) for address in own)

    @property
    def commands(self) -> int:
        """IMAP commands sent so far."""
        return self._pool.commands

    async def find(self, keys: Sequence[MatchKey], call: Call) -> Mapping[MatchKey, Found]:
        """A mailbox knows no people; see `manifest.cannot_look_up`."""
        return {key: Found() for key in keys}

    async def read(self, ids: Sequence[str], parts: frozenset[str], call: Call) -> Mapping[str, Profile]:
        """A mailbox knows no people."""
        return {}

    async def page(
        self, kind: RecordKind, owners: Sequence[Owner], window: Window, parts: frozenset[str], call: Call
    ) -> Mapping[str, Page]:
        """See `Adapter.page`. Each mailbox is searched once for all owners, over connections side by side."""
        self._must_be_messages(kind)
        call = self._bounded(call)
        named = {owner.ref: query.wanted(owner.ref, owner.emails, self._own) for owner in owners}
        wanted = [owner for owner in named.values() if owner is not None]
        answers = await together(partial(self._batch, window, parts, call), list(query.batches(wanted)))
        pages = {ref: page for answer in answers for ref, page in answer.items()}
        return {ref: pages.get(ref, Page()) for ref in named}

    async def changes(self, kind: RecordKind, cursor: str | None, call: Call) -> Changes:
        """See `Adapter.changes`. A message's owner is the address on the other side, since nobody asked for it."""
        self._must_be_messages(kind)
        call = self._bounded(call)
        places = self._places(cursor)
        boxes = self._settings.mailboxes
        steps = await together(
            lambda box: self._pool.run(
                "changes", call, lambda session: reading.changed(session, box, places.get(box))
            ),
            boxes,
        )
        found = [
            mapping.unasked(self.name, head, self._settings, self._own) for s in steps for head in s.heads
        ]
        records = sorted((one for one in found if one is not None), key=lambda one: (one.at, one.id))
        following = {box: step.place for box, step in zip(boxes, steps, strict=True)}
        return Changes(
            records=tuple(records),
            deleted=tuple(id for step in steps for id in step.gone),
            cursor=msgspec.json.encode(following).decode(),
            done=all(step.done for step in steps),
        )

    async def check(self, call: Call) -> str:
        """See `Adapter.check`. Opens every mailbox of the settings."""
        product, messages = await self._pool.run("check", call, self._look)
        boxes = ", ".join(self._settings.mailboxes)
        return f"{product or 'IMAP server'}, {messages} messages in {boxes}"

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._pool.aclose()

    def _bounded(self, call: Call) -> Call:
        """The whole-call timeout holds for all the jobs of an operation together."""
        deadline = min(call.deadline, time.monotonic() + self._settings.call_timeout)
        return Call(deadline=deadline, correlation_id=call.correlation_id)

    def _look(self, session: Session) -> tuple[str, int]:
        return session.product(), sum(session.examine(box).messages for box in self._settings.mailboxes)

    def _must_be_messages(self, kind: RecordKind) -> None:
        if kind is not RecordKind.MESSAGE:
            raise SourceRejected(self.name, kind.value, "kind not supported")

    def _places(self, cursor: str | None) -> dict[str, Place]:
        if cursor is None:
            return {}
        try:
            return msgspec.json.decode(cursor, type=dict[str, Place])
        except msgspec.MsgspecError:
            raise SourceRejected(self.name, "changes", "not a cursor of this adapter") from None

    async def _batch(
        self, window: Window, parts: frozenset[str], call: Call, owners: list[Wanted]
    ) -> dict[str, Page]:
        heads, more = await self._windows(owners, window, call)
        texts: Mapping[tuple[str, int], Text] = {}
        if "body" in parts:
            texts = await self._texts([head for mine in heads.values() for head in mine], call)
        return {
            owner.ref: Page(
                records=tuple(self._message(head, owner, texts) for head in heads[owner.ref]),
                has_more=more[owner.ref],
            )
            for owner in owners
        }

    def _message(self, head: Head, owner: Wanted, texts: Mapping[tuple[str, int], Text]) -> Message:
        text = texts.get((head.mailbox, head.uid), Text())
        return mapping.message(self.name, head, owner, self._settings, self._own, text.body, text.truncated)

    async def _windows(
        self, owners: list[Wanted], window: Window, call: Call
    ) -> tuple[dict[str, list[Head]], dict[str, bool]]:
        """Each owner's window, newest first, and whether there is more below it."""
        need = window.limit + 1
        kept: dict[str, list[Head]] = {}
        short: list[str] = []
        for _ in range(_WIDENINGS):
            reads = await self._read(owners, window, need, call)
            if any(read.cut for read in reads) and len(owners) > 1:
                return await self._one_by_one(owners, window, call)
            united = {
                owner.ref: _united([read.heads[owner.ref] for read in reads])[:need] for owner in owners
            }
            above = await self._above(united, window, call)
            kept = {ref: [head for head in mine if head.twin not in above] for ref, mine in united.items()}
            short = [ref for ref in kept if len(kept[ref]) <= window.limit and len(united[ref]) == need]
            if not short:
                break
            need += max(len(united[ref]) - len(kept[ref]) for ref in short)
        cut = any(read.cut for read in reads)
        more = {
            ref: len(mine) > window.limit or (bool(mine) and (cut or ref in short))
            for ref, mine in kept.items()
        }
        return {ref: mine[: window.limit] for ref, mine in kept.items()}, more

    async def _read(self, owners: list[Wanted], window: Window, need: int, call: Call) -> list[Read]:
        most = self._settings.max_messages
        reads = await together(
            lambda box: self._pool.run(
                "page message", call, lambda session: reading.newest(session, box, owners, window, need, most)
            ),
            self._settings.mailboxes,
        )
        if any(read.cut for read in reads) and len(owners) == 1:
            _log.warning(
                "%s: a search found more than max_messages (%d); the oldest were left out", self.name, most
            )
        return reads

    async def _one_by_one(
        self, owners: list[Wanted], window: Window, call: Call
    ) -> tuple[dict[str, list[Head]], dict[str, bool]]:
        """Owners who together have more mail than is looked at in one search."""
        answers = await together(lambda owner: self._windows([owner], window, call), owners)
        return {k: v for heads, _ in answers for k, v in heads.items()}, {
            k: v for _, more in answers for k, v in more.items()
        }

    async def _above(
        self, heads: Mapping[str, list[Head]], window: Window, call: Call
    ) -> set[tuple[object, ...] | None]:
        """Messages that were shown in an earlier window already, because a copy of them lies there."""
        before = window.before
        asked = {head.id: head for mine in heads.values() for head in mine if head.message_id}
        if before is None or not asked:
            return set()
        found = await together(
            lambda box: self._pool.run(
                "page message",
                call,
                lambda session: reading.copies(session, box, list(asked.values()), before),
            ),
            self._settings.mailboxes,
        )
        return {twin for part in found for twin in part}

    async def _texts(self, heads: Sequence[Head], call: Call) -> Mapping[tuple[str, int], Text]:
        boxes: dict[tuple[str, int], dict[int, None]] = {}
        for head in heads:
            boxes.setdefault((head.mailbox, head.validity), {})[head.uid] = None
        most = self._settings.max_text_bytes
        answers = await together(
            lambda box: self._pool.run(
                "body", call, lambda session: reading.texts(session, *box, list(boxes[box]), most)
            ),
            boxes,
        )
        return {
            (box[0], uid): text
            for box, texts in zip(boxes, answers, strict=True)
            for uid, text in texts.items()
        }


def _united(streams: Sequence[Sequence[Head]]) -> list[Head]:
    """The streams of several mailboxes as one, newest first. Of copies, only the newest counts."""
    ordered = sorted((head for stream in streams for head in stream), key=reading.position, reverse=True)
    seen: set[tuple[object, ...]] = set()
    united: list[Head] = []
    for head in ordered:
        twin = head.twin
        if twin is None or twin not in seen:
            united.append(head)
        if twin is not None:
            seen.add(twin)
    return united


def build(name: str, settings: ImapSettings, transport: Transport | None) -> Imap:
    """A configured source; opens no connection yet. IMAP is not HTTP, so `transport` has nothing to replace."""
    return Imap(name, settings)
